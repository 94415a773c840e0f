//! What the records of a journal say, and how an order is put together from them.

use std::io::{self, BufRead};
use std::sync::Arc;

use awo_models::{
    AgentWorkOrder, Event, EventKind, EventSeq, OrderId, OrderPatch, StepExecutionResult, StepHistory, Timestamp,
};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::frame::{self, Kind, Line};
use crate::{Delta, Head, StateError};

/// Newest format that is read, and the one that is written.
pub(super) const FORMAT: u32 = 1;

/// What is known of an order: its row of a list always, its history and events once somebody asked for them.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) order: Arc<AgentWorkOrder>,
    pub(super) head: Head,
    pub(super) content: Option<Content>,
}

/// The part of an order that grows.
#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) history: StepHistory,
    pub(super) events: Vec<Arc<Event>>,
}

impl Loaded {
    /// An order that was just created.
    pub(super) fn created(order: AgentWorkOrder, head: Head) -> Self {
        let created = Event { seq: head.seq, epoch: head.epoch, at: order.created_at, kind: EventKind::Created };
        let content = Content { history: StepHistory::default(), events: vec![Arc::new(created)] };
        Self { order: Arc::new(order), head, content: Some(content) }
    }

    /// Takes a commit in. Costs what the commit adds.
    pub(super) fn commit(&mut self, history: Option<&StepHistory>, delta: Delta) {
        delta.apply(Arc::make_mut(&mut self.order));
        self.head = delta.head;
        if let Some(content) = &mut self.content {
            if let (Some(history), false) = (history, delta.new_steps.is_empty()) {
                content.history = history.clone();
            }
            content.events.extend(delta.events);
        }
    }
}

/// The whole of an order as the first record of its journal. For `synced` see [`Mark`].
pub(super) fn encode_order(
    order: &AgentWorkOrder,
    head: &Head,
    content: &Content,
    number: u64,
    synced: Option<u64>,
) -> Vec<u8> {
    let record = Whole { format: FORMAT, order, head: *head, events: &content.events, steps: &content.history, synced };
    frame::encode(Kind::Order, number, &record)
}

/// What a commit adds, as one record.
pub(super) fn encode_save(history: Option<&StepHistory>, delta: &Delta, number: u64, synced: Option<u64>) -> Vec<u8> {
    let new = |index| history.and_then(|h| h.get(index));
    let record = Save {
        head: delta.head,
        patch: &delta.patch,
        events: &delta.events,
        steps: delta.new_steps.clone().filter_map(new).collect::<Vec<_>>(),
        synced,
    };
    frame::encode(Kind::Save, number, &record)
}

#[derive(Serialize, Deserialize)]
struct Whole<O, E, S> {
    format: u32,
    order: O,
    head: Head,
    events: E,
    steps: S,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    synced: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Save<P, E, S> {
    head: Head,
    patch: P,
    events: E,
    steps: S,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    synced: Option<u64>,
}

/// What a record says of the device: that so many bytes of the journal were on it when the record was written, and that
/// what follows the record may get there later, or never. Records of writers that sync each save say nothing: all that
/// is before them is on the device.
#[derive(Deserialize)]
struct Mark {
    synced: Option<u64>,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// The part of an event that a list needs.
#[derive(Deserialize)]
struct Brief {
    seq: EventSeq,
    at: Timestamp,
}

/// Why an order cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Damage {
    #[error("record {record} (at byte {at}): {why}")]
    Record { record: u64, at: u64, why: Arc<str> },
    #[error("the journal is empty")]
    Empty,
    #[error("the journal cannot be read: {0}")]
    Unreadable(Arc<io::Error>),
    #[error("it was stored in format {0}")]
    Newer(u32),
}

impl Damage {
    /// Number of the record, and where it begins.
    pub(super) fn place(&self) -> (Option<u64>, Option<u64>) {
        match self {
            Self::Record { record, at, .. } => (Some(*record), Some(*at)),
            Self::Empty => (Some(1), Some(0)),
            Self::Unreadable(_) | Self::Newer(_) => (None, None),
        }
    }

    /// What is wrong, without the place.
    pub(super) fn why(&self) -> String {
        match self {
            Self::Record { why, .. } => why.to_string(),
            other => other.to_string(),
        }
    }

    /// As callers are told of it.
    pub(super) fn told(&self, id: OrderId) -> StateError {
        match self {
            Self::Newer(found) => StateError::UnsupportedVersion { id, found: *found, known: FORMAT },
            damage => StateError::Corrupt { id, source: Box::new(damage.clone()) },
        }
    }
}

/// How much of a journal is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Everything is verified; results and what happened are skipped.
    Row,
    /// Everything.
    Content,
}

/// Whether the end of a journal may have been lost in a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// It cannot: all that was acknowledged was synced before its writer ended, or is what the system shows now.
    Kept,
    /// The writer ended without syncing. What the journal does not say to be on the device may be missing, in part and
    /// in any order.
    MayBeLost,
}

/// A journal as it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) order: Loaded,
    /// Number of its last record.
    pub(super) number: u64,
    /// Bytes of its sound records.
    pub(super) length: u64,
    /// What is cut or lost after them, if there is something.
    pub(super) torn: Vec<u8>,
    /// What the last of them says of the device (see [`Mark`]).
    pub(super) synced: Option<u64>,
}

/// Reads a journal to its end, a record at a time.
pub(super) fn read(id: OrderId, mut from: impl BufRead, depth: Depth, tail: Tail) -> Result<Found, Damage> {
    let mut found: Option<Found> = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = from.read_until(b'\n', &mut line).map_err(|e| Damage::Unreadable(Arc::new(e)))?;
        if read == 0 {
            return found.ok_or(Damage::Empty);
        }
        let broken = |record: u64, at: u64, why: &str| Damage::Record { record, at, why: why.into() };
        let (before, at) = found.as_ref().map_or((0, 0), |f| (f.number, f.length));
        let wrong = match (frame::decode(&line), &mut found) {
            (Line::Sound(frame), None) if frame.kind == Kind::Order => {
                let (order, synced) =
                    read_order(id, frame.json, depth)?.map_err(|why| broken(frame.number, at, &why))?;
                let length = read as u64;
                found = Some(Found { order, number: frame.number, length, torn: Vec::new(), synced });
                continue;
            }
            (Line::Sound(frame), Some(found)) if frame.kind == Kind::Save && frame.number == before + 1 => {
                found.synced =
                    read_save(&mut found.order, frame.json, depth).map_err(|why| broken(frame.number, at, &why))?;
                found.number = frame.number;
                found.length += read as u64;
                continue;
            }
            (Line::Sound(frame), Some(_)) if frame.kind == Kind::Save => {
                broken(frame.number, at, "the numbers have a gap")
            }
            (Line::Sound(frame), _) => broken(frame.number, at, "it is of the wrong kind"),
            (Line::Broken(why), _) => broken(before + 1, at, why),
            (Line::Torn, None) => broken(1, 0, "it is cut"),
            (Line::Torn, Some(found)) => {
                found.torn.append(&mut line);
                continue;
            }
        };
        return match found {
            Some(found) if tail == Tail::MayBeLost => without_tail(found, line, from, wrong),
            _ => Err(wrong),
        };
    }
}

/// The journal before a wrong record, if that one and all after it were never said to be on the device.
fn without_tail(mut found: Found, mut rest: Vec<u8>, mut from: impl BufRead, wrong: Damage) -> Result<Found, Damage> {
    let at = found.length;
    if found.synced.is_none_or(|synced| synced > at) {
        return Err(wrong);
    }
    from.read_to_end(&mut rest).map_err(|e| Damage::Unreadable(Arc::new(e)))?;
    // Of what was written after a sync, any part may be there: a sound record there may tell of a sync of the wrong one.
    let mut begins = at;
    for line in rest.split_inclusive(|byte| *byte == b'\n') {
        if let Line::Sound(frame) = frame::decode(line) {
            let mark = parse::<Mark>(frame.json).ok().and_then(|mark| mark.synced);
            if mark.unwrap_or(begins) > at {
                return Err(wrong);
            }
        }
        begins += line.len() as u64;
    }
    found.torn = rest;
    Ok(found)
}

type Parsed<T> = Result<T, String>;

fn parse<'j, T: Deserialize<'j>>(json: &'j [u8]) -> Parsed<T> {
    serde_json::from_slice(json).map_err(|e| e.to_string())
}

fn read_order(id: OrderId, json: &[u8], depth: Depth) -> Result<Parsed<(Loaded, Option<u64>)>, Damage> {
    match parse::<Format>(json) {
        Ok(Format { format }) if format > FORMAT => return Err(Damage::Newer(format)),
        Ok(_) => {}
        Err(why) => return Ok(Err(why)),
    }
    Ok(match depth {
        Depth::Row => parse::<Whole<AgentWorkOrder, Vec<Brief>, IgnoredAny>>(json).and_then(|whole| {
            check_numbers(0, whole.head.seq, whole.events.iter().map(|e| e.seq))?;
            Ok((check_order(id, whole.order, whole.head, None)?, whole.synced))
        }),
        Depth::Content => parse::<Whole<AgentWorkOrder, Vec<Arc<Event>>, StepHistory>>(json).and_then(|whole| {
            check_numbers(0, whole.head.seq, whole.events.iter().map(|e| e.seq))?;
            let content = Content { history: whole.steps, events: whole.events };
            Ok((check_order(id, whole.order, whole.head, Some(content))?, whole.synced))
        }),
    })
}

fn read_save(into: &mut Loaded, json: &[u8], depth: Depth) -> Parsed<Option<u64>> {
    let before = into.head.seq.0;
    let (head, patch, last, synced) = match depth {
        Depth::Row => {
            let save = parse::<Save<OrderPatch, Vec<Brief>, IgnoredAny>>(json)?;
            check_numbers(before, save.head.seq, save.events.iter().map(|e| e.seq))?;
            (save.head, save.patch, save.events.last().map(|e| e.at), save.synced)
        }
        Depth::Content => {
            let save = parse::<Save<OrderPatch, Vec<Arc<Event>>, Vec<StepExecutionResult>>>(json)?;
            check_numbers(before, save.head.seq, save.events.iter().map(|e| e.seq))?;
            let last = save.events.last().map(|e| e.at);
            let content = into.content.as_mut().ok_or("the order was read without its content")?;
            save.steps.into_iter().for_each(|step| content.history.push(step));
            content.events.extend(save.events);
            (save.head, save.patch, last, save.synced)
        }
    };
    let order = Arc::make_mut(&mut into.order);
    patch.apply(&mut order.state);
    if let Some(at) = last {
        order.state.updated_at = at;
    }
    into.head = head;
    check(into)?;
    Ok(synced)
}

fn check_order(id: OrderId, order: AgentWorkOrder, head: Head, content: Option<Content>) -> Parsed<Loaded> {
    if order.agent_work_order_id != id {
        return Err(format!("it is of {}", order.agent_work_order_id));
    }
    let order = Loaded { order: Arc::new(order), head, content };
    check(&order)?;
    Ok(order)
}

/// The events of a record go on after `before` and end with the record's version.
fn check_numbers(before: u64, last: EventSeq, events: impl ExactSizeIterator<Item = EventSeq>) -> Parsed<()> {
    let fits = last.0 == before + events.len() as u64 && events.zip(before + 1..).all(|(seq, n)| seq.0 == n);
    if fits { Ok(()) } else { Err("its events have a gap".into()) }
}

/// Head, order and history belong together; the history's digest is that of the results just read.
fn check(order: &Loaded) -> Parsed<()> {
    let fits = match &order.content {
        Some(content) => order.head.fits(&order.order, &content.history),
        None => order.head.status == order.order.state.status,
    };
    if fits { Ok(()) } else { Err("its results are not those it was written with".into()) }
}
