//! The devices of user agents, remembered: reading one tries many expressions.

use std::{collections::HashMap, sync::Arc};

use domain::device::Device;

/// There are few in any hour. Forgotten together when there are more.
const REMEMBERED: usize = 10_000;

#[derive(Default)]
pub(super) struct Devices {
    known: HashMap<String, Arc<Device>>,
    unknown: Arc<Device>,
}

impl Devices {
    pub fn of(&mut self, user_agent: Option<&str>) -> Arc<Device> {
        let Some(user_agent) = user_agent else {
            return self.unknown.clone();
        };
        if let Some(device) = self.known.get(user_agent) {
            return device.clone();
        }
        let device = Arc::new(Device::from_user_agent(user_agent));
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(user_agent.to_owned(), device.clone());
        device
    }
}
