//! Replacing records in Redis by newer versions, in one step with telling those who
//! subscribe. Both ways of writing a record follow one rule: a writer that read an older
//! version and comes late changes nothing.

use std::time::Duration;

/// A record to store, in the version that was read from the database.
#[derive(Debug, Clone)]
pub struct VersionedRecord {
    pub key: String,
    /// The JSON and its version. `None` if the record does not exist (any more).
    pub record: Option<(Vec<u8>, i64)>,
}

/// What [`super::RedisCache::deliver`] does in one step.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    pub records: &'a [VersionedRecord],
    pub ttl: Duration,
    pub channel: &'a str,
    /// Published after the keys of the records.
    pub messages: &'a [String],
    /// The key under which Redis keeps the id of the last delivery.
    pub last_delivery_key: &'a str,
    /// The id there, as [`super::RedisCache::get`] returned it. If it has changed since,
    /// another process has delivered, and nothing is done.
    pub expected_last_delivery: Option<&'a [u8]>,
    /// The id of this delivery, which is stored there.
    pub delivery_id: i64,
}

impl Delivery<'_> {
    /// The call of the script. `full_key` puts the prefix before a key.
    pub(super) fn command(&self, full_key: impl Fn(&str) -> String) -> redis::Cmd {
        let mut command = redis::cmd("EVAL");
        command.arg(DELIVER_SCRIPT).arg(self.records.len() + 1);
        command.arg(full_key(self.last_delivery_key));
        for record in self.records {
            command.arg(full_key(&record.key));
        }
        command.arg(self.expected_last_delivery.unwrap_or_default());
        command.arg(self.delivery_id);
        command.arg(full_key(self.channel));
        command.arg(self.ttl.as_secs().max(1));
        command.arg(self.records.len());
        for VersionedRecord { key, record } in self.records {
            command.arg(key);
            match record {
                Some((json, version)) => command.arg(version).arg(json),
                None => command.arg("").arg(""),
            };
        }
        for message in self.messages {
            command.arg(message);
        }
        command
    }
}

/// The part that both scripts share.
macro_rules! put_unless_older {
    () => {
        "
    local function put_unless_older(key, json, version, ttl)
        local stored = redis.call('GET', key)
        if stored then
            local is_json, record = pcall(cjson.decode, stored)
            if is_json and type(record) == 'table' and type(record.version) == 'number'
                and record.version > tonumber(version) then
                return 0
            end
        end
        redis.call('SET', key, json, 'EX', ttl)
        return 1
    end"
    };
}

/// KEYS: the record's. ARGV: record, version, seconds to live.
pub(super) const PUT_SCRIPT: &str = concat!(
    put_unless_older!(),
    "
    return put_unless_older(KEYS[1], ARGV[1], ARGV[2], ARGV[3])"
);

/// KEYS: that of the last delivery's id, those of the records. ARGV: the expected id or '',
/// the new id, the channel, seconds to live, number of records, each record's (key, version
/// or '', JSON), messages. The id is written first: a Redis that refuses writes refuses this
/// one, before anything is changed or published.
const DELIVER_SCRIPT: &str = concat!(
    put_unless_older!(),
    "
    if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
        return 0
    end
    redis.call('SET', KEYS[1], ARGV[2])
    local n_records = tonumber(ARGV[5])
    for i = 1, n_records do
        local version, json = ARGV[3 * i + 4], ARGV[3 * i + 5]
        if version == '' then
            redis.call('DEL', KEYS[i + 1])
        else
            put_unless_older(KEYS[i + 1], json, version, ARGV[4])
        end
    end
    for i = 1, n_records do
        redis.call('PUBLISH', ARGV[3], ARGV[3 * i + 3])
    end
    for i = 3 * n_records + 6, #ARGV do
        redis.call('PUBLISH', ARGV[3], ARGV[i])
    end
    return 1"
);
