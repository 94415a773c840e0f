//! Sessions of pages: a link that is good once becomes a cookie. Both stand for a key, and end with it. They are kept in
//! memory only, as digests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Digest, digest_of};

/// How long a link is good, and a session.
pub(crate) const LINK_LASTS: Duration = Duration::from_mins(5);
pub(crate) const SESSION_LASTS: Duration = Duration::from_hours(12);

/// Links and sessions that one key may have; the oldest goes.
const OF_A_KEY: usize = 32;

/// All links and sessions. Times are those of a clock that never goes back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<Tables>>);

#[derive(Debug, Default)]
struct Tables {
    links: Table,
    sessions: Table,
}

/// Secrets that stand for a key until some time.
#[derive(Debug, Default)]
struct Table(HashMap<Digest, (Arc<str>, Duration)>);

impl Table {
    fn add(&mut self, secret: &str, key: Arc<str>, now: Duration, lasts: Duration) {
        self.0.retain(|_, (_, end)| *end > now);
        let of_the_key = self.0.iter().filter(|(_, (of, _))| *of == key);
        if of_the_key.clone().count() >= OF_A_KEY
            && let Some(oldest) = of_the_key.min_by_key(|(_, (_, end))| *end).map(|(digest, _)| *digest)
        {
            self.0.remove(&oldest);
        }
        self.0.insert(digest_of(secret), (key, now + lasts));
    }

    fn get(&self, secret: &str, now: Duration) -> Option<Arc<str>> {
        let (key, end) = self.0.get(&digest_of(secret))?;
        (*end > now).then(|| Arc::clone(key))
    }

    fn remove(&mut self, secret: &str) {
        self.0.remove(&digest_of(secret));
    }
}

impl Sessions {
    /// Makes a link good for a key, once.
    pub(crate) fn offer(&self, link: &str, key: Arc<str>, now: Duration) {
        self.tables().links.add(link, key, now, LINK_LASTS);
    }

    /// The key behind a link, which is good no more.
    pub(crate) fn take(&self, link: &str, now: Duration) -> Option<Arc<str>> {
        let mut tables = self.tables();
        let key = tables.links.get(link, now);
        tables.links.remove(link);
        key
    }

    pub(crate) fn begin(&self, session: &str, key: Arc<str>, now: Duration) {
        self.tables().sessions.add(session, key, now, SESSION_LASTS);
    }

    /// The key behind a session.
    pub(crate) fn key_of(&self, session: &str, now: Duration) -> Option<Arc<str>> {
        self.tables().sessions.get(session, now)
    }

    pub(crate) fn end(&self, session: &str) {
        self.tables().sessions.remove(session);
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: Duration = Duration::from_secs(7);

    #[test]
    fn a_link_is_good_once_and_not_for_long() {
        let sessions = Sessions::default();
        sessions.offer("link", "k".into(), BEGIN);
        assert_eq!(sessions.take("other", BEGIN), None);
        assert_eq!(sessions.take("link", BEGIN).as_deref(), Some("k"));
        assert_eq!(sessions.take("link", BEGIN), None);
        sessions.offer("late", "k".into(), BEGIN);
        assert_eq!(sessions.take("late", BEGIN + LINK_LASTS), None);
    }

    #[test]
    fn a_session_ends_by_itself_and_when_it_is_asked_to() {
        let sessions = Sessions::default();
        sessions.begin("a", "k".into(), BEGIN);
        sessions.begin("b", "k".into(), BEGIN);
        sessions.end("a");
        assert_eq!(sessions.key_of("a", BEGIN), None);
        assert_eq!(sessions.key_of("b", SESSION_LASTS).as_deref(), Some("k"));
        assert_eq!(sessions.key_of("b", BEGIN + SESSION_LASTS), None);
    }

    #[test]
    fn a_key_has_so_many_and_the_oldest_goes() {
        let sessions = Sessions::default();
        sessions.begin("of another", "other".into(), BEGIN);
        for n in 0..=OF_A_KEY {
            let now = BEGIN + Duration::from_secs(n.try_into().unwrap());
            sessions.begin(&n.to_string(), "k".into(), now);
        }
        let now = BEGIN + Duration::from_mins(1);
        let left = (0..=OF_A_KEY).filter(|n| sessions.key_of(&n.to_string(), now).is_some());
        assert_eq!(left.collect::<Vec<_>>(), (1..=OF_A_KEY).collect::<Vec<_>>());
        assert!(sessions.key_of("of another", now).is_some());
    }
}
