//! `awo state`: checks, mends, moves and clears up what is stored.

mod exporting;
mod gc;
mod importing;
mod leftovers;
mod moving;
mod verify;

use std::process::ExitCode;

use crate::cli::StateCommand;
use crate::exit::{BAD_INPUT, coded};
use crate::settings::{Backend, Settings};

pub(crate) async fn run(settings: &Settings, command: StateCommand, as_json: bool) -> anyhow::Result<ExitCode> {
    if settings.state == Backend::Memory {
        let message = "orders in memory end with their server; `awo state` is about orders that are kept";
        return Err(coded(BAD_INPUT, message));
    }
    match command {
        StateCommand::Verify(_) if settings.state == Backend::Postgres => {
            let message = "`awo state verify` reads files; a database is checked by PostgreSQL's own tools, and `awo list` \
                names the orders in it that cannot be read";
            Err(coded(BAD_INPUT, message))
        }
        StateCommand::Verify(verify) => verify::run(settings, verify.repair, as_json).await,
        StateCommand::Export(export) => exporting::run(settings, &export, as_json).await,
        StateCommand::Import(import) => importing::run(settings, &import, as_json).await,
        StateCommand::Gc(gc) => gc::run(settings, gc.dry_run, as_json).await,
    }
}

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    let mut unit = 1;
    for name in ["B", "KiB", "MiB"] {
        if bytes < unit * 1024 {
            return if unit == 1 {
                format!("{bytes} B")
            } else {
                format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
            };
        }
        unit *= 1024;
    }
    format!("{}.{} GiB", bytes / unit, bytes % unit * 10 / unit)
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_short() {
        let shown = [0, 1023, 1024, 1536, 5 << 20, 3 << 30, 5 << 40].map(size);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 MiB", "3.0 GiB", "5120.0 GiB"]);
    }
}
