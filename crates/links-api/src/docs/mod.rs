//! The documentation at `/docs/`: the guides of `proto-docs` and the reference of all
//! operations, side by side, with a search over both; and the OpenAPI document at
//! `/openapi.json`. All of it is in the binary, so that browsers load nothing from other hosts.

mod markdown;
mod pages;
mod search;

use std::{collections::BTreeMap, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use serde_json::Value;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{
    error::{ApiError, ApiFamily, ErrorResponse},
    http::ApiInfo,
};

/// A guide: a file of `proto-docs`.
struct Guide {
    /// The last part of its path.
    name: &'static str,
    markdown: &'static str,
}

macro_rules! guide {
    ($name:literal) => {
        Guide {
            name: $name,
            markdown: include_str!(concat!("../../../../proto-docs/", $name, ".md")),
        }
    };
}

/// In the order in which they are read.
const GUIDES: [Guide; 7] = [
    guide!("start"),
    guide!("api"),
    guide!("clicks"),
    guide!("conversions"),
    guide!("reports"),
    guide!("users"),
    guide!("macros"),
];

/// A file as it is served.
#[derive(Debug, Clone)]
struct File {
    content_type: &'static str,
    bytes: web::Bytes,
}

/// All files of the documentation, by their paths.
pub struct Docs {
    files: BTreeMap<String, File>,
}

impl Docs {
    /// Renders the pages. `document` is the OpenAPI document.
    pub fn new(info: &ApiInfo, document: &Value) -> Self {
        let guides = GUIDES.map(|guide| (guide.name, markdown::render(guide.markdown)));
        let mut files = BTreeMap::new();
        let mut insert = |path: String, content_type, text: String| {
            let bytes = web::Bytes::from(text);
            files.insert(
                path,
                File {
                    content_type,
                    bytes,
                },
            );
        };
        for (path, html) in pages::render(info, document, &guides) {
            insert(path, "text/html; charset=utf-8", html);
        }
        let index = search::index(document, &guides).to_string();
        insert("/docs/search.json".to_owned(), "application/json", index);
        let style = include_str!("../../assets/docs.css").to_owned();
        insert("/docs/docs.css".to_owned(), "text/css", style);
        let script = include_str!("../../assets/docs.js").to_owned();
        insert("/docs/docs.js".to_owned(), "text/javascript", script);
        let document = document.to_string();
        insert("/openapi.json".to_owned(), "application/json", document);
        Self { files }
    }
}

/// Registers the routes of the documentation.
pub fn configure(docs: &Arc<Docs>, config: &mut web::ServiceConfig) {
    let reference = Config::from("/openapi.json")
        .use_base_layout()
        .deep_linking(true)
        .doc_expansion("none")
        .try_it_out_enabled(true)
        .display_request_duration(true)
        .persist_authorization(false)
        // The default is a public service, which would get our document to validate it.
        .validator_url("none");
    let redirect = || async {
        HttpResponse::PermanentRedirect()
            .insert_header((header::LOCATION, "/docs/"))
            .finish()
    };
    config
        .route("/docs", web::get().to(redirect))
        .service(SwaggerUi::new("/docs/swagger/{_:.*}").config(reference));
    for path in ["/openapi.json", "/docs/{file:.*}"] {
        let docs = docs.clone();
        let serve = move |request: HttpRequest| {
            let docs = docs.clone();
            async move { file_response(&docs, request.path()) }
        };
        config.route(path, web::get().to(serve));
    }
}

fn file_response(docs: &Docs, path: &str) -> Result<HttpResponse, ErrorResponse> {
    let file = docs.files.get(path).ok_or(ErrorResponse {
        family: ApiFamily::V2,
        error: ApiError::NoRoute,
    })?;
    Ok(HttpResponse::Ok()
        .content_type(file.content_type)
        .body(file.bytes.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes;

    fn docs() -> Docs {
        Docs::new(&routes::API_INFO, &routes::document())
    }

    /// The values of the attributes `href` and `src`.
    fn targets(html: &str) -> Vec<&str> {
        let attributes = html.split([' ', '>']).filter_map(|word| {
            let value = word.strip_prefix("href=\"").or(word.strip_prefix("src=\""));
            value?.split('"').next()
        });
        attributes.collect()
    }

    #[test]
    fn every_link_within_the_documentation_leads_somewhere() {
        let docs = docs();
        let mut n_links = 0;
        for (path, file) in &docs.files {
            if !file.content_type.starts_with("text/html") {
                continue;
            }
            let html = str::from_utf8(&file.bytes).unwrap();
            for target in targets(html) {
                // Other hosts, the icon, and the files of Swagger UI.
                let others = ["https://", "data:", "/docs/swagger/"];
                if others.iter().any(|other| target.starts_with(other)) {
                    continue;
                }
                let (page, anchor) = target.split_once('#').unwrap_or((target, ""));
                let page = if page.is_empty() { path.as_str() } else { page };
                let file = docs.files.get(page);
                let file = file.unwrap_or_else(|| panic!("{path} has a link to {target}"));
                let html = str::from_utf8(&file.bytes).unwrap();
                // Those of the reference are made in the browser.
                let is_there = anchor.is_empty()
                    || anchor.starts_with('/')
                    || html.contains(&format!("id=\"{anchor}\""));
                assert!(is_there, "{path} has a link to {target}");
                n_links += 1;
            }
        }
        assert!(n_links > 500, "{n_links}");
    }

    #[test]
    fn pages_load_and_run_nothing_but_their_own_files() {
        for (path, file) in &docs().files {
            let text = str::from_utf8(&file.bytes).unwrap();
            if file.content_type.starts_with("text/html") {
                assert!(!text.contains("src=\"http"), "{path}");
                assert!(!text.contains("style=\""), "{path}");
                assert!(!text.contains("<script>"), "{path}");
            }
        }
    }
}
