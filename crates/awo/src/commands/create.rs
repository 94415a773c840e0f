//! `awo create`: an order on the server that has the data directory. Also: what an order is made of.

use std::path::Path;
use std::process::ExitCode;

use awo_client::{Client, CreateOrder, CreatedAgentWorkOrder, Error};
use awo_engine::ports::{Clock as _, SystemClock};

use crate::cli::{Create, OrderArguments};
use crate::commands::watching::at_server;
use crate::exit::{BAD_INPUT, coded};
use crate::orders::{print_json, writer};
use crate::settings::Settings;
use crate::terminal::say;

pub(crate) async fn run(settings: &Settings, create: Create, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut body = order_body(&create.order, create.agent.as_deref())?;
    if create.hold {
        body.start = Some(false);
    }
    let client = writer(settings)?;
    let call = client.create_order(&body, create.idempotency_key.as_deref());
    if create.watching.watch {
        let id = call.await?.order.agent_work_order_id;
        return at_server(settings, &client, &id, create.watching.on_interrupt, as_json).await;
    }
    if as_json {
        print_json(&call.answer().await?.json()?);
    } else {
        say!("{}", call.await?.order.agent_work_order_id);
    }
    Ok(ExitCode::SUCCESS)
}

/// Has an order made. If the answer is lost, it is asked for once more by the same key: that makes no second order.
pub(crate) async fn created(client: &Client, body: &CreateOrder) -> Result<CreatedAgentWorkOrder, Error> {
    let key = format!("{:032x}", u128::from_be_bytes(SystemClock::default().random()));
    match client.create_order(body, Some(&key)).await {
        Err(Error::Unreachable { .. }) => client.create_order(body, Some(&key)).await,
        answered => answered,
    }
}

/// The body of the request that makes an order.
pub(crate) fn order_body(order: &OrderArguments, agent: Option<&str>) -> anyhow::Result<CreateOrder> {
    let some = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
    Ok(CreateOrder {
        repository_url: repository_address(&order.repo)?,
        user_request: order.request.clone(),
        selected_commands: some(&order.select),
        optional_steps: some(&order.with),
        limits: order.limits.body(),
        github_issue_number: order.issue.clone().map(Into::into),
        base_branch: order.base_branch.clone(),
        model: order.model.clone(),
        agent: agent.map(str::to_owned),
        isolation: order.isolation.clone(),
        network: order.network.clone(),
        labels: some(&order.labels),
        priority: order.priority,
        ..CreateOrder::default()
    })
}

/// An address as it is; a path on this machine made absolute.
fn repository_address(text: &str) -> anyhow::Result<String> {
    let path = Path::new(text);
    let looks_like_path = text.starts_with(['.', '/', '~']) || path.exists();
    if !looks_like_path {
        return Ok(text.to_owned());
    }
    let whole =
        path.canonicalize().map_err(|error| coded(BAD_INPUT, format!("cannot use repository {text:?}: {error}")))?;
    whole
        .into_os_string()
        .into_string()
        .map_err(|_| coded(BAD_INPUT, format!("the path of repository {text:?} is not text")))
}
