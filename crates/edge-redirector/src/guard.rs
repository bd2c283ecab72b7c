//! Guessing costs: an address that asks for what does not exist, again and again,
//! is refused for the rest of the minute, whatever it asks for.
//!
//! Many people share an address behind a mobile network's gateway, and one of them
//! may guess: an address may miss as often as the limit, and once more for each time
//! it found something. Whoever only guesses finds nothing.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are counted at once; more are let through until the next minute.
const MAX_ADDRESSES: usize = 100_000;

#[derive(Debug)]
pub struct Guard {
    /// Misses in a minute; 0: nobody is refused.
    max_misses: u32,
    start: Instant,
    /// Somebody has missed in this minute.
    is_watching: AtomicBool,
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    number: u64,
    counts: HashMap<IpAddr, Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    misses: u32,
    hits: u32,
}

impl Guard {
    pub fn new(max_misses: u32) -> Self {
        Self {
            max_misses,
            start: Instant::now(),
            is_watching: AtomicBool::new(false),
            window: Mutex::default(),
        }
    }

    /// Whether there is anything to ask or tell: while nobody misses, it costs
    /// nothing.
    pub fn is_watching(&self) -> bool {
        self.is_watching.load(Ordering::Relaxed)
    }

    /// Whether an address is refused, and for how many seconds.
    pub fn refuses(&self, address: IpAddr) -> Option<u64> {
        self.refuses_at(address, self.start.elapsed())
    }

    /// It found something.
    pub fn hit(&self, address: IpAddr) {
        if !self.is_watching() {
            return;
        }
        let mut window = self.window(self.start.elapsed());
        if let Some(counts) = window.counts.get_mut(&network(address)) {
            counts.hits = counts.hits.saturating_add(1);
        }
    }

    /// It asked for what there is not, or showed a wrong secret.
    pub fn miss(&self, address: IpAddr) {
        self.miss_at(address, self.start.elapsed());
    }

    fn refuses_at(&self, address: IpAddr, now: Duration) -> Option<u64> {
        if !self.is_watching() {
            return None;
        }
        let window = self.window(now);
        let counts = window.counts.get(&network(address))?;
        let allowed = self.max_misses.saturating_add(counts.hits);
        let end = WINDOW.as_secs() * (window.number + 1);
        (counts.misses >= allowed).then(|| end.saturating_sub(now.as_secs()).max(1))
    }

    fn miss_at(&self, address: IpAddr, now: Duration) {
        if self.max_misses == 0 {
            return;
        }
        let mut window = self.window(now);
        self.is_watching.store(true, Ordering::Relaxed);
        let address = network(address);
        if window.counts.len() < MAX_ADDRESSES || window.counts.contains_key(&address) {
            let counts = window.counts.entry(address).or_default();
            counts.misses = counts.misses.saturating_add(1);
        }
    }

    /// This minute's.
    fn window(&self, now: Duration) -> MutexGuard<'_, Window> {
        let mut window = self
            .window
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let number = now.as_secs() / WINDOW.as_secs();
        if window.number != number {
            self.is_watching.store(false, Ordering::Relaxed);
            *window = Window {
                number,
                counts: HashMap::new(),
            };
        }
        window
    }
}

/// What one subscriber has: an address, or a /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => mapped.into(),
            None => {
                let bits = address.to_bits() >> 64 << 64;
                Ipv6Addr::from_bits(bits).into()
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    const NOW: Duration = Duration::from_secs(10);

    #[test]
    fn who_only_guesses_is_refused_until_the_minute_ends() {
        let guard = Guard::new(3);
        let guesser = address("192.0.2.1");
        for _ in 0..3 {
            assert_eq!(guard.refuses_at(guesser, NOW), None);
            guard.miss_at(guesser, NOW);
        }
        assert_eq!(guard.refuses_at(guesser, NOW), Some(50));
        assert_eq!(guard.refuses_at(address("192.0.2.2"), NOW), None);
        assert!(guard.is_watching());
        assert_eq!(guard.refuses_at(guesser, Duration::from_secs(60)), None);
        assert!(!guard.is_watching());
    }

    #[test]
    fn who_finds_may_miss_more_often() {
        let guard = Guard::new(3);
        let gateway = address("192.0.2.1");
        for _ in 0..50 {
            guard.miss(gateway);
            guard.hit(gateway);
        }
        assert_eq!(guard.refuses(gateway), None);
        for _ in 0..3 {
            guard.miss(gateway);
        }
        assert!(guard.refuses(gateway).is_some());
    }

    #[test]
    fn a_subscriber_of_ipv6_has_one_network() {
        let guard = Guard::new(1);
        guard.miss_at(address("2001:db8::1"), NOW);
        let refuses = |text| guard.refuses_at(address(text), NOW).is_some();
        assert!(refuses("2001:db8::ffff:1"));
        assert!(!refuses("2001:db8:0:1::1"));
        guard.miss_at(address("::ffff:192.0.2.1"), NOW);
        assert!(refuses("192.0.2.1"));
    }

    #[test]
    fn it_can_be_off_and_is_bounded() {
        let off = Guard::new(0);
        let guesser = address("192.0.2.1");
        off.miss_at(guesser, NOW);
        assert_eq!(off.refuses_at(guesser, NOW), None);
        let guard = Guard::new(1);
        for i in 0..=u32::try_from(MAX_ADDRESSES).unwrap() {
            guard.miss_at(std::net::Ipv4Addr::from_bits(i).into(), NOW);
        }
        assert_eq!(guard.window(NOW).counts.len(), MAX_ADDRESSES);
    }
}
