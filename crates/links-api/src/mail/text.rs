//! What mails say.

/// Subject and text of a mail.
#[derive(Debug)]
pub struct MailText {
    pub subject: String,
    pub body: String,
}

impl MailText {
    pub fn invitation(account: &str, link: &str) -> Self {
        // A subject is one line, whatever the account is called.
        let account: String = account.chars().filter(|c| !c.is_control()).collect();
        Self {
            subject: format!("Invitation to {account}"),
            body: format!(
                "You are invited to use Waypost for {account}.\n\n\
                 Accept the invitation within 7 days:\n{link}\n\n\
                 If you do not know what this is about, do nothing.\n"
            ),
        }
    }

    pub fn new_password(link: &str) -> Self {
        Self {
            subject: "A new password for Waypost".to_owned(),
            body: format!(
                "Somebody has asked for a new password for this address.\n\n\
                 Set it within an hour:\n{link}\n\n\
                 If it was not you, do nothing: your password stays as it is.\n"
            ),
        }
    }
}
