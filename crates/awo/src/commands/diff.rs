//! `awo diff`: what an order or a step changed.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use serde_json::json;

use crate::cli::Diff;
use crate::orders::{print_json, reader, resolve};
use crate::render::visible;
use crate::settings::Settings;

pub(super) async fn run(settings: &Settings, diff: &Diff, as_json: bool) -> anyhow::Result<ExitCode> {
    let client = reader(settings)?;
    let id = resolve(&client, &diff.id).await?;
    let call = match diff.step {
        Some(number) => client.get_step_diff(&id, number.get()),
        None => client.get_diff(&id),
    };
    let bytes = call.await?;
    if as_json {
        print_json(&json!({"agent_work_order_id": id, "step": diff.step, "diff": String::from_utf8_lossy(&bytes)}));
    } else if std::io::stdout().is_terminal() {
        // Whoever wrote the files may not steer the terminal.
        for line in String::from_utf8_lossy(&bytes).lines() {
            anstream::println!("{}", visible(line));
        }
    } else {
        std::io::stdout().write_all(&bytes)?; // for `git apply`, byte by byte
    }
    Ok(ExitCode::SUCCESS)
}
