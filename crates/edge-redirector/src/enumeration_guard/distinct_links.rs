//! Estimates how many different links each network has found in the current minute. Every
//! click adds to it, so it takes no lock.
//!
//! It is linear counting (Whang, Vander-Zanden, Taylor: A linear-time probabilistic counting
//! algorithm, 1990) in 4 MiB for all networks: those whose hashes share a slot are counted
//! together.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(super) struct DistinctLinkCounter {
    slots: Box<[NetworkSlot]>,
}

#[derive(Debug)]
struct NetworkSlot {
    /// The number of the minute whose links are counted, plus one; 0: none yet.
    minute_number: AtomicU64,
    /// The bit of each link that was found.
    bits: [AtomicU64; NetworkSlot::N_BITS / 64],
}

impl NetworkSlot {
    const N_BITS: usize = 4096;
}

impl DistinctLinkCounter {
    const N_SLOTS: usize = 8192;

    pub fn new() -> Self {
        let slot = || NetworkSlot {
            minute_number: AtomicU64::new(0),
            bits: std::array::from_fn(|_| AtomicU64::new(0)),
        };
        Self {
            slots: (0..Self::N_SLOTS).map(|_| slot()).collect(),
        }
    }

    /// A counter that counts nothing and takes no memory.
    pub fn without_slots() -> Self {
        Self {
            slots: Box::default(),
        }
    }

    fn slot(&self, network_hash: u64) -> Option<&NetworkSlot> {
        let n_slots = u64::try_from(self.slots.len()).ok()?;
        let index = network_hash.checked_rem(n_slots)?;
        self.slots.get(usize::try_from(index).ok()?)
    }

    /// Adds a link that a network has found.
    pub fn add(&self, network_hash: u64, link_hash: u64, minute_number: u64) {
        let Some(slot) = self.slot(network_hash) else {
            return;
        };
        let counted_minute = slot.minute_number.load(Ordering::Relaxed);
        let this_minute = minute_number + 1;
        if counted_minute != this_minute {
            let relaxed = Ordering::Relaxed;
            let clears_slot = slot
                .minute_number
                .compare_exchange(counted_minute, this_minute, relaxed, relaxed)
                .is_ok();
            if clears_slot {
                for word in &slot.bits {
                    word.store(0, Ordering::Relaxed);
                }
            }
        }
        let bit = link_hash % (NetworkSlot::N_BITS as u64);
        let (word_index, mask) = ((bit / 64) as usize, 1_u64 << (bit % 64));
        if let Some(word) = slot.bits.get(word_index)
            && word.load(Ordering::Relaxed) & mask == 0
        {
            word.fetch_or(mask, Ordering::Relaxed);
        }
    }

    /// About how many different links the network has found in this minute.
    pub fn estimate(&self, network_hash: u64, minute_number: u64) -> usize {
        let Some(slot) = self.slot(network_hash) else {
            return 0;
        };
        if slot.minute_number.load(Ordering::Relaxed) != minute_number + 1 {
            return 0;
        }
        let words = slot.bits.iter();
        let n_zeros: u32 = words
            .map(|word| word.load(Ordering::Relaxed).count_zeros())
            .sum();
        let n_bits = NetworkSlot::N_BITS as f64;
        (n_bits * (n_bits / f64::from(n_zeros.max(1))).ln()).round() as usize
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher as _, RandomState};

    use super::*;

    #[test]
    fn the_estimate_is_near_the_number_of_different_links() {
        let counter = DistinctLinkCounter::new();
        let hasher = RandomState::new();
        for (n_links, tolerance) in [(1, 0), (60, 5), (1000, 60), (5000, 400)] {
            for link in 0..n_links {
                counter.add(1, hasher.hash_one(link), 0);
            }
            let estimate = i64::try_from(counter.estimate(1, 0)).unwrap();
            let deviation = estimate - n_links;
            assert!(deviation.abs() <= tolerance, "{estimate} of {n_links}");
        }
    }
}
