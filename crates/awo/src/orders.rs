//! Reaches the orders of a data directory: by the server that has it, or by the store itself.

use std::fmt::Write as _;
use std::path::PathBuf;

use awo_client::{Client, ListOrders};
use serde_json::Value;

use crate::client::in_process;
use crate::exit::{BAD_INPUT, UNAVAILABLE, coded};
use crate::ids::IdEnd;
use crate::render::Place;
use crate::settings::{Backend, Settings};
use crate::terminal::text::steers;
use crate::terminal::{note, output};
use crate::wiring;

/// The server that the settings name, else the one that has the data directory, if one has.
pub(crate) fn server(settings: &Settings) -> anyhow::Result<Option<Client>> {
    if let Some(address) = &settings.server {
        return Ok(Some(Client::new(address, own_key(settings)?.as_deref())?));
    }
    let Some(holder) = wiring::holder(settings)? else { return Ok(None) };
    let Some(address) = holder.address.as_deref() else { return Ok(None) };
    Ok(Some(Client::new(address, own_key(settings)?.as_deref())?))
}

/// The key of this user: of the variable, else of the file. It is in no setting, as settings are told in errors.
fn own_key(settings: &Settings) -> anyhow::Result<Option<String>> {
    let of_file = || {
        let Some(path) = &settings.api_key_file else { return Ok(None) };
        let read = std::fs::read_to_string(path);
        read.map(Some)
            .map_err(|error| coded(BAD_INPUT, format!("cannot read api_key_file {}: {error}", path.display())))
    };
    let key =
        std::env::var("AWO_API_KEY").ok().filter(|key| !key.is_empty()).map_or_else(of_file, |key| Ok(Some(key)))?;
    Ok(key.map(|key| key.trim().to_owned()))
}

/// The API for reading: the server's, or, without one, over the store as it is on disk.
pub(crate) async fn reader(settings: &Settings) -> anyhow::Result<Client> {
    if let Some(server) = server(settings)? {
        return Ok(server);
    }
    if settings.state == Backend::Memory {
        let message = "no server has this data directory, and orders in memory end with their server";
        return Err(coded(UNAVAILABLE, message));
    }
    let orchestrator = wiring::quiet_orchestrator(settings, wiring::read_only(settings).await?)?;
    Ok(in_process(wiring::router(settings, &orchestrator)))
}

/// The API for changing: only a server has that.
pub(crate) fn writer(settings: &Settings) -> anyhow::Result<Client> {
    server(settings)?.ok_or_else(|| {
        let dir = settings.data_dir.display();
        let cure = match settings.state {
            Backend::Postgres => "or name one elsewhere with --server (AWO_SERVER)",
            Backend::File | Backend::Memory => "or use `awo run`",
        };
        coded(UNAVAILABLE, format!("no server has the data directory {dir}; start one with `awo serve`, {cure}"))
    })
}

/// Whether an order of this status can only be read, or told to go on.
pub(crate) fn has_ended(status: &str) -> bool {
    matches!(status, "completed" | "failed" | "cancelled")
}

/// Where the artifacts of orders are, if that is a directory of this machine.
pub(crate) fn artifacts(settings: &Settings) -> Option<PathBuf> {
    let here = settings.server.is_none() && settings.state != Backend::Postgres;
    here.then(|| settings.artifacts_dir())
}

/// Says that nothing runs, if some order has not ended and nobody is there to run it: its status tells what was.
pub(crate) async fn note_if_idle(
    settings: &Settings,
    mut statuses: impl Iterator<Item = &str> + Send,
) -> anyhow::Result<()> {
    // What a server elsewhere does is not seen from here.
    if settings.server.is_some() || statuses.all(has_ended) {
        return Ok(());
    }
    if settings.state == Backend::Postgres {
        if wiring::has_workers(settings).await == Some(false) {
            note!("awo: nothing runs now, as no worker is there; `awo serve` or `awo worker` goes on with what");
            note!("     has not ended");
        }
    } else if wiring::holder(settings)?.is_none() {
        note!("awo: nothing runs now, as no server has the data directory; `awo serve` or `awo recover`");
        note!("     goes on with what has not ended");
    }
    Ok(())
}

/// Where an order that has ended can be told to go on.
pub(crate) fn place(settings: &Settings) -> anyhow::Result<Place> {
    if settings.server.is_some() {
        return Ok(Place::Elsewhere);
    }
    let has_server = wiring::holder(settings)?.is_some_and(|holder| holder.address.is_some());
    Ok(if has_server { Place::Server } else { Place::Here })
}

/// The whole id of an order, from the id or a unique end of it.
pub(crate) async fn resolve(client: &Client, text: &str) -> anyhow::Result<String> {
    if text.parse::<awo_models::OrderId>().is_ok() {
        return Ok(text.to_owned());
    }
    let end = IdEnd::read(text)?;
    let text = Some(end.digits().to_owned());
    let mut which = ListOrders { text, limit: Some(1000), ..ListOrders::default() };
    let mut fitting = Vec::new();
    loop {
        // Whatever contains the digits is on these pages, in its request too.
        let page = client.list_orders(&which).await?;
        let ids = page.orders.into_iter().map(|order| order.agent_work_order_id);
        fitting.extend(ids.chain(page.damaged).filter(|id| end.fits(id)));
        match page.next {
            Some(next) if fitting.len() < 2 => which.cursor = Some(next),
            _ => break,
        }
    }
    fitting.sort_unstable();
    fitting.dedup();
    end.only(fitting, "; `awo list` shows them")
}

/// Prints a value as JSON, with characters that could steer a terminal escaped: it is the same JSON.
pub(crate) fn print_json(value: &Value) {
    output::raw(&format!("{}\n", escaped(&format!("{value:#}"))));
}

/// The same in one line.
pub(crate) fn print_json_line(value: &Value) {
    output::raw(&format!("{}\n", escaped(&value.to_string())));
}

/// JSON escapes what is below U+0020 itself; this does the same for the rest that a terminal obeys. Such characters
/// stand only inside strings.
fn escaped(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && steers(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_json_is_the_same_json() {
        let value = serde_json::json!({"a": "x\u{9b}31m\u{202e}\u{7f}\u{1b}[2J\nä"});
        let text = escaped(&format!("{value:#}"));
        assert!(!text.chars().any(|c| c != '\n' && steers(c)), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
