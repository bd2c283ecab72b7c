//! `links-api users`: the first users, and help for those who cannot sign in. Links are printed
//! for an operator to pass on, who vouches for the address.

use std::{io::Read as _, time::Duration};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand, builder::PossibleValuesParser};
use domain::id::AccountId;
use postgres::{
    audit::{self, AuditRow, Command},
    migrations,
    pool::{self, GenericClient as _, Object, PoolSettings},
};
use serde_json::{Value, json};

use crate::{
    audit::ObjectKind,
    auth::{Role, check_new_password, hash_password},
    db::{
        invitations, members,
        one_time_tokens::{self, LinkPurpose},
        second_factors, sessions,
        users::{self, NewUser},
    },
    enumeration::Enumeration as _,
    fields::parse_email,
    settings::{DEFAULT_DASHBOARD_URL, parse_dashboard_url},
    sign_in::{INVITATION_LIFETIME, Links},
};

/// How long a link of this command works: an operator passes it on by hand.
const PASSWORD_LINK_LIFETIME: Duration = Duration::from_secs(24 * 3_600);

#[derive(Debug, Args)]
pub struct UsersSettings {
    #[command(subcommand)]
    command: UsersCommand,
    /// The address of the dashboard, with which links begin.
    #[arg(long, global = true, env = "DASHBOARD_URL", default_value = DEFAULT_DASHBOARD_URL,
          value_parser = parse_dashboard_url)]
    dashboard_url: String,
    #[command(flatten)]
    pool: PoolSettings,
}

#[derive(Debug, Subcommand)]
enum UsersCommand {
    /// Give somebody a role in an account. Prints a link by which a new user sets a password; a
    /// user that there is has the role at once.
    Create(Create),
    /// List all users with their accounts and roles.
    List,
    /// Print a link by which a user sets a new password. The sessions of the user end once that
    /// is done.
    Reset(Reset),
}

#[derive(Debug, Args)]
struct Create {
    #[arg(long)]
    email: String,
    /// Id of the account.
    #[arg(long)]
    account: i64,
    #[arg(long, value_parser = PossibleValuesParser::new(Role::NAMES))]
    role: String,
    /// The name of a new user whose password is read; by default the address.
    #[arg(long)]
    name: Option<String>,
    /// Read the password of a new user from standard input, instead of printing a link.
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, Args)]
struct Reset {
    #[arg(long)]
    email: String,
    /// Remove the second factor too, of a user who has lost it.
    #[arg(long)]
    second_factor: bool,
}

pub async fn run(settings: UsersSettings) -> anyhow::Result<Value> {
    let pool = pool::build(&settings.pool, "links-api users")?;
    let mut client = pool.get().await.context("Postgres cannot be reached")?;
    migrations::check(&client).await?;
    let links = Links::new(&settings.dashboard_url);
    match settings.command {
        UsersCommand::Create(create) => create.run(&mut client, &links).await,
        UsersCommand::List => list(&client).await,
        UsersCommand::Reset(reset) => reset.run(&mut client, &links).await,
    }
}

impl Create {
    async fn run(self, client: &mut Object, links: &Links) -> anyhow::Result<Value> {
        let email = parse_email(&self.email).context("--email is not an e-mail address")?;
        let role = Role::parse(&self.role).context("--role is not a role")?;
        let account_id = AccountId(self.account);
        let transaction = client.transaction().await?;
        let account = transaction
            .query_opt("SELECT 1 FROM accounts WHERE id = $1", &[&self.account])
            .await?;
        account.context("there is no account with this id")?;
        let known = users::find_by_email(&transaction, &email).await?;
        let mut created = json!({ "email": email, "account_id": self.account, "role": role });
        let mut link = None;
        let user = match (known, self.password_stdin) {
            (Some(_), true) => {
                anyhow::bail!("there is a user with this address: leave out --password-stdin")
            }
            (Some(user), false) => Some(user),
            (None, true) => {
                let password = read_password()?;
                check_new_password(&password, &email)?;
                let hash = hash_password(&password).await?;
                let user = NewUser {
                    email: &email,
                    name: self.name.as_deref().unwrap_or(&email),
                    password_hash: Some(&hash),
                    is_email_verified: true,
                };
                Some(users::insert(&transaction, &user).await?)
            }
            (None, false) => {
                let lifetime = INVITATION_LIFETIME;
                let invitation =
                    invitations::upsert(&transaction, account_id, &email, role, lifetime).await?;
                let purpose = LinkPurpose::AcceptInvitation(invitation.id);
                let token = one_time_tokens::insert(&transaction, purpose, lifetime, true).await?;
                created["invitation_id"] = json!(invitation.id.0);
                link = Some(links.invitation(&token));
                None
            }
        };
        if let Some(user) = &user {
            members::upsert(&transaction, account_id, user.id, role).await?;
            created["user_id"] = json!(user.id.0);
        }
        let command = Command::new("links-api users create");
        let (kind, id) = match user {
            Some(_) => (ObjectKind::User, &created["user_id"]),
            None => (ObjectKind::Invitation, &created["invitation_id"]),
        };
        let row = AuditRow {
            object_id: Some(&id.to_string()),
            after: Some(created.clone()),
            ..command.row(Some(self.account), kind.name())
        };
        audit::write(&transaction, row).await?;
        transaction.commit().await?;
        created["link"] = json!(link);
        Ok(created)
    }
}

impl Reset {
    async fn run(self, client: &mut Object, links: &Links) -> anyhow::Result<Value> {
        let email = parse_email(&self.email).context("--email is not an e-mail address")?;
        let transaction = client.transaction().await?;
        let user = users::find_by_email(&transaction, &email).await?;
        let user = user.context("there is no user with this address")?;
        if self.second_factor {
            second_factors::delete(&transaction, user.id).await?;
            sessions::delete_others(&transaction, user.id, None).await?;
        }
        let purpose = LinkPurpose::SetPassword(user.id);
        let lifetime = PASSWORD_LINK_LIFETIME;
        let token = one_time_tokens::insert(&transaction, purpose, lifetime, true).await?;
        let command = Command::new("links-api users reset");
        let changed =
            json!({ "password_link": "made", "second_factor_removed": self.second_factor });
        for account in members::select_accounts(&transaction, user.id).await? {
            let row = AuditRow {
                object_id: Some(&user.id.0.to_string()),
                after: Some(changed.clone()),
                ..command.row(Some(account.account_id.0), ObjectKind::User.name())
            };
            audit::write(&transaction, row).await?;
        }
        transaction.commit().await?;
        Ok(json!({ "email": email, "user_id": user.id.0, "link": links.password(&token) }))
    }
}

async fn list(client: &Object) -> anyhow::Result<Value> {
    let rows = client
        .query(
            "SELECT u.id, u.email, u.name, u.totp_confirmed_at IS NOT NULL AS second_factor,
                    m.account_id, m.role
             FROM users u
             LEFT JOIN memberships m ON m.user_id = u.id
             ORDER BY u.email, m.account_id",
            &[],
        )
        .await?;
    let rows = rows.iter().map(|row| {
        json!({
            "user_id": row.get::<_, i64>("id"),
            "email": row.get::<_, String>("email"),
            "name": row.get::<_, String>("name"),
            "second_factor": row.get::<_, bool>("second_factor"),
            "account_id": row.get::<_, Option<i64>>("account_id"),
            "role": row.get::<_, Option<String>>("role"),
        })
    });
    Ok(Value::Array(rows.collect()))
}

/// The first line of standard input.
fn read_password() -> anyhow::Result<String> {
    const MAX_BYTES: u64 = 4_096;
    let mut text = String::new();
    let mut input = std::io::stdin().take(MAX_BYTES);
    input
        .read_to_string(&mut text)
        .context("the password on standard input is not text")?;
    let password = text.lines().next().unwrap_or_default().to_owned();
    ensure!(
        !password.is_empty(),
        "there is no password on standard input"
    );
    Ok(password)
}
