//! `awo create`: an order on the server that has the data directory. Also: what an order is made of.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::{Create, OrderArguments};
use crate::exit::{BAD_INPUT, coded};
use crate::orders::{ORDERS, print_json, writer};
use crate::settings::Settings;
use crate::wire::Order;

pub(crate) async fn run(settings: &Settings, create: Create, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut body = order_body(&create.order, create.agent.as_deref())?;
    if create.hold {
        body["start"] = json!(false);
    }
    let headers: Vec<(&str, &str)> =
        create.idempotency_key.iter().map(|key| ("idempotency-key", key.as_str())).collect();
    let answer = writer(settings)?.post(ORDERS, &body, &headers).await?;
    if as_json {
        print_json(&answer.body);
    } else {
        let order: Order = answer.read()?;
        anstream::println!("{}", order.agent_work_order_id);
    }
    Ok(ExitCode::SUCCESS)
}

/// The body of the request that makes an order.
pub(crate) fn order_body(order: &OrderArguments, agent: Option<&str>) -> anyhow::Result<Value> {
    let mut body = json!({
        "repository_url": repository_address(&order.repo)?,
        "user_request": order.request,
    });
    let mut set = |name: &str, value: Value| {
        body[name] = value;
    };
    if !order.select.is_empty() {
        set("selected_commands", json!(order.select));
    }
    if !order.with.is_empty() {
        set("optional_steps", json!(order.with));
    }
    if let Some(limits) = order.limits.body() {
        set("limits", limits);
    }
    let texts = [
        ("github_issue_number", order.issue.as_deref()),
        ("base_branch", order.base_branch.as_deref()),
        ("model", order.model.as_deref()),
        ("agent", agent),
        ("isolation", order.isolation.as_deref()),
        ("network", order.network.as_deref()),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            set(name, json!(value));
        }
    }
    Ok(body)
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
