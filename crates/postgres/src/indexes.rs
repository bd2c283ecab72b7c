//! Indexes on tables that may be large. They are built without blocking writers, which
//! Postgres cannot do in a transaction, and so not in a migration.
//!
//! `links-api migrate` calls `create_missing` after the migrations. A build that was
//! interrupted leaves an invalid index, which the next run drops and builds again.

use std::time::Duration;

use tokio_postgres::{Client, error::SqlState};

/// An index on an ordinary table, or on the partitions of a partitioned one.
#[derive(Debug)]
struct Index {
    name: &'static str,
    table: &'static str,
    is_partitioned: bool,
    /// The SQL after the table: the columns in parentheses, and the condition of a partial
    /// index.
    definition: &'static str,
}

/// Several indexes begin with the same columns. The planner's statistics of a table that has
/// just grown do not tell which of them suits a query, and the wrong one makes the query
/// read the whole history of a link. So these indexes are on equivalent expressions that are
/// written differently (`message_key || ''`, `'' || message_key`, `link_key + 0`, `account_id + 0`): a query
/// can use only the index whose expression it contains.
const INDEXES: [Index; 19] = [
    // Finds the earliest message click of a link or of a message.
    Index {
        name: "message_clicks_time_idx",
        table: "message_clicks",
        is_partitioned: false,
        definition: "((message_key || ''), account_id, clicked_at, click_id)",
    },
    // Finds the clicks of a contact or visitor of a message (or of a link) by time, without
    // bots.
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
    // These four are for conversion_find_affected, in the order of its conditions.
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
    // It is not unique: a writer appends a row if it does not know that there is one.
    Index {
        name: "link_totals_slot_idx",
        table: "link_totals",
        is_partitioned: false,
        definition: "(account_id, link_key, bucket)",
    },
    // Finds the links with a short id on any domain.
    Index {
        name: "links_short_id_idx",
        table: "links",
        is_partitioned: false,
        definition: "(short_id, account_id)",
    },
    // Finds the unmatched conversions: those whose account is unknown until their click is
    // stored.
    Index {
        name: "conversions_check_at_idx",
        table: "conversions",
        is_partitioned: false,
        definition: "(check_at) WHERE account_id IS NULL",
    },
    // Finds the slugs of a domain in upper or lower case. Short ids are ASCII, so no
    // language's rules for case apply.
    Index {
        name: "links_slugs_idx",
        table: "links",
        is_partitioned: false,
        definition: "(domain_id, (lower(short_id COLLATE \"C\"))) WHERE is_slug",
    },
    // Finds the unmatched conversions by the address that sent them. The name is from before that
    // word and stays: to rename an index is no expand-only change.
    Index {
        name: "conversions_waiting_address_idx",
        table: "conversions",
        is_partitioned: false,
        definition: "(address_key, converted_at) WHERE account_id IS NULL",
    },
    // Finds the conversions of coupons that name a contact, for its erasure.
    Index {
        name: "conversions_coupon_contact_idx",
        table: "conversions",
        is_partitioned: false,
        definition: "(account_id, contact_phone) WHERE coupon IS NOT NULL AND contact_phone IS NOT NULL",
    },
    // Finds the offers that a postback names by their external_id and secret alone.
    Index {
        name: "offers_any_account_external_id_idx",
        table: "offers",
        is_partitioned: false,
        definition: "(external_id) WHERE external_id IS NOT NULL",
    },
    // Finds the refunds and chargebacks of an order.
    Index {
        name: "conversions_reversals_idx",
        table: "conversions",
        is_partitioned: false,
        definition: "(account_id, dedupe_key)
             WHERE account_id IS NOT NULL AND event IN ('refund', 'chargeback')",
    },
    // Finds the conversion that a later postback is an update of, by the postback's own id.
    Index {
        name: "conversion_updates_update_id_idx",
        table: "conversion_updates",
        is_partitioned: false,
        definition: "(update_id)",
    },
    // Finds the messages that did not arrive, which are few. The others are found by their time.
    Index {
        name: "messages_failed_idx",
        table: "messages",
        is_partitioned: false,
        definition: "(account_id, status, sent_at, message_id)
             WHERE status IN ('failed', 'undelivered')",
    },
    // These two find what an account has stored since a row.
    Index {
        name: "clicks_storage_order_idx",
        table: "clicks",
        is_partitioned: true,
        definition: "((account_id + 0), storage_order)",
    },
    Index {
        name: "conversions_storage_order_idx",
        table: "conversions",
        is_partitioned: false,
        definition: "((account_id + 0), storage_order)",
    },
];

/// Indexes of earlier versions, which the ones above replace.
const REPLACED: [&str; 3] = [
    "message_clicks_of_links_idx",
    "conversions_message_key_idx",
    "conversions_limited_reversals_idx",
];

/// A constraint of earlier versions on `link_totals`, which would refuse the rows that
/// writers append now.
const REPLACED_CONSTRAINT: &str = "link_totals_pkey";

/// The SQL of an index after its table. Crates whose queries need the expressions of an index
/// test by it that both are the same.
pub fn definition(name: &str) -> Option<&'static str> {
    let index = INDEXES.iter().find(|index| index.name == name);
    index.map(|index| index.definition)
}

/// How long a change of a table's definition waits for the transactions that use the table.
/// Everything that comes later queues behind it for that time. Then it lets them pass for
/// the pause before it tries again.
const LOCK_TIMEOUT: Duration = Duration::from_millis(100);
const RETRY_PAUSE: Duration = Duration::from_millis(400);

/// Builds the indexes that are missing and drops those that are replaced. Returns the names
/// of those that were built.
pub(crate) async fn create_missing(client: &Client) -> Result<Vec<String>, tokio_postgres::Error> {
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

/// The first thing that this schema lacks: the name of an index, or the removal of a
/// constraint. `None` if it is complete.
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
    let is_missing = |name: &&&str| !valid.iter().any(|valid_name| valid_name == **name);
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

/// Builds the index of a partitioned table. The index of the parent comes first, so that
/// every partition that is created from now on gets one; then that of each partition in
/// turn. Postgres makes the parent's index valid once every partition has one.
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
        let partition_index = format!("{partition}_{name}");
        create_concurrently(client, &partition_index, &partition, index).await?;
        let attach = format!("ALTER INDEX {name} ATTACH PARTITION {partition_index}");
        execute_with_short_lock(client, &attach).await?;
    }
    Ok(())
}

/// Runs a statement that needs a strong lock for a moment, and repeats it until it gets the
/// lock.
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
