//! Owns what an execution may reach within walls, and what is held back from it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;

use awo_engine::ports::AgentRequest;
use awo_models::{Failure, FailureCode, Isolation, Network};

use super::home::Home;
use super::{ProgramAgent, unusable};
use crate::walls::{Account, Reach, Room, SetAside, WallKind, held_back, named_by};

impl ProgramAgent {
    /// The walls that an execution gets, and what of the network.
    pub(super) async fn enclosure(&self, request: &AgentRequest) -> Result<(Option<WallKind>, Network), Failure> {
        if request.isolation != Isolation::None {
            // The engine asked for walls because there were some; they may be gone since.
            let effective = self.walls.effective(request.isolation, request.network).await?;
            return Ok((WallKind::that_are(effective.isolation), effective.network));
        }
        match request.network {
            Network::Off | Network::Proxy => {
                let message = format!("the network `{}` needs walls", request.network.as_str());
                Err(Failure::new(FailureCode::IsolationUnavailable, message))
            }
            _ => Ok((None, Network::Host)),
        }
    }

    /// What the agent may reach within walls. Its home is handed over to whoever it is there.
    pub(super) async fn room(
        &self,
        request: &AgentRequest,
        kind: WallKind,
        home: &Home,
        account: Option<Account>,
        env: &BTreeMap<OsString, OsString>,
        reach: Reach,
    ) -> Result<Room, Failure> {
        let covered = if kind != WallKind::Bubblewrap || self.walls.trusts(&request.repository_url) {
            Vec::new()
        } else {
            let (checkout, empty) = (request.working_dir.clone(), home.empty());
            let covered = tokio::task::spawn_blocking(move || held_back(&checkout, &empty)).await;
            covered.map_err(io::Error::from).flatten().map_err(|error| not_held_back(&error))?
        };
        let unusable = |error: io::Error| unusable("a home for the agent", home.path(), &error);
        let mut seen_as = home.hand_over(account).await.map_err(unusable)?;
        if let Reach::Proxy(_) = reach {
            seen_as.push(home.own_hosts().await.map_err(unusable)?);
        }
        if kind == WallKind::Landlock {
            // Programs do not find their own name then.
            seen_as.clear();
        }
        let room = Room {
            kind,
            account,
            writable: vec![request.working_dir.clone(), home.path().to_owned(), home.tmp().to_owned()],
            readable: named_by(env),
            borrowed: request.borrowed.clone(),
            seen_as,
            covered,
            reach,
        };
        self.walls.open_way(&room).map_err(unusable)?;
        Ok(room)
    }

    /// Moves what the repository sets for agents out of the checkout, where nothing can be laid over it.
    pub(super) async fn set_aside(
        &self,
        request: &AgentRequest,
        kind: Option<WallKind>,
    ) -> Result<Option<SetAside>, Failure> {
        if kind != Some(WallKind::Landlock) || self.walls.trusts(&request.repository_url) {
            return Ok(None);
        }
        let checkout = request.working_dir.clone();
        let moved = tokio::task::spawn_blocking(move || SetAside::of(checkout)).await;
        moved.map_err(io::Error::from).flatten().map(Some).map_err(|error| not_held_back(&error))
    }
}

/// What is set so that programs get along: git gives up at a file that is there and cannot be read.
pub(super) fn variables(kind: WallKind) -> Option<(OsString, OsString)> {
    (kind == WallKind::Landlock).then(|| ("GIT_CONFIG_NOSYSTEM".into(), "1".into()))
}

/// Moves back what was set aside.
pub(super) async fn put_back(set_aside: Option<SetAside>) -> Result<(), Failure> {
    let Some(set_aside) = set_aside else { return Ok(()) };
    let moved = tokio::task::spawn_blocking(move || set_aside.end()).await;
    moved.map_err(io::Error::from).flatten().map_err(|error| not_held_back(&error))
}

fn not_held_back(error: &io::Error) -> Failure {
    let message = format!("cannot hold back what the repository sets for agents: {error}");
    Failure::new(FailureCode::WorkspaceFailed, message)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::super::recordings::Case;
    use super::*;
    use crate::{Claude, NoTracking, ProgramConfig, WallSettings, Walls};

    #[tokio::test]
    async fn nobody_gets_more_of_the_network_than_was_asked_for_and_no_walls_that_are_not_there() {
        let agent = |walls| {
            let config = ProgramConfig::new("claude", Path::new("/nowhere"));
            ProgramAgent::new(Arc::new(Claude), config, Arc::new(NoTracking)).with_walls(Arc::new(walls))
        };
        let without = agent(Walls::none());
        let missing =
            agent(Walls::new(WallSettings { bubblewrap: "/no/such/bwrap".into(), ..WallSettings::new(None) }));
        for agent in [&without, &missing] {
            let enclosed = async |isolation, network| {
                let request = AgentRequest { isolation, network, ..Case::new().request };
                agent.enclosure(&request).await.map_err(|failure| failure.code)
            };
            let refused = Err(FailureCode::IsolationUnavailable);
            assert_eq!(enclosed(Isolation::None, Network::Host).await, Ok((None, Network::Host)));
            for network in [Network::Off, Network::Proxy] {
                assert_eq!(enclosed(Isolation::None, network).await, refused, "{network:?}");
            }
            for isolation in [Isolation::Bubblewrap, Isolation::Landlock] {
                for network in [Network::Off, Network::Host] {
                    assert_eq!(enclosed(isolation, network).await, refused, "{isolation:?}, {network:?}");
                }
            }
        }
    }
}
