//! What happens once, before an order's first step: the checkout, and the issue that the request speaks of.

use std::sync::Arc;

use awo_models::{AgentWorkOrder, EventKind, Failure, FailureCode, OrderPatch};
use awo_state::LogLevel;
use tracing::warn;

use crate::engine::Engine;
use crate::issue_reference::issue_reference;
use crate::issue_text::cleaned;
use crate::ports::{Progress, Sandbox, SandboxRequest};
use crate::workspace::sandbox_request;

/// Makes the checkout and fetches the issue. A failed fetch is a warning; the order goes on without.
pub(super) async fn prepare(
    engine: &Engine,
    order: &AgentWorkOrder,
    events: &mut Vec<(EventKind, OrderPatch)>,
) -> Result<Arc<dyn Sandbox>, Failure> {
    let sandbox = check_out(engine, order).await?;
    let learnt = OrderPatch {
        base_commit: Some(Some(sandbox.base_commit().into())),
        isolation_effective: Some(Some(sandbox.isolation())),
        isolation_reason: Some(sandbox.isolation_reason()),
        network_effective: Some(Some(sandbox.network())),
        network_reason: Some(sandbox.network_reason()),
        ..OrderPatch::default()
    };
    events.push((EventKind::Prepared, learnt));
    if let Some(caution) = engine.forge.caution(&order.spec.repository_url).await {
        warn!(agent_work_order_id = %order.agent_work_order_id, reason = %caution, "forge_not_connected");
        let warning = EventKind::Warning { code: FailureCode::ForgeFailed, message: caution.into() };
        events.push((warning, OrderPatch::default()));
    }
    // What was frozen stays: the issue may say something else by now.
    if let Some(number) = issue_number(order).filter(|_| order.state.issue.is_none()) {
        match engine.forge.issue(&order.spec.repository_url, &number).await {
            Ok(issue) => {
                let issue = Arc::new(cleaned(issue));
                let patch = OrderPatch { issue: Some(Some(issue)), ..OrderPatch::default() };
                events.push((EventKind::Prepared, patch));
            }
            Err(failure) => {
                let message =
                    format!("issue {number} could not be fetched; the order goes on without: {}", failure.message);
                warn!(agent_work_order_id = %order.agent_work_order_id, reason = %failure, "issue_not_fetched");
                events
                    .push((EventKind::Warning { code: failure.code, message: message.into() }, OrderPatch::default()));
            }
        }
    }
    Ok(sandbox)
}

/// Makes the checkout; what is heard meanwhile goes into the order's log.
async fn check_out(engine: &Engine, order: &AgentWorkOrder) -> Result<Arc<dyn Sandbox>, Failure> {
    let (progress, mut heard) = Progress::heard();
    let request = SandboxRequest { progress, ..sandbox_request(order) };
    let note = |line: &str| {
        let id = order.agent_work_order_id;
        engine.note(id, LogLevel::Info, "repository_transfer", |entry| entry.with_message(line));
    };
    let mut making = std::pin::pin!(engine.sandboxes.prepare(&request));
    let made = loop {
        tokio::select! {
            biased;
            Some(line) = heard.recv() => note(&line),
            made = &mut making => break made,
        }
    };
    while let Ok(line) = heard.try_recv() {
        note(&line);
    }
    made
}

/// The issue that the order is about: the one the caller named, else the first one in the request.
pub(super) fn issue_number(order: &AgentWorkOrder) -> Option<String> {
    let spec = &order.spec;
    let named = spec.github_issue_number.as_ref().map(ToString::to_string);
    named.or_else(|| issue_reference(&spec.user_request, &spec.repository_url))
}
