//! `links-api admin`: creates what must exist before the API can be called.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand, builder::PossibleValuesParser};
use domain::{
    id::AccountId,
    sender::{NOT_A_SENDER, Sender},
};
use postgres::{
    audit::{self, AuditRow, Command},
    migrations,
    pool::{self, GenericClient as _, Object, PoolSettings, Transaction},
};
use serde_json::{Value, json};

use crate::{
    audit::{ObjectKind, redact},
    auth::{Product, Scope},
    db::{
        accounts::{self, AccountFields},
        api_keys::{self, ApiKeyFields},
        domains::{self, DomainKind, DomainStatus, Ownership},
        exchange_rates,
        lists::{self, ListDomains, ListFields},
    },
    enumeration::Enumeration as _,
    resources::rates,
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
    /// Create an API key for an account. The key is shown only once.
    CreateKey(CreateKey),
    /// Create all that the first link needs: an account with all products, its domain and list,
    /// a key for it, and a key for the operator. The keys are shown only once.
    Quickstart(Quickstart),
    /// Exchange rates, by which reports convert amounts.
    #[command(subcommand)]
    Rates(RatesCommand),
}

#[derive(Debug, Subcommand)]
enum RatesCommand {
    /// Load rates from a CSV file with the columns day, currency and per_euro (the units of the
    /// currency that one euro buys). They replace those of the same day and currency. All rows
    /// are stored or none.
    Load { file: PathBuf },
}

#[derive(Debug, Args)]
struct CreateAccount {
    #[arg(long)]
    name: String,
    /// A product that the account has bought. The option may be repeated.
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
    /// A scope of the key. The option may be repeated.
    #[arg(long = "scope", default_values = ["links:read", "links:write"],
          value_parser = PossibleValuesParser::new(Scope::NAMES))]
    scopes: Vec<String>,
    /// When the key expires, such as 2027-01-31T00:00:00Z. Without this option it never does.
    #[arg(long)]
    expires_at: Option<jiff::Timestamp>,
}

#[derive(Debug, Args)]
struct Quickstart {
    /// The host of short links, such as go.example.com. It is taken to be yours: its DNS must
    /// lead to the redirectors.
    #[arg(long)]
    host: String,
    /// The name of the account, which is also that of its list.
    #[arg(long, default_value = "First account")]
    name: String,
    /// What messages are sent from: a number in E.164, a short code or a sender id.
    #[arg(long, default_value = "+18005551234")]
    phone_number: String,
}

impl Quickstart {
    async fn run(self, client: &mut Object) -> anyhow::Result<Value> {
        let host =
            domain::host::normalise(&self.host).context("--host is not the name of a host")?;
        let sender = Sender::parse(&self.phone_number);
        let sender = sender.with_context(|| format!("--phone-number: {NOT_A_SENDER}"))?;
        let transaction = client.transaction().await?;
        let command = Command::new("links-api admin quickstart");
        let account = AccountFields {
            name: self.name,
            products: Product::NAMES
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            ..AccountFields::default()
        };
        let account_id = accounts::insert(&transaction, &account).await?.id;
        let (short, active, approved) =
            (DomainKind::Short, DomainStatus::Active, Ownership::Approved);
        let domain =
            domains::insert(&transaction, account_id, &host, short, active, approved).await?;
        let list = ListFields {
            phone_number: sender.as_str().to_owned(),
            list_name: account.name.clone(),
            ..ListFields::default()
        };
        let list_domains = ListDomains {
            short: Some(domain.id.0),
            click: None,
        };
        let list_id = lists::insert(&transaction, account_id, &list, list_domains).await?;
        let mut keys = Vec::new();
        let mut key_objects = Vec::new();
        for (name, scopes) in [("tenant", ["*"]), ("operator", ["admin"])] {
            let fields = ApiKeyFields {
                name: name.to_owned(),
                scopes: scopes.map(str::to_owned).to_vec(),
                rate_limit_per_minute: None,
                expires_at: None,
            };
            let (key, row) = api_keys::insert(&transaction, account_id, fields).await?;
            key_objects.push(json!({
                "id": row.id.0,
                "name": row.fields.name,
                "scopes": row.fields.scopes,
                "key": key.reveal(),
            }));
            keys.push(key.reveal().to_owned());
        }
        let created = json!({
            "name": account.name,
            "products": account.products,
            "domain": { "id": domain.id.0, "host": host },
            "list": { "id": list_id.0, "phone_number": list.phone_number },
            "keys": key_objects,
        });
        let row = command.row(Some(account_id.0), ObjectKind::Account.name());
        write_creation(&transaction, row, account_id.0, created).await?;
        transaction.commit().await?;
        Ok(json!({
            "account_id": account_id.0,
            "domain": host,
            "list_id": list_id.0,
            "tenant_key": keys[0],
            "operator_key": keys[1],
        }))
    }
}

impl CreateAccount {
    async fn run(self, client: &mut Object) -> anyhow::Result<Value> {
        let mut products = self.products;
        products.sort();
        products.dedup();
        let fields = AccountFields {
            name: self.name,
            products,
            ..AccountFields::default()
        };
        let transaction = client.transaction().await?;
        let id = accounts::insert(&transaction, &fields).await?.id.0;
        let AccountFields { name, products, .. } = fields;
        let created = json!({ "id": id, "name": name, "products": products });
        let command = Command::new("links-api admin create-account");
        let row = command.row(Some(id), ObjectKind::Account.name());
        write_creation(&transaction, row, id, created.clone()).await?;
        transaction.commit().await?;
        Ok(created)
    }
}

impl CreateKey {
    async fn run(self, client: &mut Object) -> anyhow::Result<Value> {
        let transaction = client.transaction().await?;
        let account = transaction
            .query_opt("SELECT 1 FROM accounts WHERE id = $1", &[&self.account])
            .await?;
        account.context("there is no account with this id")?;
        let mut scopes = self.scopes;
        scopes.sort();
        scopes.dedup();
        let fields = ApiKeyFields {
            name: self.name,
            scopes,
            rate_limit_per_minute: None,
            expires_at: self.expires_at,
        };
        let account_id = AccountId(self.account);
        let (key, row) = api_keys::insert(&transaction, account_id, fields).await?;
        let fields = row.fields;
        let created = json!({
            "id": row.id.0,
            "account_id": self.account,
            "name": fields.name,
            "key": key.reveal(),
            "scopes": fields.scopes,
            "expires_at": fields.expires_at,
        });
        let command = Command::new("links-api admin create-key");
        let audit_row = command.row(Some(self.account), ObjectKind::ApiKey.name());
        write_creation(&transaction, audit_row, row.id.0, created.clone()).await?;
        transaction.commit().await?;
        Ok(created)
    }
}

impl RatesCommand {
    async fn run(self, client: &mut Object) -> anyhow::Result<Value> {
        let Self::Load { file } = self;
        let bytes = std::fs::read(&file)
            .with_context(|| format!("the file {} cannot be read", file.display()))?;
        let rates = rates::parse_csv(&bytes)?;
        let transaction = client.transaction().await?;
        let changed = exchange_rates::upsert_all(&transaction, &rates).await?;
        let loaded = json!({ "rows": rates.len(), "changed": changed });
        let command = Command::new("links-api admin rates load");
        let row = AuditRow {
            after: Some(loaded.clone()),
            ..command.row(None, ObjectKind::ExchangeRate.name())
        };
        audit::write(&transaction, row).await?;
        transaction.commit().await?;
        Ok(loaded)
    }
}

/// Writes the row of the audit trail about an object that a command has created.
async fn write_creation(
    transaction: &Transaction<'_>,
    row: AuditRow<'_>,
    id: i64,
    mut object: Value,
) -> anyhow::Result<()> {
    redact(&mut object);
    let row = AuditRow {
        object_id: Some(&id.to_string()),
        after: Some(object),
        ..row
    };
    Ok(audit::write(transaction, row).await?)
}

pub async fn run(settings: AdminSettings) -> anyhow::Result<Value> {
    let mut client = connect(&settings.pool).await?;
    migrations::check(&client).await?;
    match settings.command {
        AdminCommand::CreateAccount(account) => account.run(&mut client).await,
        AdminCommand::CreateKey(key) => key.run(&mut client).await,
        AdminCommand::Quickstart(quickstart) => quickstart.run(&mut client).await,
        AdminCommand::Rates(command) => command.run(&mut client).await,
    }
}

async fn connect(settings: &PoolSettings) -> anyhow::Result<Object> {
    let pool = pool::build(settings, "links-api admin")?;
    pool.get().await.context("Postgres cannot be reached")
}
