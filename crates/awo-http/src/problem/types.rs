//! The table of problem types. Names and statuses are stable: clients may match on them.

use axum::http::StatusCode;

macro_rules! problem_types {
    ($($variant:ident = $status:ident, $slug:literal, $title:literal;)*) => {
        /// Class of a problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum ProblemType {
            $(#[doc = $title] $variant,)*
        }

        impl ProblemType {
            /// All of them.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Last part of its stable name.
            pub(crate) fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug,)* }
            }

            /// The class in words.
            pub(crate) fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// Its HTTP status.
            pub(crate) fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }
        }
    };
}

problem_types! {
    MalformedJson = BAD_REQUEST, "malformed-json", "The body is not JSON";
    RepositoryNotAccessible = BAD_REQUEST, "repository-not-accessible", "The repository cannot be seen at its forge";
    Unauthorized = UNAUTHORIZED, "unauthorized", "The server asks for a key";
    ScopeMissing = FORBIDDEN, "scope-missing", "The key is not good for this";
    LinkRefused = FORBIDDEN, "link-refused", "The link is not good any more";
    OriginRefused = FORBIDDEN, "origin-refused", "Another web site made the request";
    OrderNotFound = NOT_FOUND, "order-not-found", "There is no such agent work order";
    OutputNotFound = NOT_FOUND, "output-not-found", "There is no such output";
    DiffNotFound = NOT_FOUND, "diff-not-found", "There is no such diff";
    ArtifactNotFound = NOT_FOUND, "artifact-not-found", "There is no such artifact";
    RepositoryNotFound = NOT_FOUND, "repository-not-found", "There is no such configured repository";
    PathNotFound = NOT_FOUND, "path-not-found", "There is no such path";
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method-not-allowed", "The path has no such method";
    NotAcceptable = NOT_ACCEPTABLE, "not-acceptable", "The answer has no such media type";
    BodyTimeout = REQUEST_TIMEOUT, "body-timeout", "The body did not arrive in time";
    NotAllowed = CONFLICT, "not-allowed", "The order's status does not allow it";
    IdempotencyKeyReused = CONFLICT, "idempotency-key-reused", "The idempotency key belongs to another request";
    QueueNotShared = CONFLICT, "queue-not-shared", "No workers share these orders";
    RepositoryExists = CONFLICT, "repository-exists", "The repository is configured already";
    BodyTooLarge = PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large";
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body is not sent as JSON";
    HostRefused = MISDIRECTED_REQUEST, "host-refused", "The server does not answer to this name";
    UpgradeRequired = UPGRADE_REQUIRED, "upgrade-required", "The path needs a connection that is upgraded";
    InvalidRequest = UNPROCESSABLE_ENTITY, "invalid-request", "The request cannot be used";
    TooManyStreams = TOO_MANY_REQUESTS, "too-many-streams", "As many streams are open as may be";
    TooManyRequests = TOO_MANY_REQUESTS, "too-many-requests", "More requests came than may";
    QuotaUsed = TOO_MANY_REQUESTS, "quota-used", "The key has as many orders as it may";
    QueueFull = TOO_MANY_REQUESTS, "queue-full", "As many orders wait as may wait";
    Internal = INTERNAL_SERVER_ERROR, "internal", "A defect of awo";
    OrderDamaged = INTERNAL_SERVER_ERROR, "order-damaged", "The stored data of the order is damaged";
    OrderTooNew = INTERNAL_SERVER_ERROR, "order-too-new", "A newer version of awo stored the order";
    CatalogDamaged = INTERNAL_SERVER_ERROR, "catalog-damaged", "The stored catalog is damaged";
    CatalogTooNew = INTERNAL_SERVER_ERROR, "catalog-too-new", "A newer version of awo stored the catalog";
    ForgeFailed = BAD_GATEWAY, "forge-failed", "The forge cannot be asked";
    StoreUnavailable = SERVICE_UNAVAILABLE, "store-unavailable", "The store does not answer";
    WorkspaceUnavailable = SERVICE_UNAVAILABLE, "workspace-unavailable", "What was kept of the checkout cannot be read";
    ShuttingDown = SERVICE_UNAVAILABLE, "shutting-down", "The server is shutting down";
    TooManyConnections = SERVICE_UNAVAILABLE, "too-many-connections", "As many connections are open as may be";
    NotReady = SERVICE_UNAVAILABLE, "not-ready", "The server is not ready";
}

impl ProblemType {
    /// Its stable name.
    pub(crate) fn urn(self) -> String {
        format!("urn:awo:problem:{}", self.slug())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_type_has_a_name_of_its_own_and_a_line_in_the_docs() {
        let docs = include_str!("../../../../docs/http-api.md");
        let names: BTreeSet<_> = ProblemType::ALL.iter().map(|kind| kind.slug()).collect();
        assert_eq!(names.len(), ProblemType::ALL.len());
        for kind in ProblemType::ALL {
            let line = format!("| {} | `{}` |", kind.status().as_u16(), kind.urn());
            assert!(docs.contains(&line), "docs/http-api.md has no line that begins with {line}");
        }
    }
}
