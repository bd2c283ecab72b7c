//! Parsing a template: its origin, and the parts of its path, query and fragment.

use url::Url;

use super::{
    encode::{is_dot_segment, push_text},
    invalid_template::{InvalidTemplate, MAX_MACROS, MAX_TEMPLATE_BYTES},
    name::Macro,
    parameters::query_has_key,
    template::{AppendedParameters, Template, TemplatePart},
    token::{MacroToken, Token, tokens},
};

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
        let (_, after_scheme) = text.split_at(authority_start);
        let authority_len = after_scheme
            .find(['/', '\\', '?', '#'])
            .unwrap_or(after_scheme.len());
        let (authority, _) = after_scheme.split_at(authority_len);
        let (origin, tail) = text.split_at(authority_start + authority_len);
        let origin = parse_origin(origin, authority)?;
        parse_tail(origin, tail)
    }
}

/// Where the host begins: behind `http://` or `https://`.
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

/// Parses path, query and fragment. Only the template's own text is searched for the `?` that
/// ends the path and the `#` that ends path or query; macros are not.
fn parse_tail(origin: String, tail: &str) -> Result<Template, InvalidTemplate> {
    let tokens = tokens(tail);
    let macros: Vec<&MacroToken<'_>> = tokens.iter().filter_map(Token::as_macro).collect();
    if macros.len() > MAX_MACROS {
        return Err(InvalidTemplate::TooManyMacros);
    }
    let mut tail = TailParser::default();
    for token in &tokens {
        match token {
            Token::Text(text) => tail.push_text(text),
            Token::Macro(token) => tail.push_macro(token.name, token.source),
        }
    }
    tail.end_text_part();
    if tail.path_has_macro && tail.path_shape.split('/').any(is_dot_segment) {
        return Err(InvalidTemplate::DotSegment);
    }
    let n_parts = tail.parts.len();
    let parameters = if macros.iter().any(|token| token.disables_appending()) {
        Vec::new()
    } else {
        missing_from_query(&tail.query_source)
    };
    let separator = match (tail.has_query, tail.query_source.as_str()) {
        (false, _) => "?",
        (true, query) if query.is_empty() || query.ends_with('&') => "",
        (true, _) => "&",
    };
    Ok(Template {
        origin,
        n_path_parts: tail.path_end.unwrap_or(n_parts),
        path_has_macro: tail.path_has_macro,
        appended: AppendedParameters {
            before_part: tail.fragment_start.unwrap_or(n_parts),
            separator,
            parameters,
        },
        parts: tail.parts,
    })
}

/// Those of the parameters to append whose key the template's query lacks.
fn missing_from_query(query: &str) -> Vec<(&'static str, Macro)> {
    Macro::APPENDED_PARAMETERS
        .into_iter()
        .filter(|(key, _)| !query_has_key(query, key))
        .collect()
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum UrlSection {
    #[default]
    Path,
    Query,
    Fragment,
}

/// Collects the parts of path, query and fragment.
#[derive(Default)]
struct TailParser {
    section: UrlSection,
    parts: Vec<TemplatePart>,
    /// The text part that is being collected.
    text: String,
    /// The path with `x` in place of each macro, in which dot segments are looked for.
    path_shape: String,
    path_has_macro: bool,
    has_query: bool,
    /// The query as it was written.
    query_source: String,
    /// The index of the first part behind the path.
    path_end: Option<usize>,
    /// The index of the fragment's first part.
    fragment_start: Option<usize>,
}

impl TailParser {
    fn push_text(&mut self, text: &str) {
        let mut unread = text;
        while !unread.is_empty() {
            let ends_of_section: &[char] = match self.section {
                UrlSection::Path => &['?', '#'],
                UrlSection::Query => &['#'],
                UrlSection::Fragment => &[],
            };
            let len = unread.find(ends_of_section).unwrap_or(unread.len());
            let (in_section, after) = unread.split_at(len);
            self.push_to_section(in_section);
            let mut after = after.chars();
            if let Some(end) = after.next() {
                self.enter_section(end);
            }
            unread = after.as_str();
        }
    }

    fn push_to_section(&mut self, text: &str) {
        match self.section {
            UrlSection::Path => {
                // Browsers read a backslash in the path as a slash.
                let text = text.replace('\\', "/");
                self.path_shape.push_str(&text);
                push_text(&mut self.text, &text);
            }
            UrlSection::Query => {
                self.query_source.push_str(text);
                push_text(&mut self.text, text);
            }
            UrlSection::Fragment => push_text(&mut self.text, text),
        }
    }

    /// Starts the query or the fragment. `start` is its `?` or `#`.
    fn enter_section(&mut self, start: char) {
        self.end_text_part();
        self.path_end = self.path_end.or(Some(self.parts.len()));
        if start == '?' {
            self.section = UrlSection::Query;
            self.has_query = true;
        } else {
            self.section = UrlSection::Fragment;
            self.fragment_start = Some(self.parts.len());
        }
        self.text.push(start);
    }

    fn push_macro(&mut self, name: Macro, source: &str) {
        self.end_text_part();
        self.parts.push(TemplatePart::Macro(name));
        match self.section {
            UrlSection::Path => {
                self.path_has_macro = true;
                self.path_shape.push('x');
            }
            UrlSection::Query => self.query_source.push_str(source),
            UrlSection::Fragment => {}
        }
    }

    fn end_text_part(&mut self) {
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.parts.push(TemplatePart::Text(text));
        }
    }
}
