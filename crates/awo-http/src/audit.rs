//! What is told of who changed what, and of who was refused. Neither says anything that a client could have written: no
//! bodies, no paths, only names of operations, ids that are ids, and addresses.

use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use awo_models::Timestamp;
use tracing::{error, info, warn};

use crate::door::Buckets;
use crate::figures;

/// Refusals that the log tells of one by one, in a minute; the others are counted.
const TOLD_PER_MINUTE: u32 = 20;

/// How long an answer waits for its entry.
const PATIENCE: Duration = Duration::from_secs(2);

/// A call that may have changed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditedCall {
    /// When it was answered.
    pub at: Timestamp,
    /// Id of the key, or `loopback` where none is asked for.
    pub who: Arc<str>,
    /// Name of the operation, such as `create_order`.
    pub what: Arc<str>,
    /// Id of the order that it was about.
    pub subject: Option<Arc<str>>,
    /// Status of the answer.
    pub status: u16,
    /// Id of the request, as in the log.
    pub request_id: Arc<str>,
}

/// Where the audit trail is kept.
///
/// # Contract
/// When `record` answers, the entry is kept. It is awaited before a call is answered, for two seconds at most.
#[async_trait]
pub trait AuditTrail: Debug + Send + Sync {
    /// Adds an entry.
    async fn record(&self, call: AuditedCall) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// Tells of a call in the log, and in the trail if there is one. What the trail does not take was done all the same.
pub(crate) async fn record(trail: Option<&dyn AuditTrail>, method: &str, route: &str, call: AuditedCall) {
    let AuditedCall { who, what, subject, status, request_id, .. } = &call;
    info!(target: "audit", %who, %what, method, route, subject = subject.as_deref(), status, %request_id, "call_answered");
    let Some(trail) = trail else { return };
    let request_id = Arc::clone(request_id);
    match tokio::time::timeout(PATIENCE, trail.record(call)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => error!(target: "audit", %request_id, error, "audit_entry_lost: the log has it"),
        Err(_) => error!(target: "audit", %request_id, "audit_entry_late: the trail did not answer, the log has it"),
    }
}

/// Counts refusals, and tells of as many as a log can bear.
#[derive(Debug)]
pub(crate) struct Refusals {
    told: Buckets<()>,
    untold: AtomicU64,
}

impl Default for Refusals {
    fn default() -> Self {
        Self { told: Buckets::new(TOLD_PER_MINUTE), untold: AtomicU64::new(0) }
    }
}

impl Refusals {
    /// `key` is one that was shown and is good, `route` one that there is.
    pub(crate) fn tell(&self, now: Duration, refused: &Refused<'_>) {
        let Refused { reason, status, client, key, route, request_id } = refused;
        figures::refused(reason);
        if self.told.take((), now).is_err() {
            self.untold.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let untold = self.untold.swap(0, Ordering::Relaxed);
        let client = client.map(tracing::field::display);
        warn!(target: "audit", reason, status, client, key, route, request_id, untold, "call_refused");
    }
}

/// A call that was refused.
#[derive(Debug)]
pub(crate) struct Refused<'a> {
    pub(crate) reason: &'static str,
    pub(crate) status: u16,
    pub(crate) client: Option<IpAddr>,
    pub(crate) key: Option<&'a str>,
    pub(crate) route: Option<&'a str>,
    pub(crate) request_id: &'a str,
}
