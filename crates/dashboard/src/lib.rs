//! The dashboard: its built pages are in the binary, and answered with their types, their
//! compressed forms, and how long browsers may keep them. The sources are in `web`.

mod accepted;
mod file;

use std::collections::BTreeMap;

use file::File;

pub use accepted::Encoding;

static FILES: include_dir::Dir<'_> = include_dir::include_dir!("$DASHBOARD_FILES");

/// What the pages may load: their own files, and nothing from other hosts.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; \
    frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// All files, by their paths.
pub struct Dashboard {
    files: BTreeMap<String, File>,
}

/// A request for a file, as far as it matters.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub path: &'a str,
    pub accept: &'a str,
    pub accept_encoding: &'a str,
    pub if_none_match: &'a str,
}

/// An answer; without a body the browser has the file already.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub body: Option<&'static [u8]>,
    pub content_type: &'static str,
    pub encoding: Encoding,
    pub etag: String,
    pub cache_control: &'static str,
}

impl Default for Dashboard {
    fn default() -> Self {
        Self::new()
    }
}

impl Dashboard {
    pub fn new() -> Self {
        Self {
            files: file::read(&FILES),
        }
    }

    /// The file at the path, or the page itself for addresses that it shows. `None` is 404.
    pub fn answer(&self, request: &Request<'_>) -> Option<Answer> {
        let name = request.path.trim_start_matches('/');
        let file = self.files.get(name).or_else(|| self.page(request))?;
        Some(file.answer(request))
    }

    /// A browser that opens any address without an extension gets the page, which shows what is
    /// there. Programs, which do not ask for HTML, get the error of the API.
    fn page(&self, request: &Request<'_>) -> Option<&File> {
        let last = request.path.rsplit('/').next().unwrap_or_default();
        let is_page = request.path == "/" || request.accept.contains("text/html");
        let page = self.files.get("index.html");
        page.filter(|_| is_page && !last.contains('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get<'a>(path: &'a str, accept: &'a str) -> Request<'a> {
        Request {
            path,
            accept,
            accept_encoding: "gzip, br",
            if_none_match: "",
        }
    }

    #[test]
    fn browsers_get_the_page_for_addresses_that_it_shows() {
        let dashboard = Dashboard::new();
        for path in ["/", "/a/demo/reports", "/sign-in"] {
            let answer = dashboard.answer(&get(path, "text/html,*/*")).unwrap();
            assert_eq!(answer.content_type, "text/html; charset=utf-8");
            assert_eq!(answer.cache_control, "no-cache");
        }
        let answer = dashboard.answer(&get("/", "*/*"));
        assert!(answer.is_some(), "the page itself needs no Accept");
    }

    #[test]
    fn programs_and_missing_files_get_nothing() {
        let dashboard = Dashboard::new();
        assert_eq!(dashboard.answer(&get("/a/demo/reports", "*/*")), None);
        let missing = get("/assets/missing.js", "text/html");
        assert_eq!(dashboard.answer(&missing), None);
    }

    #[test]
    fn a_file_that_the_browser_has_is_not_sent_again() {
        let dashboard = Dashboard::new();
        let first = dashboard.answer(&get("/", "text/html")).unwrap();
        let again = Request {
            if_none_match: &first.etag,
            ..get("/", "text/html")
        };
        let answer = dashboard.answer(&again).unwrap();
        assert_eq!(answer.body, None);
        assert_eq!(answer.etag, first.etag);
    }

    #[test]
    fn compressed_bodies_have_entity_tags_of_their_own() {
        let dashboard = Dashboard::new();
        let plain = Request {
            accept_encoding: "",
            ..get("/", "text/html")
        };
        let plain = dashboard.answer(&plain).unwrap();
        assert_eq!(plain.encoding, Encoding::Identity);
        let compressed = dashboard.answer(&get("/", "text/html")).unwrap();
        if compressed.encoding != Encoding::Identity {
            assert_ne!(plain.etag, compressed.etag);
            assert!(compressed.body.unwrap().len() < plain.body.unwrap().len());
        }
    }
}
