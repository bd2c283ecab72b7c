//! A parsed template, and its expansion.

use std::borrow::Cow;

use url::Url;

use super::{
    encode::{escape_dot_segments, is_dot_segment, push_text, push_value},
    forward,
    name::Macro,
    parameters::spells_out,
    token::{Token, tokens},
};

/// Bytes a template may have.
pub const MAX_TEMPLATE_BYTES: usize = 4096;
/// Macros a template may have: it bounds the length of what it expands to.
pub const MAX_MACROS: usize = 64;

/// Why a text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    #[error("the URL is longer than {MAX_TEMPLATE_BYTES} bytes")]
    TooLong,
    #[error("the URL has more than {MAX_MACROS} macros")]
    TooManyMacros,
    #[error("the URL has a control character")]
    ControlCharacter,
    #[error("the URL does not start with http:// or https://")]
    NotHttp,
    #[error("the URL has a user name or password")]
    UserInfo,
    #[error("the URL has a macro or brace before its path; macros go into path, query or fragment")]
    MacroInHost,
    #[error("the URL has a `.` or `..` segment beside a macro in its path")]
    DotSegment,
    #[error("not a URL: {0}")]
    NotAUrl(url::ParseError),
}

impl InvalidTemplate {
    /// For programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::TooManyMacros => "too_many_macros",
            Self::ControlCharacter => "control_character",
            Self::NotHttp => "not_http",
            Self::UserInfo => "user_info",
            Self::MacroInHost => "macro_before_path",
            Self::DotSegment => "dot_segment",
            Self::NotAUrl(_) => "not_a_url",
        }
    }
}

/// A template, parsed once and expanded per click.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// `scheme://host[:port]`, canonical.
    origin: String,
    pieces: Vec<Piece>,
    /// Pieces of the path; the rest is query and fragment.
    n_path_pieces: usize,
    path_has_macro: bool,
    append: Append,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// Encoded, goes out as it is.
    Text(String),
    Macro(Macro),
}

/// What is appended to the query when it has a value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Append {
    /// The index of the piece before which it goes: the fragment, or the end.
    before_piece: usize,
    separator: &'static str,
    parameters: Vec<(&'static str, Macro)>,
}

impl Template {
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        let text = text.trim();
        if text.len() > MAX_TEMPLATE_BYTES {
            return Err(InvalidTemplate::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidTemplate::ControlCharacter);
        }
        let authority_start = authority_start(text).ok_or(InvalidTemplate::NotHttp)?;
        let (_, rest) = text.split_at(authority_start);
        let authority_len = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
        let (authority, _) = rest.split_at(authority_len);
        let (origin, tail) = text.split_at(authority_start + authority_len);
        let origin = parse_origin(origin, authority)?;
        parse_tail(origin, tail)
    }

    /// The template of a link that points directly at its URL: its macros are
    /// filled, and nothing is appended.
    pub fn without_appending(mut self) -> Self {
        self.append.parameters.clear();
        self
    }

    /// Whether the template has one of these macros.
    pub fn contains_any(&self, names: &[Macro]) -> bool {
        let mut pieces = self.pieces.iter();
        pieces.any(|piece| matches!(piece, Piece::Macro(name) if names.contains(name)))
    }

    /// The URL for one click. `value` gives a macro's raw value; `None` and
    /// empty are no value.
    pub fn expand<'v>(&self, value: impl Fn(Macro) -> Option<Cow<'v, str>>) -> String {
        let mut out = String::with_capacity(256);
        out.push_str(&self.origin);
        let path_start = out.len();
        for i in 0..=self.pieces.len() {
            if i == self.n_path_pieces && self.path_has_macro {
                escape_dot_segments(&mut out, path_start);
            }
            if i == self.append.before_piece {
                self.append.push(&mut out, &value);
            }
            match self.pieces.get(i) {
                Some(Piece::Text(text)) => out.push_str(text),
                Some(Piece::Macro(name)) => {
                    if let Some(value) = value(*name) {
                        push_value(&mut out, &value);
                    }
                }
                None => {}
            }
        }
        out
    }

    /// The same, and behind its parameters those of `query` (raw, bounded by the caller):
    /// none that is appended by [`Template::expand`], and none that the template gives a
    /// value to.
    pub fn expand_with_query<'v>(
        &self,
        query: &str,
        value: impl Fn(Macro) -> Option<Cow<'v, str>>,
    ) -> String {
        let url = self.expand(value);
        if query.is_empty() {
            return url;
        }
        let is_appended = |key: &str| self.append.parameters.iter().any(|(own, _)| *own == key);
        forward::with_query(url, query, is_appended)
    }
}

impl Append {
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

/// The template's text with the macros filled in whose value is known
/// already, and the others as they stand: what an answer shows as the
/// destination before anybody has clicked. Not to be parsed again.
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

fn authority_start(text: &str) -> Option<usize> {
    ["https://", "http://"].into_iter().find_map(|scheme| {
        let start = text.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(scheme.len())
    })
}

fn parse_origin(text: &str, authority: &str) -> Result<String, InvalidTemplate> {
    if authority.contains('@') {
        return Err(InvalidTemplate::UserInfo);
    }
    if authority.contains(['{', '}']) {
        return Err(InvalidTemplate::MacroInHost);
    }
    let url = Url::parse(text).map_err(InvalidTemplate::NotAUrl)?;
    // With http and https the origin is always a tuple: scheme, host, port.
    Ok(url.origin().ascii_serialization())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Path,
    Query,
    Fragment,
}

/// Reads path, query and fragment. The first `?` ends the path and the first
/// `#` ends either; both are looked for in the template's own text only.
fn parse_tail(origin: String, tail: &str) -> Result<Template, InvalidTemplate> {
    let tokens = tokens(tail);
    let macros = || {
        tokens.iter().filter_map(|token| match token {
            Token::Macro(token) => Some(token),
            Token::Text(_) => None,
        })
    };
    if macros().count() > MAX_MACROS {
        return Err(InvalidTemplate::TooManyMacros);
    }
    let mut tail = Tail::default();
    for token in &tokens {
        match token {
            Token::Text(text) => tail.push_text(text),
            Token::Macro(token) => tail.push_macro(token.name, token.source),
        }
    }
    tail.end_piece();
    if tail.path_has_macro && tail.path_shape.split('/').any(is_dot_segment) {
        return Err(InvalidTemplate::DotSegment);
    }
    let n_pieces = tail.pieces.len();
    let parameters = if macros().any(|token| token.is_of_the_click()) {
        Vec::new()
    } else {
        not_spelled_out(&tail.query_source)
    };
    let separator = match (tail.has_query, tail.query_source.as_str()) {
        (false, _) => "?",
        (true, query) if query.is_empty() || query.ends_with('&') => "",
        (true, _) => "&",
    };
    Ok(Template {
        origin,
        n_path_pieces: tail.query_at.unwrap_or(n_pieces),
        path_has_macro: tail.path_has_macro,
        append: Append {
            before_piece: tail.fragment_at.unwrap_or(n_pieces),
            separator,
            parameters,
        },
        pieces: tail.pieces,
    })
}

/// Of the parameters to append, those whose key the template's query lacks.
fn not_spelled_out(query: &str) -> Vec<(&'static str, Macro)> {
    Macro::APPENDED
        .into_iter()
        .filter(|(key, _)| !spells_out(query, key))
        .collect()
}

/// A template's path, query and fragment while they are read.
#[derive(Default)]
struct Tail {
    place: Option<Place>,
    pieces: Vec<Piece>,
    text: String,
    /// The path, with something in place of each macro.
    path_shape: String,
    path_has_macro: bool,
    has_query: bool,
    /// The query as written.
    query_source: String,
    query_at: Option<usize>,
    fragment_at: Option<usize>,
}

impl Tail {
    fn place(&self) -> Place {
        self.place.unwrap_or(Place::Path)
    }

    fn push_text(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let ends: &[char] = match self.place() {
                Place::Path => &['?', '#'],
                Place::Query => &['#'],
                Place::Fragment => &[],
            };
            let (before, behind) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
            self.push_in_place(before);
            let mut behind = behind.chars();
            if let Some(end) = behind.next() {
                self.enter(end);
            }
            rest = behind.as_str();
        }
    }

    fn push_in_place(&mut self, text: &str) {
        match self.place() {
            Place::Path => {
                // Browsers read a backslash in the path as a slash.
                let text = text.replace('\\', "/");
                self.path_shape.push_str(&text);
                push_text(&mut self.text, &text);
            }
            Place::Query => {
                self.query_source.push_str(text);
                push_text(&mut self.text, text);
            }
            Place::Fragment => push_text(&mut self.text, text),
        }
    }

    /// `end` is the `?` or `#` that ended the place before.
    fn enter(&mut self, end: char) {
        self.end_piece();
        self.query_at = self.query_at.or(Some(self.pieces.len()));
        if end == '?' {
            self.place = Some(Place::Query);
            self.has_query = true;
        } else {
            self.place = Some(Place::Fragment);
            self.fragment_at = Some(self.pieces.len());
        }
        self.text.push(end);
    }

    fn push_macro(&mut self, name: Macro, source: &str) {
        self.end_piece();
        self.pieces.push(Piece::Macro(name));
        match self.place() {
            Place::Path => {
                self.path_has_macro = true;
                self.path_shape.push('x');
            }
            Place::Query => self.query_source.push_str(source),
            Place::Fragment => {}
        }
    }

    fn end_piece(&mut self) {
        if !self.text.is_empty() {
            self.pieces
                .push(Piece::Text(std::mem::take(&mut self.text)));
        }
    }
}
