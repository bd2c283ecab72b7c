//! Tests of the guard as a whole, by the requests of one minute.

use rstest::rstest;

use super::*;

const NOW: Duration = Duration::from_secs(10);
const LIMIT: u32 = 60;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The requests of one minute, and how many of them are refused.
struct Requests {
    guard: EnumerationGuard,
    n_guesses: usize,
    n_refused: usize,
}

impl Requests {
    fn new() -> Self {
        Self {
            guard: EnumerationGuard::new(LIMIT),
            n_guesses: 0,
            n_refused: 0,
        }
    }

    fn request(&mut self, address: IpAddr, record: impl FnOnce(&EnumerationGuard)) {
        match self.guard.retry_after_at(address, NOW) {
            Some(_) => self.n_refused += 1,
            None => record(&self.guard),
        }
    }

    /// Requests a link that exists.
    fn open(&mut self, address: IpAddr, link: i64) {
        self.request(address, |guard| {
            guard.record_success_at(address, LinkKey(link), NOW);
        });
    }

    /// Requests an id that never existed, another one every time.
    fn guess(&mut self, address: IpAddr) {
        self.n_guesses += 1;
        let id = format!("guess{}", self.n_guesses);
        self.request(address, |guard| guard.record_failure_at(address, &id, NOW));
    }
}

/// Requests of `n` people behind one address. Person `p` opens `link_of(p)`; 5 % of the
/// people mistype their link.
fn request_as_crowd(requests: &mut Requests, n: usize, link_of: impl Fn(usize) -> i64) {
    for person in 0..n {
        match person % 20 {
            7 => requests.guess(address("192.0.2.1")),
            _ => requests.open(address("192.0.2.1"), link_of(person)),
        }
    }
}

#[test]
fn five_thousand_people_behind_one_address_are_not_refused() {
    let mut requests = Requests::new();
    request_as_crowd(&mut requests, 5000, |person| person as i64);
    assert_eq!(requests.n_refused, 0);
}

#[test]
fn people_behind_one_address_are_not_refused_when_half_of_them_share_a_link() {
    let mut requests = Requests::new();
    request_as_crowd(&mut requests, 5000, |person| match person % 2 {
        0 => -1,
        _ => person as i64,
    });
    assert_eq!(requests.n_refused, 0);
}

#[test]
fn people_behind_one_address_are_not_refused_when_all_got_one_wrong_link() {
    let mut requests = Requests::new();
    let shared = address("192.0.2.1");
    for person in 0..5000 {
        requests.request(shared, |guard| {
            guard.record_failure_at(shared, &"mistyped once", NOW);
        });
        requests.open(shared, person % 3);
    }
    assert_eq!(requests.n_refused, 0);
}

#[test]
fn people_behind_one_address_are_not_refused_when_they_mistype_at_the_end() {
    let mut requests = Requests::new();
    let shared = address("192.0.2.1");
    for link in 0..4750 {
        requests.open(shared, link);
    }
    for _ in 0..250 {
        requests.guess(shared);
    }
    assert_eq!(requests.n_refused, 0);
}

/// A client that guesses ids requests one of its `n_known` links before each guess.
#[rstest]
#[case::without_known_links(0, 60)]
#[case::with_one_known_link(1, 61)]
#[case::with_fifty_known_links(50, 110)]
fn a_client_that_guesses_ids_is_refused(#[case] n_known: i64, #[case] n_allowed: i32) {
    let mut requests = Requests::new();
    let client = address("192.0.2.1");
    for guess in 0..500 {
        if n_known > 0 {
            requests.open(client, guess % n_known);
        }
        requests.guess(client);
    }
    let n_passed = requests
        .guard
        .minute(NOW)
        .failures
        .values()
        .map(HashSet::len)
        .sum::<usize>();
    let n_passed = i32::try_from(n_passed).unwrap();
    // The number of different links is an estimate.
    assert!((n_passed - n_allowed).abs() <= 5, "{n_passed}");
    assert!(requests.n_refused > 300);
    assert!(
        requests
            .guard
            .retry_after_at(address("192.0.2.2"), NOW)
            .is_none()
    );
}

#[test]
fn a_refusal_ends_with_the_minute() {
    let guard = EnumerationGuard::new(3);
    let guesser = address("192.0.2.1");
    for guess in 0..3 {
        assert_eq!(guard.retry_after_at(guesser, NOW), None);
        guard.record_failure_at(guesser, &guess, NOW);
    }
    assert_eq!(guard.retry_after_at(guesser, NOW), Some(50));
    assert!(guard.is_active.load(Ordering::Relaxed));
    assert_eq!(guard.retry_after_at(guesser, Duration::from_secs(60)), None);
    assert!(!guard.is_active.load(Ordering::Relaxed));
    // Links that were found in an earlier minute allow no more failures.
    guard.record_success_at(guesser, LinkKey(1), NOW);
    for guess in 0..3 {
        guard.record_failure_at(guesser, &guess, Duration::from_secs(70));
    }
    assert!(
        guard
            .retry_after_at(guesser, Duration::from_secs(70))
            .is_some()
    );
}

#[test]
fn an_ipv6_customer_cannot_evade_the_limit_by_other_addresses() {
    // All addresses of a /64 count as one.
    let mut requests = Requests::new();
    for host in 0..200 {
        requests.guess(address(&format!("2001:db8::{host:x}")));
    }
    assert_eq!(requests.n_refused, 140);
    // Another /64 is another customer, until very many of a /48 fail.
    assert!(
        requests
            .guard
            .retry_after_at(address("2001:db8:0:1::1"), NOW)
            .is_none()
    );
    for net in 0..2000 {
        requests.guess(address(&format!("2001:db8:0:{net:x}::1")));
    }
    let allowed = usize::try_from(LIMIT * FACTOR_OF_A_48).unwrap();
    assert_eq!(requests.n_guesses - requests.n_refused, allowed);
    assert!(
        requests
            .guard
            .retry_after_at(address("2001:db8:1::1"), NOW)
            .is_none()
    );
}

#[test]
fn an_ipv4_address_mapped_to_ipv6_is_the_same_address() {
    let guard = EnumerationGuard::new(1);
    guard.record_failure_at(address("::ffff:192.0.2.1"), &1, NOW);
    assert!(guard.retry_after_at(address("192.0.2.1"), NOW).is_some());
}

#[test]
fn a_limit_of_zero_turns_the_guard_off_and_its_memory_is_bounded() {
    let off = EnumerationGuard::new(0);
    off.record_failure(address("192.0.2.1"), &1);
    off.record_success(address("192.0.2.1"), LinkKey(1));
    assert_eq!(off.retry_after(address("192.0.2.1")), None);
    let guard = EnumerationGuard::new(1);
    for i in 0..=u32::try_from(MAX_NETWORKS).unwrap() {
        guard.record_failure_at(std::net::Ipv4Addr::from_bits(i).into(), &1, NOW);
    }
    assert_eq!(guard.minute(NOW).failures.len(), MAX_NETWORKS);
}
