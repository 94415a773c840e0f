//! The suite on each backend.

mod memory {
    awo_state::state_repository_conformance!(crate::fixtures::Memory::default());
}

mod file {
    awo_state::state_repository_conformance!(crate::fixtures::Files::new());
}

/// With settings under which contents come and go and journals are made anew all the time.
mod file_in_little_room {
    awo_state::state_repository_conformance!(crate::fixtures::Files::with(awo_state::FileOptions {
        keep_ended: 0,
        compact_from: 0,
        compact_percent: 0,
        ..Default::default()
    }));
}

mod memory_artifacts {
    awo_state::artifact_store_conformance!(crate::fixtures::MemoryArtifacts::default());
}

mod file_artifacts {
    awo_state::artifact_store_conformance!(crate::fixtures::ArtifactFiles(tempfile::tempdir().unwrap()));
}

mod memory_transfer {
    awo_state::state_transfer_conformance!(crate::fixtures::TwoInMemory::default());
}

mod file_transfer {
    use crate::fixtures::{Files, TwoDirectories};

    awo_state::state_transfer_conformance!(TwoDirectories(
        Files::new(),
        Files::with(awo_state::FileOptions { keep_ended: 0, ..Default::default() })
    ));
}

mod memory_order_log {
    awo_state::order_log_conformance!(crate::store_fixtures::MemoryLogs::new());
}

mod file_order_log {
    awo_state::order_log_conformance!(crate::store_fixtures::LogFiles::new());
}

mod memory_changes {
    awo_state::change_feed_conformance!(crate::fixtures::MemoryChanges::new());
}

mod memory_catalog {
    awo_state::catalog_conformance!(crate::store_fixtures::MemoryCatalog::new());
}

mod file_catalog {
    awo_state::catalog_conformance!(crate::store_fixtures::CatalogFiles::new());
}

mod memory_told {
    awo_state::told_store_conformance!(crate::fixtures::MemoryTold::default());
}

mod memory_leases {
    awo_state::leases_conformance!(crate::fixtures::Memory::default());
}
