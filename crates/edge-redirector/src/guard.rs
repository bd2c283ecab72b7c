//! Guessing costs: a network that asks for what never existed, again and again, is refused
//! for the rest of the minute, whatever it asks for.
//!
//! A miss is an id that never existed or a wrong secret, each different one once: a link
//! that is deactivated, expired or paused is none, nor is one wrong link that was sent to
//! many. Many people share an address behind a mobile network's gateway, and some of them
//! mistype: a network may miss as often as the limit, and once more for each *different*
//! link that it found. Who only guesses finds nothing, and a known link between two guesses
//! is one link, however often it is asked for.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher as _, Hash, RandomState},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use domain::id::LinkKey;

const WINDOW: Duration = Duration::from_secs(60);
/// Networks whose misses are counted at once; more are let through until the next minute.
const MAX_NETWORKS: usize = 100_000;
/// An IPv6 customer has a /64 at least, and often a /48 of which each request may use
/// another /64: a /48 may miss this many times as often as one /64.
const MISSES_OF_A_48: u32 = 16;

#[derive(Debug)]
pub struct Guard {
    /// Misses in a minute; 0: nobody is refused.
    max_misses: u32,
    start: Instant,
    hasher: RandomState,
    /// Somebody has missed in this minute.
    is_watching: AtomicBool,
    window: Mutex<Window>,
    found: FoundLinks,
}

#[derive(Debug, Default)]
struct Window {
    number: u64,
    /// The hashes of what each network missed.
    misses: HashMap<Network, HashSet<u64>>,
}

impl Guard {
    pub fn new(max_misses: u32) -> Self {
        Self {
            max_misses,
            start: Instant::now(),
            hasher: RandomState::new(),
            is_watching: AtomicBool::new(false),
            window: Mutex::default(),
            found: FoundLinks::new(if max_misses == 0 {
                0
            } else {
                FoundLinks::SLOTS
            }),
        }
    }

    /// Whether an address is refused, and for how many seconds. While nobody misses, it
    /// costs nothing to ask.
    pub fn refuses(&self, address: IpAddr) -> Option<u64> {
        if !self.is_watching.load(Ordering::Relaxed) {
            return None;
        }
        self.refuses_at(address, self.start.elapsed())
    }

    /// A link was found, whether or not it leads anywhere now.
    pub fn found(&self, address: IpAddr, link: LinkKey) {
        if self.max_misses > 0 {
            self.found_at(address, link, self.start.elapsed());
        }
    }

    /// `what` never existed, or is a wrong secret.
    pub fn missed(&self, address: IpAddr, what: &impl Hash) {
        if self.max_misses > 0 {
            self.missed_at(address, what, self.start.elapsed());
        }
    }

    fn refuses_at(&self, address: IpAddr, now: Duration) -> Option<u64> {
        let window = self.window(now);
        let is_over = |network: &Network| {
            let n_missed = window.misses.get(network).map_or(0, HashSet::len);
            n_missed > 0 && n_missed >= self.allowed(network, window.number)
        };
        let end = WINDOW.as_secs() * (window.number + 1);
        let is_refused = Network::all_of(address).any(|network| is_over(&network));
        is_refused.then(|| end.saturating_sub(now.as_secs()).max(1))
    }

    fn found_at(&self, address: IpAddr, link: LinkKey, now: Duration) {
        let link = self.hasher.hash_one(link.0);
        for network in Network::all_of(address) {
            let network = self.hasher.hash_one(network);
            self.found.add(network, link, number_of(now));
        }
    }

    fn missed_at(&self, address: IpAddr, what: &impl Hash, now: Duration) {
        let what = self.hasher.hash_one(what);
        let mut window = self.window(now);
        self.is_watching.store(true, Ordering::Relaxed);
        for network in Network::all_of(address) {
            let n_networks = window.misses.len();
            if n_networks < MAX_NETWORKS || window.misses.contains_key(&network) {
                window.misses.entry(network).or_default().insert(what);
            }
        }
    }

    /// How often a network may miss in this minute.
    fn allowed(&self, network: &Network, number: u64) -> usize {
        let own = match network.prefix_len {
            48 => self.max_misses.saturating_mul(MISSES_OF_A_48),
            _ => self.max_misses,
        };
        let own = usize::try_from(own).unwrap_or(usize::MAX);
        own.saturating_add(self.found.count(self.hasher.hash_one(network), number))
    }

    /// This minute's.
    fn window(&self, now: Duration) -> MutexGuard<'_, Window> {
        let mut window = self
            .window
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let number = number_of(now);
        if window.number != number {
            self.is_watching.store(false, Ordering::Relaxed);
            *window = Window {
                number,
                misses: HashMap::new(),
            };
        }
        window
    }
}

/// The number of the minute.
fn number_of(now: Duration) -> u64 {
    now.as_secs() / WINDOW.as_secs()
}

/// An IPv4 address, or a network of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Network {
    address: IpAddr,
    prefix_len: u8,
}

impl Network {
    /// Those whose misses an address has a part in.
    fn all_of(address: IpAddr) -> impl Iterator<Item = Self> {
        let prefix_lens: &[u8] = match address.to_canonical() {
            IpAddr::V4(_) => &[32],
            IpAddr::V6(_) => &[64, 48],
        };
        prefix_lens.iter().map(move |&prefix_len| Self {
            address: match address.to_canonical() {
                IpAddr::V4(address) => address.into(),
                IpAddr::V6(address) => {
                    let n_host_bits = 128 - prefix_len;
                    let bits = address.to_bits() >> n_host_bits << n_host_bits;
                    Ipv6Addr::from_bits(bits).into()
                }
            },
            prefix_len,
        })
    }
}

/// How many different links each network has found in this minute, nearly: every click adds
/// to it, without a lock. Linear counting (Whang, Vander-Zanden, Taylor: A linear-time
/// probabilistic counting algorithm, 1990), 4 MiB for all: networks whose hashes share a
/// slot are counted together.
#[derive(Debug)]
struct FoundLinks {
    slots: Box<[Slot]>,
}

#[derive(Debug)]
struct Slot {
    /// The number of the minute that it counts, plus one.
    number: AtomicU64,
    bits: [AtomicU64; Slot::N_BITS / 64],
}

impl Slot {
    const N_BITS: usize = 4096;
}

impl FoundLinks {
    const SLOTS: usize = 8192;

    fn new(n_slots: usize) -> Self {
        let slot = || Slot {
            number: AtomicU64::new(0),
            bits: std::array::from_fn(|_| AtomicU64::new(0)),
        };
        Self {
            slots: (0..n_slots).map(|_| slot()).collect(),
        }
    }

    fn slot(&self, network: u64) -> Option<&Slot> {
        let n_slots = u64::try_from(self.slots.len()).ok()?;
        let index = network.checked_rem(n_slots)?;
        self.slots.get(usize::try_from(index).ok()?)
    }

    fn add(&self, network: u64, link: u64, number: u64) {
        let Some(slot) = self.slot(network) else {
            return;
        };
        let counted = slot.number.load(Ordering::Relaxed);
        if counted != number + 1 {
            let (relaxed, next) = (Ordering::Relaxed, number + 1);
            let is_ours = slot
                .number
                .compare_exchange(counted, next, relaxed, relaxed)
                .is_ok();
            if is_ours {
                for word in &slot.bits {
                    word.store(0, Ordering::Relaxed);
                }
            }
        }
        let bit = link % (Slot::N_BITS as u64);
        let (word, bit) = ((bit / 64) as usize, 1_u64 << (bit % 64));
        if let Some(word) = slot.bits.get(word)
            && word.load(Ordering::Relaxed) & bit == 0
        {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    fn count(&self, network: u64, number: u64) -> usize {
        let Some(slot) = self.slot(network) else {
            return 0;
        };
        if slot.number.load(Ordering::Relaxed) != number + 1 {
            return 0;
        }
        let words = slot.bits.iter();
        let n_zeros: u32 = words
            .map(|word| word.load(Ordering::Relaxed).count_zeros())
            .sum();
        let n_bits = Slot::N_BITS as f64;
        (n_bits * (n_bits / f64::from(n_zeros.max(1))).ln()).round() as usize
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NOW: Duration = Duration::from_secs(10);
    const LIMIT: u32 = 60;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// What is asked for in a minute, and how much of it is refused.
    struct Minute {
        guard: Guard,
        n_guesses: usize,
        n_refused: usize,
    }

    impl Minute {
        fn new() -> Self {
            Self {
                guard: Guard::new(LIMIT),
                n_guesses: 0,
                n_refused: 0,
            }
        }

        fn asks(&mut self, address: IpAddr, answer: impl FnOnce(&Guard)) {
            match self.guard.refuses_at(address, NOW) {
                Some(_) => self.n_refused += 1,
                None => answer(&self.guard),
            }
        }

        /// For a link that exists, or did.
        fn opens(&mut self, from: IpAddr, link: i64) {
            self.asks(from, |guard| guard.found_at(from, LinkKey(link), NOW));
        }

        /// For an id that never existed, another one every time.
        fn guesses(&mut self, from: IpAddr) {
            self.n_guesses += 1;
            let id = format!("guess{}", self.n_guesses);
            self.asks(from, |guard| guard.missed_at(from, &id, NOW));
        }
    }

    /// `n` people behind one address, each with a link of their own, of whom 5 % mistype.
    fn crowd(minute: &mut Minute, n: usize, link_of: impl Fn(usize) -> i64) {
        for person in 0..n {
            match person % 20 {
                7 => minute.guesses(address("192.0.2.1")),
                _ => minute.opens(address("192.0.2.1"), link_of(person)),
            }
        }
    }

    #[test]
    fn five_thousand_people_behind_one_address_are_not_refused() {
        let mut minute = Minute::new();
        crowd(&mut minute, 5000, |person| person as i64);
        assert_eq!(minute.n_refused, 0);
    }

    #[test]
    fn nor_if_one_of_their_links_is_deactivated_and_everybody_has_it() {
        let mut minute = Minute::new();
        crowd(&mut minute, 5000, |person| match person % 2 {
            0 => -1,
            _ => person as i64,
        });
        assert_eq!(minute.n_refused, 0);
    }

    #[test]
    fn nor_if_all_of_them_were_sent_one_link_that_never_existed() {
        let mut minute = Minute::new();
        let from = address("192.0.2.1");
        for person in 0..5000 {
            minute.asks(from, |guard| guard.missed_at(from, &"mistyped once", NOW));
            minute.opens(from, person % 3);
        }
        assert_eq!(minute.n_refused, 0);
    }

    #[test]
    fn nor_if_they_mistype_after_all_others_have_come() {
        let mut minute = Minute::new();
        let from = address("192.0.2.1");
        for link in 0..4750 {
            minute.opens(from, link);
        }
        for _ in 0..250 {
            minute.guesses(from);
        }
        assert_eq!(minute.n_refused, 0);
    }

    /// Whatever a guesser knows is asked for before each guess.
    #[rstest]
    #[case::alone(0, 60)]
    #[case::with_a_known_link(1, 61)]
    #[case::with_fifty(50, 110)]
    fn who_guesses_is_refused(#[case] n_known: i64, #[case] n_allowed: i32) {
        let mut minute = Minute::new();
        let from = address("192.0.2.1");
        for guess in 0..500 {
            if n_known > 0 {
                minute.opens(from, guess % n_known);
            }
            minute.guesses(from);
        }
        let n_passed = minute
            .guard
            .window(NOW)
            .misses
            .values()
            .map(HashSet::len)
            .sum::<usize>();
        let n_passed = i32::try_from(n_passed).unwrap();
        // Different links are counted nearly.
        assert!((n_passed - n_allowed).abs() <= 5, "{n_passed}");
        assert!(minute.n_refused > 300);
        assert!(minute.guard.refuses_at(address("192.0.2.2"), NOW).is_none());
    }

    #[test]
    fn it_ends_with_the_minute() {
        let guard = Guard::new(3);
        let guesser = address("192.0.2.1");
        for guess in 0..3 {
            assert_eq!(guard.refuses_at(guesser, NOW), None);
            guard.missed_at(guesser, &guess, NOW);
        }
        assert_eq!(guard.refuses_at(guesser, NOW), Some(50));
        assert!(guard.is_watching.load(Ordering::Relaxed));
        assert_eq!(guard.refuses_at(guesser, Duration::from_secs(60)), None);
        assert!(!guard.is_watching.load(Ordering::Relaxed));
        // Nor does what was found count any longer.
        guard.found_at(guesser, LinkKey(1), NOW);
        for guess in 0..3 {
            guard.missed_at(guesser, &guess, Duration::from_secs(70));
        }
        assert!(guard.refuses_at(guesser, Duration::from_secs(70)).is_some());
    }

    #[test]
    fn a_customer_of_ipv6_cannot_change_the_address() {
        // Within a /64: as one address.
        let mut minute = Minute::new();
        for host in 0..200 {
            minute.guesses(address(&format!("2001:db8::{host:x}")));
        }
        assert_eq!(minute.n_refused, 140);
        // Another /64 is somebody else, until there are very many in a /48.
        assert!(
            minute
                .guard
                .refuses_at(address("2001:db8:0:1::1"), NOW)
                .is_none()
        );
        for net in 0..2000 {
            minute.guesses(address(&format!("2001:db8:0:{net:x}::1")));
        }
        let allowed = usize::try_from(LIMIT * MISSES_OF_A_48).unwrap();
        assert_eq!(minute.n_guesses - minute.n_refused, allowed);
        assert!(
            minute
                .guard
                .refuses_at(address("2001:db8:1::1"), NOW)
                .is_none()
        );
    }

    #[test]
    fn an_ipv4_address_is_one_however_it_is_written() {
        let guard = Guard::new(1);
        guard.missed_at(address("::ffff:192.0.2.1"), &1, NOW);
        assert!(guard.refuses_at(address("192.0.2.1"), NOW).is_some());
    }

    #[test]
    fn it_can_be_off_and_is_bounded() {
        let off = Guard::new(0);
        off.missed(address("192.0.2.1"), &1);
        off.found(address("192.0.2.1"), LinkKey(1));
        assert_eq!(off.refuses(address("192.0.2.1")), None);
        let guard = Guard::new(1);
        for i in 0..=u32::try_from(MAX_NETWORKS).unwrap() {
            guard.missed_at(std::net::Ipv4Addr::from_bits(i).into(), &1, NOW);
        }
        assert_eq!(guard.window(NOW).misses.len(), MAX_NETWORKS);
    }

    #[test]
    fn different_links_are_counted_nearly() {
        let guard = Guard::new(LIMIT);
        let network = Network::all_of(address("192.0.2.1")).next().unwrap();
        for (n_links, tolerance) in [(1, 0), (60, 5), (1000, 60), (5000, 400)] {
            for link in 0..n_links {
                guard.found_at(network.address, LinkKey(link), NOW);
            }
            let counted = guard.found.count(guard.hasher.hash_one(network), 0);
            let off_by = i64::try_from(counted).unwrap() - n_links;
            assert!(off_by.abs() <= tolerance, "{counted} of {n_links}");
        }
    }
}
