//! The numbers of all advisory locks in Postgres, and what each protects.
//!
//! Postgres knows two kinds of them: those with one 64-bit key, and those with two
//! 32-bit keys. The two kinds never meet. Numbers of the first kind are listed in
//! [`SINGLE_KEYS`]; a test checks that they differ.

/// Held by `links-api migrate` while it changes the schema: others wait.
pub const MIGRATION: i64 = 0x7761_7970_6f73_7401;

/// Held while a partition of `clicks` is created: others wait, and find it there.
pub const PARTITION_CREATION: i64 = 0x7761_7970_6f73_7402;

/// Held by the one process that repairs totals: a repair adds differences, and two at
/// once would add them twice.
pub const RECOUNT_REPAIR: i64 = 0x7761_7970_6f73_7406;

/// Every lock with one key. `0x…7403`, `…7404`, `…7405` and `…7407` belonged to
/// earlier versions and stay unused.
pub const SINGLE_KEYS: [i64; 3] = [MIGRATION, PARTITION_CREATION, RECOUNT_REPAIR];

/// The first key of an account's lock; the second is [`account_key`]. `pg_locks` shows
/// them as `classid` and `objid`. See [`crate::ledger::account_lock`].
pub const ACCOUNT_CLASS: i32 = 0x7761_7970;

/// The second key of an account's lock. Accounts whose ids differ by a multiple of 2^32
/// share a lock, which costs time and is not wrong.
pub fn account_key(account_id: i64) -> i32 {
    let [a, b, c, d, ..] = account_id.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_purposes_share_a_number() {
        let distinct = BTreeSet::from(SINGLE_KEYS);
        assert_eq!(distinct.len(), SINGLE_KEYS.len());
        let retired = [
            0x7761_7970_6f73_7403,
            0x7761_7970_6f73_7404,
            0x7761_7970_6f73_7405,
        ];
        assert!(retired.iter().all(|number| !distinct.contains(number)));
    }

    #[test]
    fn accounts_below_2_to_the_32_have_keys_of_their_own() {
        let ids = [
            0,
            1,
            2,
            i64::from(i32::MAX),
            i64::from(i32::MAX) + 1,
            (1 << 32) - 1,
        ];
        let keys: BTreeSet<_> = ids.map(account_key).into();
        assert_eq!(keys.len(), ids.len());
        assert_eq!(account_key(5), account_key(5 + (1 << 32)));
    }
}
