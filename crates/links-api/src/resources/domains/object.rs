//! A domain as JSON, with the proof of its ownership.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    db::domains::{DomainKind, DomainRow, DomainStatus, Ownership},
    domain_ownership::{file_url, txt_record_name},
    fields::Timestamp,
    http::ListPage,
};

#[derive(Debug, Serialize, JsonSchema)]
pub struct Domains {
    pub domains: Vec<DomainObject>,
    #[serde(flatten)]
    pub page: ListPage,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct DomainObject {
    id: i64,
    host: String,
    #[schemars(with = "String")]
    kind: DomainKind,
    /// pending, active or disabled.
    #[schemars(with = "String")]
    status: DomainStatus,
    created_at: Timestamp,
    proof: Proof,
}

/// Whether and how the account has proved that it controls the host.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DomainProof")]
struct Proof {
    /// checked: decided by the token. approved or refused: decided by an operator, whatever the
    /// host shows.
    #[schemars(with = "String")]
    ownership: Ownership,
    dns: TxtRecord,
    http: ProofFile,
    /// When a check found the token last.
    proved_at: Option<Timestamp>,
    /// dns or http.
    proved_by: Option<String>,
    checked_at: Option<Timestamp>,
    /// Why the last check did not find the token.
    error: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TxtRecord {
    r#type: &'static str,
    name: String,
    value: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ProofFile {
    url: String,
    body: String,
}

impl From<DomainRow> for DomainObject {
    fn from(row: DomainRow) -> Self {
        let token = row.proof_token;
        let proof = Proof {
            ownership: row.ownership,
            dns: TxtRecord {
                r#type: "TXT",
                name: txt_record_name(&row.host),
                value: token.clone(),
            },
            http: ProofFile {
                url: file_url(&row.host, &token),
                body: token,
            },
            proved_at: row.proved_at.map(Timestamp),
            proved_by: row.proved_by,
            checked_at: row.checked_at.map(Timestamp),
            error: row.check_error,
        };
        Self {
            id: row.id.0,
            host: row.host,
            kind: row.kind,
            status: row.status,
            created_at: Timestamp(row.created_at),
            proof,
        }
    }
}

impl DomainObject {
    pub fn example() -> Value {
        let token = "0f8fad5bd9cb469fa16570867728950e";
        json!({
            "id": 7,
            "host": "yourdomain.com",
            "kind": "short",
            "status": "active",
            "created_at": "2026-03-10T08:15:00.000Z",
            "proof": {
                "ownership": "checked",
                "dns": {
                    "type": "TXT",
                    "name": "_waypost.yourdomain.com",
                    "value": token,
                },
                "http": {
                    "url": format!("http://yourdomain.com/.well-known/waypost/{token}"),
                    "body": token,
                },
                "proved_at": "2026-03-10T08:16:00.000Z",
                "proved_by": "dns",
                "checked_at": "2026-03-10T08:16:00.000Z",
                "error": null,
            },
        })
    }
}

impl Domains {
    pub fn example() -> Value {
        json!({
            "domains": [DomainObject::example()],
            "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
            "next_cursor": null,
            "has_more": false,
        })
    }
}
