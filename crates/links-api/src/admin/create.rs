//! What the command line creates.

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use domain::{id::OfferId, macros::Template};
use serde_json::{Value, json};
use store::pool::GenericClient;
use tokio_postgres::error::DbError;

use crate::{auth, phone::PhoneNumber, settings::host};

#[derive(Debug, Args)]
pub struct Account {
    #[arg(long)]
    name: String,
    /// A product the account has; may be given several times.
    #[arg(long = "product")]
    products: Vec<Product>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Product {
    Sms,
    OfferManagement,
}

impl Account {
    pub async fn create(self, client: &impl GenericClient) -> anyhow::Result<Value> {
        let names = self.products.iter().map(|product| match product {
            Product::Sms => "sms",
            Product::OfferManagement => "offer_management",
        });
        let products: Vec<_> = names.collect();
        let row = client
            .query_one(
                "INSERT INTO accounts (name, products)
                 VALUES ($1, $2)
                 RETURNING id",
                &[&self.name, &products],
            )
            .await?;
        let id: i64 = row.get("id");
        Ok(json!({ "id": id, "name": self.name, "products": products }))
    }
}

#[derive(Debug, Args)]
pub struct Key {
    /// Id of the account.
    #[arg(long)]
    account: i64,
    #[arg(long)]
    name: String,
    /// What the key may do; may be given several times.
    #[arg(long = "scope", default_values = ["links:read", "links:write"],
          value_parser = clap::builder::PossibleValuesParser::new(auth::SCOPES))]
    scopes: Vec<String>,
    /// When it ends, as in 2027-01-31T00:00:00Z. Never, if not given.
    #[arg(long)]
    expires_at: Option<jiff::Timestamp>,
}

impl Key {
    pub async fn create(self, client: &impl GenericClient) -> anyhow::Result<Value> {
        let key = auth::generate(&mut rand::rng());
        let prefix = auth::visible_prefix(&key);
        let row = client
            .query_one(
                "INSERT INTO api_keys (account_id, name, digest, prefix, scopes, expires_at)
                 VALUES ($1, $2, $3, $4, $5, $6)
                 RETURNING id",
                &[
                    &self.account,
                    &self.name,
                    &auth::digest(&key),
                    &prefix,
                    &self.scopes,
                    &self.expires_at,
                ],
            )
            .await
            .map_err(explain)?;
        let id: i64 = row.get("id");
        Ok(json!({
            "id": id,
            "account_id": self.account,
            "name": self.name,
            "key": key,
            "scopes": self.scopes,
            "expires_at": self.expires_at,
        }))
    }
}

#[derive(Debug, Args)]
pub struct Domain {
    /// Id of the account.
    #[arg(long)]
    account: i64,
    #[arg(long, value_parser = host)]
    host: String,
    /// What the host is for.
    #[arg(long, value_parser = ["short", "click"])]
    kind: String,
}

impl Domain {
    pub async fn create(self, client: &impl GenericClient) -> anyhow::Result<Value> {
        let row = client
            .query_one(
                "INSERT INTO domains (account_id, host, kind)
                 VALUES ($1, $2, $3)
                 RETURNING id",
                &[&self.account, &self.host, &self.kind],
            )
            .await
            .map_err(explain)?;
        let id: i64 = row.get("id");
        Ok(json!({ "id": id, "account_id": self.account, "host": self.host, "kind": self.kind }))
    }
}

#[derive(Debug, Args)]
pub struct List {
    /// Id of the account.
    #[arg(long)]
    account: i64,
    /// The number it sends from, in E.164.
    #[arg(long, value_parser = e164)]
    phone: PhoneNumber,
    #[arg(long)]
    name: String,
    /// Id of the account's domain for short links.
    #[arg(long)]
    short_domain: Option<i64>,
    /// Id of the account's domain for the click tracker; the platform's host,
    /// if not given.
    #[arg(long)]
    click_domain: Option<i64>,
    /// Short links record the click and go straight to the destination.
    #[arg(long)]
    collapse_hops: bool,
    /// Where people go whose link leads nowhere any more.
    #[arg(long, value_parser = plain_url)]
    fallback_url: Option<String>,
}

fn e164(text: &str) -> Result<PhoneNumber, String> {
    PhoneNumber::parse(text).ok_or_else(|| "it is not a valid E.164 phone number".to_owned())
}

/// An http(s) URL, in the form in which it can be sent out.
fn plain_url(text: &str) -> Result<String, String> {
    Template::parse(text).map_err(|error| error.to_string())?;
    Ok(text.trim().to_owned())
}

impl List {
    pub async fn create(self, client: &impl GenericClient) -> anyhow::Result<Value> {
        for (domain, kind) in [(self.short_domain, "short"), (self.click_domain, "click")] {
            if let Some(domain) = domain {
                require_domain(client, self.account, domain, kind).await?;
            }
        }
        let row = client
            .query_one(
                "INSERT INTO lists
                     (account_id, phone_number, list_name, short_domain_id, click_domain_id,
                      collapse_hops, fallback_url)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)
                 RETURNING id",
                &[
                    &self.account,
                    &self.phone.as_str(),
                    &self.name,
                    &self.short_domain,
                    &self.click_domain,
                    &self.collapse_hops,
                    &self.fallback_url,
                ],
            )
            .await
            .map_err(explain)?;
        let id: i64 = row.get("id");
        Ok(json!({
            "id": id,
            "account_id": self.account,
            "phone_number": self.phone.as_str(),
            "list_name": self.name,
            "short_domain_id": self.short_domain,
            "click_domain_id": self.click_domain,
            "collapse_hops": self.collapse_hops,
            "fallback_url": self.fallback_url,
        }))
    }
}

async fn require_domain(
    client: &impl GenericClient,
    account: i64,
    domain: i64,
    kind: &str,
) -> anyhow::Result<()> {
    let found = client
        .query_opt(
            "SELECT 1 FROM domains WHERE id = $1 AND account_id = $2 AND kind = $3",
            &[&domain, &account, &kind],
        )
        .await?;
    found
        .map(drop)
        .with_context(|| format!("account {account} has no {kind} domain {domain}"))
}

#[derive(Debug, Args)]
pub struct Offer {
    /// Id of the account.
    #[arg(long)]
    account: i64,
    #[arg(long)]
    name: String,
    /// Where its clicks go: a URL with macros, see proto-docs/macros.md.
    #[arg(long)]
    destination_url_template: String,
    /// Its id on the external platform.
    #[arg(long)]
    external_offer_id: Option<String>,
    /// The value of {affiliate_id}.
    #[arg(long)]
    affiliate_id: Option<String>,
    /// Where people go while the offer is paused.
    #[arg(long, value_parser = plain_url)]
    fallback_url: Option<String>,
}

impl Offer {
    pub async fn create(self, client: &impl GenericClient) -> anyhow::Result<Value> {
        Template::parse(&self.destination_url_template)
            .context("--destination-url-template cannot be used")?;
        let id = OfferId::generate(&mut rand::rng()).to_string();
        client
            .execute(
                "INSERT INTO offers
                     (id, account_id, kind, name, url_template, external_id, affiliate_id,
                      fallback_url)
                 VALUES ($1, $2, 'partnership', $3, $4, $5, $6, $7)",
                &[
                    &id,
                    &self.account,
                    &self.name,
                    &self.destination_url_template,
                    &self.external_offer_id,
                    &self.affiliate_id,
                    &self.fallback_url,
                ],
            )
            .await
            .map_err(explain)?;
        Ok(json!({
            "id": id,
            "account_id": self.account,
            "name": self.name,
            "destination_url_template": self.destination_url_template,
            "external_offer_id": self.external_offer_id,
            "affiliate_id": self.affiliate_id,
            "fallback_url": self.fallback_url,
        }))
    }
}

/// Says what a violated constraint means.
fn explain(error: tokio_postgres::Error) -> anyhow::Error {
    let sentence = match error.as_db_error().and_then(DbError::constraint) {
        Some("domains_host_key") => {
            "this host is registered already; a host belongs to one account"
        }
        Some("lists_phone_number_key") => "the account has a list with this phone number already",
        Some("offers_name_check") => "the offer's name is longer than 255 characters",
        Some(name) if name.ends_with("account_id_fkey") => "there is no account with this id",
        _ => return error.into(),
    };
    anyhow::Error::msg(sentence)
}
