//! The events of an order.

use awo_models::EventSeq;
use axum::extract::State;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use super::ApiState;
use crate::answer;
use crate::paths::OrderPath;
use crate::problem::{Problem, ProblemType};
use crate::query::Parameters;
use crate::views::EventView;

/// Events of a page, unless the client asks for another number.
const PAGE: usize = 200;
/// Events of a page at most.
const LARGEST_PAGE: usize = 1000;

/// Get the events of an order
///
/// In order and without gaps. The last one's number is the `after` of the next request.
#[utoipa::path(
    get,
    path = "/agent-work-orders/{id}/events",
    tag = "events",
    params(
        ("id" = String, Path, description = "Id of the order"),
        ("after" = Option<u64>, Query, description = "Only events with larger numbers; 0 if absent"),
        ("limit" = Option<usize>, Query, description = "At most so many, 1 to 1000; 200 if absent"),
    ),
    responses((status = 200, description = "The events", body = Vec<EventView<'static>>))
)]
pub(crate) async fn list_events(
    State(api): ApiState,
    OrderPath(id): OrderPath,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    if !takes_json(&headers) {
        return Err(Problem::new(
            ProblemType::NotAcceptable,
            "events are given as application/json; streams are not there yet: ask again with ?after=, or use \
             /steps?wait=",
        ));
    }
    let mut parameters = Parameters::of(&uri);
    let after = EventSeq(parameters.number("after", 0..=u64::MAX).unwrap_or(0));
    let limit = parameters.number("limit", 1..=LARGEST_PAGE).unwrap_or(PAGE);
    parameters.finish(api.lenient)?;
    let events = api.work_orders.events(id, after, limit).await?;
    let views: Vec<_> = events.iter().map(|event| EventView::new(id, event)).collect();
    Ok(answer::json(StatusCode::OK, &views))
}

/// Whether a client takes JSON; one that does not say takes anything.
fn takes_json(headers: &HeaderMap) -> bool {
    let mut ranges = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if ranges.peek().is_none() {
        return true;
    }
    ranges.flat_map(|list| list.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or("").to_ascii_lowercase();
        let refused = parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0)));
        matches!(&*name, "application/json" | "application/*" | "*/*") && !refused
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("application/json", true)]
    #[case("*/*", true)]
    #[case("text/html, application/*;q=0.5", true)]
    #[case("Application/JSON", true)]
    #[case("text/event-stream", false)]
    #[case("application/json;q=0, text/event-stream", false)]
    fn what_clients_take(#[case] accept: &'static str, #[case] taken: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        assert_eq!(takes_json(&headers), taken);
        assert!(takes_json(&HeaderMap::new()));
    }
}
