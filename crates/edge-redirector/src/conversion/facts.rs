//! What is known of a postback by the time that it is answered, for the log of postbacks.

use std::net::IpAddr;

use domain::{
    id::{AccountId, ConversionId, LinkKey, PostbackId},
    postback::{
        ConversionDetails, Field, Postback, PostbackError, PostbackVerdict,
        log::{LoggedPostback, MAX_IGNORED_NAME_BYTES, MAX_IGNORED_NAMES, entry_text},
    },
};

use super::{event::RecordedConversion, target::PostbackTarget};
use crate::{click_lookups::ClickLookup, postback_log::LoggedSender};

/// The most bytes of an id that is not one of ours.
const MAX_ID_BYTES: usize = 64;

/// It is filled while the postback is handled, so that a refused one has what was known when it
/// was refused.
#[derive(Debug, Default)]
pub struct PostbackFacts {
    /// The account of the link, the offer or the stored click.
    account_id: Option<AccountId>,
    /// What the sender gave as `account_id`.
    named_account_id: Option<AccountId>,
    link_key: Option<LinkKey>,
    link_id: Option<String>,
    offer_id: Option<String>,
    click_id: Option<String>,
    details: Option<ConversionDetails>,
    is_authenticated: bool,
    conversion_id: Option<ConversionId>,
    first_conversion_id: Option<ConversionId>,
}

impl PostbackFacts {
    /// Takes what the postback says.
    pub fn read(&mut self, postback: &Postback<'_>, details: ConversionDetails) {
        let id = |field| {
            let text = postback.get(field)?;
            Some(entry_text(text, MAX_ID_BYTES))
        };
        let click_id = postback.click_id(jiff::Timestamp::now());
        self.click_id = click_id
            .map(|click_id| click_id.to_string())
            .or_else(|| id(Field::ClickId));
        self.link_id = id(Field::LinkId);
        self.offer_id = id(Field::OfferId);
        let named_account = postback.get(Field::AccountId);
        self.named_account_id = named_account.and_then(|text| text.parse().ok().map(AccountId));
        self.details = Some(details);
    }

    /// Takes the link, offer or coupon that the postback is for.
    pub fn find(&mut self, target: &PostbackTarget) {
        match target {
            PostbackTarget::Link {
                resolved: Some(resolved),
                ..
            } => {
                let link = &resolved.link;
                self.account_id = Some(link.account_id);
                self.link_key = Some(link.link_key);
                self.link_id = Some(link.link_id.to_string());
                self.offer_id = link.offer_id.map(|id| id.to_string());
            }
            PostbackTarget::Link { resolved: None, .. } => {}
            PostbackTarget::Offer { offer, .. } => {
                self.account_id = Some(offer.record.account_id);
                self.offer_id = Some(offer.record.offer_id.to_string());
            }
            PostbackTarget::Coupon(target) => {
                self.account_id = Some(target.coupon.account_id);
                if let Some(resolved) = &target.link {
                    self.link_key = Some(resolved.link.link_key);
                    self.link_id = Some(resolved.link.link_id.to_string());
                }
                let offer = target.offer();
                self.offer_id = offer.map(|offer| offer.offer_id.to_string());
            }
        }
    }

    /// Takes the account whose secret the postback has.
    pub fn authenticate(&mut self, is_authenticated: bool, account_id: Option<AccountId>) {
        self.is_authenticated = is_authenticated;
        self.account_id = self.account_id.or(account_id);
    }

    /// Takes what the origin says of the click, where nothing else names the account.
    pub fn find_click(&mut self, lookup: Option<&ClickLookup>) {
        if let Some(ClickLookup::Stored(click)) = lookup {
            self.account_id = self.account_id.or(Some(click.account_id));
            self.link_key = Some(click.link_key);
            self.link_id = Some(click.link_id.clone());
            self.offer_id.clone_from(&click.offer_id);
        }
    }

    /// Takes the conversion whose event is on disk.
    pub fn record(&mut self, recorded: &RecordedConversion) {
        self.conversion_id = Some(recorded.id);
        self.first_conversion_id = recorded.first_id;
    }

    /// The verdict on a postback that was answered so.
    pub fn verdict(&self, error: Option<PostbackError>) -> PostbackVerdict {
        match (error, self.conversion_id, self.first_conversion_id) {
            (Some(error), ..) => PostbackVerdict::Refused(error),
            (None, _, Some(_)) => PostbackVerdict::Duplicate,
            (None, Some(_), None) => PostbackVerdict::Accepted,
            (None, None, None) => PostbackVerdict::Ignored,
        }
    }

    /// Whose share of the log the entry takes.
    pub fn sender(&self, address: IpAddr, verdict: PostbackVerdict) -> LoggedSender {
        LoggedSender {
            address,
            account_id: self.account_id,
            is_refused: verdict.is_refused() || self.account_id.is_none(),
        }
    }

    /// The entry, without path and host. Of secrets it has the names only.
    pub fn into_entry(
        self,
        id: PostbackId,
        verdict: PostbackVerdict,
        address: IpAddr,
    ) -> LoggedPostback {
        let mut entry = LoggedPostback {
            account_id: self.account_id,
            named_account_id: self.named_account_id,
            conversion_id: self.conversion_id,
            first_conversion_id: self.first_conversion_id,
            click_id: self.click_id,
            link_key: self.link_key,
            link_id: self.link_id,
            offer_id: self.offer_id,
            authenticated: self.is_authenticated,
            address: Some(address),
            ..LoggedPostback::new(id, verdict)
        };
        let Some(details) = self.details else {
            return entry;
        };
        entry.event = Some(details.event);
        entry.status = Some(details.status);
        entry.amount = details.revenue;
        entry.currency = Some(details.currency);
        entry.txn_id = details.txn_id;
        entry.refund_id = details.refund_id;
        entry.flags = details.flags;
        let understood = details.understood.iter();
        entry.credentials = understood
            .map(|parameter| parameter.field)
            .filter(|field| field.is_secret())
            .collect();
        entry.credentials.sort_unstable();
        entry.credentials.dedup();
        let ignored = details.ignored.iter().take(MAX_IGNORED_NAMES);
        entry.ignored = ignored
            .map(|name| entry_text(name, MAX_IGNORED_NAME_BYTES))
            .collect();
        entry
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        postback::{MappingLayers, PostbackMapping, PostbackParameters},
        record::StoredClick,
    };

    use super::*;

    const SECRET: &str = "a-secret-that-nobody-may-see";

    fn facts(query: &str, mapping: Option<&PostbackMapping>) -> PostbackFacts {
        let mut parameters = PostbackParameters::default();
        parameters.add_form(query.as_bytes());
        let postback = Postback::new(&parameters, MappingLayers::new(mapping, None));
        let mut facts = PostbackFacts::default();
        facts.read(&postback, postback.details());
        facts
    }

    fn entry_line(facts: PostbackFacts) -> String {
        let id = PostbackId::generate(1, &mut rand::rng());
        let verdict = facts.verdict(Some(PostbackError::InvalidToken));
        let entry = facts.into_entry(id, verdict, [203, 0, 113, 9].into());
        let mut line = Vec::new();
        entry.write_line(&mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn an_entry_names_the_secrets_of_a_postback_and_has_none() {
        let mapping: PostbackMapping = serde_json::from_str(
            r#"{"parameters": {"key": "token", "order_id": "postback_secret"}}"#,
        )
        .unwrap();
        for (query, mapping, credentials) in [
            ("token=S", None, r#""credentials":["token"]"#),
            ("TOKEN=S&token=S", None, r#""credentials":["token"]"#),
            ("signature=S", None, r#""credentials":["signature"]"#),
            (
                "postback_secret=S&token=S&txn_id=7",
                None,
                r#""credentials":["token","postback_secret"]"#,
            ),
            ("key=S", Some(&mapping), r#""credentials":["token"]"#),
            (
                "order_id=S",
                Some(&mapping),
                r#""credentials":["postback_secret"]"#,
            ),
            (
                "nobody_knows_it=S",
                None,
                r#""ignored":["nobody_knows_it"]"#,
            ),
        ] {
            let query = format!("link_id=Ab3kX9q&{}", query.replace('S', SECRET));
            let line = entry_line(facts(&query, mapping));
            assert!(!line.contains(SECRET), "{query}: {line}");
            assert!(line.contains(credentials), "{query}: {line}");
        }
    }

    #[test]
    fn the_verdict_is_that_of_the_answer() {
        let id = || ConversionId::generate(1, &mut rand::rng());
        let recorded = |first_id| {
            let mut facts = PostbackFacts::default();
            facts.record(&RecordedConversion { id: id(), first_id });
            facts
        };
        assert_eq!(recorded(None).verdict(None), PostbackVerdict::Accepted);
        let repeated = recorded(Some(id())).verdict(None);
        assert_eq!(repeated, PostbackVerdict::Duplicate);
        let nothing = PostbackFacts::default;
        assert_eq!(nothing().verdict(None), PostbackVerdict::Ignored);
        for error in PostbackError::all() {
            let verdict = nothing().verdict(Some(error));
            assert_eq!(verdict.as_str(), error.status_and_code().1);
        }
    }

    #[test]
    fn what_costs_its_sender_nothing_takes_the_share_of_refused_postbacks() {
        let address = [203, 0, 113, 9].into();
        let mut facts = PostbackFacts::default();
        assert!(facts.sender(address, PostbackVerdict::Accepted).is_refused);
        facts.find_click(Some(&ClickLookup::NotStored));
        assert!(facts.sender(address, PostbackVerdict::Accepted).is_refused);
        facts.find_click(Some(&ClickLookup::Stored(StoredClick {
            account_id: AccountId(7),
            link_key: LinkKey(8),
            link_id: "Ab3kX9q".into(),
            offer_id: None,
        })));
        let sender = facts.sender(address, PostbackVerdict::Accepted);
        assert_eq!(
            (sender.account_id, sender.is_refused),
            (Some(AccountId(7)), false)
        );
        let refused = PostbackVerdict::Refused(PostbackError::InvalidToken);
        assert!(facts.sender(address, refused).is_refused);
    }

    #[test]
    fn ids_of_a_sender_are_cut_and_those_of_ours_have_one_form() {
        let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap();
        let click = domain::id::ClickId::generate(now, &mut rand::rng()).to_string();
        let sent = click.to_uppercase().replace('-', "");
        let facts_of = |query: &str| facts(query, None);
        assert_eq!(facts_of(&format!("cid={sent}")).click_id, Some(click));
        let long = "x".repeat(500);
        let of_click = facts_of(&format!("click_id={long}&account_id=12"));
        let of_link = facts_of(&format!("link_id={long}&offer_id={long}"));
        for id in [of_click.click_id, of_link.link_id, of_link.offer_id] {
            assert_eq!(id.unwrap().len(), MAX_ID_BYTES);
        }
        assert_eq!(of_click.named_account_id, Some(AccountId(12)));
    }
}
