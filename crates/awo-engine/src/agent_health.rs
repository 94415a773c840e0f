//! Owns what was last seen of the agents: looked at now and then in the background, so that whoever asks never waits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use awo_models::Timestamp;
use futures::future::join_all;

use crate::engine::Engine;
use crate::ports::AgentHealth;

/// What was seen is good for so long.
const GOOD_FOR: Duration = Duration::from_mins(1);

/// An agent of this process, and whether it can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentStatus {
    /// The name that orders choose it by.
    pub name: String,
    /// What was seen of it, and when; `None` if nobody has looked yet.
    pub seen: Option<(AgentHealth, Timestamp)>,
}

/// What was seen of all agents.
#[derive(Debug, Default)]
pub(crate) struct SeenAgents(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    agents: BTreeMap<String, (AgentHealth, Timestamp)>,
    /// When the last look began.
    looked_at: Option<Duration>,
    looking: bool,
}

impl SeenAgents {
    /// Whether it is time to look. Who is told so has to look, and is the only one.
    fn begin(&self, now: Duration) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_good = seen.looked_at.is_some_and(|before| now.saturating_sub(before) < GOOD_FOR);
        if is_good || seen.looking {
            return false;
        }
        (seen.looking, seen.looked_at) = (true, Some(now));
        true
    }

    fn note(&self, name: &str, health: AgentHealth, now: Timestamp) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.agents.insert(name.to_owned(), (health, now));
    }

    fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).looking = false;
    }

    fn of(&self, name: &str) -> Option<(AgentHealth, Timestamp)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).agents.get(name).cloned()
    }
}

/// What was last seen of the agents. If that is old, it is looked again in the background.
pub(crate) fn last_seen(engine: &Arc<Engine>) -> Vec<AgentStatus> {
    if engine.seen_agents.begin(engine.clock.monotonic()) {
        let engine = Arc::clone(engine);
        tokio::spawn(async move {
            let _looking = Looking(&engine.seen_agents);
            join_all(engine.agents.iter().map(async |(name, agent)| {
                let health = agent.probe().await;
                engine.seen_agents.note(name, health, engine.clock.now());
            }))
            .await;
        });
    }
    engine.agents.keys().map(|name| AgentStatus { name: name.clone(), seen: engine.seen_agents.of(name) }).collect()
}

/// A look that is under way, until this is dropped: also by a panic.
struct Looking<'a>(&'a SeenAgents);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_looks_and_only_when_what_was_seen_is_old() {
        let seen = SeenAgents::default();
        let at = Duration::from_secs(1000);
        assert!(seen.begin(at));
        assert!(!seen.begin(at + GOOD_FOR), "somebody is looking");
        drop(Looking(&seen));
        assert!(!seen.begin(at + GOOD_FOR / 2));
        assert!(seen.begin(at + GOOD_FOR));
    }
}
