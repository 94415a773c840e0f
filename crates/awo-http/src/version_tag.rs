//! The version of an order as an entity tag: its number, and what this process knows beyond what is stored.

use awo_engine::Persistence;
use awo_models::EventSeq;
use axum::http::header::IF_NONE_MATCH;
use axum::http::{HeaderMap, HeaderValue};

/// Entity tag of an order or of its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionTag(String);

impl VersionTag {
    pub(crate) fn new(seq: EventSeq, persistence: Persistence) -> Self {
        let pending = if persistence.degraded { format!("-p{}", persistence.pending_steps) } else { String::new() };
        let finishing = if persistence.finishing { "-f" } else { "" };
        Self(format!("\"{seq}{pending}{finishing}\""))
    }

    /// Whether the sender of a request has this version already.
    pub(crate) fn is_known_to(&self, headers: &HeaderMap) -> bool {
        let tags = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        tags.flat_map(|list| list.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.0)
    }

    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(persistence: Persistence, sent: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static(sent));
        VersionTag::new(EventSeq(7), persistence).is_known_to(&headers)
    }

    #[test]
    fn whatever_a_reader_can_see_is_in_the_tag() {
        let stored = Persistence::default();
        assert!(known(stored, "\"7\""));
        assert!(known(stored, "\"6\", W/\"7\""));
        assert!(known(stored, "*"));
        assert!(!known(stored, "\"6\""));
        assert!(!known(stored, "7"));
        let degraded = Persistence { degraded: true, pending_steps: 2, finishing: false };
        assert!(!known(degraded, "\"7\""));
        assert!(known(degraded, "\"7-p2\""));
        assert!(!known(Persistence { pending_steps: 3, ..degraded }, "\"7-p2\""));
        assert!(!known(Persistence { finishing: true, ..stored }, "\"7\""));
    }
}
