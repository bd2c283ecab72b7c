//! The command line for what must be there before the API can be called: each
//! command prints JSON, or one sentence on standard error and exits 1.

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{Args, Subcommand, builder::PossibleValuesParser};
use domain::id::AccountId;
use postgres::{
    migrations,
    pool::{self, Object, PoolSettings},
};
use serde_json::{Value, json};

use crate::{
    auth::{Product, Scope},
    db::{
        accounts::{self, AccountFields},
        api_keys::{self, ApiKeyFields},
    },
    enumeration::Enumeration as _,
    settings::MigrateSettings,
};

#[derive(Debug, Args)]
pub struct AdminSettings {
    #[command(subcommand)]
    command: AdminCommand,
    #[command(flatten)]
    pool: PoolSettings,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Create an account (tenant).
    CreateAccount(CreateAccount),
    /// Create an API key for an account. The key is shown this once.
    CreateKey(CreateKey),
}

#[derive(Debug, Args)]
struct CreateAccount {
    #[arg(long)]
    name: String,
    /// A product the account has; may be given several times.
    #[arg(long = "product", value_parser = PossibleValuesParser::new(Product::NAMES))]
    products: Vec<String>,
}

#[derive(Debug, Args)]
struct CreateKey {
    /// Id of the account.
    #[arg(long)]
    account: i64,
    #[arg(long)]
    name: String,
    /// What the key may do; may be given several times.
    #[arg(long = "scope", default_values = ["links:read", "links:write"],
          value_parser = PossibleValuesParser::new(Scope::NAMES))]
    scopes: Vec<String>,
    /// When it ends, as in 2027-01-31T00:00:00Z. Never, if not given.
    #[arg(long)]
    expires_at: Option<jiff::Timestamp>,
}

impl CreateAccount {
    async fn run(self, client: &Object) -> anyhow::Result<Value> {
        let fields = AccountFields {
            name: self.name,
            products: self.products,
            ..AccountFields::default()
        };
        let account = accounts::insert(client, &fields).await?;
        let AccountFields { name, products, .. } = fields;
        Ok(json!({ "id": account.id.0, "name": name, "products": products }))
    }
}

impl CreateKey {
    async fn run(self, client: &Object) -> anyhow::Result<Value> {
        let account = client
            .query_opt("SELECT 1 FROM accounts WHERE id = $1", &[&self.account])
            .await?;
        account.context("there is no account with this id")?;
        let fields = ApiKeyFields {
            name: self.name,
            scopes: self.scopes,
            rate_limit_per_minute: None,
            expires_at: self.expires_at,
        };
        let (key, row) = api_keys::insert(client, AccountId(self.account), fields).await?;
        let fields = row.fields;
        Ok(json!({
            "id": row.id.0,
            "account_id": self.account,
            "name": fields.name,
            "key": key.reveal(),
            "scopes": fields.scopes,
            "expires_at": fields.expires_at,
        }))
    }
}

/// Runs a command to its end, outside of a service's life.
pub fn main<F>(command: impl FnOnce() -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<Value>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(command()),
        Err(error) => Err(error.into()),
    };
    print(result)
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]
pub fn print(result: anyhow::Result<Value>) -> ExitCode {
    match result {
        Ok(answer) => {
            println!("{answer:#}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("links-api: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// On a schema that is newer than this program nothing is done, which is a success: a
/// deployment that is rolled back starts with this command.
#[expect(clippy::print_stderr, reason = "a command line prints")]
pub async fn migrate(settings: MigrateSettings) -> anyhow::Result<Value> {
    let wait = Duration::from_secs(settings.migrate_wait_s);
    let notify = |notice: &str| eprintln!("links-api: {notice}");
    let migrated = migrations::run(&settings.pool, wait, notify).await?;
    let mut answer = json!({ "applied": migrated.applied, "version": migrated.version });
    if migrated.version > migrated.known_version {
        let known_version = migrated.known_version;
        answer["note"] = format!(
            "the schema is newer than this program, which knows version {known_version}: \
             nothing was done"
        )
        .into();
    }
    Ok(answer)
}

pub async fn run(settings: AdminSettings) -> anyhow::Result<Value> {
    let client = connect(&settings.pool).await?;
    migrations::check(&client).await?;
    match settings.command {
        AdminCommand::CreateAccount(account) => account.run(&client).await,
        AdminCommand::CreateKey(key) => key.run(&client).await,
    }
}

async fn connect(settings: &PoolSettings) -> anyhow::Result<Object> {
    let pool = pool::build(settings, "links-api admin")?;
    pool.get().await.context("Postgres cannot be reached")
}
