//! `awo show`, `awo steps`, `awo start`, `awo cancel`, `awo retry` and `awo prompt`: one order.

use std::process::ExitCode;

use awo_client::{PromptRequest, RetryRequest, StepsQuery};

use crate::cli::{One, Prompt, Retry, Steps as Arguments};
use crate::commands::follow::{conclude, exit_code, follow, introduce, span};
use crate::orders::{artifacts, note_if_idle, print_json, reader, resolve, writer};
use crate::render::{activity_line, counted, ending, step_line, visible, waiting};
use crate::settings::Settings;

pub(crate) async fn order(settings: &Settings, one: &One, as_json: bool) -> anyhow::Result<ExitCode> {
    let client = reader(settings)?;
    let id = resolve(&client, &one.id).await?;
    let call = client.get_order(&id);
    if as_json {
        print_json(&call.answer().await?.json()?);
        return Ok(ExitCode::SUCCESS);
    }
    let order = call.await?;
    let steps = client.list_steps(&id, StepsQuery::default()).await?;
    introduce(&order);
    anstream::println!("  created  {}", order.created_at);
    anstream::println!("  agent    {}", visible(&order.agent));
    if let Some(walls) = &order.isolation.effective {
        let why = order.isolation.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        anstream::println!("  walls    {}", visible(&format!("{walls}{why}")));
    }
    if let Some(network) = &order.network.effective {
        let why = order.network.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        anstream::println!("  network  {}", visible(&format!("{network}{why}")));
    }
    if let Some(current) = &order.current_step {
        anstream::println!("  at work  {} since {}", current.step, current.started_at);
        if let Some(activity) = activity_line(current) {
            anstream::println!("           {activity}");
        }
    }
    if order.queued_prompts > 0 {
        anstream::println!("  waiting  {}", counted(order.queued_prompts, "prompt"));
    }
    if let Some(waiting) = waiting(order.waiting_for.as_deref(), order.waiting_until) {
        anstream::println!("  waits    {waiting}");
    }
    anstream::print!("{}", ending(&order, &steps.steps, artifacts(settings).as_deref()));
    note_if_idle(settings, std::iter::once(order.status.as_str()))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn steps(settings: &Settings, arguments: &Arguments, as_json: bool) -> anyhow::Result<ExitCode> {
    let client = reader(settings)?;
    let id = resolve(&client, &arguments.id).await?;
    if arguments.watch && !as_json {
        let order = client.get_order(&id).await?;
        introduce(&order);
        note_if_idle(settings, std::iter::once(order.status.as_str()))?;
        let (order, steps) = follow(&client, &id, false).await?;
        return Ok(conclude(&order, &steps, artifacts(settings).as_deref()));
    }
    if arguments.watch {
        let (order, _) = follow(&client, &id, true).await?;
        print_json(&client.list_steps(&id, StepsQuery::default()).answer().await?.json()?);
        return Ok(exit_code(&order));
    }
    let call = client.list_steps(&id, StepsQuery::default());
    if as_json {
        print_json(&call.answer().await?.json()?);
        return Ok(ExitCode::SUCCESS);
    }
    let steps = call.await?;
    for step in &steps.steps {
        anstream::println!("{}", step_line(step));
        if arguments.full {
            for line in visible(step.prompt_text.as_deref().unwrap_or("")).lines() {
                anstream::println!("      > {line}");
            }
            for line in visible(step.output.as_deref().unwrap_or("")).lines() {
                anstream::println!("      {line}");
            }
            for artifact in &step.artifacts {
                anstream::println!("      artifact {}", visible(artifact));
            }
        }
    }
    if let Some(current) = &steps.current_step {
        let activity = activity_line(current).map(|line| format!("   {line}")).unwrap_or_default();
        anstream::println!("  · {:<18} since {}{activity}", current.step, current.started_at);
    }
    if let Some(waiting) = waiting(steps.waiting_for.as_deref(), steps.waiting_until) {
        anstream::println!("  · waits {waiting}");
    }
    let done = steps.steps.iter().filter(|step| step.success && !step.superseded).count();
    anstream::println!("  {}: {done} of {}", steps.status, counted(steps.total_steps, "step"));
    note_if_idle(settings, std::iter::once(steps.status.as_str()))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn start(settings: &Settings, one: &One, as_json: bool) -> anyhow::Result<ExitCode> {
    let client = writer(settings)?;
    let id = resolve(&client, &one.id).await?;
    let call = client.start_order(&id);
    if as_json {
        print_json(&call.answer().await?.json()?);
    } else {
        call.await?;
        anstream::println!("  {id} is started; `awo steps {id} --watch` follows it");
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
            Some(took) => anstream::println!("  {} is {} after {took}", order.agent_work_order_id, order.status),
            None if order.status == "cancelled" => anstream::println!("  {} is cancelled", order.agent_work_order_id),
            None => anstream::println!("  {} will be cancelled when its agent has ended", order.agent_work_order_id),
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn retry(settings: &Settings, retry: &Retry, as_json: bool) -> anyhow::Result<ExitCode> {
    let client = writer(settings)?;
    let id = resolve(&client, &retry.id).await?;
    let answer = client.retry_order(&id, &RetryRequest { from_step: retry.from_step.clone() }).answer().await?;
    if as_json {
        print_json(&answer.json()?);
    } else {
        anstream::println!("  {id} is queued again; `awo steps {id} --watch` follows it");
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn prompt(settings: &Settings, prompt: &Prompt, as_json: bool) -> anyhow::Result<ExitCode> {
    let client = writer(settings)?;
    let id = resolve(&client, &prompt.id).await?;
    let body = PromptRequest { prompt_text: prompt.text.clone(), ..PromptRequest::default() };
    let call = client.prompt_order(&id, &body, prompt.idempotency_key.as_deref());
    if as_json {
        print_json(&call.answer().await?.json()?);
        return Ok(ExitCode::SUCCESS);
    }
    let order = call.await?;
    let when = match order.status.as_str() {
        "running" => "after the step that is at work",
        _ => "as soon as there is a place",
    };
    anstream::println!("  {id} takes it up {when}; `awo steps {id} --watch` follows it");
    Ok(ExitCode::SUCCESS)
}
