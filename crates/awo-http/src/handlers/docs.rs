//! The pages that show the description of all routes. Nothing of them is loaded from elsewhere, and they hold no secrets:
//! who tries a route where keys are asked for types one in.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::Path;
use axum::http::header::{CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use utoipa_swagger_ui::{Config, SwaggerFile, serve};

use crate::problem::{Problem, ProblemType};

/// What the page may do: run its own programs and ask its own server. It is framed by nobody.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE: &str = include_str!("docs/index.html");
const START: &str = include_str!("docs/start.js");

/// The files of Swagger UI that the page uses; the others of the package are for other pages.
const FILES: [&str; 3] = ["favicon-32x32.png", "swagger-ui-bundle.js", "swagger-ui.css"];

/// Show the description of all routes
///
/// A page on which they can be tried, too.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "server",
    responses((status = 200, description = "The page", body = String, content_type = "text/html"))
)]
pub(crate) async fn get_docs() -> Response {
    sent("text/html; charset=utf-8", PAGE.as_bytes().into(), false)
}

/// Get a file of the page that shows the description
#[utoipa::path(
    get,
    path = "/docs/{file}",
    tag = "server",
    params(("file" = String, Path, description = "Name of the file")),
    responses((status = 200, description = "The file", body = String, content_type = "text/javascript"))
)]
pub(crate) async fn get_docs_file(Path(file): Path<String>) -> Result<Response, Problem> {
    if file == "start.js" {
        return Ok(sent("text/javascript; charset=utf-8", START.as_bytes().into(), false));
    }
    let absent = || Problem::new(ProblemType::PathNotFound, "the page was not found to have such a file; see /docs");
    let name = FILES.into_iter().find(|name| *name == file).ok_or_else(absent)?;
    let served = serve(name, Arc::new(Config::default())).map_err(|defect| Problem::internal(defect.to_string()))?;
    let SwaggerFile { bytes, content_type, gzpipped, .. } = served.ok_or_else(absent)?;
    Ok(sent(&content_type, bytes, gzpipped))
}

fn sent(content_type: &str, bytes: Cow<'static, [u8]>, is_gzip: bool) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        headers.insert(CONTENT_TYPE, content_type);
    }
    if is_gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    (headers, bytes.into_owned()).into_response()
}
