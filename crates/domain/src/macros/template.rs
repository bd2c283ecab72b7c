//! A parsed template, and its expansion.

use std::borrow::Cow;

use super::{
    encode::{escape_dot_segments, push_value},
    forward,
    name::Macro,
    token::{Token, tokens},
};

/// A template: parsed once and expanded for each click.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// `scheme://host[:port]` in the form that URL parsers write.
    pub(super) origin: String,
    pub(super) parts: Vec<TemplatePart>,
    /// How many parts the path has. The others are of query and fragment.
    pub(super) n_path_parts: usize,
    pub(super) path_has_macro: bool,
    pub(super) appended: AppendedParameters,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TemplatePart {
    /// Text that is percent-encoded already.
    Text(String),
    Macro(Macro),
}

/// The parameters that are appended to the query where they have a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AppendedParameters {
    /// The index of the part before which they are inserted: the fragment, or the end.
    pub before_part: usize,
    /// What separates the first of them from the template's own query.
    pub separator: &'static str,
    pub parameters: Vec<(&'static str, Macro)>,
}

impl Template {
    /// The template for a link that points directly at its URL: macros are expanded, and no
    /// parameters are appended.
    pub fn without_appending(mut self) -> Self {
        self.appended.parameters.clear();
        self
    }

    /// Whether the template has one of these macros.
    pub fn contains_any(&self, names: &[Macro]) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|part| matches!(part, TemplatePart::Macro(name) if names.contains(name)))
    }

    /// The URL for one click. `value` returns the value of a macro before it is encoded;
    /// `None` and an empty text both mean that there is none.
    pub fn expand<'v>(&self, value: impl Fn(Macro) -> Option<Cow<'v, str>>) -> String {
        let mut out = String::with_capacity(256);
        out.push_str(&self.origin);
        let path_start = out.len();
        for index in 0..=self.parts.len() {
            if index == self.n_path_parts && self.path_has_macro {
                escape_dot_segments(&mut out, path_start);
            }
            if index == self.appended.before_part {
                self.appended.push(&mut out, &value);
            }
            match self.parts.get(index) {
                Some(TemplatePart::Text(text)) => out.push_str(text),
                Some(TemplatePart::Macro(name)) => {
                    if let Some(value) = value(*name) {
                        push_value(&mut out, &value);
                    }
                }
                None => {}
            }
        }
        out
    }

    /// The URL for one click, with the parameters of the click's `query` behind its own. A
    /// parameter is left out if [`Template::expand`] appends one of that name, or if the
    /// template gives it a value. The caller limits the length of `query`, which is raw.
    pub fn expand_with_query<'v>(
        &self,
        query: &str,
        value: impl Fn(Macro) -> Option<Cow<'v, str>>,
    ) -> String {
        let url = self.expand(value);
        if query.is_empty() {
            return url;
        }
        let is_appended = |key: &str| {
            let mut appended_keys = self.appended.parameters.iter().map(|(key, _)| *key);
            appended_keys.any(|appended_key| appended_key == key)
        };
        forward::with_query(url, query, is_appended)
    }
}

impl AppendedParameters {
    fn push<'v>(&self, out: &mut String, value: &impl Fn(Macro) -> Option<Cow<'v, str>>) {
        let mut separator = self.separator;
        for (key, name) in &self.parameters {
            let Some(value) = value(*name).filter(|value| !value.is_empty()) else {
                continue;
            };
            out.push_str(separator);
            out.push_str(key);
            out.push('=');
            push_value(out, &value);
            separator = "&";
        }
    }
}

/// The text of a template in which the macros that have a value are expanded and the others
/// stay as they are. The API shows it as the destination of a link before anybody has
/// clicked. It is not to be parsed as a template again: a value could look like a macro.
pub fn fill_known_macros<'v>(
    template: &str,
    value: impl Fn(Macro) -> Option<Cow<'v, str>>,
) -> String {
    let mut out = String::with_capacity(template.len());
    for token in tokens(template.trim()) {
        match token {
            Token::Text(text) => out.push_str(text),
            Token::Macro(token) => match value(token.name) {
                Some(value) => push_value(&mut out, &value),
                None => out.push_str(token.source),
            },
        }
    }
    out
}
