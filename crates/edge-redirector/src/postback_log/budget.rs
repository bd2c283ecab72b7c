//! How many entries the log takes, so that a flood of postbacks fills neither the memory nor the
//! database. Refused postbacks, and those of clicks that nobody knows, cost their sender
//! nothing: few of them are logged for each network and account. They do not use up the share
//! of the account's other postbacks.

use std::{net::IpAddr, time::Duration};

use domain::id::AccountId;

use crate::{
    network::Network,
    token_buckets::{BucketRate, TokenBuckets},
};

/// Accepted postbacks of an account.
const ACCEPTED_OF_ACCOUNT: BucketRate = BucketRate {
    burst: 2_000.0,
    per_second: 20.0,
};
/// Refused postbacks for an account, and, as one account, all for none.
const REFUSED_OF_ACCOUNT: BucketRate = BucketRate {
    burst: 600.0,
    per_second: 5.0,
};
/// Refused postbacks from a network.
const REFUSED_OF_NETWORK: BucketRate = BucketRate {
    burst: 60.0,
    per_second: 1.0,
};

/// Whose share of the log an entry takes.
#[derive(Debug, Clone, Copy)]
pub struct LoggedSender {
    pub address: IpAddr,
    /// The account of the link, offer or click. One that the sender merely names does not
    /// count.
    pub account_id: Option<AccountId>,
    /// Whether it was refused, or names nothing but a click that nobody knows.
    pub is_refused: bool,
}

#[derive(Debug)]
pub(super) struct LogBudget {
    accepted_of_accounts: TokenBuckets<Option<AccountId>>,
    refused_of_accounts: TokenBuckets<Option<AccountId>>,
    refused_of_networks: TokenBuckets<Option<Network>>,
}

impl Default for LogBudget {
    fn default() -> Self {
        Self {
            accepted_of_accounts: TokenBuckets::new(ACCEPTED_OF_ACCOUNT),
            refused_of_accounts: TokenBuckets::new(REFUSED_OF_ACCOUNT),
            refused_of_networks: TokenBuckets::new(REFUSED_OF_NETWORK),
        }
    }
}

impl LogBudget {
    /// Whether one more entry is taken.
    pub fn admit(&mut self, sender: LoggedSender, now: Duration) -> bool {
        let LoggedSender {
            address,
            account_id,
            is_refused,
        } = sender;
        if !is_refused {
            return self.accepted_of_accounts.try_take(account_id, now);
        }
        // A network that has had its share takes nothing of the account's.
        let network = Network::smallest(address);
        self.refused_of_networks.try_take(network, now)
            && self.refused_of_accounts.try_take(account_id, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n_admitted(
        budget: &mut LogBudget,
        n_postbacks: u32,
        sender: impl Fn(u32) -> LoggedSender,
    ) -> usize {
        let now = Duration::from_secs(1);
        (0..n_postbacks)
            .filter(|&n| budget.admit(sender(n), now))
            .count()
    }

    #[test]
    fn refused_postbacks_are_limited_by_network_and_account() {
        let mut budget = LogBudget::default();
        let [mine, other] = [1, 2].map(|id| Some(AccountId(id)));
        let refused = |account_id, address: u32| LoggedSender {
            address: std::net::Ipv4Addr::from_bits(address).into(),
            account_id,
            is_refused: true,
        };
        assert_eq!(n_admitted(&mut budget, 1_000, |_| refused(mine, 7)), 60);
        assert_eq!(
            n_admitted(&mut budget, 1_000, |_| refused(other, 7)),
            0,
            "the network has had its share, whatever account it names"
        );
        assert_eq!(
            n_admitted(&mut budget, 5_000, |n| refused(mine, 100 + n)),
            540,
            "many networks share what is left of the account"
        );
        assert_eq!(n_admitted(&mut budget, 1, |_| refused(other, 8)), 1);
        let accepted = |_| LoggedSender {
            is_refused: false,
            ..refused(mine, 7)
        };
        assert_eq!(
            n_admitted(&mut budget, 5_000, accepted),
            2_000,
            "refused postbacks take nothing of the accepted ones"
        );
    }
}
