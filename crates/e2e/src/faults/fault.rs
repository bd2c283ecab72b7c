//! A fault, what it may destroy, and its run under load.

use std::{pin::Pin, sync::Arc, time::Instant};

use super::{
    outcome::{Outcome, Redirects},
    private_servers::PrivateServers,
    profile::Profile,
    testbed::{Setup, Testbed},
};
use crate::{
    lag::Lags,
    load::{Audit, Sample, Summary, ToleratedLoss},
};

/// What a fault inevitably destroys, and what it leaves behind.
#[derive(Debug, Default)]
pub struct ExpectedEffects {
    pub tolerated_loss: ToleratedLoss,
    pub n_dead_letters: u32,
    /// How late clicks of other accounts were stored meanwhile, where the fault measures it.
    pub lags: Option<Lags>,
    /// A sentence for each effect of the fault that is missing.
    pub violations: Vec<String>,
}

pub(super) type FaultFuture<'a> = Pin<Box<dyn Future<Output = ExpectedEffects> + 'a>>;

pub struct Fault {
    pub name: &'static str,
    /// What happens, for the list of faults.
    pub what: &'static str,
    pub(super) setup: Setup,
    pub(super) redirects: Redirects,
    pub(super) inject: for<'a> fn(&'a mut Testbed) -> FaultFuture<'a>,
}

impl Fault {
    pub async fn run(&self, servers: Arc<PrivateServers>, profile: Profile) -> Outcome {
        let mut testbed = Testbed::start(servers, &self.setup, profile).await;
        tokio::time::sleep(profile.settle_time).await;
        let begin = Instant::now();
        let expected = (self.inject)(&mut testbed).await;
        let end = Instant::now();
        let recovery = testbed
            .wait_for_clicks(&expected.tolerated_loss.clicks)
            .await;
        tokio::time::sleep(profile.settle_time).await;
        testbed.load.stop().await;
        testbed
            .wait_for_clicks(&expected.tolerated_loss.clicks)
            .await;
        testbed
            .wait_for_conversions(&expected.tolerated_loss.conversions)
            .await;

        let expectations = std::mem::take(&mut *testbed.load.expectations());
        let n_unrecorded = testbed.n_unrecorded().await;
        let mut audit = Audit::run(
            &expectations,
            &testbed.test_env,
            &expected.tolerated_loss,
            n_unrecorded,
        )
        .await;
        audit.violations.extend(expected.violations);
        let dead_queue = testbed.test_env.topology().dead_letter_queue.to_string();
        let n_dead_letters = testbed.test_env.queue_len(&dead_queue).await;
        if n_dead_letters != expected.n_dead_letters {
            let n = expected.n_dead_letters;
            let wrong = format!("{n_dead_letters} dead letters, not {n}");
            audit.violations.push(wrong);
        }
        audit.violations.extend(testbed.shut_down().await);
        let during = |samples: &[Sample]| {
            let samples = samples.iter();
            Summary::from_samples(samples.filter(|sample| (begin..=end).contains(&sample.due)))
        };
        let mut outcome = Outcome {
            redirects: Summary {
                // Failures before and after the fault count as well.
                failures: Summary::from_samples(&expectations.redirects).failures,
                ..during(&expectations.redirects)
            },
            conversions: during(&expectations.conversion_requests),
            mints: during(&expectations.api_requests),
            n_unrecorded,
            audit,
            recovery,
            lags: expected.lags,
            is_passed: false,
        };
        outcome.judge(self.redirects, profile);
        outcome
    }
}
