//! Which of the partitioned queues an event goes to. All events of one account go to the
//! same queue, so that one worker stores them and the backlog of an account delays only the
//! accounts that share its queue.

use crate::id::AccountId;

/// Which of `n_partitions` queues the event of a line goes to: that of its account. A
/// conversion that names only a click has no account yet; its click id decides.
///
/// The line must come from [`crate::click::ClickEvent::write_line`] or
/// [`crate::conversion::Conversion::write_line`], which do not escape the names of fields
/// and escape the quotes inside of values. So the name with its quotes is found only where
/// the field is, and the line need not be parsed, which would cost more than sending it.
pub fn partition_of_line(line: &[u8], n_partitions: u16) -> u16 {
    let key = match number_after(line, b"\"account_id\":") {
        Some(account_id) => account_id,
        None => click_id_key(line),
    };
    partition(key, n_partitions)
}

/// Which of `n_partitions` queues an account's events go to.
pub fn partition_of_account(account_id: AccountId, n_partitions: u16) -> u16 {
    partition(account_id.0.unsigned_abs(), n_partitions)
}

/// A number made of all 36 characters of the line's click id. The time at the start of the
/// id alone would put clicks of the same moment into one queue.
fn click_id_key(line: &[u8]) -> u64 {
    const CLICK_ID_LEN: usize = 36;
    let start = position_after(line, b"\"click_id\":\"").unwrap_or(line.len());
    let click_id = line[start..].iter().take(CLICK_ID_LEN);
    click_id.fold(0, |key: u64, byte| {
        key.wrapping_mul(31).wrapping_add(u64::from(*byte))
    })
}

/// Spreads keys evenly, also keys that follow each other: the finisher of SplitMix64
/// (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
fn partition(key: u64, n_partitions: u16) -> u16 {
    let mut mixed = key;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let partition = mixed % u64::from(n_partitions.max(1));
    u16::try_from(partition).expect("the remainder is less than a u16")
}

/// Where the text after the first `name` begins.
fn position_after(line: &[u8], name: &[u8]) -> Option<usize> {
    let start = line.windows(name.len()).position(|window| window == name)?;
    Some(start + name.len())
}

/// The decimal number that follows `name`, modulo 2^64. `None` without a digit there.
fn number_after(line: &[u8], name: &[u8]) -> Option<u64> {
    let value = &line[position_after(line, name)?..];
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number: Option<u64>, digit| {
        let shifted = number.unwrap_or(0).wrapping_mul(10);
        Some(shifted.wrapping_add(u64::from(digit - b'0')))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{SeedableRng, rngs::StdRng};

    use super::*;
    use crate::{click::tests::click_event, id::ClickId};

    #[test]
    fn the_partition_of_a_line_is_that_of_its_account() {
        let mut event = click_event();
        event.sub1 = Some(r#"","account_id":7,""#.into());
        for account_id in [1, 2, 3, 1000, i64::MAX] {
            event.account_id = AccountId(account_id);
            let mut line = Vec::new();
            event.write_line(&mut line);
            for n_partitions in [1, 2, 8, 64] {
                let expected = partition_of_account(AccountId(account_id), n_partitions);
                assert_eq!(partition_of_line(&line, n_partitions), expected);
                assert!(expected < n_partitions);
            }
        }
    }

    #[test]
    fn conversions_without_an_account_are_spread_by_click_id() {
        let partitions: BTreeSet<u16> = (0..200)
            .map(|rng_seed| {
                let mut rng = StdRng::seed_from_u64(rng_seed);
                let click_id = ClickId::generate(1_700_000_000_000, &mut rng);
                let line = format!(r#"{{"conversion_id":"x","click_id":"{click_id}"}}"#);
                partition_of_line(line.as_bytes(), 8)
            })
            .collect();
        assert_eq!(partitions.len(), 8);
    }

    #[test]
    fn accounts_with_consecutive_ids_are_spread_evenly() {
        let mut counts = [0; 8];
        for account_id in 1..=8000 {
            counts[usize::from(partition_of_account(AccountId(account_id), 8))] += 1;
        }
        assert!(
            counts.iter().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
    }
}
