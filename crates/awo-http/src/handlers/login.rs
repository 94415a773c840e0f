//! How a page gets a session: a link that is good once, and a cookie for it.

use std::sync::Arc;

use awo_models::Timestamp;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, HOST, LOCATION, REFERRER_POLICY, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use crate::access::SESSION_COOKIE;
use crate::answer;
use crate::door::{Actor, Caller, Ends, session};
use crate::keys::{LINK_LASTS, SESSION_LASTS, random_secret};
use crate::problem::{Problem, ProblemType};
use crate::query::Parameters;

/// A link that lets one browser in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoginLink {
    /// Open it in a browser. Whoever has it can use it, once.
    #[schema(example = "https://awo.example/login?link=…")]
    url: String,
    /// Until when it is good.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Create a link that lets a browser in
///
/// Good once, for five minutes. The session that it gives is good for what the key of this request is good for, for twelve
/// hours at most, and ends with the key or the server.
#[utoipa::path(
    post,
    path = "/login-links",
    tag = "access",
    responses((status = 201, description = "The link", body = LoginLink))
)]
pub(crate) async fn create_login_link(
    State(api): ApiState,
    caller: Caller,
    ends: Option<Extension<Ends>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Some(key) = caller.key() else {
        let detail = "this server asks for no keys, so there is nothing to log in to: open its address";
        return Err(Problem::new(ProblemType::NotAllowed, detail));
    };
    // The edge has seen that the host is one of ours.
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let base = api.pages_for(ends.map(|ends| ends.0), host).ok_or_else(|| {
        let detail = "this server has no address that a browser can open: have it listen on a port, or set public_url";
        Problem::new(ProblemType::NotAllowed, detail)
    })?;
    let link = random_secret(&*api.clock);
    api.sessions.offer(&link, Arc::clone(key), api.clock.monotonic());
    let expires_at = api.clock.now() + LINK_LASTS;
    Ok(answer::json(StatusCode::CREATED, &LoginLink { url: format!("{base}/login?link={link}"), expires_at }))
}

/// Follow a link that lets a browser in
///
/// Sets the cookie of a session and leads to `/`. `HEAD` does nothing.
#[utoipa::path(
    get,
    path = "/login",
    tag = "access",
    params(("link" = String, Query, description = "What the link has")),
    responses((status = 303, description = "The browser is in", headers(
        ("Location" = String, description = "Always `/`"),
        ("Set-Cookie" = String, description = "The session: for this server's pages only, and out of reach of their scripts"),
    )))
)]
pub(crate) async fn follow_login_link(
    State(api): ApiState,
    ends: Option<Extension<Ends>>,
    request: Request,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::of(request.uri());
    let link: Option<String> = parameters.one("link");
    parameters.finish(api.lenient)?;
    let now = api.clock.monotonic();
    let is_used = request.method() == Method::GET;
    let key = link.filter(|_| is_used).and_then(|link| api.sessions.take(&link, now));
    let key = key.ok_or_else(|| {
        let detail =
            "the link is not good, or not any more: it can be used once, within five minutes; make another one";
        Problem::new(ProblemType::LinkRefused, detail)
    })?;
    let secret = random_secret(&*api.clock);
    api.sessions.begin(&secret, Arc::clone(&key), now);
    let cookie = set_cookie(&secret, SESSION_LASTS.as_secs(), api.has_secure_pages(ends.map(|ends| ends.0)));
    let mut answer = (StatusCode::SEE_OTHER, [(LOCATION, HeaderValue::from_static("/")), cookie]).into_response();
    answer.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.extensions_mut().insert(Actor(key));
    Ok(answer)
}

/// End a session
///
/// That of the cookie; the key stays good.
#[utoipa::path(
    post,
    path = "/logout",
    tag = "access",
    responses((status = 204, description = "There is no session any more"))
)]
pub(crate) async fn delete_session(
    State(api): ApiState,
    ends: Option<Extension<Ends>>,
    headers: HeaderMap,
) -> Response {
    if let Some(session) = session(&headers) {
        api.sessions.end(session);
    }
    (StatusCode::NO_CONTENT, [set_cookie("", 0, api.has_secure_pages(ends.map(|ends| ends.0)))]).into_response()
}

fn set_cookie(value: &str, seconds: u64, secure: bool) -> (axum::http::HeaderName, HeaderValue) {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{SESSION_COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    // It is made of hex digits and words.
    (SET_COOKIE, HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("")))
}
