//! What happens to an order and to all of them: stored events, live streams of them, and hints.

use std::sync::Arc;

use awo_models::EventSeq;
use axum::extract::{State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::json;

use super::ApiState;
use crate::accept::{Form, accepted};
use crate::answer;
use crate::door::Caller;
use crate::figures::Follow;
use crate::paths::OrderPath;
use crate::problem::{InputError, Problem, ProblemType};
use crate::query::Parameters;
use crate::request_log::Attended;
use crate::streams::{ChangeFeed, Kinds, OrderFeed, converse, last_event_id, stream};
use crate::views::{ActivityNewsView, ChangeView, EndView, EventView, OrderStateView, ResetView};

/// Events of a page, unless the client asks for another number.
const PAGE: usize = 200;
/// Events of a page at most.
const LARGEST_PAGE: usize = 1000;
/// Bytes of what a client may say over a WebSocket.
const LARGEST_WISH: usize = 4 * 1024;

/// Get the events of an order, at once or as they happen
///
/// As `application/json`: in order and without gaps; the last one's number is the `after` of the next request.
///
/// As `text/event-stream`: the same events, `id` being the number, `event` the kind and `data` the whole event; those that
/// are stored first, then each as it is stored. After a lost connection `Last-Event-ID`, or `after`, resumes without gap or
/// repeat, also at a server that was started anew. Messages without an id tell of the present: `state` (an `OrderState`, at
/// the beginning and when saves begin to fail or work again), `activity` (an `ActivityNews`, a few a second at most),
/// `reset` (a `Reset`) and `end` (an `End`: the order has ended and all is sent; the stream ends).
#[utoipa::path(
    get,
    path = "/agent-work-orders/{id}/events",
    tag = "events",
    params(
        ("id" = String, Path, description = "Id of the order"),
        ("after" = Option<u64>, Query, description = "Only events with larger numbers; 0 if absent"),
        ("limit" = Option<usize>, Query, description = "As JSON: at most so many, 1 to 1000; 200 if absent"),
        ("kinds" = Option<String>, Query,
         description = "As a stream: only messages of these kinds, separated by commas; `reset` and `end` always come"),
        ("Last-Event-ID" = Option<u64>, Header, description = "As a stream: the same as `after`, and before it"),
    ),
    responses((status = 200, description = "The events", content(
        (Vec<EventView<'static>> = "application/json"),
        (EventView<'static> = "text/event-stream"),
    )))
)]
pub(crate) async fn list_events(
    State(api): ApiState,
    caller: Caller,
    OrderPath(id): OrderPath,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::of(&uri);
    let after = EventSeq(parameters.place("after").unwrap_or(0));
    let resumed = last_event_id(&headers).map(|text| text.parse().map(EventSeq).map_err(|_| not_an_id(text)));
    let resumed = resumed.transpose()?;
    match accepted(&headers, &[Form::Json, Form::Stream]) {
        Some(Form::Json) => {
            let limit = parameters.number("limit", 1..=LARGEST_PAGE).unwrap_or(PAGE);
            parameters.finish(api.lenient)?;
            let events = api.work_orders.events(id, after, limit).await?;
            let views: Vec<_> = events.iter().map(|event| EventView::new(id, event)).collect();
            Ok(answer::json(StatusCode::OK, &views))
        }
        Some(Form::Stream) => {
            let kinds = kinds(&mut parameters);
            parameters.finish(api.lenient)?;
            let after = resumed.unwrap_or(after);
            let place = api.streams.take(&caller, Some(id), Follow::ServerSentEvents)?;
            Ok(stream(OrderFeed::begin(&api, id, after, kinds).await?, place))
        }
        Some(Form::Csv) | None => {
            let detail = "events are given as application/json or text/event-stream";
            Err(Problem::new(ProblemType::NotAcceptable, detail))
        }
    }
}

/// Follow all orders
///
/// Hints, for who shows a list: `order_changed` (an `OrderChange`) names an order that has changed; several changes may be
/// one hint. An `id` is a cursor of this server; `Last-Event-ID`, or `after`, resumes there. `reset` says that what changed
/// before is not known: it comes first without a cursor, and instead of one that this server does not know; the client
/// lists the orders again.
#[utoipa::path(
    get,
    path = "/agent-work-orders/events",
    tag = "events",
    params(
        ("after" = Option<String>, Query, description = "Id of an earlier message"),
        ("Last-Event-ID" = Option<String>, Header, description = "The same as `after`, and before it"),
    ),
    responses((status = 200, description = "The hints", body = ChangeView, content_type = "text/event-stream"))
)]
pub(crate) async fn follow_orders(
    State(api): ApiState,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    if accepted(&headers, &[Form::Stream]).is_none() {
        let detail = "hints over all orders are given as text/event-stream; the list of orders is there as JSON";
        return Err(Problem::new(ProblemType::NotAcceptable, detail));
    }
    let mut parameters = Parameters::of(&uri);
    let after: Option<String> = parameters.one("after");
    parameters.finish(api.lenient)?;
    let place = api.streams.take(&caller, None, Follow::ServerSentEvents)?;
    let after = last_event_id(&headers).or(after.as_deref());
    Ok(stream(ChangeFeed::begin(&api, after), place))
}

/// Follow an order over a WebSocket
///
/// The messages of the order's stream of events as frames of text: `{"id", "event", "data"}`, `id` being null where the
/// stream has none. The client may send `{"after": n}`: what comes next begins after that event.
#[utoipa::path(
    get,
    path = "/agent-work-orders/{id}/ws",
    tag = "events",
    params(
        ("id" = String, Path, description = "Id of the order"),
        ("after" = Option<u64>, Query, description = "Only events with larger numbers; 0 if absent"),
        ("kinds" = Option<String>, Query, description = "Only messages of these kinds, separated by commas"),
    ),
    responses((status = 101, description = "The connection is a WebSocket"))
)]
pub(crate) async fn converse_about_order(
    State(api): ApiState,
    caller: Caller,
    attended: Attended,
    OrderPath(id): OrderPath,
    uri: Uri,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|reason| {
        let detail = format!("this path is for WebSockets, which the request does not ask for: {reason}");
        Problem::new(ProblemType::UpgradeRequired, detail)
    })?;
    let mut parameters = Parameters::of(&uri);
    let after = EventSeq(parameters.place("after").unwrap_or(0));
    let kinds = kinds(&mut parameters);
    parameters.finish(api.lenient)?;
    let place = api.streams.take(&caller, Some(id), Follow::WebSocket)?;
    let feed = OrderFeed::begin(&api, id, after, kinds.clone()).await?;
    let api = Arc::clone(&api);
    let upgrade = upgrade.max_message_size(LARGEST_WISH).max_frame_size(LARGEST_WISH);
    Ok(upgrade.on_upgrade(move |socket| async move {
        converse(socket, api, (id, kinds), feed, caller.ended(), place).await;
        drop(attended); // its line is written when the conversation has ended
    }))
}

fn kinds(parameters: &mut Parameters) -> Kinds {
    let lists: Vec<String> = parameters.all("kinds");
    Kinds::parse(&lists).unwrap_or_else(|reason| {
        parameters.refuse("kinds", "value_error", reason, &lists.join(","));
        Kinds::default()
    })
}

fn not_an_id(text: &str) -> Problem {
    let input = text.chars().take(200).collect::<String>().into();
    let msg = "must be the number of an event, as the stream gave it as id".into();
    let loc = vec![json!("header"), json!("Last-Event-ID")];
    Problem::invalid(vec![InputError { loc, msg, kind: "value_error", input: Some(input) }])
}

/// Views that only streams show, for the description of the routes.
#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(OrderStateView<'static>, ActivityNewsView<'static>, EndView, ResetView)))]
pub(crate) struct StreamSchemas;
