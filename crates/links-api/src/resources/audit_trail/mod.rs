//! The audit trail: who changed what. `audit` writes its rows.

mod list;
mod object;

use crate::{
    auth::Scope,
    http::{Content, Operation},
    state::PoolKind,
};
use list::{AuditTrail, list_audit};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/audit", list_audit)
            .scope(Scope::AuditRead)
            .tag("audit")
            .pool(PoolKind::Exports)
            .summary("List changes")
            .description(
                "Every change of the account by the API or by a command, from the newest: who, \
                 when, what, and the object before and after, of which only the differences are \
                 kept. Secrets are digests, contacts' numbers are masked, and a change of many \
                 objects has a summary. A key with the scope `admin` also sees what the account's \
                 keys did to other accounts, and commands for the whole installation.",
            )
            .response::<AuditTrail>(200, AuditTrail::example())
            .response_with_content(200, "Success", Content::Bytes("text/csv")),
    ]
}
