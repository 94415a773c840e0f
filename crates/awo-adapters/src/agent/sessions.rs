//! Owns what outlives an execution so that a program can go on in a session: the files that its driver names, and what
//! its sessions have consumed. They are kept per order and agent.
//!
//! *Invariant*: nothing else of a home comes back. An agent may have left settings or hooks in it, or links that lead
//! out of it; only plain files in plain directories are copied.

mod copying;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use awo_models::{OrderId, Usage};

use super::driver::{Earlier, SessionFiles};
use super::home::private_directory;
use crate::Secrets;

/// File with what the sessions have consumed, beside the directory with their files.
const TOTALS: &str = "totals.json";
const FILES: &str = "files";

/// The sessions of an order with one agent.
#[derive(Debug, Clone)]
pub(super) struct Sessions {
    directory: PathBuf,
    kinds: Vec<SessionFiles>,
}

impl Sessions {
    pub(super) fn new(sessions_dir: &Path, order: OrderId, agent: &str, kinds: Vec<SessionFiles>) -> Self {
        Self { directory: sessions_dir.join(order.to_string()).join(agent), kinds }
    }

    /// Puts the files of the sessions into a new home; how many.
    pub(super) async fn restore(&self, home: &Path) -> io::Result<usize> {
        let (from, to, kinds) = (self.directory.join(FILES), home.to_owned(), self.kinds.clone());
        let copied =
            tokio::task::spawn_blocking(move || copying::copy(&from, &to, &kinds, &Secrets::default())).await??;
        Ok(copied.files)
    }

    /// Keeps the files of the sessions in a home, without the secrets, and what a session has consumed by now.
    pub(super) async fn keep(&self, home: &Path, total: Option<(&str, &Usage)>, secrets: &Secrets) -> io::Result<()> {
        if self.kinds.is_empty() {
            return Ok(());
        }
        let (from, place, secrets) = (home.to_owned(), self.clone(), secrets.clone());
        let total = total.map(|(id, usage)| (id.to_owned(), usage.clone()));
        let keeping = move || {
            let left_out = copying::copy(&from, &place.directory.join(FILES), &place.kinds, &secrets)?.left_out;
            if left_out > 0 {
                tracing::warn!(left_out, sessions = %place.directory.display(), "files of an agent's sessions are not kept");
            }
            total.map_or(Ok(()), |(id, usage)| place.note_total(id, usage))
        };
        tokio::task::spawn_blocking(keeping).await?
    }

    /// What a session had consumed when it was last kept.
    pub(super) async fn total(&self, id: &str) -> Earlier {
        let (place, id) = (self.clone(), id.to_owned());
        let read = tokio::task::spawn_blocking(move || place.totals().remove(&id)).await;
        read.ok().flatten().map_or(Earlier::Unknown, Earlier::Total)
    }

    /// Removes all of it.
    pub(super) async fn forget(self) -> io::Result<()> {
        let removing = move || {
            match std::fs::remove_dir_all(&self.directory) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            // Other agents of the order may have sessions; the last one takes the order's directory along.
            if let Some(order) = self.directory.parent() {
                let _ = std::fs::remove_dir(order);
            }
            Ok(())
        };
        tokio::task::spawn_blocking(removing).await?
    }

    fn totals(&self) -> BTreeMap<String, Usage> {
        let read = std::fs::read(self.directory.join(TOTALS)).ok();
        read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    fn note_total(&self, id: String, usage: Usage) -> io::Result<()> {
        let mut totals = self.totals();
        totals.insert(id, usage);
        private_directory(&self.directory)?;
        copying::write(&self.directory.join(TOTALS), &serde_json::to_vec(&totals)?)
    }
}

/// Whether a text can be the id of a session: it becomes an argument of a program.
pub(super) fn is_session_id(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    (1..=128).contains(&id.len()) && id.chars().all(plain) && id.starts_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_no_option_and_no_path() {
        for good in ["11111111-2222-4333-8444-555555555555", "ses_dfd5c7861ffeaHpG3pSrkuZfD7", "s-1"] {
            assert!(is_session_id(good), "{good}");
        }
        for bad in ["", "--yolo", "-", "../x", "a b", "a/b", "é", "a\n", &"x".repeat(129)] {
            assert!(!is_session_id(bad), "{bad}");
        }
    }

    #[tokio::test]
    async fn totals_are_kept_by_session_and_forgotten_with_the_order() {
        let place = tempfile::tempdir().unwrap();
        let order = OrderId::new(0, [1; 10]);
        let kinds = vec![SessionFiles { below: "sessions".into(), ending: ".jsonl".into() }];
        let sessions = Sessions::new(place.path(), order, "codex", kinds);
        let used = |tokens| Usage { input_tokens: Some(tokens), ..Usage::default() };
        let (home, none) = (place.path().join("home"), Secrets::default());
        assert_eq!(sessions.total("a").await, Earlier::Unknown);
        sessions.keep(&home, Some(("a", &used(1))), &none).await.unwrap();
        sessions.keep(&home, Some(("b", &used(2))), &none).await.unwrap();
        sessions.keep(&home, Some(("a", &used(3))), &none).await.unwrap();
        assert_eq!(sessions.total("a").await, Earlier::Total(used(3)));
        assert_eq!(sessions.total("b").await, Earlier::Total(used(2)));
        sessions.clone().forget().await.unwrap();
        sessions.clone().forget().await.unwrap();
        assert_eq!(sessions.total("a").await, Earlier::Unknown);
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
