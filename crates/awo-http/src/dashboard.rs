//! The page: its files as they are in `dashboard/`, and who gets it instead of what the service says of itself. It holds no
//! secrets, so it is open to all; what it shows, it asks the interface for, as anybody would.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, REFERRER_POLICY, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use crate::problem::{Problem, ProblemType};
use crate::version_tag::known;

/// What the page may do: run its own programs and ask its own server. Text never becomes markup or a program, whatever the
/// page does with it, and nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// A file of the page.
struct File {
    name: &'static str,
    text: &'static str,
}

macro_rules! files {
    ($($name:literal)*) => { &[$(File { name: $name, text: include_str!(concat!("dashboard/", $name)) }),*] };
}

const FILES: &[File] = files!(
    "announce.js" "api.js" "base.css" "body.js" "clock.js" "connection.js" "dialogs.js" "diff.js" "dom.js" "drafts.js"
    "fields.js" "figures-failures.js" "figures.js" "fleet.js" "format.js" "icon-completed.svg" "icon-failed.svg" "icon-idle.svg" "icon-running.svg" "keys.js" "login.js" "main.js"
    "new-order.js" "notify.js" "order-actions.js" "order-files.js" "order-head.js" "order-log.js" "order-timeline.js"
    "order.js" "orders-filters.js" "orders-table.js" "orders.js" "parts.css" "pause.js" "plots.js" "reading.js"
    "repository-field.js" "route.js" "sse.js" "status.js" "step-result.js" "step-running.js" "stream.js" "tab.js"
    "text.js" "theme.js" "timeline.js" "views.css" "workers-table.js" "workers.js"
);

const INDEX: File = File { name: "index.html", text: include_str!("dashboard/index.html") };

/// Changes with every change of the page, so that a browser never mixes two of them.
static TAG: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    for file in FILES.iter().chain([&INDEX]) {
        digest.update(file.text);
    }
    let mut tag = String::new();
    for byte in &digest.finalize()[..8] {
        // Writing to a string does not fail.
        let _ = write!(tag, "{byte:02x}");
    }
    format!("\"{tag}\"")
});

/// Whether a client names HTML among what it takes, before JSON: browsers do that when somebody opens an address.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let ranges = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let names = ranges.flat_map(|list| list.split(',')).map(|range| range.split(';').next().unwrap_or("").trim());
    let mut known =
        names.filter(|name| ["text/html", "application/json"].iter().any(|it| it.eq_ignore_ascii_case(name)));
    known.next().is_some_and(|first| first.eq_ignore_ascii_case("text/html"))
}

/// The page itself.
pub(crate) fn page(headers: &HeaderMap) -> Response {
    let mut answer = sent(&INDEX, headers);
    let more = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (OPENER_POLICY, "same-origin"),
        (VARY, "accept"),
    ];
    answer.headers_mut().extend(more.map(|(name, value)| (name, HeaderValue::from_static(value))));
    answer
}

/// Get a file of the page
#[utoipa::path(
    get,
    path = "/page/{file}",
    tag = "server",
    params(("file" = String, Path, description = "Name of the file")),
    responses(
        (status = 200, description = "The file", body = String, content_type = "text/javascript"),
        (status = 304, description = "It is the one that `If-None-Match` names"),
    )
)]
pub(crate) async fn get_page_file(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let file = FILES.iter().find(|file| file.name == name);
    let file =
        file.ok_or_else(|| Problem::new(ProblemType::PathNotFound, "the page was not found to have such a file"))?;
    Ok(sent(file, &headers))
}

fn sent(file: &File, headers: &HeaderMap) -> Response {
    let is_known = known(headers).any(|tag| tag == "*" || tag.trim_start_matches("W/") == *TAG);
    let mut answer = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { file.text.into_response() };
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(file.name)));
    if let Ok(tag) = HeaderValue::from_str(&TAG) {
        headers.insert(ETAG, tag);
    }
    answer
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/html; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rstest::rstest;

    use super::*;

    #[test]
    fn every_file_of_the_directory_is_served() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dashboard");
        let mut there: Vec<_> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        there.sort();
        let mut served: Vec<_> = FILES.iter().chain([&INDEX]).map(|file| file.name.to_owned()).collect();
        served.sort();
        assert_eq!(served, there);
    }

    /// Text of others is shown as text by all files, as none of them can make markup of it.
    #[test]
    fn no_file_makes_markup_or_programs_of_text() {
        let banned = [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "DOMParser",
            "eval(",
            "new Function",
            "setHTML",
            "createContextualFragment",
            "srcdoc",
            "javascript:",
        ];
        for file in FILES.iter().chain([&INDEX]) {
            for word in banned {
                assert!(!file.text.contains(word), "{} has {word}", file.name);
            }
        }
        for inline in ["<style", " style=", " onclick", "<script>"] {
            assert!(!INDEX.text.contains(inline), "{inline}");
        }
    }

    /// Only the page's own files and the interface are named, so that nothing is loaded from elsewhere.
    #[test]
    fn no_file_names_another_place() {
        for file in FILES.iter().chain([&INDEX]).filter(|file| media_type(file.name) != "image/svg+xml") {
            let places = file.text.match_indices("://").map(|(at, _)| &file.text[at.saturating_sub(6)..]);
            let others: Vec<_> = places
                .filter(|place| {
                    !["github.com/o/r.git", "www.w3.org/2000/svg"].iter().any(|known| place.contains(known))
                })
                .collect();
            assert!(others.is_empty(), "{}: {others:?}", file.name);
        }
    }

    #[rstest]
    #[case("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true)]
    #[case("TEXT/HTML", true)]
    #[case("application/json, text/html", false)]
    #[case("*/*", false)]
    #[case("application/json", false)]
    fn browsers_get_the_page(#[case] accept: &'static str, #[case] wanted: bool) {
        let mut headers = HeaderMap::new();
        assert!(!is_wanted(&headers));
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        assert_eq!(is_wanted(&headers), wanted);
    }
}
