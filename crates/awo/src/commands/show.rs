//! `awo show`, `awo start`, `awo cancel`, `awo retry` and `awo prompt`: one order.

use std::process::ExitCode;

use awo_client::{PromptRequest, RetryRequest, StepsQuery};

use crate::cli::{One, Prompt, Retry, Start};
use crate::commands::watching::{at_server, introduce};
use crate::orders::{artifacts, note_if_idle, place, print_json, reader, resolve, writer};
use crate::render::{Ending, activity_line, counted, span, waiting};
use crate::settings::Settings;
use crate::terminal::{Line, output, say};

pub(crate) async fn order(settings: &Settings, one: &One, as_json: bool) -> anyhow::Result<ExitCode> {
    let client = reader(settings).await?;
    let id = resolve(&client, &one.id).await?;
    let call = client.get_order(&id);
    if as_json {
        print_json(&call.answer().await?.json()?);
        return Ok(ExitCode::SUCCESS);
    }
    let order = call.await?;
    let steps = client.list_steps(&id, StepsQuery::default()).await?;
    introduce(&order);
    let field = |name: &str, value: &str| output::whole(&Line::new().plain(format!("  {name:<8} {value}")));
    let with = |value: &str, why: Option<&str>| why.map_or(value.to_owned(), |why| format!("{value}: {why}"));
    field("created", &order.created_at.to_string());
    field("agent", &order.agent);
    if let Some(walls) = &order.isolation.effective {
        field("walls", &with(walls, order.isolation.reason.as_deref()));
    }
    if let Some(network) = &order.network.effective {
        field("network", &with(network, order.network.reason.as_deref()));
    }
    if let Some(current) = &order.current_step {
        field("at work", &format!("{} since {}", current.step, current.started_at));
        if let Some(activity) = activity_line(current) {
            field("", &activity);
        }
    }
    if order.queued_prompts > 0 {
        field("waiting", &counted(order.queued_prompts, "prompt"));
    }
    if let Some(waiting) = waiting(order.waiting_for.as_deref(), order.waiting_until) {
        field("waits", &waiting);
    }
    let ending =
        Ending { order: &order, steps: &steps, artifacts: artifacts(settings), place: place(settings)?, costs: None };
    ending.lines().iter().for_each(output::whole);
    note_if_idle(settings, std::iter::once(order.status.as_str())).await?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn start(settings: &Settings, start: &Start, as_json: bool) -> anyhow::Result<ExitCode> {
    let client = writer(settings)?;
    let id = resolve(&client, &start.id).await?;
    let call = client.start_order(&id);
    if start.watching.watch {
        call.await?;
        return at_server(settings, &client, &id, start.watching.on_interrupt, as_json).await;
    }
    if as_json {
        print_json(&call.answer().await?.json()?);
    } else {
        call.await?;
        say!("  {id} is started; `awo steps {id} --watch` follows it");
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn cancel(settings: &Settings, one: &One, as_json: bool) -> anyhow::Result<ExitCode> {
    let client = writer(settings)?;
    let id = resolve(&client, &one.id).await?;
    let call = client.cancel_order(&id);
    if as_json {
        print_json(&call.answer().await?.json()?);
    } else {
        let order = call.await?;
        let took = order.started_at.zip(order.completed_at).map(|(began, ended)| span(began, ended));
        match took {
            Some(took) => say!("  {} is {} after {took}", order.agent_work_order_id, order.status),
            None if order.status == "cancelled" => say!("  {} is cancelled", order.agent_work_order_id),
            None => say!("  {} will be cancelled when its agent has ended", order.agent_work_order_id),
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn retry(settings: &Settings, retry: &Retry, as_json: bool) -> anyhow::Result<ExitCode> {
    let client = writer(settings)?;
    let id = resolve(&client, &retry.id).await?;
    let answer = client.retry_order(&id, &RetryRequest { from_step: retry.from_step.clone() }).answer().await?;
    if retry.watching.watch {
        return at_server(settings, &client, &id, retry.watching.on_interrupt, as_json).await;
    }
    if as_json {
        print_json(&answer.json()?);
    } else {
        say!("  {id} is queued again; `awo steps {id} --watch` follows it");
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn prompt(settings: &Settings, prompt: &Prompt, as_json: bool) -> anyhow::Result<ExitCode> {
    let client = writer(settings)?;
    let id = resolve(&client, &prompt.id).await?;
    let body = PromptRequest { prompt_text: prompt.text.clone(), ..PromptRequest::default() };
    let call = client.prompt_order(&id, &body, prompt.idempotency_key.as_deref());
    if prompt.watching.watch {
        call.await?;
        return at_server(settings, &client, &id, prompt.watching.on_interrupt, as_json).await;
    }
    if as_json {
        print_json(&call.answer().await?.json()?);
        return Ok(ExitCode::SUCCESS);
    }
    let order = call.await?;
    let when = match order.status.as_str() {
        "running" => "after the step that is at work",
        _ => "as soon as there is a place",
    };
    say!("  {id} takes it up {when}; `awo steps {id} --watch` follows it");
    Ok(ExitCode::SUCCESS)
}
