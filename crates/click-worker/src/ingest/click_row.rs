//! A click with what is computed for its row.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use domain::{
    click::ClickEvent,
    device::Device,
    message_click_key::MessageClickKey,
    visitor::{VisitorHash, VisitorHashKey},
};
use ledger::{
    ClickFacts,
    message_clicks::MessageClick,
    totals::{Dimensions, Measures, TotalsDelta},
};

use super::devices::Devices;

pub(super) struct ClickRow<'e> {
    pub event: &'e ClickEvent<'static>,
    pub visitor: VisitorHash,
    pub device: Arc<Device>,
    /// The part of the address that the account wants to store. It is set when the policy of
    /// the account is known.
    pub stored_ip: Option<IpAddr>,
}

impl<'e> ClickRow<'e> {
    pub fn new(
        event: &'e ClickEvent<'static>,
        visitor_key: &VisitorHashKey,
        devices: &mut Devices,
    ) -> Self {
        let (time, user_agent) = (event.click_id.time(), event.user_agent.as_deref());
        Self {
            event,
            visitor: VisitorHash::new(visitor_key, time, event.ip, user_agent),
            device: devices.detect(user_agent),
            stored_ip: None,
        }
    }

    /// Adds the click to the totals, and its own cost if it is not a bot's.
    pub fn count(&self, delta: &mut TotalsDelta) {
        let measures = Measures {
            clicks: 1,
            bot_clicks: i32::from(self.event.is_bot()),
            confirmed_clicks: i32::from(self.event.confirmed),
            ..Measures::default()
        };
        let time = self.event.click_id.time();
        delta.add(self.dimensions(), time, "", measures);
        if let Some(cost) = &self.event.click_cost
            && !self.event.is_bot()
        {
            let measures = Measures::of_click_cost(cost.amount);
            delta.add(self.dimensions(), time, &cost.currency, measures);
        }
    }

    /// The message click that this click may become.
    pub fn message_click(&self, key: MessageClickKey) -> MessageClick {
        MessageClick {
            key,
            click: self.facts(),
        }
    }

    fn facts(&self) -> ClickFacts {
        let event = self.event;
        let text = |value: &Option<Cow<'_, str>>| value.as_deref().map(str::to_owned);
        ClickFacts {
            click_id: event.click_id,
            account_id: event.account_id.0,
            link_key: event.link_key.0,
            link_id: event.link_id.as_str().to_owned(),
            list_id: event.list_id.map(|id| id.0),
            offer_id: event.offer_id.map(|id| id.to_string()),
            creative_id: event.creative_id.map(|id| id.0),
            campaign_id: event.campaign_id.as_ref().map(ToString::to_string),
            message_id: text(&event.message_id),
            contact_phone: text(&event.contact_phone),
            country: text(&event.country),
            device: self.device.class.map(str::to_owned),
        }
    }

    /// The same as [`ClickFacts::dimensions`], without copying the other facts: every click is
    /// counted, and few become message clicks.
    fn dimensions(&self) -> Dimensions {
        let event = self.event;
        Dimensions {
            account_id: event.account_id.0,
            link_key: Some(event.link_key.0),
            offer_id: event.offer_id.map(|id| id.to_string()),
            list_id: event.list_id.map(|id| id.0),
            creative_id: event.creative_id.map(|id| id.0),
            campaign_id: event.campaign_id.as_ref().map(ToString::to_string),
            country: event.country.as_deref().map(str::to_owned),
            device: self.device.class.map(str::to_owned),
        }
    }
}
