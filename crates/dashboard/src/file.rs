//! A file with its compressed forms.

use std::collections::BTreeMap;

use include_dir::Dir;
use sha2::{Digest as _, Sha256};

use crate::{Answer, Request, accepted::Encoding};

/// Names in this folder contain a hash of the contents.
const HASHED: &str = "assets/";
const FOREVER: &str = "public, max-age=31536000, immutable";
/// Asked for again each time, and answered without a body if nothing has changed.
const CHECKED: &str = "no-cache";

pub struct File {
    content_type: &'static str,
    cache_control: &'static str,
    hash: String,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

/// All files of a folder and of those below, but for the compressed forms, which belong to the
/// file that they are a form of.
pub fn read(folder: &'static Dir<'static>) -> BTreeMap<String, File> {
    let mut bodies = BTreeMap::new();
    collect(folder, &mut bodies);
    let body = |path: &str| bodies.get(path).copied();
    let plain = bodies.iter().filter(|(path, _)| !is_compressed(path));
    plain
        .map(|(path, plain)| (path.clone(), file(path, plain, body)))
        .collect()
}

fn collect(folder: &'static Dir<'static>, bodies: &mut BTreeMap<String, &'static [u8]>) {
    for file in folder.files() {
        let path = file.path().to_string_lossy().replace('\\', "/");
        bodies.insert(path, file.contents());
    }
    for below in folder.dirs() {
        collect(below, bodies);
    }
}

fn is_compressed(path: &str) -> bool {
    path.ends_with(".br") || path.ends_with(".gz")
}

fn file(path: &str, plain: &'static [u8], body: impl Fn(&str) -> Option<&'static [u8]>) -> File {
    let digest = Sha256::digest(plain);
    let hash = digest[..12].iter().map(|byte| format!("{byte:02x}"));
    File {
        content_type: content_type(path),
        cache_control: if path.starts_with(HASHED) {
            FOREVER
        } else {
            CHECKED
        },
        hash: hash.collect(),
        plain,
        gzip: body(&format!("{path}.gz")),
        brotli: body(&format!("{path}.br")),
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

impl File {
    pub fn answer(&self, request: &Request<'_>) -> Answer {
        let (encoding, body) = self.form(request.accept_encoding);
        let form = encoding.name().unwrap_or("plain");
        let etag = format!("\"{}-{form}\"", self.hash);
        let is_known = request
            .if_none_match
            .split(',')
            .any(|tag| tag.trim().trim_start_matches("W/") == etag);
        Answer {
            body: (!is_known).then_some(body),
            content_type: self.content_type,
            encoding,
            etag,
            cache_control: self.cache_control,
        }
    }

    /// The smallest form that the client accepts.
    fn form(&self, accept_encoding: &str) -> (Encoding, &'static [u8]) {
        let forms = [(Encoding::Brotli, self.brotli), (Encoding::Gzip, self.gzip)];
        let accepted = forms.into_iter().find_map(|(encoding, body)| {
            let body = body.filter(|_| encoding.is_accepted(accept_encoding))?;
            Some((encoding, body))
        });
        accepted.unwrap_or((Encoding::Identity, self.plain))
    }
}
