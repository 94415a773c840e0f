//! Which problems an operation can answer with.

use crate::problem::ProblemType::{
    self, ArtifactNotFound, BodyTimeout, BodyTooLarge, CatalogDamaged, CatalogTooNew, DiffNotFound, ForgeFailed,
    IdempotencyKeyReused, InvalidRequest, LinkRefused, MalformedJson, NotAcceptable, NotAllowed, NotReady,
    OrderDamaged, OrderNotFound, OrderTooNew, OutputNotFound, PathNotFound, QueueFull, QueueNotShared, QuotaUsed,
    RepositoryExists, RepositoryNotAccessible, RepositoryNotFound, ShuttingDown, StoreUnavailable, TooManyStreams,
    UnsupportedMediaType, UpgradeRequired, WorkspaceUnavailable,
};

/// The problems of one operation, by its name; those that any may have are not among them.
pub(super) fn of(operation: &str) -> &'static [ProblemType] {
    match operation {
        "create_order" => &[
            MalformedJson,
            BodyTimeout,
            IdempotencyKeyReused,
            BodyTooLarge,
            UnsupportedMediaType,
            InvalidRequest,
            QueueFull,
            QuotaUsed,
            StoreUnavailable,
            ShuttingDown,
        ],
        "list_orders" => &[InvalidRequest, StoreUnavailable],
        "get_step_stats" => &[NotAcceptable, InvalidRequest],
        "get_order" | "list_artifacts" => &[OrderNotFound, OrderDamaged, OrderTooNew, StoreUnavailable],
        "retry_order" | "prompt_order" => &[
            MalformedJson,
            OrderNotFound,
            NotAllowed,
            BodyTimeout,
            BodyTooLarge,
            UnsupportedMediaType,
            InvalidRequest,
            QueueFull,
            QuotaUsed,
            OrderDamaged,
            OrderTooNew,
            ShuttingDown,
            StoreUnavailable,
        ],
        "get_artifact" | "get_step_transcript" => {
            &[OrderNotFound, ArtifactNotFound, OrderDamaged, OrderTooNew, StoreUnavailable]
        }
        "start_order" => {
            &[OrderNotFound, NotAllowed, QueueFull, OrderDamaged, OrderTooNew, ShuttingDown, StoreUnavailable]
        }
        "cancel_order" | "delete_order" => &[OrderNotFound, NotAllowed, OrderDamaged, OrderTooNew, StoreUnavailable],
        "list_steps" | "list_logs" => &[OrderNotFound, InvalidRequest, OrderDamaged, OrderTooNew, StoreUnavailable],
        "get_step_output" => &[OrderNotFound, OutputNotFound, OrderDamaged, OrderTooNew, StoreUnavailable],
        "get_git_progress" => &[OrderNotFound, OrderDamaged, OrderTooNew, StoreUnavailable, WorkspaceUnavailable],
        "get_diff" | "get_step_diff" => {
            &[OrderNotFound, DiffNotFound, OrderDamaged, OrderTooNew, StoreUnavailable, WorkspaceUnavailable]
        }
        "list_events" => {
            &[OrderNotFound, NotAcceptable, InvalidRequest, TooManyStreams, OrderDamaged, OrderTooNew, StoreUnavailable]
        }
        "follow_orders" => &[NotAcceptable, InvalidRequest, TooManyStreams],
        "converse_about_order" => &[
            OrderNotFound,
            InvalidRequest,
            UpgradeRequired,
            TooManyStreams,
            OrderDamaged,
            OrderTooNew,
            StoreUnavailable,
        ],
        "follow_logs" => &[OrderNotFound, InvalidRequest, TooManyStreams, OrderDamaged, OrderTooNew, StoreUnavailable],
        "get_readiness" => &[NotReady],
        "get_docs_file" | "get_page_file" => &[PathNotFound],
        "list_workers" => &[StoreUnavailable],
        "pause_queue" | "resume_queue" => &[QueueNotShared, StoreUnavailable],
        "create_login_link" => &[NotAllowed],
        "follow_login_link" => &[InvalidRequest, LinkRefused],
        _ => of_repositories(operation),
    }
}

fn of_repositories(operation: &str) -> &'static [ProblemType] {
    match operation {
        "list_repositories" => &[CatalogDamaged, CatalogTooNew, StoreUnavailable],
        "create_repository" => &[
            MalformedJson,
            RepositoryNotAccessible,
            PathNotFound,
            RepositoryExists,
            BodyTimeout,
            BodyTooLarge,
            UnsupportedMediaType,
            InvalidRequest,
            ForgeFailed,
            CatalogDamaged,
            CatalogTooNew,
            StoreUnavailable,
        ],
        "get_repository" | "delete_repository" => {
            &[RepositoryNotFound, CatalogDamaged, CatalogTooNew, StoreUnavailable]
        }
        "update_repository" => &[
            MalformedJson,
            RepositoryNotFound,
            BodyTimeout,
            BodyTooLarge,
            UnsupportedMediaType,
            InvalidRequest,
            CatalogDamaged,
            CatalogTooNew,
            StoreUnavailable,
        ],
        "verify_configured_repository" => {
            &[RepositoryNotFound, ForgeFailed, CatalogDamaged, CatalogTooNew, StoreUnavailable]
        }
        "verify_repository" => &[MalformedJson, BodyTimeout, BodyTooLarge, UnsupportedMediaType, InvalidRequest],
        _ => &[],
    }
}
