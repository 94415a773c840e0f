//! `awo diff`: what an order or a step changed.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::Diff;
use crate::orders::{print_json, reader, resolve};
use crate::settings::Settings;
use crate::terminal::{output, say};

pub(super) async fn run(settings: &Settings, diff: &Diff, as_json: bool) -> anyhow::Result<ExitCode> {
    let client = reader(settings).await?;
    let id = resolve(&client, &diff.id).await?;
    let call = match diff.step {
        Some(number) => client.get_step_diff(&id, number.get()),
        None => client.get_diff(&id),
    };
    let bytes = call.await?;
    if as_json {
        print_json(&json!({"agent_work_order_id": id, "step": diff.step, "diff": String::from_utf8_lossy(&bytes)}));
    } else {
        show_bytes(&bytes);
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows what is kept of an order as it is, byte by byte, as for `git apply`. Whoever wrote it may not steer a terminal.
pub(super) fn show_bytes(bytes: &[u8]) {
    if std::io::stdout().is_terminal() {
        String::from_utf8_lossy(bytes).lines().for_each(|line| say!("{line}"));
    } else {
        output::bytes(bytes);
    }
}
