//! What the engine's errors become on the wire. Causes go to the log, never to the client.

use std::error::Error;

use awo_engine::ports::Unverified;
use awo_engine::{CatalogError, EngineError, FieldError, StateError};
use awo_models::OrderId;
use serde_json::{Value, json};

use super::{InputError, Problem, ProblemType};

/// Seconds after which a client may try again when the store failed.
const STORE_PAUSE: u32 = 2;
/// Seconds after which a client may try again when a checkout could not be looked into.
const WORKSPACE_PAUSE: u32 = 30;
/// Seconds after which a client may try again when the queue was full.
const QUEUE_PAUSE: u32 = 30;
/// Seconds after which a client may try again when the server was shutting down.
const RESTART_PAUSE: u32 = 5;
/// Seconds after which a client may try again when the forge could not be asked.
const FORGE_PAUSE: u32 = 30;
/// What can be done where a queue of workers is asked for, and there is none.
const HOW_TO_SHARE: &str = "`awo serve` runs them by itself, and begins none while it is stopped. Workers share those of a \
                            database: set state (AWO_STATE) to postgres";
/// Characters of a message, which may quote what was sent.
const MESSAGE_SHOWN: usize = 500;

impl Problem {
    /// There is no such order. The words `not found` are part of the contract.
    pub(crate) fn order_not_found(id: &str) -> Self {
        Self::new(ProblemType::OrderNotFound, format!("agent work order {id} was not found"))
    }

    /// There is no such configured repository.
    pub(crate) fn repository_not_found(id: &str) -> Self {
        Self::new(ProblemType::RepositoryNotFound, format!("configured repository {id} was not found"))
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let detail = error.to_string();
        match error {
            EngineError::Invalid(errors) => {
                Self::invalid(errors.iter().map(|error| InputError::of_field(error, None)).collect())
            }
            EngineError::NotFound(id) => Self::order_not_found(&id.to_string()),
            EngineError::NotAllowed { .. } => Self::new(ProblemType::NotAllowed, detail),
            EngineError::KeyReused { .. } | EngineError::PromptKeyReused { .. } => {
                Self::new(ProblemType::IdempotencyKeyReused, detail)
            }
            EngineError::QueueFull { .. } => Self::new(ProblemType::QueueFull, detail).retry_after(QUEUE_PAUSE),
            EngineError::ShuttingDown => Self::new(ProblemType::ShuttingDown, detail).retry_after(RESTART_PAUSE),
            EngineError::NoDiff { reason, .. } => {
                Self::new(ProblemType::DiffNotFound, format!("diff not found: {reason}"))
            }
            EngineError::Workspace(_) => {
                Self::new(ProblemType::WorkspaceUnavailable, detail).retry_after(WORKSPACE_PAUSE)
            }
            EngineError::QueueNotShared => Self::new(ProblemType::QueueNotShared, format!("{detail}; {HOW_TO_SHARE}")),
            EngineError::NoCatalog => Self::new(ProblemType::PathNotFound, detail),
            EngineError::RepositoryNotFound(id) => Self::repository_not_found(&id),
            EngineError::RepositoryExists(_) => Self::new(ProblemType::RepositoryExists, detail),
            EngineError::Unverified(Unverified::Missing(_)) => Self::new(ProblemType::RepositoryNotAccessible, detail),
            EngineError::Unverified(Unverified::Unknown(_)) => {
                Self::new(ProblemType::ForgeFailed, detail).retry_after(FORGE_PAUSE)
            }
            EngineError::Catalog(catalog) => catalog.into(),
            EngineError::State(state) => state.into(),
            other => Self::internal(describe(&other)),
        }
    }
}

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        let cause = describe(&error);
        match error {
            outage if outage.is_outage() => {
                Self::new(ProblemType::StoreUnavailable, "the catalog does not answer at present; try again soon")
                    .retry_after(STORE_PAUSE)
                    .because(cause)
            }
            CatalogError::Corrupt { .. } => {
                let detail =
                    "what is stored of the repositories is damaged; it is left as it is, and the log says where";
                Self::new(ProblemType::CatalogDamaged, detail).because(cause)
            }
            CatalogError::UnsupportedVersion { .. } => {
                let detail = "a newer awo stored the repositories; run that version, or a newer one";
                Self::new(ProblemType::CatalogTooNew, detail).because(cause)
            }
            _ => Self::internal(cause),
        }
    }
}

impl From<StateError> for Problem {
    fn from(error: StateError) -> Self {
        let cause = describe(&error);
        match error {
            outage if outage.is_outage() => Self::new(
                ProblemType::StoreUnavailable,
                "the store of the orders does not answer at present; the orders that run go on; try again soon",
            )
            .retry_after(STORE_PAUSE)
            .because(cause),
            StateError::NotFound(id) => Self::order_not_found(&id.to_string()),
            StateError::Corrupt { id, .. } => Self::new(ProblemType::OrderDamaged, damaged(id)).because(cause),
            StateError::UnsupportedVersion { .. } => {
                Self::new(ProblemType::OrderTooNew, format!("{cause}; run that version of awo, or a newer one"))
            }
            StateError::Transition(refused) => Self::new(ProblemType::NotAllowed, refused.to_string()),
            StateError::Refused(reason) => Self::new(ProblemType::NotAllowed, reason),
            _ => Self::internal(cause),
        }
    }
}

impl InputError {
    /// A field that the engine refused, with what was sent in it.
    pub(crate) fn of_field(error: &FieldError, input: Option<Value>) -> Self {
        let mut loc = vec![json!("body")];
        loc.extend(error.field.split('.').map(Value::from));
        let msg = error.message.chars().take(MESSAGE_SHOWN).collect();
        Self { loc, msg, kind: "value_error", input }
    }
}

fn damaged(id: OrderId) -> String {
    format!(
        "the stored data of agent work order {id} is damaged; it is left as it is, and `awo state verify` says what is wrong"
    )
}

/// An error with its causes, in one line.
pub(crate) fn describe(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}
