//! The devices of user agents.

use std::sync::Arc;

use domain::device::Device;
use platform::bounded_memo::BoundedMemo;

/// How many user agents are remembered. Fewer than these occur in any hour.
const MAX_REMEMBERED: usize = 10_000;

/// Remembers the device of each user agent, because detecting one matches many regular
/// expressions.
pub(super) struct Devices {
    by_user_agent: BoundedMemo<Arc<Device>>,
    unknown: Arc<Device>,
}

impl Default for Devices {
    fn default() -> Self {
        Self {
            by_user_agent: BoundedMemo::new(MAX_REMEMBERED),
            unknown: Arc::default(),
        }
    }
}

impl Devices {
    pub fn detect(&mut self, user_agent: Option<&str>) -> Arc<Device> {
        let Some(user_agent) = user_agent else {
            return self.unknown.clone();
        };
        self.by_user_agent
            .get_or_compute(user_agent, || Arc::new(Device::from_user_agent(user_agent)))
    }
}
