//! From the Markdown of a guide to HTML, with an anchor for each heading.

use std::collections::BTreeMap;

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// A guide that was rendered to HTML, with what the search needs of it.
#[derive(Debug)]
pub struct GuideHtml {
    /// Its first heading.
    pub title: String,
    pub html: String,
    pub sections: Vec<Section>,
}

/// A heading with the text up to the next one, for the search.
#[derive(Debug, PartialEq, Eq)]
pub struct Section {
    pub id: String,
    pub title: String,
    pub text: String,
}

/// Renders Markdown with tables. HTML in it is shown as text.
pub fn render(markdown: &str) -> GuideHtml {
    let events: Vec<_> = Parser::new_ext(markdown, Options::ENABLE_TABLES).collect();
    let sections = sections(&events);
    let mut ids = sections.iter().map(|section| section.id.as_str());
    let events = events.into_iter().flat_map(|event| match event {
        Event::Start(Tag::Heading {
            level,
            classes,
            attrs,
            ..
        }) => vec![Event::Start(Tag::Heading {
            level,
            id: ids.next().map(|id| CowStr::from(id.to_owned())),
            classes,
            attrs,
        })],
        Event::Html(text) | Event::InlineHtml(text) => vec![Event::Text(text)],
        // A wide table scrolls by itself on a phone.
        Event::Start(Tag::Table(columns)) => vec![
            Event::Html("<div class=\"table\">".into()),
            Event::Start(Tag::Table(columns)),
        ],
        Event::End(TagEnd::Table) => {
            vec![Event::End(TagEnd::Table), Event::Html("</div>".into())]
        }
        Event::Start(Tag::Link {
            link_type,
            dest_url,
            title,
            id,
        }) => vec![Event::Start(Tag::Link {
            link_type,
            dest_url: served_at(&dest_url).into(),
            title,
            id,
        })],
        event => vec![event],
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    GuideHtml {
        title: sections
            .first()
            .map_or_else(String::new, |section| section.title.clone()),
        html: out,
        sections,
    }
}

/// Where a file beside the guide is served: `conversions.md#coupons` at
/// `/docs/guides/conversions#coupons`.
fn served_at(target: &str) -> String {
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, format!("#{anchor}")),
        None => (target, String::new()),
    };
    match file {
        "openapi.json" => format!("/openapi.json{anchor}"),
        "reference" => format!("/docs/reference/{anchor}"),
        file => match file.strip_suffix(".md") {
            Some(name) => format!("/docs/guides/{name}{anchor}"),
            None => target.to_owned(),
        },
    }
}

fn sections(events: &[Event<'_>]) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut seen = BTreeMap::<String, usize>::new();
    let mut is_in_heading = false;
    for event in events {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                is_in_heading = true;
                sections.push(Section {
                    id: String::new(),
                    title: String::new(),
                    text: String::new(),
                });
            }
            Event::End(TagEnd::Heading(_)) => {
                is_in_heading = false;
                if let Some(section) = sections.last_mut() {
                    let id = anchor(&section.title);
                    let n_before = seen.entry(id.clone()).or_default();
                    section.id = match *n_before {
                        0 => id,
                        n => format!("{id}-{n}"),
                    };
                    *n_before += 1;
                }
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(section) = sections.last_mut() {
                    let part = match is_in_heading {
                        true => &mut section.title,
                        false => &mut section.text,
                    };
                    part.push_str(text);
                }
            }
            Event::SoftBreak | Event::End(TagEnd::Paragraph | TagEnd::TableCell | TagEnd::Item) => {
                if let Some(section) = sections.last_mut() {
                    section.text.push(' ');
                }
            }
            _ => {}
        }
    }
    sections
}

/// The anchor of a heading, as code hosts make it.
fn anchor(title: &str) -> String {
    title
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_have_anchors_and_html_is_text() {
        let rendered = render(
            "# Two APIs, one key\n\nText <b>x</b>.\n\n## A\n\n[b](b.md#c) `d`\n\n## A\n\n| a |\n|---|\n| b |\n",
        );
        assert_eq!(rendered.title, "Two APIs, one key");
        assert_eq!(
            rendered.html,
            "<h1 id=\"two-apis-one-key\">Two APIs, one key</h1>\n<p>Text &lt;b&gt;x&lt;/b&gt;.</p>\n\
             <h2 id=\"a\">A</h2>\n<p><a href=\"/docs/guides/b#c\">b</a> <code>d</code></p>\n\
             <h2 id=\"a-1\">A</h2>\n<div class=\"table\"><table><thead><tr><th>a</th></tr></thead>\
             <tbody>\n<tr><td>b</td></tr>\n</tbody></table>\n</div>"
        );
        let texts: Vec<_> = rendered.sections.iter().map(|s| s.text.as_str()).collect();
        assert_eq!(texts, ["Text x. ", "b d ", "a b "]);
    }
}
