//! What a key must be good for, by route. Each line of the route table names it; there is no route without.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum::http::Method;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};

/// Names of the ways to show a key, in the description.
const KEY: &str = "key";
const SESSION: &str = "session";

/// Cookie of a page that has logged in.
pub(crate) const SESSION_COOKIE: &str = "awo_session";

/// Something that a key may be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Seeing orders, and all that belongs to them.
    OrdersRead,
    /// Creating orders, changing or deleting them, and pausing their queue.
    OrdersWrite,
    /// Looking after repositories.
    RepositoriesWrite,
    /// Seeing the figures of the server.
    MetricsRead,
    /// Everything.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::OrdersRead, Self::OrdersWrite, Self::RepositoriesWrite, Self::MetricsRead, Self::Admin];

    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrdersRead => "orders:read",
            Self::OrdersWrite => "orders:write",
            Self::RepositoriesWrite => "repositories:write",
            Self::MetricsRead => "metrics:read",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a scope; there are orders:read, orders:write, repositories:write, metrics:read and admin")]
pub struct ParseScopeError(String);

impl FromStr for Scope {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, ParseScopeError> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| ParseScopeError(text.chars().take(100).collect()))
    }
}

/// Who may call a route where keys are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody: it tells nothing of orders, and changes nothing.
    Open,
    /// Whoever has a key, whatever it is good for.
    AnyKey,
    /// Whoever has a key that is good for this.
    Key(Scope),
}

/// What is known of one route before it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Name of the operation.
    pub(crate) operation: Arc<str>,
    /// The path, as the table spells it.
    pub(crate) path: Arc<str>,
    pub(crate) access: Access,
}

/// The rules of all routes, by path and method.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules(BTreeMap<(String, &'static str), Rule>);

impl Rules {
    pub(crate) fn add(&mut self, path: &str, method: &'static str, access: Access, operation: &str) {
        self.0.insert((path.to_owned(), method), Rule { operation: operation.into(), path: path.into(), access });
    }

    /// The rule of a path of the table, as the router matched it. Nothing is known of methods that a path has not.
    pub(crate) fn of(&self, path: &str, method: &Method) -> Option<&Rule> {
        let method = if method == Method::HEAD { "GET" } else { method.as_str() };
        self.0.get(&(path.to_owned(), method_name(method)?))
    }
}

/// A method that the table may have.
pub(crate) fn method_name(method: &str) -> Option<&'static str> {
    ["GET", "POST", "DELETE", "PATCH", "PUT"].into_iter().find(|known| *known == method)
}

/// The operations of a path, with their methods.
pub(crate) fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, post, delete, patch, put, .. } = item;
    [("GET", get), ("POST", post), ("DELETE", delete), ("PATCH", patch), ("PUT", put)]
        .into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// What the description says of a route's access: either way of showing a key, with the scope.
pub(crate) fn requirements(access: Access) -> Vec<SecurityRequirement> {
    let scopes: Vec<&str> = match access {
        Access::Open => return Vec::new(),
        Access::AnyKey => Vec::new(),
        Access::Key(scope) => vec![scope.as_str()],
    };
    [KEY, SESSION].map(|way| SecurityRequirement::new(way, scopes.clone())).into()
}

/// The same in words.
pub(crate) fn asked_for(access: Access) -> String {
    match access {
        Access::Open => "Open to all.".to_owned(),
        Access::AnyKey => "Where keys are asked for: any that is good.".to_owned(),
        Access::Key(scope) => format!("Where keys are asked for: one with the scope `{scope}`."),
    }
}

/// The ways to show a key, for the description.
pub(crate) fn schemes() -> [(String, SecurityScheme); 2] {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("awo_<id>_<secret>")
        .description(Some("A key, where the server asks for one. `awo keys create` makes it."))
        .build();
    let cookie =
        ApiKeyValue::with_description(SESSION_COOKIE, "What `/login` gives for a link of `POST /login-links`.");
    [(KEY.into(), SecurityScheme::Http(bearer)), (SESSION.into(), SecurityScheme::ApiKey(ApiKey::Cookie(cookie)))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_as_they_are_written() {
        for scope in Scope::ALL {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        assert!("orders:*".parse::<Scope>().is_err() && "".parse::<Scope>().is_err());
    }
}
