//! The pages: one for each guide, and one for the reference.

use askama::Template;
use serde_json::Value;

use super::markdown::GuideHtml;
use crate::http::ApiInfo;

/// The frame of every page: search and contents beside the text.
#[derive(Template)]
#[template(path = "docs.html")]
struct Page<'p> {
    title: &'p str,
    /// The path of the page, to mark it in the contents.
    path: &'p str,
    guides: Vec<Entry>,
    tags: &'p [Tag],
    /// HTML of a guide; `None` for the reference, which is made in the browser.
    text: Option<&'p str>,
}

/// A line of the contents.
struct Entry {
    title: String,
    path: String,
}

/// A section of the reference.
struct Tag {
    title: &'static str,
    operations: Vec<Entry>,
}

const REFERENCE: &str = "/docs/reference/";

/// The paths and the HTML of all pages. The first guide is at `/docs/` too.
pub fn render(
    info: &ApiInfo,
    document: &Value,
    guides: &[(&str, GuideHtml)],
) -> Vec<(String, String)> {
    let tags: Vec<_> = info
        .tags
        .iter()
        .map(|(tag, _)| Tag {
            title: tag,
            operations: operations(document, tag),
        })
        .collect();
    let page = |path: &str, title: &str, text: Option<&str>| {
        let page = Page {
            title,
            path,
            guides: guides.iter().map(entry).collect(),
            tags: &tags,
            text,
        };
        let html = page.render().expect("writing to a text cannot fail");
        (path.to_owned(), html)
    };
    let of_guides = guides.iter().map(|(name, guide)| {
        let path = format!("/docs/guides/{name}");
        page(&path, &guide.title, Some(&guide.html))
    });
    let home = guides.first();
    let home = home.map(|(_, guide)| page("/docs/", &guide.title, Some(&guide.html)));
    let reference = page(REFERENCE, "Reference", None);
    of_guides.chain(home).chain([reference]).collect()
}

fn entry((name, guide): &(&str, GuideHtml)) -> Entry {
    Entry {
        title: guide.title.clone(),
        path: format!("/docs/guides/{name}"),
    }
}

fn operations(document: &Value, tag: &str) -> Vec<Entry> {
    described_operations(document)
        .filter(|(_, _, operation)| operation["tags"][0] == tag)
        .map(|(_, _, operation)| Entry {
            title: operation["summary"].as_str().unwrap_or_default().to_owned(),
            path: reference_path(operation),
        })
        .collect()
}

/// Path, method and description of each operation.
pub fn described_operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// Where the reference opens an operation.
pub fn reference_path(operation: &Value) -> String {
    let tag = operation["tags"][0].as_str().unwrap_or_default();
    let id = operation["operationId"].as_str().unwrap_or_default();
    format!("{REFERENCE}#/{}/{id}", tag.replace(' ', "%20"))
}
