//! The suite that certifies a backend: one function per clause of the contract.
//!
//! ```ignore
//! // tests/it/main.rs of a backend
//! awo_state::state_repository_conformance!(MyFixture::new());
//! awo_state::artifact_store_conformance!(MyArtifactFixture::new());
//! awo_state::order_log_conformance!(MyOrderLogFixture::new());
//! awo_state::catalog_conformance!(MyCatalogFixture::new());
//! awo_state::change_feed_conformance!(MyChangeFixture::new());
//! awo_state::leases_conformance!(MyLeasesFixture::new());
//! awo_state::told_store_conformance!(MyToldFixture::new());
//! ```
//!
//! Every clause becomes a test with the clause's name; its failure names the broken promise. The expression is evaluated
//! anew for each, so that every clause begins with an empty store.
#![expect(clippy::missing_panics_doc, clippy::unwrap_used, reason = "test code: a clause that does not hold panics")]

mod artifacts;
mod catalog;
mod changes;
mod durable;
mod held;
mod history;
mod leases;
mod lists;
mod order_log;
mod owners;
mod prompts;
mod races;
mod records;
mod told;
mod transfer;

#[doc(hidden)]
pub mod kit;

use std::sync::Arc;

use async_trait::async_trait;
use awo_models::OrderId;

pub use artifacts::*;
pub use catalog::*;
pub use changes::*;
pub use durable::*;
pub use held::*;
pub use history::*;
pub use leases::*;
pub use lists::*;
pub use order_log::*;
pub use owners::*;
pub use prompts::*;
pub use races::*;
pub use records::*;
pub use told::*;
pub use transfer::*;

use crate::{
    ArtifactStore, Catalog, CatalogBounds, ChangeFeed, Leases, LogBounds, OrderLog, StateRepository, StateTransfer,
    ToldStore,
};

/// A store for one clause.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// A handle on this fixture's store, which is empty at first. Each call gives another handle on the same data.
    async fn repository(&self) -> Arc<dyn StateRepository>;

    /// Ends whatever holds the store and opens it again, as a restart does; `None` if the backend is not durable.
    /// Clauses drop their handles before.
    async fn reopen(&self) -> Option<Arc<dyn StateRepository>>;

    /// Makes one stored order look as if a newer version had written it, and opens the store again; `None` if the
    /// backend has no stored form. Clauses drop their handles before.
    async fn reopen_with_newer_format(&self, id: OrderId) -> Option<Arc<dyn StateRepository>>;

    /// Damages what is stored of one order, so that it cannot be read any more, and opens the store again; `None` if the
    /// backend cannot have such damage, or cannot be made to. Clauses drop their handles before.
    async fn reopen_with_damage(&self, id: OrderId) -> Option<Arc<dyn StateRepository>>;

    /// What is stored for an order, byte for byte; empty if the backend has no stored form.
    async fn stored_bytes(&self, id: OrderId) -> Vec<u8>;
}

/// An artifact store for one clause.
#[async_trait]
pub trait ArtifactFixture: Send + Sync {
    /// A handle on this fixture's store, which is empty at first. Each call gives another handle on the same data.
    async fn artifacts(&self) -> Arc<dyn ArtifactStore>;

    /// Opens the store again, as a restart does; `None` if it is not durable.
    async fn reopen(&self) -> Option<Arc<dyn ArtifactStore>>;
}

/// Two stores for one clause, both empty at first, that can be transferred between.
#[async_trait]
pub trait TransferFixture: Send + Sync {
    /// A handle on a store. Each call gives another handle on the same data.
    async fn repository(&self) -> (Arc<dyn StateRepository>, Arc<dyn StateTransfer>);

    /// A handle on another store of the same kind. Each call gives another handle on the same data.
    async fn other(&self) -> (Arc<dyn StateRepository>, Arc<dyn StateTransfer>);

    /// Opens the other store again, as a restart does; `None` if it is not durable. Clauses drop their handles before.
    async fn reopen_other(&self) -> Option<Arc<dyn StateRepository>>;
}

/// A store of logs for one clause.
#[async_trait]
pub trait OrderLogFixture: Send + Sync {
    /// A handle on this fixture's store, which is empty at first. Each call gives another handle on the same data.
    async fn order_log(&self) -> Arc<dyn OrderLog>;

    /// What the store keeps of an order. Choose some hundred lines and a megabyte, as a clause fills it three times.
    fn bounds(&self) -> LogBounds;

    /// Opens the store again, as a restart does; `None` if it is not durable. Clauses drop their handles before.
    async fn reopen(&self) -> Option<Arc<dyn OrderLog>>;

    /// Takes away the end of an order's last line, as a kill in the middle of its write does, and opens the store again;
    /// `None` if the store cannot have such a line. Clauses drop their handles before.
    async fn reopen_torn(&self, id: OrderId) -> Option<Arc<dyn OrderLog>>;

    /// Damages the line of this number, and opens the store again; `None` if the store cannot have such damage, or
    /// cannot be made to. Clauses drop their handles before.
    async fn reopen_damaged(&self, id: OrderId, number: u64) -> Option<Arc<dyn OrderLog>>;
}

/// A store with word of its changes for one clause.
#[async_trait]
pub trait ChangeFixture: Send + Sync {
    /// A handle on this fixture's store, which is empty at first. Each call gives another handle on the same data.
    async fn repository(&self) -> Arc<dyn StateRepository>;

    /// A handle as another process has it, which hears what is told from now on.
    async fn changes(&self) -> Arc<dyn ChangeFeed>;
}

/// A catalog for one clause.
#[async_trait]
pub trait CatalogFixture: Send + Sync {
    /// A handle on this fixture's catalog, which is empty at first. Each call gives another handle on the same data.
    async fn catalog(&self) -> Arc<dyn Catalog>;

    /// What the catalog keeps. Choose some ten entries, as a clause fills it three times.
    fn bounds(&self) -> CatalogBounds;

    /// Opens the catalog again, as a restart does; `None` if it is not durable. Clauses drop their handles before.
    async fn reopen(&self) -> Option<Arc<dyn Catalog>>;

    /// Damages what is stored of the repositories, and opens the catalog again; `None` if it cannot have such damage.
    /// Clauses drop their handles before.
    async fn reopen_with_damaged_repositories(&self) -> Option<Arc<dyn Catalog>>;

    /// Makes the stored repositories look as if a newer version had written them, and opens the catalog again; `None` if
    /// it has no stored form. Clauses drop their handles before.
    async fn reopen_with_newer_repositories(&self) -> Option<Arc<dyn Catalog>>;

    /// What is stored of the repositories, byte for byte; empty if there is no stored form.
    async fn stored_repositories(&self) -> Vec<u8>;
}

/// Orders and the leases on them for one clause.
#[async_trait]
pub trait LeasesFixture: Send + Sync {
    /// A handle on this fixture's orders, of which there are none at first. Each call gives another handle.
    async fn repository(&self) -> Arc<dyn StateRepository>;

    /// A handle on the leases of these orders. Each call gives another handle on the same data.
    async fn leases(&self) -> Arc<dyn Leases>;
}

/// A memory of what those outside were told for one clause.
#[async_trait]
pub trait ToldFixture: Send + Sync {
    /// A handle as another process has it; nothing was told at first.
    async fn told(&self) -> Arc<dyn ToldStore>;
}

/// Runs a clause to its end on a runtime of its own.
#[doc(hidden)]
pub fn run(clause: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(clause);
}

/// Makes one `#[test]` per clause of [`StateRepository`]. Takes an expression that builds a
/// [`Fixture`] for an empty store.
#[macro_export]
macro_rules! state_repository_conformance {
    ($fixture:expr) => {
        $crate::__state_repository_clauses!(__conformance_tests[$fixture]);
    };
}

/// Makes one `#[test]` per clause of [`StateTransfer`]. Takes an expression that builds a [`TransferFixture`] for empty
/// stores.
#[macro_export]
macro_rules! state_transfer_conformance {
    ($fixture:expr) => {
        $crate::__conformance_tests! { [$fixture]
            an_exported_order_imports_equal
            import_refuses_what_does_not_fit
            import_does_not_overwrite
        }
    };
}

/// Makes one `#[test]` per clause of [`ArtifactStore`]. Takes an expression that builds an
/// [`ArtifactFixture`] for an empty store.
#[macro_export]
macro_rules! artifact_store_conformance {
    ($fixture:expr) => {
        $crate::__artifact_store_clauses!(__conformance_tests[$fixture]);
    };
}

/// Makes one `#[test]` per clause of [`OrderLog`]. Takes an expression that builds an
/// [`OrderLogFixture`] for an empty store.
#[macro_export]
macro_rules! order_log_conformance {
    ($fixture:expr) => {
        $crate::__order_log_clauses!(__conformance_tests[$fixture]);
    };
}

/// Makes one `#[test]` per clause of [`ChangeFeed`]. Takes an expression that builds a [`ChangeFixture`] for an empty store.
#[macro_export]
macro_rules! change_feed_conformance {
    ($fixture:expr) => {
        $crate::__conformance_tests! { [$fixture]
            word_reaches_all_others
            word_of_many_orders_comes_whole
            word_is_not_lost_by_who_stops_to_listen
            notes_reach_all_others
            versions_are_of_what_goes_on_and_of_the_newest
        }
    };
}

/// Makes one `#[test]` per clause of [`Catalog`]. Takes an expression that builds a
/// [`CatalogFixture`] for an empty catalog.
#[macro_export]
macro_rules! catalog_conformance {
    ($fixture:expr) => {
        $crate::__catalog_clauses!(__conformance_tests[$fixture]);
    };
}

/// Makes one `#[test]` per clause of [`Leases`]. Takes an expression that builds a [`LeasesFixture`] without orders.
#[macro_export]
macro_rules! leases_conformance {
    ($fixture:expr) => {
        $crate::__conformance_tests! { [$fixture]
            an_order_has_one_holder
            a_claim_without_the_lease_is_held
            an_expired_lease_can_be_taken
            who_does_not_take_over_leaves_expired_leases
            a_renewal_tells_of_the_order
            orders_are_given_in_line
            a_long_line_is_dealt_as_a_short_one
            only_free_orders_with_labels_are_given
            what_becomes_pending_is_in_line
            what_runs_without_a_lease_is_given
            what_ends_in_line_is_given_to_nobody
            racing_workers_get_different_orders
            limits_hold_over_all_workers
            a_paused_queue_gives_nothing
            workers_are_known_until_they_leave
        }
    };
}

/// Makes one `#[test]` per clause of [`ToldStore`]. Takes an expression that builds a [`ToldFixture`] for an empty store.
#[macro_export]
macro_rules! told_store_conformance {
    ($fixture:expr) => {
        $crate::__conformance_tests! { [$fixture]
            what_was_told_is_kept_by_recipient
            one_at_a_time_has_the_turn
            one_of_those_who_ask_at_once_has_the_turn
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ([$fixture:expr] $($clause:ident)*) => { $(
        #[test]
        fn $clause() {
            $crate::conformance::run(async {
                let fixture = $fixture;
                $crate::conformance::$clause(&fixture).await;
            });
        }
    )* };
}

/// The clauses, named once; handed to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __state_repository_clauses {
    ($then:ident [$($with:tt)*]) => {
        $crate::$then! { [$($with)*]
            acknowledged_saves_survive_reopen
            save_replaces_by_extension
            identical_save_is_idempotent
            rebuilt_equal_history_is_accepted
            shorter_save_conflicts_and_changes_nothing
            diverging_history_conflicts
            empty_history_saves
            known_order_without_steps_is_empty
            unknown_order_reads_none
            save_for_unknown_order_is_not_found
            lost_acknowledgement_then_larger_change_repeats_nothing
            second_story_from_old_answer_conflicts
            status_history_events_commit_together
            events_are_gapless_across_owners_and_foreign_writes
            events_after_n_are_n_plus_1
            claim_raises_epoch_once
            one_of_racing_claims_wins
            stale_epoch_is_fenced
            handed_over_owner_is_refused
            terminal_refuses_all_but_repetition_and_retry
            retry_supersedes_without_touching_results
            interrupted_result_rides_on_the_claim
            who_waits_has_no_step_in_progress
            a_held_order_is_not_claimed_before_it_is_started
            a_held_order_can_be_cancelled
            prompts_wait_for_the_owner
            a_waiting_prompt_holds_the_end
            a_prompt_reopens_an_ended_order
            saved_result_clears_current
            dropped_future_stores_all_or_nothing
            same_idempotency_key_names_the_first_order
            one_of_racing_creates_wins
            readers_see_no_torn_state
            orders_do_not_see_each_other
            clones_share_data
            newer_format_is_refused_untouched
            list_is_newest_first_and_pages
            list_names_damaged
            delete_survives_reopen
            deleted_is_unknown
            large_history_round_trips
            hostile_strings_round_trip
        }
    };
}

/// The clauses, named once; handed to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __artifact_store_clauses {
    ($then:ident [$($with:tt)*]) => {
        $crate::$then! { [$($with)*]
            artifact_reads_as_it_was_put
            artifact_is_replaced_whole
            artifact_takes_a_file
            artifacts_are_listed_sorted
            artifacts_of_orders_are_apart
            artifacts_are_counted_by_order
        }
    };
}

/// The clauses, named once; handed to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __order_log_clauses {
    ($then:ident [$($with:tt)*]) => {
        $crate::$then! { [$($with)*]
            log_is_numbered_without_gaps
            log_reads_as_it_was_written
            log_is_filtered_and_paged
            log_is_bounded
            log_refuses_what_is_too_large
            logs_of_orders_are_apart
            log_survives_reopen
            torn_log_line_is_dropped
            damaged_log_line_is_skipped_and_counted
        }
    };
}

/// The clauses, named once; handed to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __catalog_clauses {
    ($then:ident [$($with:tt)*]) => {
        $crate::$then! { [$($with)*]
            catalog_writes_are_guarded_by_versions
            one_of_racing_catalog_writes_wins
            catalog_put_may_be_sent_again
            catalog_knows_an_address_once
            catalog_deletes_are_guarded_by_versions
            catalog_survives_reopen
            audit_is_newest_first_and_pages
            audit_is_bounded
            damaged_catalog_says_so
            newer_catalog_is_refused_untouched
        }
    };
}

/// A clause with its name, for suites that run them in another way than as tests.
#[doc(hidden)]
pub type Clause = (&'static str, fn(&dyn Fixture));

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_table {
    ([] $($clause:ident)*) => {
        &[$((stringify!($clause), |fixture| $crate::conformance::run($crate::conformance::$clause(fixture)))),*]
    };
}

/// All clauses of [`StateRepository`](crate::StateRepository).
#[doc(hidden)]
pub const CLAUSES: &[Clause] = __state_repository_clauses!(__conformance_table []);
