//! The keys that are good now. Whoever keeps them tells the ring what is stored, again and again; the ring decides who a
//! caller is, and ends what a key had open when it is good no more.

mod sessions;
mod token;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use awo_models::Timestamp;
use subtle::ConstantTimeEq as _;
use tokio_util::sync::CancellationToken;

use crate::access::Scope;

pub(crate) use sessions::{LINK_LASTS, SESSION_LASTS, Sessions};
pub use token::KeyToken;
pub(crate) use token::{Digest, digest_of, random_secret};

/// A key as it is stored: everything but its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// Names it in tokens, in the log and in the audit trail.
    pub id: Arc<str>,
    /// SHA-256 of the secret.
    pub secret_sha256: [u8; 32],
    /// What it is good for.
    pub scopes: BTreeSet<Scope>,
    /// From when on it is not good any more.
    pub expires_at: Option<Timestamp>,
    /// Whether it was taken back.
    pub revoked: bool,
}

// Even the hash of a secret has no place in a log.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("id", &self.id).field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

impl Key {
    /// Why it is not good at a time, if it is not.
    fn fault(&self, now: Timestamp) -> Option<Fault> {
        if self.revoked {
            Some(Fault::Revoked)
        } else {
            self.expires_at.is_some_and(|end| end <= now).then_some(Fault::Expired)
        }
    }

    /// Whether it opens anything at a time.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.fault(now).is_none()
    }
}

/// Why nobody is known by what a request shows. Only the log is told which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Missing,
    Malformed,
    Unknown,
    WrongSecret,
    Expired,
    Revoked,
    NoSession,
}

impl Fault {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "key_missing",
            Self::Malformed => "key_malformed",
            Self::Unknown => "key_unknown",
            Self::WrongSecret => "key_wrong_secret",
            Self::Expired => "key_expired",
            Self::Revoked => "key_revoked",
            Self::NoSession => "session_unknown",
        }
    }
}

/// Somebody with a good key.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) key: Arc<str>,
    scopes: BTreeSet<Scope>,
    /// Fires when the key is good no more.
    pub(crate) ended: CancellationToken,
}

impl Holder {
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }
}

/// The keys of a server. Clones share them.
///
/// ```
/// use awo_http::KeyRing;
/// let ring = KeyRing::default(); // nobody may call, until it is told of a key
/// # assert!(ring.take_uses().is_empty());
/// ```
#[derive(Debug, Clone, Default)]
pub struct KeyRing(Arc<Mutex<HashMap<Arc<str>, Held>>>);

#[derive(Debug)]
struct Held {
    key: Key,
    ended: CancellationToken,
    used: Option<Timestamp>,
}

impl KeyRing {
    /// Takes what is stored at a time in the place of what was known. What a key has open that is good no more, or is
    /// gone, ends now.
    pub fn replace(&self, keys: impl IntoIterator<Item = Key>, now: Timestamp) {
        let mut held = self.held();
        let mut before = std::mem::take(&mut *held);
        for key in keys {
            let same = before.remove(&key.id).filter(|known| {
                let same = known.key.secret_sha256 == key.secret_sha256;
                if !same {
                    known.ended.cancel();
                }
                same
            });
            let (mut ended, used) = same.map(|known| (known.ended, known.used)).unwrap_or_default();
            if !key.is_good(now) {
                ended.cancel();
            } else if ended.is_cancelled() {
                ended = CancellationToken::new(); // good again, as the clock was set back
            }
            held.insert(Arc::clone(&key.id), Held { key, ended, used });
        }
        for gone in before.values() {
            gone.ended.cancel();
        }
    }

    /// Which keys were used since this was asked last, and when they were last.
    pub fn take_uses(&self) -> Vec<(Arc<str>, Timestamp)> {
        self.held().values_mut().filter_map(|held| Some((Arc::clone(&held.key.id), held.used.take()?))).collect()
    }

    /// Whose token it is.
    pub(crate) fn admit(&self, token: &str, now: Timestamp) -> Result<Holder, Fault> {
        let token: KeyToken = token.parse().map_err(|()| Fault::Malformed)?;
        let shown = token.digest();
        let mut held = self.held();
        // What there is to compare with is compared in any case, so that the time tells nothing.
        let stored = held.get(token.id()).map_or([0; 32], |held| held.key.secret_sha256);
        let fits: bool = stored.ct_eq(&shown).into();
        let held = held.get_mut(token.id()).ok_or(Fault::Unknown)?;
        if fits { held.admit(now) } else { Err(Fault::WrongSecret) }
    }

    /// The holder of a key that somebody has shown before.
    pub(crate) fn admit_again(&self, id: &str, now: Timestamp) -> Result<Holder, Fault> {
        self.held().get_mut(id).ok_or(Fault::Unknown)?.admit(now)
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Arc<str>, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn admit(&mut self, now: Timestamp) -> Result<Holder, Fault> {
        if let Some(fault) = self.key.fault(now) {
            return Err(fault);
        }
        self.used = Some(now);
        let Key { id, scopes, .. } = &self.key;
        Ok(Holder { key: Arc::clone(id), scopes: scopes.clone(), ended: self.ended.clone() })
    }
}

#[cfg(test)]
mod tests {
    use awo_engine::ports::SystemClock;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn key(token: &KeyToken) -> Key {
        Key {
            id: token.id().into(),
            secret_sha256: token.digest(),
            scopes: [Scope::OrdersRead].into(),
            expires_at: Some(at(100)),
            revoked: false,
        }
    }

    #[test]
    fn only_the_whole_token_of_a_good_key_opens() {
        let clock = SystemClock::default();
        let (token, other) = (KeyToken::new(&clock), KeyToken::new(&clock));
        let ring = KeyRing::default();
        let admit = |text: &str, now| ring.admit(text, at(now)).map(|holder| holder.key);
        assert_eq!(admit(&token.reveal(), 1), Err(Fault::Unknown));
        ring.replace([key(&token)], at(1));
        assert_eq!(admit(&token.reveal(), 99).as_deref(), Ok(token.id()));
        assert_eq!(admit(&token.reveal(), 100), Err(Fault::Expired));
        let (_, secret) = other.reveal().rsplit_once('_').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert_eq!(admit(&format!("awo_{}_{secret}", token.id()), 1), Err(Fault::WrongSecret));
        assert_eq!(admit("awo_", 1), Err(Fault::Malformed));
        let holder = ring.admit(&token.reveal(), at(1)).unwrap();
        assert!(holder.may(Scope::OrdersRead) && !holder.may(Scope::OrdersWrite) && !holder.may(Scope::Admin));
    }

    #[test]
    fn what_a_key_has_open_ends_with_it_and_not_with_its_neighbours() {
        let clock = SystemClock::default();
        let tokens = [KeyToken::new(&clock), KeyToken::new(&clock), KeyToken::new(&clock), KeyToken::new(&clock)];
        let ring = KeyRing::default();
        ring.replace(tokens.iter().map(key), at(1));
        let open = tokens.each_ref().map(|token| ring.admit(&token.reveal(), at(1)).unwrap().ended);
        let [same, revoked, _gone, renewed] = tokens.each_ref().map(key);
        let replaced = [same, Key { revoked: true, ..revoked }, Key { secret_sha256: [1; 32], ..renewed }];
        ring.replace(replaced.clone(), at(2));
        assert_eq!(open.each_ref().map(CancellationToken::is_cancelled), [false, true, true, true]);
        ring.replace(replaced, at(100));
        assert!(open[0].is_cancelled(), "its time is over");
        ring.replace([key(&tokens[0])], at(3));
        let again = ring.admit(&tokens[0].reveal(), at(3)).unwrap().ended;
        assert!(!again.is_cancelled() && open[0].is_cancelled(), "the clock was set back: it opens anew");
    }

    #[test]
    fn uses_are_told_once() {
        let token = KeyToken::new(&SystemClock::default());
        let ring = KeyRing::default();
        ring.replace([key(&token)], at(1));
        assert!(ring.take_uses().is_empty());
        ring.admit(&token.reveal(), at(5)).unwrap();
        ring.replace([key(&token)], at(6));
        assert_eq!(ring.take_uses(), [(token.id().into(), at(5))]);
        assert!(ring.take_uses().is_empty());
    }
}
