//! Clients that hang up while they change something.

use std::sync::Arc;
use std::time::Duration;

use awo_engine::ports::{Forge, PullRequestDraft, Unverified, VerifiedRepository};
use awo_http::{Api, AuditTrail, AuditedCall, Limits};
use awo_models::{Failure, FailureCode, Issue, PullRequestEvidence};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::serve::{Server, server_of};
use crate::support::World;

/// Says when a repository is looked up, and answers when it is told to.
#[derive(Debug)]
struct Held(UnboundedSender<oneshot::Sender<()>>);

#[async_trait::async_trait]
#[deny(clippy::missing_trait_methods)]
impl Forge for Held {
    async fn caution(&self, _: &str) -> Option<String> {
        None
    }
    async fn verify(&self, _: &str) -> Result<VerifiedRepository, Unverified> {
        let (go, told) = oneshot::channel();
        self.0.send(go).unwrap();
        told.await.unwrap();
        Err(Unverified::Missing("there is no such thing".into()))
    }
    async fn issue(&self, _: &str, _: &str) -> Result<Issue, Failure> {
        Err(Failure::new(FailureCode::ForgeFailed, "there is no such thing"))
    }
    async fn open_pull_request(&self, _: &PullRequestDraft) -> Result<PullRequestEvidence, Failure> {
        Ok(PullRequestEvidence::NoForge)
    }
}

#[derive(Debug)]
struct Told(UnboundedSender<AuditedCall>);

#[async_trait::async_trait]
impl AuditTrail for Told {
    async fn record(&self, call: AuditedCall) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.send(call)?)
    }
}

/// A server with a call under way whose client has gone: what lets it go on, and what will be recorded.
async fn abandoned() -> (World, Server, oneshot::Sender<()>, UnboundedReceiver<AuditedCall>) {
    let ((held, mut calls), (told, trail)) = (unbounded_channel(), unbounded_channel());
    let world = World::with_forge(Arc::new(Held(held)));
    // There is room for one connection that asks something, so when another is served the first is known to have ended.
    let limits = Limits { max_connections: 1, ..Limits::default() };
    let configure = |api: Api| api.with_limits(limits).with_audit(Arc::new(Told(told)));
    let server = server_of(&world, Duration::from_mins(1), configure).await;
    let mut client = server.connect().await;
    let body = r#"{"repository_url": "https://github.com/owner/repo"}"#;
    let asked = format!(
        "POST /github/verify-repository HTTP/1.1\r\nHost: localhost:{}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        server.address.port(),
        body.len()
    );
    client.write_all(format!("{asked}{body}").as_bytes()).await.unwrap();
    let go = calls.recv().await.unwrap();
    drop(client);
    while !server.ask("/health/live").await.starts_with("HTTP/1.1 200") {}
    (world, server, go, trail)
}

#[tokio::test]
async fn what_they_began_is_done_and_recorded() {
    let (_world, _server, go, mut trail) = abandoned().await;
    go.send(()).expect("the call is under way, although its client has gone");
    let call = trail.recv().await.unwrap();
    assert_eq!((&*call.who, &*call.what, call.status), ("loopback", "verify_repository", 200));
}

#[tokio::test]
async fn a_server_that_closes_waits_for_it() {
    let (_world, mut server, go, mut trail) = abandoned().await;
    server.shutdown.cancel();
    assert!(futures::poll!(&mut server.ended).is_pending());
    go.send(()).expect("the call is under way, although its client has gone");
    server.ended.await.unwrap().unwrap();
    assert!(trail.try_recv().is_ok(), "it is recorded before the server has ended");
}
