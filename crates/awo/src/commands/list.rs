//! `awo list`: the orders, once or as they change.

mod watching;

use std::process::ExitCode;

use awo_client::{ListOrders, OrderPage};
use awo_engine::ports::{Clock as _, SystemClock};

use crate::cli::List;
use crate::exit::{UNAVAILABLE, coded};
use crate::orders::{note_if_idle, print_json, reader, server};
use crate::render::order_row;
use crate::settings::Settings;
use crate::terminal::{note, output, say};
use watching::View;

/// Orders that `awo top` looks at; a terminal shows fewer.
const TOP: u64 = 100;

pub(crate) async fn run(settings: &Settings, list: &List, as_json: bool) -> anyhow::Result<ExitCode> {
    let which = ListOrders {
        status: list.status.clone(),
        text: list.search.clone(),
        limit: Some(list.limit.into()),
        ..ListOrders::default()
    };
    if list.watch {
        return watch(settings, &which, as_json).await;
    }
    let call = reader(settings).await?.list_orders(&which);
    if as_json {
        print_json(&call.answer().await?.json()?);
        return Ok(ExitCode::SUCCESS);
    }
    let OrderPage { orders, damaged, total, .. } = call.await?;
    if orders.is_empty() && damaged.is_empty() {
        say!("{}", none(&which));
    }
    let now = SystemClock::default().now();
    for order in &orders {
        output::line(&order_row(order, now));
    }
    if total > orders.len() as u64 {
        note!("awo: {} of {total}; --limit shows more", orders.len());
    }
    note_if_idle(settings, orders.iter().map(|order| order.status.as_str())).await?;
    if !damaged.is_empty() {
        note!("awo: left out, as they cannot be read: {}", damaged.join(", "));
        note!("     `awo state verify` says what is wrong with them");
    }
    Ok(ExitCode::SUCCESS)
}

/// `awo top`: those that have not ended.
pub(crate) async fn top(settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let status = ["running", "pending"].map(str::to_owned).to_vec();
    watch(settings, &ListOrders { status, limit: Some(TOP), ..ListOrders::default() }, as_json).await
}

async fn watch(settings: &Settings, which: &ListOrders, as_json: bool) -> anyhow::Result<ExitCode> {
    let Some(client) = server(settings)? else {
        let dir = settings.data_dir.display();
        let message = format!("no server has the data directory {dir}, so nothing changes; `awo serve` starts one");
        return Err(coded(UNAVAILABLE, message));
    };
    watching::run(&client, which, View::new(as_json)).await
}

/// What is said where a list is empty.
fn none(which: &ListOrders) -> &'static str {
    if which.status.is_empty() && which.text.is_none() {
        "no orders yet: `awo demo` shows one, `awo run --repo . \"…\"` makes one"
    } else {
        "no orders that fit"
    }
}
