//! The version of an order as an entity tag: its number, and what this process knows beyond what is stored.

use awo_engine::OrderView;
use axum::http::header::IF_NONE_MATCH;
use axum::http::{HeaderMap, HeaderValue};

/// Begins the part of a tag that counts what agents do.
const ACTIVITY: &str = "-a";

/// Entity tag of an order or of its steps: equal tags, equal bodies.
///
/// What an agent does is in the body and so in the tag. It is no version, though: who waits for one is not woken by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionTag {
    version: String,
    activity: String,
}

impl VersionTag {
    pub(crate) fn of(seen: &OrderView) -> Self {
        let persistence = &seen.persistence;
        let pending = if persistence.degraded { format!("-p{}", persistence.pending_steps) } else { String::new() };
        let finishing = if persistence.finishing { "-f" } else { "" };
        let activity = seen.activity.as_ref().map(|activity| format!("{ACTIVITY}{}", activity.count));
        Self { version: format!("{}{pending}{finishing}", seen.seq), activity: activity.unwrap_or_default() }
    }

    #[cfg(test)]
    pub(crate) fn plain(version: &str) -> Self {
        Self { version: version.into(), activity: String::new() }
    }

    /// Whether the sender of a request has all of this already.
    pub(crate) fn is_known_to(&self, headers: &HeaderMap) -> bool {
        let own = format!("{}{}", self.version, self.activity);
        known(headers).any(|tag| tag == "*" || unquoted(tag) == Some(&own))
    }

    /// Whether the sender of a request has this version already, whatever agents have done since.
    pub(crate) fn is_known_version_to(&self, headers: &HeaderMap) -> bool {
        let version =
            |tag: &str| unquoted(tag).map(|tag| tag.split_once(ACTIVITY).map_or(tag, |(it, _)| it) == self.version);
        known(headers).any(|tag| tag == "*" || version(tag) == Some(true))
    }

    pub(crate) fn header(&self) -> HeaderValue {
        let tag = format!("\"{}{}\"", self.version, self.activity);
        HeaderValue::from_str(&tag).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
    }
}

/// The tags that came with a request.
pub(crate) fn known(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let tags = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    tags.flat_map(|list| list.split(',')).map(str::trim)
}

fn unquoted(tag: &str) -> Option<&str> {
    tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(version: &str, activity: &str) -> VersionTag {
        VersionTag { version: version.into(), activity: activity.into() }
    }

    fn known(tag: &VersionTag, sent: &'static str) -> (bool, bool) {
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static(sent));
        (tag.is_known_to(&headers), tag.is_known_version_to(&headers))
    }

    #[test]
    fn whatever_a_reader_can_see_is_in_the_tag() {
        let stored = tag("7", "");
        for same in ["\"7\"", "\"6\", W/\"7\"", "*"] {
            assert_eq!(known(&stored, same), (true, true), "{same}");
        }
        for other in ["\"6\"", "7", "\"7-p2\"", "\"7-f\"", ""] {
            assert_eq!(known(&stored, other), (false, false), "{other}");
        }
        assert_eq!(known(&tag("7-p2", ""), "\"7\""), (false, false));
    }

    #[test]
    fn what_agents_do_is_in_the_tag_and_is_no_version() {
        let busy = tag("7", "-a12");
        assert_eq!(busy.header(), "\"7-a12\"");
        assert_eq!(known(&busy, "\"7-a12\""), (true, true));
        for older in ["\"7\"", "\"7-a11\"", "W/\"7-a1\""] {
            assert_eq!(known(&busy, older), (false, true), "{older}");
        }
        assert_eq!(known(&busy, "\"6-a12\""), (false, false));
        assert_eq!(known(&tag("7", ""), "\"7-a12\""), (false, true), "the step has ended");
    }
}
