//! The suite on PostgreSQL, and what only a server can do wrong.

mod changes;
mod damage;
mod fixtures;
mod guards;
mod leases;
mod line;
mod outages;
mod pieces;
mod schema;

/// A fixture, or the end of the test where there is no server.
macro_rules! server_or_return {
    ($fixture:expr) => {
        match $fixture {
            Some(fixture) => fixture,
            None => return,
        }
    };
}

mod orders {
    awo_state::state_repository_conformance!(server_or_return!(super::fixtures::Server::new()));
}

mod transfer {
    awo_state::state_transfer_conformance!(server_or_return!(super::fixtures::TwoSchemas::new()));
}

mod artifacts {
    awo_state::artifact_store_conformance!(server_or_return!(super::fixtures::Server::new()));
}

mod order_log {
    awo_state::order_log_conformance!(server_or_return!(super::fixtures::Server::new()));
}

mod shared {
    awo_state::leases_conformance!(server_or_return!(super::fixtures::Server::new()));
}

mod catalog {
    awo_state::catalog_conformance!(server_or_return!(super::fixtures::Server::new()));
}

mod told {
    awo_state::told_store_conformance!(server_or_return!(super::fixtures::Server::new()));
}

mod word_of_changes {
    awo_state::change_feed_conformance!(server_or_return!(super::fixtures::Server::new()));
}

/// The same in a schema that a newer program has taken further, and that says that this one may use it.
mod beside_a_newer_program {
    mod orders {
        awo_state::state_repository_conformance!(server_or_return!(super::super::fixtures::Server::upgraded()));
    }

    mod artifacts {
        awo_state::artifact_store_conformance!(server_or_return!(super::super::fixtures::Server::upgraded()));
    }

    mod order_log {
        awo_state::order_log_conformance!(server_or_return!(super::super::fixtures::Server::upgraded()));
    }

    mod shared {
        awo_state::leases_conformance!(server_or_return!(super::super::fixtures::Server::upgraded()));
    }

    mod catalog {
        awo_state::catalog_conformance!(server_or_return!(super::super::fixtures::Server::upgraded()));
    }

    mod word_of_changes {
        awo_state::change_feed_conformance!(server_or_return!(super::super::fixtures::Server::upgraded()));
    }
}
