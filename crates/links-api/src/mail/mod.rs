//! Sends the mails of the outbox. A link's token is made when its mail is sent, and again for
//! another attempt, so that the database has none in clear.

mod text;

use std::time::Duration;

use anyhow::Context as _;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
};
use postgres::pool::{Object, Pool};
use tokio_util::sync::CancellationToken;

use crate::{
    db::{
        invitations,
        mail_outbox::{self, OutgoingMail},
        one_time_tokens::{self, LinkPurpose},
        users,
    },
    error::ApiError,
    settings::MailSettings,
    sign_in::{INVITATION_LIFETIME, Links, PASSWORD_LINK_LIFETIME},
};
use text::MailText;

/// Time between two looks for mails that are due.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long the mail server may take for one mail.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest time between two attempts.
const MAX_PAUSE_S: i64 = 900;

pub struct Mailer {
    pool: Pool,
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    links: Links,
}

impl Mailer {
    /// `None` without a mail server.
    pub fn new(pool: Pool, settings: &MailSettings, links: Links) -> anyhow::Result<Option<Self>> {
        let (Some(url), Some(from)) = (&settings.smtp_url, &settings.mail_from) else {
            return Ok(None);
        };
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.reveal());
        // The error would quote the URL, which may have a password.
        let transport = transport.ok().context("SMTP_URL is not valid")?;
        Ok(Some(Self {
            pool,
            transport: transport.timeout(Some(SEND_TIMEOUT)).build(),
            from: from.parse().context("MAIL_FROM is not an address")?,
            links,
        }))
    }

    pub async fn run(self, stopping: CancellationToken) -> anyhow::Result<()> {
        loop {
            if let Err(error) = self.send_due().await {
                tracing::warn!(error.message = %error, "reading the outbox of mails failed, trying later");
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = stopping.cancelled() => return Ok(()),
            }
        }
    }

    async fn send_due(&self) -> Result<(), ApiError> {
        let client = self.pool.get().await?;
        mail_outbox::delete_given_up(&client).await?;
        while let Some(mail) = mail_outbox::take(&client).await? {
            match self.compose(&client, &mail).await? {
                Some(text) => self.send(&client, &mail, text).await?,
                // Nobody has the address, or the invitation is gone.
                None => mail_outbox::delete(&client, mail.id).await?,
            }
        }
        Ok(())
    }

    async fn compose(
        &self,
        client: &Object,
        mail: &OutgoingMail,
    ) -> Result<Option<MailText>, ApiError> {
        if let Some(invitation_id) = mail.invitation_id {
            let purpose = LinkPurpose::AcceptInvitation(invitation_id);
            let token = one_time_tokens::insert(client, purpose, INVITATION_LIFETIME, true).await?;
            let open = invitations::find_by_token(client, &token.digest()).await?;
            return Ok(open.map(|open| {
                MailText::invitation(&open.account_name, &self.links.invitation(&token))
            }));
        }
        let Some(user) = users::find_by_email(client, &mail.email).await? else {
            return Ok(None);
        };
        let purpose = LinkPurpose::SetPassword(user.id);
        let token = one_time_tokens::insert(client, purpose, PASSWORD_LINK_LIFETIME, true).await?;
        Ok(Some(MailText::new_password(&self.links.password(&token))))
    }

    async fn send(
        &self,
        client: &Object,
        mail: &OutgoingMail,
        text: MailText,
    ) -> Result<(), ApiError> {
        let to: Mailbox = mail.email.parse().map_err(ApiError::internal)?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(text.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(text.body)
            .map_err(ApiError::internal)?;
        match self.transport.send(message).await {
            Ok(_) => mail_outbox::delete(client, mail.id).await,
            Err(error) => {
                tracing::warn!(
                    mail.id = mail.id,
                    mail.attempts = mail.n_attempts,
                    error.message = %error,
                    "sending a mail failed, trying later"
                );
                let pause = pause_after(mail.n_attempts);
                mail_outbox::postpone(client, mail.id, pause).await
            }
        }
    }
}

/// Seconds until the next attempt: twice as many each time.
fn pause_after(n_attempts: i32) -> i64 {
    let exponent = u32::try_from(n_attempts.clamp(0, 20)).unwrap_or(0);
    2_i64.pow(exponent).min(MAX_PAUSE_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit() {
        assert_eq!([1, 2, 5].map(pause_after), [2, 4, 32]);
        assert_eq!([10, 100, -1].map(pause_after), [900, 900, 1]);
    }
}
