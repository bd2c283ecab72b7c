//! Indexes that were added to tables that may be large: created without blocking those
//! who write, which cannot be done in a transaction, and so not in a migration.
//!
//! `links-api migrate` calls [`create_missing`] after the migrations. A creation that was
//! interrupted leaves an invalid index, which is dropped and begun anew.

use std::time::Duration;

use tokio_postgres::{Client, error::SqlState};

use crate::migrations::SchemaError;

/// An index on an ordinary table, or on the partitions of a partitioned one.
#[derive(Debug)]
struct Index {
    name: &'static str,
    table: &'static str,
    is_partitioned: bool,
    /// The columns in parentheses, and the condition of a partial index, as SQL has them.
    definition: &'static str,
}

/// Several of them begin with the same columns. What the planner knows of a table that has
/// just grown does not tell which is the right one for a query, and the wrong one reads all
/// of a link's history. So they are over expressions that say the same in different ways
/// (`message_key || ''`, `'' || message_key`, `link_key + 0`): a query can use only the
/// index whose expression it has.
const INDEXES: [Index; 13] = [
    // The earliest message click of a link or of a message.
    Index {
        name: "message_clicks_time_idx",
        table: "message_clicks",
        is_partitioned: false,
        definition: "((message_key || ''), account_id, clicked_at, click_id)",
    },
    // The clicks of a message's or link's contact or visitor in their order, bots left out.
    Index {
        name: "clicks_of_messages_idx",
        table: "clicks",
        is_partitioned: true,
        definition: "(message_id, (coalesce('c:' || contact_phone, 'v:' || visitor)), (account_id + 0), clicked_at, click_id)
             WHERE message_id IS NOT NULL AND NOT is_bot",
    },
    Index {
        name: "clicks_of_links_idx",
        table: "clicks",
        is_partitioned: true,
        definition: "((link_key + 0), (coalesce('c:' || contact_phone, 'v:' || visitor)), (account_id + 0), clicked_at, click_id)
             WHERE message_id IS NULL AND NOT is_bot",
    },
    // What conversion_find_affected looks for, in its order.
    Index {
        name: "conversions_credited_click_id_idx",
        table: "conversions",
        is_partitioned: false,
        definition: "(credited_click_id) WHERE credited_click_id IS NOT NULL",
    },
    Index {
        name: "conversions_own_contact_idx",
        table: "conversions",
        is_partitioned: false,
        definition: "(account_id, message_key, (coalesce(contact_key, 'v:' || visitor)), converted_at)
             WHERE message_key IS NOT NULL",
    },
    Index {
        name: "conversions_named_uncredited_idx",
        table: "conversions",
        is_partitioned: false,
        definition: "((message_key || ''), account_id, contact_key)
             WHERE message_key IS NOT NULL AND click_id IS NOT NULL AND credited_click_id IS NULL",
    },
    Index {
        name: "conversions_any_contact_idx",
        table: "conversions",
        is_partitioned: false,
        definition: "(('' || message_key), account_id, credited_click_id, converted_at)
             WHERE message_key IS NOT NULL AND contact_key IS NULL AND NOT credited_to_own_contact",
    },
    // Not unique: a writer that does not know whether a row is there appends one.
    Index {
        name: "link_totals_slot_idx",
        table: "link_totals",
        is_partitioned: false,
        definition: "(account_id, link_key, bucket)",
    },
    // The links of an id on whichever domain.
    Index {
        name: "links_short_id_idx",
        table: "links",
        is_partitioned: false,
        definition: "(short_id, account_id)",
    },
    // Those that wait for a click of an unknown account.
    Index {
        name: "conversions_check_at_idx",
        table: "conversions",
        is_partitioned: false,
        definition: "(check_at) WHERE account_id IS NULL",
    },
    // Slugs of a domain, in any case. Short ids are ASCII: no language's rules for case.
    Index {
        name: "links_slugs_idx",
        table: "links",
        is_partitioned: false,
        definition: "(domain_id, (lower(short_id COLLATE \"C\"))) WHERE is_slug",
    },
    // The same, by whose request they came with.
    Index {
        name: "conversions_waiting_address_idx",
        table: "conversions",
        is_partitioned: false,
        definition: "(address_key, converted_at) WHERE account_id IS NULL",
    },
    // Refunds and chargebacks that came without a secret, by their transaction.
    Index {
        name: "conversions_limited_reversals_idx",
        table: "conversions",
        is_partitioned: false,
        definition: "(account_id, txn_id)
             WHERE txn_id IS NOT NULL AND NOT authenticated AND event IN ('refund', 'chargeback')",
    },
];

/// Indexes of earlier versions that the ones above replace.
const REPLACED: [&str; 2] = ["message_clicks_of_links_idx", "conversions_message_key_idx"];

/// A constraint of earlier versions, on `link_totals`, which writers now contradict.
const REPLACED_CONSTRAINT: &str = "link_totals_pkey";

/// How long a change of a table's definition may wait for those who use the table, and
/// hold up those who come after it; and how long it lets them pass before it tries again.
const LOCK_TIMEOUT: Duration = Duration::from_millis(100);
const RETRY_PAUSE: Duration = Duration::from_millis(400);

/// Creates what is missing; returns the names of what was created.
pub(crate) async fn create_missing(client: &Client) -> Result<Vec<String>, SchemaError> {
    let mut created = Vec::new();
    for index in &INDEXES {
        if is_valid(client, index.name).await? {
            continue;
        }
        match index.is_partitioned {
            true => create_on_partitions(client, index).await?,
            false => create_concurrently(client, index.name, index.table, index).await?,
        }
        created.push(index.name.to_owned());
    }
    for name in REPLACED {
        let sql = format!("DROP INDEX CONCURRENTLY IF EXISTS {name}");
        client.batch_execute(&sql).await?;
    }
    if has_replaced_constraint(client).await? {
        let sql =
            format!("ALTER TABLE link_totals DROP CONSTRAINT IF EXISTS {REPLACED_CONSTRAINT}");
        execute_with_short_lock(client, &sql).await?;
    }
    Ok(created)
}

async fn has_replaced_constraint(client: &Client) -> Result<bool, tokio_postgres::Error> {
    let sql = "SELECT EXISTS (
                   SELECT
                   FROM pg_constraint
                   WHERE conrelid = to_regclass('link_totals') AND conname = $1
               )";
    Ok(client.query_one(sql, &[&REPLACED_CONSTRAINT]).await?.get(0))
}

/// What a complete schema has and this one lacks first: an index, or the removal of a
/// constraint.
pub(crate) async fn find_missing(
    client: &Client,
) -> Result<Option<&'static str>, tokio_postgres::Error> {
    let names: Vec<_> = INDEXES.iter().map(|index| index.name).collect();
    let sql = "SELECT c.relname::text AS name
               FROM pg_class c
               JOIN pg_index i ON i.indexrelid = c.oid
               WHERE c.relname = ANY ($1)
                 AND c.relnamespace = current_schema()::regnamespace
                 AND i.indisvalid";
    let rows = client.query(sql, &[&names]).await?;
    let valid: Vec<String> = rows.iter().map(|row| row.get("name")).collect();
    let is_missing = |name: &&&str| !valid.iter().any(|found| found == **name);
    if let Some(name) = names.iter().find(is_missing) {
        return Ok(Some(name));
    }
    let has_replaced = has_replaced_constraint(client).await?;
    Ok(has_replaced.then_some("the removal of link_totals_pkey"))
}

async fn is_valid(client: &Client, name: &str) -> Result<bool, tokio_postgres::Error> {
    let sql = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)";
    let row = client.query_opt(sql, &[&name]).await?;
    Ok(row.is_some_and(|row| row.get(0)))
}

async fn create_concurrently(
    client: &Client,
    name: &str,
    table: &str,
    index: &Index,
) -> Result<(), tokio_postgres::Error> {
    if is_valid(client, name).await? {
        return Ok(());
    }
    let definition = index.definition;
    let drop_invalid = format!("DROP INDEX CONCURRENTLY IF EXISTS {name}");
    let create = format!("CREATE INDEX CONCURRENTLY {name} ON {table} {definition}");
    client.batch_execute(&drop_invalid).await?;
    client.batch_execute(&create).await
}

/// The parent's index comes first, so that new partitions get theirs by themselves; then
/// one partition after the other. The parent's is valid once all of them have one.
async fn create_on_partitions(client: &Client, index: &Index) -> Result<(), tokio_postgres::Error> {
    let Index {
        name,
        table,
        definition,
        ..
    } = index;
    let parent = format!("CREATE INDEX IF NOT EXISTS {name} ON ONLY {table} {definition}");
    execute_with_short_lock(client, &parent).await?;
    let sql = "SELECT p.oid::regclass::text AS name
               FROM pg_inherits i
               JOIN pg_class p ON p.oid = i.inhrelid
               WHERE i.inhparent = $1::text::regclass
                 AND NOT EXISTS (
                     SELECT
                     FROM pg_inherits attached
                     JOIN pg_index on_partition ON on_partition.indexrelid = attached.inhrelid
                     WHERE attached.inhparent = $2::text::regclass
                       AND on_partition.indrelid = p.oid
                 )
               ORDER BY 1";
    for row in client.query(sql, &[table, name]).await? {
        let partition: String = row.get("name");
        let of_partition = format!("{partition}_{name}");
        create_concurrently(client, &of_partition, &partition, index).await?;
        let attach = format!("ALTER INDEX {name} ATTACH PARTITION {of_partition}");
        execute_with_short_lock(client, &attach).await?;
    }
    Ok(())
}

/// Runs a statement that needs a strong lock for a moment, and again until it gets it.
pub(crate) async fn execute_with_short_lock(
    client: &Client,
    sql: &str,
) -> Result<(), tokio_postgres::Error> {
    let timeout_ms = LOCK_TIMEOUT.as_millis();
    loop {
        client
            .batch_execute(&format!("SET lock_timeout = {timeout_ms}"))
            .await?;
        let result = client.batch_execute(sql).await;
        client.batch_execute("SET lock_timeout = 0").await?;
        match result {
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            result => return result,
        }
    }
}
