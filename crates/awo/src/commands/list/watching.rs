//! `awo list --watch` and `awo top`: a picture of the list that goes with it on a terminal; elsewhere a line for each change.

mod view;

use std::process::ExitCode;
use std::time::Duration;

use awo_client::{AgentWorkOrder as Order, Client, Error, Following, ListOrders, News};
use futures::FutureExt as _;
use serde_json::Value;

use crate::signals::Signals;
use crate::terminal::output;
pub(super) use view::View;

/// Between two looks at the list when much changes.
const PAUSE: Duration = Duration::from_millis(300);
/// Between two looks when nothing does, where times and what agents do are shown.
const SECOND: Duration = Duration::from_secs(1);

/// Shows the list until Ctrl-C.
pub(super) async fn run(client: &Client, which: &ListOrders, view: View) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        ended = show(client, which, view) => ended,
        _ = signals.next() => Ok(ExitCode::SUCCESS),
        () = output::gone() => Ok(ExitCode::SUCCESS),
    }
}

async fn show(client: &Client, which: &ListOrders, mut view: View) -> anyhow::Result<ExitCode> {
    let mut following = client.follow_orders(None);
    loop {
        refresh(client, which, &mut view).await?;
        let mut change = std::pin::pin!(changed(&mut following));
        let answers = loop {
            tokio::select! {
                answers = &mut change => break answers?,
                () = tokio::time::sleep(SECOND), if view.moves() => refresh(client, which, &mut view).await?,
            }
        };
        if !answers {
            view.lost();
        }
    }
}

async fn refresh(client: &Client, which: &ListOrders, view: &mut View) -> Result<(), Error> {
    match look(client, which).await {
        Ok((orders, raw)) => view.take(orders, &raw),
        Err(error) if error.is_unavailable() => view.lost(),
        Err(error) => return Err(error),
    }
    Ok(())
}

async fn look(client: &Client, which: &ListOrders) -> Result<(Vec<Order>, Value), Error> {
    let answer = client.list_orders(which).answer().await?;
    Ok((answer.read()?, answer.json()?))
}

/// Waits until something has changed, and for what changes together with it. False when the server does not answer.
async fn changed(following: &mut Following) -> Result<bool, Error> {
    match following.next().await.transpose()? {
        Some(News::Message(_)) => {}
        _ => return Ok(false),
    }
    tokio::time::sleep(PAUSE).await;
    while let Some(Some(Ok(News::Message(_)))) = following.next().now_or_never() {}
    Ok(true)
}
