//! One order from its creation to its end, with the clients that follow it, and what must be so then.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::{Value, json};

use super::kind::Kind;
use super::load::Load;
use super::poll;
use crate::crash::history::{History, incomplete, unheard};
use crate::random::Random;
use crate::server::call;
use crate::streams::follower::{Followed, follow};
use crate::streams::wire::Form;

/// Longest wait for a step to begin; it takes some seconds.
const PATIENCE: Duration = Duration::from_mins(3);
const PAUSE: Duration = Duration::from_millis(100);

/// Has an order done; an error says what is not as it must be.
pub(super) fn live(load: &Load<'_>, kind: Kind, name: &str, mut random: Random) -> Result<()> {
    let body = kind.body(load.place.remote().path(), name).to_string();
    let order = send(load, "", &format!("idempotency-key: {name}\r\n"), &body, 201)?;
    let id = order["agent_work_order_id"].as_str().context("an order has an id")?;
    load.announce(id);
    let mut prompts = kind.prompts_at_once();
    for number in 0..prompts {
        say(load, id, number)?;
    }
    if kind == Kind::Held {
        send(load, &format!("/{id}/start"), "", "", 202)?;
    }
    round(load, id, &mut random, kind == Kind::Cancelled)?;
    match kind {
        Kind::Mended => {
            ensure!(read(load, id)?.status == "failed", "{id} could be planned before it was mended");
            load.place.mend(name)?;
            send(load, &format!("/{id}/retry"), "", "{}", 202)?;
            round(load, id, &mut random, false)?;
            load.place.forget(name)?;
        }
        Kind::Prompted => {
            say(load, id, prompts)?;
            prompts += 1;
            round(load, id, &mut random, false)?;
        }
        _ => {}
    }
    ended_well(load, kind, id, prompts)?;
    if random.below(3) == 0 {
        send(load, &format!("/{id}"), "", "", 204)?;
        load.count(|counts| counts.deleted += 1);
    }
    Ok(())
}

/// Follows an order with several clients until it has ended. What each has is what is stored then.
fn round(load: &Load<'_>, id: &str, random: &mut Random, cancel: bool) -> Result<()> {
    let chances = [random.next(), random.next(), random.next()];
    thread::scope(|scope| {
        let follow = |form, chance| scope.spawn(move || follow(&load.address, id, form, Random(chance), &load.give_up));
        let followers = [follow(Form::Events, chances[0]), follow(Form::Frames, chances[1])];
        let polls = scope.spawn(|| poll::often(load, id));
        let long_polls = scope.spawn(|| poll::when_new(load, id));
        let mut wrong = if cancel { cancel_at_work(load, id).err() } else { None };
        for result in [polls.join(), long_polls.join()] {
            let result = result.unwrap_or_else(|_| Err(anyhow!("a client panicked")));
            wrong = wrong.or(result.err());
        }
        if wrong.is_some() {
            load.give_up.store(true, std::sync::atomic::Ordering::SeqCst);
        }
        let stored = read(load, id).map(|order| order.events);
        for follower in followers {
            let Followed { record, drops, losses, violation } =
                follower.join().map_err(|_| anyhow!("a client panicked"))?;
            load.count(|counts| {
                counts.streams += 1;
                counts.drops += drops + losses;
            });
            if let Ok(stored) = &stored {
                let wrong_here = violation.or_else(|| record.differs_from(stored));
                wrong = wrong.or(wrong_here.map(|wrong| anyhow!("{id}: {wrong}")));
            }
        }
        wrong.map_or(stored.map(|_| ()), Err)
    })
}

/// Cancels an order once its agent is at work on what it would not end.
fn cancel_at_work(load: &Load<'_>, id: &str) -> Result<()> {
    let begun = Instant::now();
    loop {
        let (status, order) = call(&load.address, &format!("GET /agent-work-orders/{id}"), "", "")?;
        ensure!(status == 200, "{id} was answered with {status}: {order}");
        if order["current_step"]["step"] == "implement" {
            break;
        }
        ensure!(begun.elapsed() < PATIENCE, "{id} is not at work: {order}");
        thread::sleep(PAUSE);
    }
    send(load, &format!("/{id}/cancel"), "", "", 202).map(|_| ())
}

/// What must be so of an order that has ended.
fn ended_well(load: &Load<'_>, kind: Kind, id: &str, prompts: usize) -> Result<()> {
    let order = read(load, id)?;
    load.count(|counts| {
        counts.events += order.events.len();
        counts.prompts += prompts;
    });
    ensure!(order.status == kind.end(), "{id} is {} and not {}: {:?}", order.status, kind.end(), order.results.last());
    let mut wrong = unheard(&order, prompts);
    if matches!(kind, Kind::Plain | Kind::Long | Kind::Talks | Kind::Held | Kind::Prompted) {
        wrong.extend(incomplete(&order));
    }
    if let Some(first) = wrong.first() {
        bail!("{first}");
    }
    if kind.is_delivered() {
        let (_, order) = call(&load.address, &format!("GET /agent-work-orders/{id}"), "", "")?;
        let branch = order["git_branch_name"].as_str().context("it completed without a branch")?;
        let commits = load.place.remote().commits(branch)?;
        ensure!(commits.len() == 1, "{id}: the commits of {branch} are {commits:?}");
        // As forges do when it is merged: else the remote grows for ever.
        load.place.remote().remove(branch)?;
    }
    Ok(())
}

/// An order as it is stored.
fn read(load: &Load<'_>, id: &str) -> Result<History> {
    let get = |what: &str| -> Result<Value> {
        let (status, body) = call(&load.address, &format!("GET /agent-work-orders/{id}{what}"), "", "")?;
        ensure!(status == 200, "{id}{what} was answered with {status}: {body}");
        Ok(body)
    };
    Ok(History::read(id, &get("/steps")?, &get("/events?limit=1000")?))
}

/// Says something more to an order.
fn say(load: &Load<'_>, id: &str, number: usize) -> Result<()> {
    let body = json!({"prompt_text": format!("Is the greeting right? ({number})")}).to_string();
    send(load, &format!("/{id}/prompt"), "", &body, 202).map(|_| ())
}

/// Asks for a change; the answer, which must have this status.
fn send(load: &Load<'_>, path: &str, headers: &str, body: &str, expected: u16) -> Result<Value> {
    let method = if expected == 204 { "DELETE" } else { "POST" };
    let request = format!("{method} /agent-work-orders{path}");
    let headers =
        if body.is_empty() { headers.to_owned() } else { format!("content-type: application/json\r\n{headers}") };
    if expected == 204 {
        let (status, _, body) = crate::server::answer(&load.address, &request, &headers)?;
        ensure!(status == expected, "{request} was answered with {status}: {body}");
        return Ok(Value::Null);
    }
    let (status, answer) = call(&load.address, &request, &headers, body)?;
    ensure!(status == expected, "{request} was answered with {status}: {answer}");
    Ok(answer)
}
