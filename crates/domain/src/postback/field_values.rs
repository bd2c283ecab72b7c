//! Which parameter of a postback has the value of each field.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{
    aliases::is_click_id_form, field::Field, layers::MappingLayers, parameters::PostbackParameters,
};
use crate::id::OfferId;

/// How much less a member of nested JSON counts than a parameter of the same name: first by its
/// path with underscores (`order.id` as `order_id`), then by its own name alone.
const PATH_PENALTY: u8 = 60;
const LEAF_PENALTY: u8 = 120;
/// How much less a click id counts that has not the form of one.
const OTHER_FORM_PENALTY: u8 = 30;

/// The parameter that has the value of each field.
#[derive(Debug)]
pub struct FieldValues<'p> {
    parameters: &'p PostbackParameters<'p>,
    assigned: [Option<Assigned>; Field::ALL.len()],
}

#[derive(Debug, Clone, Copy)]
struct Assigned {
    /// Less is more.
    rank: u8,
    /// The place among the parameters.
    index: usize,
}

impl<'p> FieldValues<'p> {
    /// Our own name of a field comes before every other one, then the names by the mappings,
    /// then those that are known of every sender. A parameter without a value is as good as
    /// none.
    pub fn assign(parameters: &'p PostbackParameters<'p>, mapping: MappingLayers<'_>) -> Self {
        let mut values = Self {
            parameters,
            assigned: [None; Field::ALL.len()],
        };
        let mut n_by_leaf = None;
        let mut like_clicks = Vec::new();
        for (index, (name, value)) in parameters.iter().enumerate() {
            if value.is_empty() {
                continue;
            }
            let found = rank(name, value, mapping).or_else(|| {
                let leaf = name.rsplit_once('.')?.1;
                let n_by_leaf = n_by_leaf.get_or_insert_with(|| count_leaves(parameters));
                let is_unique = n_by_leaf.get(leaf) == Some(&1);
                rank_nested(name, leaf, is_unique, value, mapping)
            });
            let Some((field, rank)) = found.filter(|(field, _)| !field.has_no_value(value)) else {
                continue;
            };
            let candidate = Assigned { rank, index };
            match field {
                Field::TxnId if is_click_id_form(value) => like_clicks.push(candidate),
                // One that is no click id may be a link, if there is no better one.
                Field::ClickId if rank > 0 && !is_click_id_form(value) => {
                    let rank = rank + OTHER_FORM_PENALTY;
                    values.offer(field, Assigned { rank, index });
                }
                _ => values.offer(field, candidate),
            }
        }
        values.settle_click(like_clicks);
        values
    }

    pub fn get(&self, field: Field) -> Option<&'p str> {
        self.assigned[field as usize].map(|assigned| self.value_at(assigned.index))
    }

    /// The value of a parameter by its exact name.
    pub fn parameter(&self, name: &str) -> Option<&'p str> {
        self.parameters.get(name)
    }

    /// The parameters that have a value, each with its name as it was sent, and the field that
    /// it is taken for.
    pub fn fields(&self) -> impl Iterator<Item = (&'p str, &'p str, Option<Field>)> {
        let with_value = |(_, (_, value)): &(usize, (&str, &str))| !value.is_empty();
        let parameters = self.parameters.iter().enumerate().filter(with_value);
        parameters.map(|(index, (name, value))| {
            let field = Field::ALL.into_iter().find(|field| {
                self.assigned[*field as usize].is_some_and(|assigned| assigned.index == index)
            });
            (name, value, field)
        })
    }

    /// The name under which a field was sent.
    pub fn sent_name(&self, field: Field) -> Option<&'p str> {
        let assigned = self.assigned[field as usize]?;
        self.parameters.at(assigned.index).map(|(name, _)| name)
    }

    fn value_at(&self, index: usize) -> &'p str {
        self.parameters.at(index).map_or("", |(_, value)| value)
    }

    /// Assigns a parameter to a field, unless a better one is there. Of two that are as good
    /// the one with the longer name is better, and then the first one.
    fn offer(&mut self, field: Field, candidate: Assigned) {
        let key = |assigned: Assigned| {
            let name = self.parameters.at(assigned.index).map(|(name, _)| name);
            (assigned.rank, Reverse(name.map(str::len)))
        };
        let current = self.assigned[field as usize];
        let is_better = current.is_none_or(|current| key(candidate) < key(current));
        if is_better {
            self.assigned[field as usize] = Some(candidate);
        }
    }

    /// A value that is no click id is no click beside a link. Where no click, link or offer is
    /// named, a transaction that has the form of a click id is the click: networks call the
    /// click that, too.
    fn settle_click(&mut self, like_clicks: Vec<Assigned>) {
        let click = self.get(Field::ClickId);
        let has_link = self.get(Field::LinkId).is_some();
        if has_link && click.is_some_and(|click| !is_click_id_form(click)) {
            self.assigned[Field::ClickId as usize] = None;
        }
        let offer = self.get(Field::OfferId);
        // Networks send an offer id of their own beside the click. Only with its secret is it
        // the `external_id` of an offer.
        let has_secret = self.get(Field::PostbackSecret).is_some();
        let has_offer = offer.is_some_and(|offer| has_secret || OfferId::parse(offer).is_ok());
        let mut like_clicks = like_clicks;
        if click.is_none() && !has_link && !has_offer {
            like_clicks.sort_by_key(|candidate| candidate.rank);
            let mut candidates = like_clicks.into_iter();
            self.assigned[Field::ClickId as usize] = candidates.next();
            like_clicks = candidates.collect();
        }
        for candidate in like_clicks {
            self.offer(Field::TxnId, candidate);
        }
    }
}

fn rank(name: &str, value: &str, mapping: MappingLayers<'_>) -> Option<(Field, u8)> {
    match Field::parse(name) {
        Some(field) => Some((field, 0)),
        None => mapping.field(name, value),
    }
}

fn rank_nested(
    name: &str,
    leaf: &str,
    is_leaf_unique: bool,
    value: &str,
    mapping: MappingLayers<'_>,
) -> Option<(Field, u8)> {
    if let Some((field, path_rank)) = rank(&name.replace('.', "_"), value, mapping) {
        return Some((field, path_rank + PATH_PENALTY));
    }
    if !is_leaf_unique {
        return None;
    }
    let (field, leaf_rank) = rank(leaf, value, mapping)?;
    Some((field, leaf_rank + LEAF_PENALTY))
}

/// How many nested parameters have each last part of a name.
fn count_leaves<'p>(parameters: &'p PostbackParameters<'_>) -> BTreeMap<&'p str, usize> {
    let mut n_by_leaf = BTreeMap::new();
    for (name, _) in parameters.iter() {
        if let Some((_, leaf)) = name.rsplit_once('.') {
            *n_by_leaf.entry(leaf).or_default() += 1;
        }
    }
    n_by_leaf
}
