//! Tenants cannot read or change each other's rows. The test walks every operation of the
//! OpenAPI document, so that a new one is covered without being named here. An operation with
//! a parameter of a new kind fails until its fixture is added.

use std::collections::BTreeMap;

use e2e::{
    client::{SCOPES, Tenant, create_account, create_key},
    openapi::{Document, Operation},
    user::{PASSWORD, SignedIn, create_user, token_of, users_command},
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::Api;

/// The ids of a tenant's rows, by the names of parameters and fields.
pub struct Fixtures {
    ids: BTreeMap<&'static str, Value>,
    /// An owner, for operations that are about a user.
    pub owner: SignedIn,
}

pub const OWNER: &str = "owner@example.com";

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Keys and users.
    Account,
    /// Users.
    Session,
    Public,
}

impl Access {
    pub fn of(operation: Operation<'_>) -> Self {
        match operation.json["security"].as_array() {
            None => Self::Account,
            Some(schemes) if schemes.is_empty() => Self::Public,
            Some(_) => Self::Session,
        }
    }
}

impl Fixtures {
    pub async fn create(api: &Api) -> Self {
        let tenant = &api.tenant;
        // No tenant of another test has it.
        let phone = "+18005550150";
        api.sql(&format!("UPDATE lists SET phone_number = '{phone}'"))
            .await;
        let link = api.create("/api/v2/links", tenant.link_body()).await;
        let sms_offer = api
            .sms_offer("https://e.com/?c={click_id}", json!({}))
            .await;
        let campaign = api.campaign().await;
        let creative = json!({
            "name": "A creative",
            "message": "{{link1}}",
            "offer_links": [{ "key": "link1", "offer_id": sms_offer }],
        });
        let creative = api.create("/api/v2/creatives", creative).await;
        let affiliate_link = api
            .create("/api/links", json!({ "campaign_id": campaign }))
            .await;
        let list_id = api.tenant.list_id;
        let id = &creative["creative"]["id"];
        let message = json!({ "messageId": "their-message", "contactPhone": "+18005550123" });
        api.create(
            &format!("/api/v2/creatives/{id}/render"),
            json!({ "listId": list_id, "messages": [message] }),
        )
        .await;
        let conversion = json!([{
            "converted_at": jiff::Timestamp::now(), "txn_id": "their-order", "offer_id": sms_offer,
        }]);
        let (_, imported) = api.post("/api/v2/conversions/import", conversion).await;
        api.sql(&format!(
            "INSERT INTO postback_log (postback_id, received_at, verdict, account_id, txn_id, link_id,
                                       credentials, authenticated, flags, ignored)
             VALUES (gen_random_uuid(), now(), 'link_not_found', {}, 'their-postback',
                     'their-link', '{{}}', false, '{{}}', '{{}}')",
            tenant.account_id
        ))
        .await;
        let cost = json!([{
            "offer_id": sms_offer, "from": "2026-03-01", "until": "2026-03-31", "model": "cpc",
            "amount": "0.05",
        }]);
        let (status, answer) = api.post("/api/v2/costs/import", cost).await;
        assert_eq!(status, 200, "{answer}");
        let costs = "SELECT cost_id FROM costs";
        let coupon = json!({ "code": "THEIRS", "offer_id": sms_offer });
        let coupon = api.create("/api/v2/coupons", coupon).await;
        let domains = api.get("/api/v2/domains?kind=short").await.1;
        let key = "SELECT id FROM api_keys ORDER BY id LIMIT 1";
        create_user(&api.test_env, tenant.account_id, OWNER, "owner");
        let owner = SignedIn::new(&api.client, OWNER).await;
        let reader = "reader@example.com";
        let reader_id = create_user(&api.test_env, tenant.account_id, reader, "read_only");
        let session = "SELECT id FROM sessions";
        let invitation = json!({ "email": "guest@example.com", "role": "read_only" });
        let invitation = api.create("/api/v2/invitations", invitation).await;
        let reset = users_command(&api.test_env, &["reset", "--email", reader]);
        let ids = [
            ("link_id", link["linkId"].clone()),
            ("affiliate_link_id", affiliate_link["id"].clone()),
            ("offer_id", json!(sms_offer)),
            ("partnership_offer_id", json!(tenant.offer_id)),
            ("external_offer_id", json!(tenant.external_offer_id)),
            ("creative_id", creative["creative"]["id"].clone()),
            ("campaign_id", json!(campaign)),
            ("list_id", json!(tenant.list_id)),
            ("phone_number", json!(phone)),
            ("short_domain", json!(tenant.short_host)),
            ("click_domain", json!(tenant.click_host)),
            ("domain_id", domains["domains"][0]["id"].clone()),
            ("account_id", json!(tenant.account_id)),
            ("message_id", json!("their-message")),
            ("txn_id", json!("their-postback")),
            (
                "conversion_id",
                imported["rows"][0]["conversion_id"].clone(),
            ),
            ("cost_id", json!(api.test_env.count(costs).await)),
            ("coupon_id", coupon["id"].clone()),
            ("phone", json!("+18005550123")),
            ("key_id", json!(api.test_env.count(key).await)),
            ("user_id", json!(reader_id)),
            ("session_id", json!(api.test_env.count(session).await)),
            ("invitation", invitation["id"].clone()),
            ("invitation_token", json!(token_of(&invitation["link"]))),
            ("token", json!(token_of(&reset["link"]))),
        ];
        Self {
            ids: ids.into(),
            owner,
        }
    }

    /// A documented path with this tenant's ids.
    pub fn path(&self, template: &str) -> String {
        let segments = template.split('/').map(|segment| {
            let Some(name) = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) else {
                return segment.to_owned();
            };
            let name = match name {
                "offer_id" if template.contains("partnership-offers") => "partnership_offer_id",
                "invitation" if template.ends_with("/accept") => "invitation_token",
                name => name,
            };
            let id = self
                .ids
                .get(name)
                .unwrap_or_else(|| panic!("no fixture for {{{name}}}"));
            id.as_str().map_or_else(|| id.to_string(), str::to_owned)
        });
        segments.collect::<Vec<_>>().join("/")
    }

    /// The example of an operation's body with this tenant's ids in the
    /// fields that name them.
    pub fn body(&self, operation: Operation<'_>) -> Value {
        let content = &operation.json["requestBody"]["content"]["application/json"];
        let mut body = content["examples"]["example1"]["value"].clone();
        if operation.path.ends_with("/sessions") {
            body = json!({ "email": OWNER, "password": PASSWORD });
        }
        self.fill(&mut body, operation.path);
        // Makes unique values unique: the fixtures have the names of the examples.
        if operation.path.ends_with("/domains") {
            body["host"] = json!("new.example");
        }
        if operation.path.ends_with("/lists") && operation.method == "post" {
            body["phone_number"] = json!("+18005550199");
        }
        body
    }

    fn fill(&self, value: &mut Value, path: &str) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(|value| self.fill(value, path)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    let name = match name.as_str() {
                        "offerId" if path.ends_with("/links") => "partnership_offer_id",
                        "offerId" | "offer_id" => "offer_id",
                        "externalOfferId" => "external_offer_id",
                        "listId" | "list_id" => "list_id",
                        "message_id" if path.ends_with("/messages/status") => "message_id",
                        "phoneNumber" => "phone_number",
                        name @ ("campaign_id" | "short_domain" | "click_domain") => name,
                        _ => {
                            self.fill(value, path);
                            continue;
                        }
                    };
                    *value = self.ids[name].clone();
                }
            }
            _ => {}
        }
    }

    /// Adds the session of the owner to a request that only users may send, and else the key.
    pub fn authorize(
        &self,
        operation: Operation<'_>,
        request: RequestBuilder,
        key: &str,
    ) -> RequestBuilder {
        match Access::of(operation) {
            Access::Account => request.header("X-Api-Key", key),
            Access::Session => self.owner.authorize(request),
            Access::Public => request,
        }
    }

    /// Whether a body contains any of this tenant's ids.
    fn names(&self, operation: Operation<'_>) -> bool {
        let content = &operation.json["requestBody"]["content"]["application/json"];
        let example = &content["examples"]["example1"]["value"];
        let mut filled = example.clone();
        self.fill(&mut filled, operation.path);
        // A phone number may be a contact of several tenants.
        let is_contact = operation.path.contains("{phone}");
        (operation.path.contains('{') && !is_contact) || filled != *example
    }
}

#[tokio::test]
async fn no_operation_reads_or_changes_rows_of_another_account() {
    let api = Api::start("victim").await;
    let theirs = Fixtures::create(&api).await;
    let before = dump(&api).await;
    let stranger = Tenant::create(&api.test_env, &api.service, "stranger").await;
    let account = create_account(&api.test_env, "powerless");
    let without_scopes = create_key(&api.test_env, account, &["webhooks:manage"]);
    assert_eq!(
        SCOPES.len(),
        13,
        "the stranger's key has every scope but admin"
    );
    let stranger_email = "stranger@example.com";
    create_user(&api.test_env, stranger.account_id, stranger_email, "owner");
    let session = SignedIn::new(&api.client, stranger_email).await;
    let mut public = Vec::new();

    for operation in Document::written().operations() {
        let method: Method = operation.method.to_ascii_uppercase().parse().unwrap();
        let path = theirs.path(operation.path);
        let body = operation.json["requestBody"]
            .is_object()
            .then(|| theirs.body(operation));
        let name = format!("{method} {}", operation.path);
        let access = Access::of(operation);
        if access == Access::Public {
            public.push(name);
            continue;
        }
        let send = async |authorize: &dyn Fn(RequestBuilder) -> RequestBuilder| {
            let mut request = api.client.api_request(method.clone(), &path);
            if let Some(body) = &body {
                request = request.json(body);
            }
            let response = authorize(request).send().await.unwrap();
            let status = response.status().as_u16();
            (
                status,
                String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned(),
            )
        };
        let call = async |key: &str| send(&|request| request.header("X-Api-Key", key)).await;
        assert_eq!(call("").await.0, 401, "{name} without a key");
        assert_eq!(
            send(&|request| request).await.0,
            401,
            "{name} without anything"
        );
        // The session of a user of another account is no way into this one.
        let names_the_account = session.in_account(api.tenant.account_id);
        if access == Access::Account && operation.path != "/api/v2/me" {
            let (status, answer) = send(&|request| names_the_account.authorize(request)).await;
            assert_eq!(status, 404, "{name} in another account: {answer}");
        }
        let without_a_scope = match operation.path {
            "/api/v2/me" => 200,
            _ => 403,
        };
        let (status, _) = call(&without_scopes).await;
        assert_eq!(status, without_a_scope, "{name} without a scope");
        let mut answers = Vec::new();
        if access == Access::Account {
            answers.push(call(&stranger.key).await);
        }
        // Others would end the stranger's session, or lock the stranger out.
        if access == Access::Account || operation.path.ends_with("/{session_id}") {
            answers.push(send(&|request| session.authorize(request)).await);
        }
        for (index, (status, answer)) in answers.into_iter().enumerate() {
            if theirs.names(operation) {
                // A bulk reports errors in each entry.
                let refused_each = status == 200
                    && (answer.starts_with("{\"created\":0,")
                        || answer.starts_with("{\"updated\":0,"));
                // A creative with an unknown offer gets 400.
                let in_the_seeds_way = status == 400 && answer.contains("\"offer_not_found\"");
                assert!(
                    matches!(status, 403 | 404) || refused_each || in_the_seeds_way,
                    "{name}: {status} {answer}"
                );
            } else {
                // The caller's own rows must not contain anything of the tenant.
                // Their required parameters have no example.
                let has_no_example = (operation.path.ends_with("/postback") && status == 422)
                    || (operation.path.ends_with("/postbacks/template") && status == 400);
                // The session creates again what the key has created.
                let is_repeated = index > 0 && status == 409;
                assert!(
                    matches!(status, 200 | 201 | 403) || has_no_example || is_repeated,
                    "{name}: {status} {answer}"
                );
            }
            for (what, id) in &theirs.ids {
                // Skipped: numbers occur in any response, and the id of a list is not secret.
                let id = id
                    .as_str()
                    .filter(|_| !["external_offer_id", "phone_number", "phone"].contains(what));
                if let Some(id) = id {
                    assert!(!answer.contains(id), "{name} answers {what} {id}: {answer}");
                }
            }
        }
    }
    assert_eq!(
        public,
        [
            "GET /api/v2/invitations/{invitation}",
            "POST /api/v2/invitations/{invitation}/accept",
            "POST /api/v2/password-resets",
            "POST /api/v2/password-resets/{token}",
            "POST /api/v2/sessions",
            "GET /api/v2/sessions/oidc/callback",
            "GET /api/v2/sessions/oidc/start",
        ]
    );
    assert_eq!(
        dump(&api).await,
        before,
        "nothing of the tenant's has changed"
    );
}

/// All rows of the tenant, as text.
async fn dump(api: &Api) -> Vec<String> {
    let mut rows = Vec::new();
    for table in [
        "links",
        "offers",
        "lists",
        "domains",
        "campaigns",
        "creatives",
        "messages",
        "conversions",
        "postback_log",
        "coupons",
        "totals",
        "link_totals",
        "event_totals",
        "costs",
        "audit_log",
        "api_keys",
        "memberships",
        "invitations",
    ] {
        let sql = format!(
            "SELECT t::text FROM {table} t WHERE account_id = {} ORDER BY 1",
            api.tenant.account_id
        );
        let found = api.test_env.db.query(&sql, &[]).await.unwrap();
        assert!(!found.is_empty(), "{table}");
        rows.extend(found.iter().map(|row| row.get::<_, String>(0)));
    }
    rows
}
