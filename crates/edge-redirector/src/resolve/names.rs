//! Names that are not quite a link's own: the host of another domain in a postback, a slug
//! in another case.

use std::sync::Arc;

use domain::id::ShortId;

use super::{Limits, tier::Tier, trust::Trust};

pub(super) struct Names {
    /// The short domains that have a link of this id, as seen from a host.
    pub hosts: Tier<(String, ShortId), Vec<String>>,
    /// The only slug of a host that is this id in upper or lower case.
    pub slugs: Tier<(String, ShortId), ShortId>,
}

impl Names {
    pub fn new(limits: &Limits, trust: &Arc<Trust>) -> Self {
        Self {
            hosts: Tier::new(limits, 0.02, trust.clone()),
            slugs: Tier::new(limits, 0.02, trust.clone()),
        }
    }

    pub fn forget_all(&self) {
        self.hosts.forget_all();
        self.slugs.forget_all();
    }
}
