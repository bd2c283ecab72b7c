//! Accounts and their API keys, for operators: any key with the scope `admin`
//! manages those of the whole installation.

pub mod keys;

use actix_web::http::Method;
use domain::{
    id::AccountId,
    money::{self, PAYOUT_DECIMALS},
    record::RecordKey,
};
use postgres::pool::GenericClient;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::Row;

use crate::{
    auth::{Product, Scope},
    body::{Text, change, given},
    enumeration::Enumeration as _,
    error::{ApiError, CodedField},
    http::{
        DecimalText, ListQuery, Operation, PageRequest, Pagination, Parameter, RequestContext,
        Response, Timestamp,
    },
    offers::name,
    postbacks,
};

const PER_PAGE: u32 = 50;
const STATUS: [&str; 2] = ["active", "suspended"];
const STATUS_NAMES: &str = "active, suspended";
const COLUMNS: &str = "
    id, name, status, products, bot_filter_mode, allowed_countries, blocked_countries,
    prepend_text, append_text, retention_days, ip_storage, postbacks, postback_secrets,
    postback_max_amount, created_at, updated_at
";

pub fn operations() -> Vec<Operation> {
    let not_found = || ApiError::NotFound("account");
    let one = "/accounts/{account_id}";
    let request = json!({ "name": "Example", "products": ["sms", "offer_management"] });
    let mut operations = vec![
        Operation::platform(Method::GET, "/accounts", "list_accounts", list_accounts)
            .summary("List accounts")
            .description("By id.")
            .with_paging(PER_PAGE)
            .parameter(Parameter::choice("status", "Only these.", &STATUS))
            .response::<Accounts>(
                200,
                json!({
                    "accounts": [example()],
                    "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
                }),
            ),
        Operation::platform(Method::POST, "/accounts", "create_account", create_account)
            .summary("Create an account")
            .request_body::<AccountRequest>([request])
            .required_fields(["name"])
            .response::<AccountObject>(201, example())
            .errors(invalid_fields()),
        Operation::platform(Method::GET, one, "get_account", get_account)
            .summary("Get an account")
            .response::<AccountObject>(200, example())
            .errors([not_found()]),
        Operation::platform(Method::PUT, one, "update_account", update_account)
            .summary("Change an account")
            .description(
                "Changes what is sent. A suspended account's keys answer 403 at once, and its \
                 links lead to the list's fallback or the 404 page within a second.",
            )
            .request_body::<AccountRequest>([json!({ "status": "suspended" })])
            .response::<AccountObject>(200, example())
            .errors(invalid_fields())
            .errors([not_found()]),
    ];
    operations.extend(keys::operations());
    operations
        .into_iter()
        .map(|operation| operation.scope(Scope::Admin).tag("accounts"))
        .collect()
}

fn invalid_fields() -> [ApiError; 3] {
    [
        ApiError::MissingField(CodedField::Name),
        ApiError::NameTooLong,
        ApiError::InvalidStatus(STATUS_NAMES),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct AccountRequest {
    /// At most 255 characters. Required.
    #[schemars(length(max = 255))]
    name: Option<Text>,
    /// active or suspended.
    #[schemars(extend("enum" = ["active", "suspended", "", null]))]
    status: Option<Text>,
    /// sms, offer_management.
    products: Option<Vec<Text>>,
    /// no_filter or filter: for offers and links that say nothing else.
    #[schemars(extend("enum" = ["no_filter", "filter", "", null]))]
    bot_filter_mode: Option<Text>,
    /// ISO 3166-1 alpha-2. If there are any, clicks from other countries are
    /// suspected; from an unknown one they are not.
    allowed_countries: Option<Vec<Text>>,
    /// Clicks from these countries are suspected.
    blocked_countries: Option<Vec<Text>>,
    /// Put before each message of lists that have no text of their own, at most
    /// 320 characters; `{{brand_name}}` is the list's.
    prepend_text: Option<Text>,
    /// Put behind each message of lists that have no text of their own.
    append_text: Option<Text>,
    /// Days after which clicks, message clicks, conversions and messages are
    /// removed, 1 to 3650; 0 for never. Totals stay.
    #[schemars(range(min = 0, max = 3650))]
    retention_days: Option<i32>,
    /// What is kept of the addresses of clicks to come: full, truncated (to the
    /// network: 24 bits of IPv4, 48 of IPv6) or none.
    #[schemars(extend("enum" = ["full", "truncated", "none", "", null]))]
    ip_storage: Option<Text>,
    /// What postbacks must prove that name a link or a click: nothing (open), a secret as
    /// their `token` (token), or the HMAC-SHA256 of their query by a secret as their
    /// `signature` (signed). An offer can say otherwise for its links.
    #[schemars(extend("enum" = ["open", "token", "signed", "", null]))]
    postbacks: Option<Text>,
    /// At most 5 secrets of 16 to 255 characters, all of which are valid: add one, change
    /// the senders, and leave the old one out.
    postback_secrets: Option<Vec<Text>>,
    /// The largest amount of a postback that comes without a secret; empty for any.
    postback_max_amount: Option<DecimalText>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Accounts {
    accounts: Vec<AccountObject>,
    pagination: Pagination,
}

#[derive(Debug, Serialize, JsonSchema)]
struct AccountObject {
    id: i64,
    name: String,
    status: String,
    products: Vec<String>,
    bot_filter_mode: String,
    allowed_countries: Vec<String>,
    blocked_countries: Vec<String>,
    prepend_text: Option<String>,
    append_text: Option<String>,
    /// Null for ever.
    retention_days: Option<i32>,
    ip_storage: String,
    postbacks: String,
    postback_secrets: Vec<String>,
    /// Decimal, as text; null for any.
    postback_max_amount: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl AccountObject {
    fn read(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            name: row.get("name"),
            status: row.get("status"),
            products: row.get("products"),
            bot_filter_mode: row.get("bot_filter_mode"),
            allowed_countries: row.get("allowed_countries"),
            blocked_countries: row.get("blocked_countries"),
            prepend_text: row.get("prepend_text"),
            append_text: row.get("append_text"),
            retention_days: row.get("retention_days"),
            ip_storage: row.get("ip_storage"),
            postbacks: row.get("postbacks"),
            postback_secrets: row.get("postback_secrets"),
            postback_max_amount: row
                .get::<_, Option<Decimal>>("postback_max_amount")
                .map(money::format),
            created_at: Timestamp(row.get("created_at")),
            updated_at: Timestamp(row.get("updated_at")),
        }
    }
}

fn example() -> Value {
    json!({
        "id": 1,
        "name": "Example",
        "status": "active",
        "products": ["sms", "offer_management"],
        "bot_filter_mode": "no_filter",
        "allowed_countries": ["US", "CA"],
        "blocked_countries": [],
        "prepend_text": "{{brand_name}}: ",
        "append_text": "Reply STOP to opt out.",
        "retention_days": 400,
        "ip_storage": "full",
        "postbacks": "token",
        "postback_secrets": ["pbs_x7kQ2mNpx7kQ2mNpx7kQ2mNpx7kQ2mNp"],
        "postback_max_amount": null,
        "created_at": "2026-03-10T08:15:00Z",
        "updated_at": "2026-03-10T08:15:00Z",
    })
}

/// The columns that can be changed.
struct AccountFields {
    name: String,
    status: String,
    products: Vec<String>,
    bot_filter_mode: String,
    allowed_countries: Vec<String>,
    blocked_countries: Vec<String>,
    prepend_text: Option<String>,
    append_text: Option<String>,
    retention_days: Option<i32>,
    ip_storage: String,
    postbacks: String,
    postback_secrets: Vec<String>,
    postback_max_amount: Option<Decimal>,
}

impl AccountFields {
    fn new() -> Self {
        Self {
            name: String::new(),
            status: "active".to_owned(),
            products: Vec::new(),
            bot_filter_mode: "no_filter".to_owned(),
            allowed_countries: Vec::new(),
            blocked_countries: Vec::new(),
            prepend_text: None,
            append_text: None,
            retention_days: None,
            ip_storage: "full".to_owned(),
            postbacks: "open".to_owned(),
            postback_secrets: Vec::new(),
            postback_max_amount: None,
        }
    }

    fn apply(&mut self, sent: AccountRequest) -> Result<(), ApiError> {
        self.name = name(&sent.name, &self.name)?;
        if let Some(status) = given(&sent.status) {
            if !STATUS.contains(&status) {
                return Err(ApiError::InvalidStatus(STATUS_NAMES));
            }
            self.status = status.to_owned();
        }
        self.apply_postbacks(&sent)?;
        if let Some(products) = sent.products {
            let mut products: Vec<_> = products.iter().map(|p| p.as_str().to_owned()).collect();
            products.sort();
            products.dedup();
            if !products.iter().all(|p| Product::parse(p).is_some()) {
                return Err(ApiError::invalid_field(
                    "products",
                    "a product is neither sms nor offer_management",
                ));
            }
            self.products = products;
        }
        if let Some(mode) = given(&sent.bot_filter_mode) {
            if !["no_filter", "filter"].contains(&mode) {
                return Err(ApiError::invalid_field(
                    "bot_filter_mode",
                    "it is neither no_filter nor filter",
                ));
            }
            self.bot_filter_mode = mode.to_owned();
        }
        match sent.retention_days {
            None => {}
            Some(0) => self.retention_days = None,
            Some(days @ 1..=3650) => self.retention_days = Some(days),
            Some(_) => {
                return Err(ApiError::invalid_field(
                    "retention_days",
                    "it is not 0 to 3650",
                ));
            }
        }
        if let Some(storage) = given(&sent.ip_storage) {
            if !["full", "truncated", "none"].contains(&storage) {
                return Err(ApiError::invalid_field(
                    "ip_storage",
                    "it is not full, truncated or none",
                ));
            }
            self.ip_storage = storage.to_owned();
        }
        countries(
            &mut self.allowed_countries,
            sent.allowed_countries,
            "allowed_countries",
        )?;
        countries(
            &mut self.blocked_countries,
            sent.blocked_countries,
            "blocked_countries",
        )?;
        change(
            &mut self.prepend_text,
            &sent.prepend_text,
            "prepend_text",
            320,
        )?;
        change(&mut self.append_text, &sent.append_text, "append_text", 320)
    }

    fn apply_postbacks(&mut self, sent: &AccountRequest) -> Result<(), ApiError> {
        if let Some(mode) = &sent.postbacks
            && let Some(mode) = postbacks::mode(mode)?
        {
            self.postbacks = mode;
        }
        if let Some(secrets) = &sent.postback_secrets {
            let field = "postback_secrets";
            self.postback_secrets = postbacks::secrets(field, secrets, postbacks::MAX_SECRETS)?;
        }
        if self.postbacks != "open" && self.postback_secrets.is_empty() {
            let problem = "token and signed need a secret in postback_secrets";
            return Err(ApiError::invalid_field("postbacks", problem));
        }
        if let Some(DecimalText(amount)) = &sent.postback_max_amount {
            self.postback_max_amount = match amount.as_str() {
                "" => None,
                amount => {
                    let amount = money::parse(amount, PAYOUT_DECIMALS);
                    let amount = amount.filter(|amount| !amount.is_zero());
                    let problem = "it is not a decimal number over 0 with at most 4 decimals";
                    let wrong = || ApiError::invalid_field("postback_max_amount", problem);
                    Some(amount.ok_or_else(wrong)?)
                }
            };
        }
        Ok(())
    }
}

fn countries(
    target: &mut Vec<String>,
    sent: Option<Vec<Text>>,
    field: &'static str,
) -> Result<(), ApiError> {
    let Some(sent) = sent else {
        return Ok(());
    };
    let mut codes: Vec<_> = sent.iter().map(|code| code.as_str().to_owned()).collect();
    let is_code = |code: &str| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
    if let Some(code) = codes.iter().find(|code| !is_code(code)) {
        let problem = format!("{code:?} is not a country by ISO 3166-1 alpha-2, as in \"US\"");
        return Err(ApiError::invalid_field(field, problem));
    }
    codes.sort();
    codes.dedup();
    *target = codes;
    Ok(())
}

async fn list_accounts(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let page = PageRequest::from_request(&context, PER_PAGE)?;
    let status = context.choice("status", &STATUS)?;
    let listing = ListQuery {
        columns: COLUMNS,
        from: "FROM accounts WHERE ($1::text IS NULL OR status = $1)",
        order_by: "id",
    };
    let (rows, total) = page.fetch(context, listing, &[&status]).await?;
    Response::ok(&Accounts {
        accounts: rows.iter().map(AccountObject::read).collect(),
        pagination: page.pagination(total),
    })
}

async fn create_account(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let mut fields = AccountFields::new();
    fields.apply(context.json()?)?;
    let row = account_insert(context.db, &fields).await?;
    Response::created(&AccountObject::read(&row))
}

async fn account_insert(
    client: &impl GenericClient,
    fields: &AccountFields,
) -> Result<Row, ApiError> {
    let sql = format!(
        "INSERT INTO accounts
             (name, status, products, bot_filter_mode, prepend_text, append_text,
              allowed_countries, blocked_countries, retention_days, ip_storage, postbacks,
              postback_secrets, postback_max_amount)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         RETURNING {COLUMNS}"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_one(
            &statement,
            &[
                &fields.name,
                &fields.status,
                &fields.products,
                &fields.bot_filter_mode,
                &fields.prepend_text,
                &fields.append_text,
                &fields.allowed_countries,
                &fields.blocked_countries,
                &fields.retention_days,
                &fields.ip_storage,
                &fields.postbacks,
                &fields.postback_secrets,
                &fields.postback_max_amount,
            ],
        )
        .await?;
    Ok(row)
}

/// For the command line: an active account; gives its id.
pub async fn account_create(
    client: &impl GenericClient,
    name: &str,
    products: Vec<String>,
) -> Result<i64, ApiError> {
    let fields = AccountFields {
        name: name.to_owned(),
        products,
        ..AccountFields::new()
    };
    Ok(account_insert(client, &fields).await?.get("id"))
}

async fn account_find(
    context: RequestContext<'_>,
    id: AccountId,
    lock: &str,
) -> Result<Row, ApiError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts WHERE id = $1 {lock}");
    let statement = context.db.prepare_cached(&sql).await?;
    context
        .db
        .query_opt(&statement, &[&id.0])
        .await?
        .ok_or(ApiError::NotFound("account"))
}

async fn get_account(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let row = account_find(context, context.path("account_id", "account")?, "").await?;
    Response::ok(&AccountObject::read(&row))
}

async fn update_account(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let body: AccountRequest = context.json()?;
    let id: AccountId = context.path("account_id", "account")?;
    let row = account_find(context, id, "FOR UPDATE").await?;
    let there = AccountObject::read(&row);
    let mut fields = AccountFields {
        name: there.name,
        status: there.status,
        products: there.products,
        bot_filter_mode: there.bot_filter_mode,
        allowed_countries: there.allowed_countries,
        blocked_countries: there.blocked_countries,
        prepend_text: there.prepend_text,
        append_text: there.append_text,
        retention_days: there.retention_days,
        ip_storage: there.ip_storage,
        postbacks: there.postbacks,
        postback_secrets: there.postback_secrets,
        postback_max_amount: row.get("postback_max_amount"),
    };
    fields.apply(body)?;
    let sql = format!(
        "UPDATE accounts
         SET name = $2, status = $3, products = $4, bot_filter_mode = $5, prepend_text = $6,
             append_text = $7, allowed_countries = $8, blocked_countries = $9,
             retention_days = $10, ip_storage = $11, postbacks = $12, postback_secrets = $13,
             postback_max_amount = $14,
             version = version + 1, updated_at = now()
         WHERE id = $1
         RETURNING {COLUMNS}"
    );
    let statement = context.db.prepare_cached(&sql).await?;
    let row = context
        .db
        .query_one(
            &statement,
            &[
                &id.0,
                &fields.name,
                &fields.status,
                &fields.products,
                &fields.bot_filter_mode,
                &fields.prepend_text,
                &fields.append_text,
                &fields.allowed_countries,
                &fields.blocked_countries,
                &fields.retention_days,
                &fields.ip_storage,
                &fields.postbacks,
                &fields.postback_secrets,
                &fields.postback_max_amount,
            ],
        )
        .await?;
    context
        .outbox
        .record_changed([RecordKey::Account(id)])
        .await?;
    Response::ok(&AccountObject::read(&row))
}
