//! Whether an agent program can be used.

/// What a look at an agent program found. Holds no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentHealth {
    /// Where the program is; `None` if it was not found.
    pub program: Option<String>,
    /// Its version, as it says itself.
    pub version: Option<String>,
    /// Whether it has what it needs to be let in by its model's service.
    pub login: Login,
    /// What is in the way of using it, in words; `None` if nothing is.
    pub problem: Option<String>,
    /// What to do about it.
    pub cure: Option<String>,
}

impl AgentHealth {
    /// Of an agent that is part of this program and needs nothing.
    pub fn built_in() -> Self {
        Self { program: Some("built in".to_owned()), version: None, login: Login::NotNeeded, problem: None, cure: None }
    }

    /// Whether nothing is known to be in the way.
    pub fn is_usable(&self) -> bool {
        self.problem.is_none()
    }
}

/// Whether an agent program is logged in, as far as that can be seen without asking the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// A key or a login is there. Whether it is still good, only the service knows.
    Found,
    /// Neither a key nor a login is there.
    Missing,
    /// It needs none.
    NotNeeded,
    /// It cannot be seen.
    Unknown,
}
