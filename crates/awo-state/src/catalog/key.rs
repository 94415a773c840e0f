//! API keys as data.

use std::fmt;
use std::sync::Arc;

use awo_models::Timestamp;
use serde::{Deserialize, Serialize};

/// What is known of an API key. The secret itself is not.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Names it in requests and in the audit trail.
    pub id: Arc<str>,
    /// What people call it.
    pub name: Arc<str>,
    /// SHA-256 of the secret, as 64 lower-case hex digits.
    pub secret_sha256: Arc<str>,
    /// What it may be used for, for example `orders:read`.
    pub scopes: Vec<Arc<str>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is not good any more.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// When it was taken back.
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
    /// When it was used, to about a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
}

// Even the hash of a secret has no place in a log.
impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("scopes", &self.scopes)
            .field("created_at", &self.created_at)
            .field("expires_at", &self.expires_at)
            .field("revoked_at", &self.revoked_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_a_log_shows_no_hash() {
        let key = ApiKey {
            id: "k1".into(),
            name: "laptop".into(),
            secret_sha256: "c0ffee".into(),
            scopes: vec!["orders:read".into()],
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        };
        let text = format!("{key:?}");
        assert!(text.contains("laptop") && !text.contains("c0ffee"), "{text}");
    }
}
