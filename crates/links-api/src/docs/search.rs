//! What the search of the documentation finds: sections of guides, and operations.

use serde_json::{Value, json};

use super::{
    markdown::GuideHtml,
    pages::{described_operations, reference_path},
};

/// A list of `{"title", "place", "path", "text"}`, which the browser searches.
pub fn index(document: &Value, guides: &[(&str, GuideHtml)]) -> Value {
    let sections = guides.iter().flat_map(|(name, guide)| {
        guide.sections.iter().map(move |section| {
            json!({
                "title": section.title,
                "place": guide.title,
                "path": format!("/docs/guides/{name}#{}", section.id),
                "text": section.text,
            })
        })
    });
    let operations = described_operations(document).map(|(path, method, operation)| {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let names: Vec<_> = parameters.filter_map(|p| p["name"].as_str()).collect();
        let description = operation["description"].as_str().unwrap_or_default();
        json!({
            "title": operation["summary"],
            "place": format!("{} {path}", method.to_ascii_uppercase()),
            "path": reference_path(operation),
            "text": format!("{description} {} {}", names.join(" "), operation["operationId"]),
        })
    });
    sections.chain(operations).collect()
}
