//! `awo steps`: what an order did so far, step by step; or as it does it.

use std::process::ExitCode;

use awo_client::{Client, StepExecutionResult as Step, StepsQuery};
use awo_engine::ports::{Clock as _, SystemClock};

use crate::cli::Steps as Arguments;
use crate::commands::diff::show_bytes;
use crate::commands::watching::{Form, Runner, Watch};
use crate::exit::{NOT_FOUND, coded};
use crate::orders::{note_if_idle, place, print_json, reader, resolve};
use crate::render::{Place, counted, running_line, step_line, waiting};
use crate::settings::Settings;
use crate::signals::Signals;
use crate::terminal::{inline, output, say};

pub(crate) async fn run(settings: &Settings, arguments: &Arguments, as_json: bool) -> anyhow::Result<ExitCode> {
    let client = reader(settings).await?;
    let id = resolve(&client, &arguments.id).await?;
    if let Some(step) = &arguments.transcript {
        return transcript(&client, &id, step).await;
    }
    if arguments.watching.watch {
        return watch(settings, &client, &id, arguments, as_json).await;
    }
    let call = client.list_steps(&id, StepsQuery::default());
    if as_json {
        print_json(&call.answer().await?.json()?);
        return Ok(ExitCode::SUCCESS);
    }
    let steps = call.await?;
    for step in &steps.steps {
        output::line(&step_line(step));
        if arguments.full {
            show_all(step);
        }
    }
    if let Some(current) = &steps.current_step {
        output::line(&running_line(current, "·", SystemClock::default().now()));
    }
    if let Some(waiting) = waiting(steps.waiting_for.as_deref(), steps.waiting_until) {
        say!("  · waits {waiting}");
    }
    let done = steps.steps.iter().filter(|step| step.success && !step.superseded).count();
    say!("  {}: {done} of {}", steps.status, counted(steps.total_steps, "step"));
    note_if_idle(settings, std::iter::once(steps.status.as_str())).await?;
    Ok(ExitCode::SUCCESS)
}

async fn watch(
    settings: &Settings,
    client: &Client,
    id: &str,
    arguments: &Arguments,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let signals = Signals::listen()?;
    let runner = if place(settings)? == Place::Here { Runner::Nobody } else { Runner::Server };
    note_if_idle(settings, std::iter::once(client.get_order(id).await?.status.as_str())).await?;
    let form = if as_json { Form::JsonLines } else { Form::Lines };
    let on_interrupt = arguments.watching.on_interrupt;
    Watch { settings, client, id, form, on_interrupt, runner }.until_it_ends(signals).await
}

fn show_all(step: &Step) {
    for line in step.prompt_text.as_deref().unwrap_or("").lines() {
        say!("      > {line}");
    }
    for line in step.output.as_deref().unwrap_or("").lines() {
        say!("      {line}");
    }
    for artifact in &step.artifacts {
        say!("      artifact {}", inline(artifact));
    }
}

/// What the agent of a step said and did, in its last attempt that has ended.
async fn transcript(client: &Client, id: &str, step: &str) -> anyhow::Result<ExitCode> {
    let steps = client.list_steps(id, StepsQuery::default()).await?;
    let Some(place) = steps.steps.iter().rposition(|result| result.step == step) else {
        let mut known: Vec<_> = steps.steps.iter().map(|result| result.step.as_str()).collect();
        known.dedup();
        let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
        return Err(coded(NOT_FOUND, format!("{id} has no result of a step {step:?}; it has {known}")));
    };
    show_bytes(&client.get_step_transcript(id, place + 1).await?);
    Ok(ExitCode::SUCCESS)
}
