//! Finds the link that a request names exactly, or else the one that it most likely means.

use std::{borrow::Cow, sync::Arc};

use actix_http::Request;
use domain::link_path::{self, CorrectedPath, LinkPath, PathCorrection};

use crate::{
    request,
    resolve::{LookupError, ResolvedLink, Resolver},
};

/// The link of a request, and how the request named it.
pub struct LinkMatch<'r> {
    pub resolved: Arc<ResolvedLink>,
    /// The link's own path, which the request's path may differ from.
    pub path: Cow<'r, str>,
    /// Whether the path is the short one, `/<id>`.
    pub is_short_path: bool,
    /// What was corrected in the request's path.
    pub corrections: Vec<PathCorrection>,
}

/// The path of the link that is most likely meant. It is never the request's own text, unless
/// that names a link: `//host` is another host's URL.
pub fn most_likely_path(path: &str, exact: Option<LinkPath>) -> String {
    let first_corrected = || link_path::corrected_paths(path).into_iter().next();
    let likely = exact.or_else(|| first_corrected().map(|corrected| corrected.path));
    likely.map_or_else(|| "/".to_owned(), |path| path.to_string())
}

/// `exact` is what `path` names without a correction. `Ok(None)`: there is no such link.
pub async fn find_link<'r>(
    request: &Request,
    resolver: &Resolver,
    path: &'r str,
    exact: Option<LinkPath>,
) -> Result<Option<LinkMatch<'r>>, LookupError> {
    let Some(host) = request::host(request) else {
        return Ok(None);
    };
    if let Some(exact) = exact {
        let is_short_path = matches!(exact, LinkPath::Short(_));
        if let Some(resolved) = find_exact(resolver, host, exact).await? {
            return Ok(Some(LinkMatch {
                resolved,
                path: Cow::Borrowed(path),
                is_short_path,
                corrections: Vec::new(),
            }));
        }
    }
    // Boxed so that the future of a click on an exact path has no room for corrections.
    Box::pin(find_corrected(request, resolver, path)).await
}

/// Finds a link by an exact path. A click tracker's token and a campaign link's code are
/// valid at their own host only, so that no tenant's host can be used for another's link.
async fn find_exact(
    resolver: &Resolver,
    host: String,
    path: LinkPath,
) -> Result<Option<Arc<ResolvedLink>>, LookupError> {
    match path {
        LinkPath::Short(id) => resolver.link(host, id).await,
        LinkPath::Tracker(token) => {
            let resolved = resolver.tracker(token).await?;
            let is_at_host = |resolved: &Arc<ResolvedLink>| {
                let tracker = resolved.link.tracker.as_ref();
                tracker.is_some_and(|tracker| tracker.host == host)
            };
            Ok(resolved.filter(is_at_host))
        }
        LinkPath::Code(code) => {
            let resolved = resolver.code(code).await?;
            let is_at_host = |resolved: &Arc<ResolvedLink>| {
                let code = resolved.link.code.as_ref();
                code.is_some_and(|code| code.host == host)
            };
            Ok(resolved.filter(is_at_host))
        }
    }
}

/// Finds a link by a path that names none exactly: first without the characters around the
/// id, and then by a slug in any case.
async fn find_corrected<'r>(
    request: &Request,
    resolver: &Resolver,
    path: &str,
) -> Result<Option<LinkMatch<'r>>, LookupError> {
    let Some(host) = request::host(request) else {
        return Ok(None);
    };
    let corrected_paths = link_path::corrected_paths(path);
    for CorrectedPath { path, corrections } in &corrected_paths {
        if let Some(resolved) = find_exact(resolver, host.clone(), path.clone()).await? {
            return Ok(Some(LinkMatch {
                resolved,
                path: Cow::Owned(path.to_string()),
                is_short_path: matches!(path, LinkPath::Short(_)),
                corrections: corrections.clone(),
            }));
        }
    }
    let exact = LinkPath::parse(path).map(|path| CorrectedPath {
        path,
        corrections: Vec::new(),
    });
    for candidate in exact.into_iter().chain(corrected_paths) {
        let LinkPath::Short(id) = candidate.path else {
            continue;
        };
        if let Some(resolved) = resolver.link_in_any_case(host.clone(), id).await? {
            let path = LinkPath::Short(resolved.link.link_id.clone());
            let mut corrections = candidate.corrections;
            corrections.push(PathCorrection::CaseIgnored);
            return Ok(Some(LinkMatch {
                resolved,
                path: Cow::Owned(path.to_string()),
                is_short_path: true,
                corrections,
            }));
        }
    }
    Ok(None)
}
