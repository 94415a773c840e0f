//! The log of an order, for people: a page of it, or as it is written.

use awo_engine::{LogLevel, LogQuery};
use awo_models::{StepName, Timestamp};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use super::ApiState;
use crate::answer;
use crate::door::Caller;
use crate::figures::Follow;
use crate::paths::OrderPath;
use crate::problem::Problem;
use crate::query::Parameters;
use crate::streams::{LogFeed, last_event_id, stream};
use crate::views::{LogEntryView, LogPageView};

/// Lines of a page, unless the client asks for another number.
const PAGE: usize = 100;
/// Lines of a page at most.
const LARGEST_PAGE: usize = 1000;

/// Get the log of an order
///
/// What its work says about itself, oldest first. It is for people: what programs need is in the events.
#[utoipa::path(
    get,
    path = "/agent-work-orders/{id}/logs",
    tag = "logs",
    params(
        ("id" = String, Path, description = "Id of the order"),
        ("limit" = Option<usize>, Query, description = "At most so many, 1 to 1000; 100 if absent"),
        ("offset" = Option<usize>, Query, description = "So many of those that match are passed over; 0 if absent"),
        ("level" = Option<Vec<String>>, Query, description = "`debug`, `info`, `warning` or `error`; may be repeated"),
        ("step" = Option<String>, Query, description = "Only lines about this step"),
        ("since" = Option<String>, Query, description = "Only lines of this time (RFC 3339) or later"),
        ("q" = Option<String>, Query, description = "Only lines that contain this text, whatever its case"),
    ),
    responses((status = 200, description = "The lines", body = LogPageView<'static>))
)]
pub(crate) async fn list_logs(State(api): ApiState, OrderPath(id): OrderPath, uri: Uri) -> Result<Response, Problem> {
    let mut parameters = Parameters::of(&uri);
    let limit = parameters.number("limit", 1..=LARGEST_PAGE).unwrap_or(PAGE);
    let offset = parameters.number("offset", 0..=isize::MAX.unsigned_abs()).unwrap_or(0);
    let query = LogQuery { limit, offset, ..wanted(&mut parameters) };
    parameters.finish(api.lenient)?;
    let page = api.work_orders.log(id, &query).await?;
    Ok(answer::json(StatusCode::OK, &LogPageView::new(id, &query, &page)))
}

/// Follow the log of an order
///
/// All lines from the first one on, or those that are asked for, then each as it is written: plain messages whose `data` is
/// a `LogEntry` and whose `id` its number, which `Last-Event-ID` or `after` resumes from. The stream stays open when the order
/// has ended.
#[utoipa::path(
    get,
    path = "/agent-work-orders/{id}/logs/stream",
    tag = "logs",
    params(
        ("id" = String, Path, description = "Id of the order"),
        ("after" = Option<u64>, Query, description = "Only lines with larger numbers; 0 if absent"),
        ("level" = Option<Vec<String>>, Query, description = "`debug`, `info`, `warning` or `error`; may be repeated"),
        ("step" = Option<String>, Query, description = "Only lines about this step"),
        ("since" = Option<String>, Query, description = "Only lines of this time (RFC 3339) or later"),
        ("q" = Option<String>, Query, description = "Only lines that contain this text, whatever its case"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The same as `after`, and before it"),
    ),
    responses((status = 200, description = "The lines", body = LogEntryView<'static>, content_type = "text/event-stream"))
)]
pub(crate) async fn follow_logs(
    State(api): ApiState,
    caller: Caller,
    OrderPath(id): OrderPath,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::of(&uri);
    let after = parameters.place("after").unwrap_or(0);
    let query = wanted(&mut parameters);
    parameters.finish(api.lenient)?;
    // Clients that were made for streams without ids send what they remember of others: that counts for nothing.
    let after = last_event_id(&headers).and_then(|text| text.parse().ok()).unwrap_or(after);
    let place = api.streams.take(&caller, Some(id), Follow::ServerSentEvents)?;
    Ok(stream(LogFeed::begin(&api, id, LogQuery { after, ..query }).await?, place))
}

/// Which lines a client asks for.
fn wanted(parameters: &mut Parameters) -> LogQuery {
    LogQuery {
        levels: parameters.all::<LogLevel>("level"),
        step: parameters.one::<String>("step").and_then(|text| {
            let step = StepName::new(&text);
            step.map_err(|error| parameters.refuse("step", "value_error", error.to_string(), &text)).ok()
        }),
        since: parameters.one::<Timestamp>("since"),
        text: parameters.one("q"),
        ..LogQuery::default()
    }
}
