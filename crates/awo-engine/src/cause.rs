//! Which request of a front end the present work is done for, so that the logs of orders can name it. Work that an order
//! does for itself has none.

use std::sync::Arc;

use tokio::task_local;
use tracing::Instrument as _;

task_local! {
    static REQUEST: Arc<str>;
}

/// Does something for a request: what it notes in the logs of orders names the request. The id is the front end's.
pub async fn for_request<T>(id: Arc<str>, work: impl Future<Output = T>) -> T {
    REQUEST.scope(id, work).await
}

/// The request, if there is one.
pub(crate) fn current() -> Option<Arc<str>> {
    REQUEST.try_with(Arc::clone).ok()
}

/// Work that goes on on a task of its own, still for the request, and within the span, of whoever calls this.
pub fn carried<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let request = current();
    async move {
        match request {
            Some(request) => for_request(request, work).await,
            None => work.await,
        }
    }
    .in_current_span()
}
