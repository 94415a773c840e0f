//! Requests to the interface, answered within this process: from the router to the last byte of the body.

use std::hint::black_box;
use std::sync::Arc;

use awo_http::Api;
use awo_state::{InMemory, InMemoryArtifacts, InMemoryOrderLog, StateRepository};
use awo_testkit::Writer;
use awo_testkit::instant::{Stage, Stores};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use tower::ServiceExt as _;

use crate::Outcome;

/// Orders that there are, and their steps.
const ORDERS: u64 = 20;
const STEPS: usize = 7;

/// The interface, and the first of its orders.
struct Served {
    stage: Stage,
    order: String,
}

impl Served {
    /// Twenty orders have ended, after seven steps with answers of 8 KiB.
    async fn new() -> Outcome<Self> {
        let store: Arc<dyn StateRepository> = Arc::new(InMemory::default());
        let mut first = None;
        for n in 1..=ORDERS {
            let mut writer = Writer::new(&store, n).await?;
            for _ in 0..STEPS {
                writer.save().await?;
            }
            first.get_or_insert(writer.id);
            writer.end().await?;
        }
        let stores = Stores {
            orders: store,
            artifacts: Arc::new(InMemoryArtifacts::default()),
            log: Arc::new(InMemoryOrderLog::default()),
        };
        let order = format!("/agent-work-orders/{}", first.ok_or("there is no order")?);
        Ok(Self { stage: Stage::new(stores, Ok)?, order })
    }

    /// Asks for something so many times; the tag of the last answer.
    async fn ask(&self, path: &str, headers: &[(&str, &str)], expected: StatusCode, times: usize) -> Outcome<String> {
        let router = awo_http::router(Api::new(self.stage.work_orders(), "0.0.0").with_port(1));
        let mut tag = String::new();
        for _ in 0..times {
            let mut request = Request::get(path).header("host", "localhost:1");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let answer = router.clone().oneshot(request.body(Empty::<Bytes>::new())?).await?;
            if answer.status() != expected {
                return Err(format!("GET {path} was answered with {}", answer.status()).into());
            }
            if let Some(value) = answer.headers().get("etag") {
                value.to_str()?.clone_into(&mut tag);
            }
            black_box(answer.into_body().collect().await?.to_bytes());
        }
        Ok(tag)
    }
}

/// The steps of an order.
pub(crate) async fn steps(times: usize) -> Outcome {
    let served = Served::new().await?;
    served.ask(&format!("{}/steps", served.order), &[], StatusCode::OK, times).await?;
    Ok(())
}

/// The steps of an order, for a client that has them.
pub(crate) async fn not_modified(times: usize) -> Outcome {
    let served = Served::new().await?;
    let path = format!("{}/steps", served.order);
    let tag = served.ask(&path, &[], StatusCode::OK, 1).await?;
    served.ask(&path, &[("if-none-match", &tag)], StatusCode::NOT_MODIFIED, times).await?;
    Ok(())
}

/// All events of an order, as a stream.
pub(crate) async fn events(times: usize) -> Outcome {
    let served = Served::new().await?;
    let headers = [("accept", "text/event-stream")];
    served.ask(&format!("{}/events", served.order), &headers, StatusCode::OK, times).await?;
    Ok(())
}

/// All orders.
pub(crate) async fn list(times: usize) -> Outcome {
    Served::new().await?.ask("/agent-work-orders", &[], StatusCode::OK, times).await?;
    Ok(())
}
