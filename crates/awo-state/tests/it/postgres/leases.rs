//! Who may claim while somebody else's lease lives.

use awo_state::conformance::kit::{Owner, claim, id, order};
use awo_state::{StateError, StateRepository as _};

use super::fixtures::Server;

async fn lease(server: &Server, worker: &str, until: &str) {
    let lease = format!(
        "INSERT INTO leases (order_id, worker, until) VALUES ('{}', '{worker}', clock_timestamp() + interval '{until}')
        ON CONFLICT (order_id) DO UPDATE SET worker = excluded.worker, until = excluded.until",
        id(1)
    );
    server.schema.run(&lease).await;
}

#[tokio::test]
async fn a_claim_is_held_while_the_lease_of_another_worker_lives() {
    let Some(server) = Server::new() else { return };
    let (_, repository) = server.again().await;
    repository.create(order(1)).await.unwrap();
    lease(&server, "worker-1", "1 hour").await;
    let seen = repository.get(id(1)).await.unwrap().unwrap().seq;
    let held = repository.update(id(1), &claim(seen, 2)).await;
    assert!(matches!(held, Err(StateError::Held)), "{held:?}");
    let held = held.unwrap_err();
    assert!(!held.is_outage(), "it is an answer");
    assert_eq!(repository.get(id(1)).await.unwrap().unwrap().seq, seen, "nothing was changed");

    let own = repository.update(id(1), &claim(seen, 1)).await.unwrap();
    lease(&server, "worker-1", "-1 second").await;
    let heard = repository.update(id(1), &claim(own.seq, 2)).await.unwrap();
    assert_eq!(heard.epoch.0, 2, "a lease that is over hinders nobody");
}

#[tokio::test]
async fn a_lease_does_not_hinder_those_who_claim_nothing() {
    let Some(server) = Server::new() else { return };
    let repository = server.repository_again().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    lease(&server, "worker-9", "1 hour").await;
    owner.finish("classify", 1).await;
    let seen = owner.heard.seq;
    let cancel = awo_state::conformance::kit::cancel_requested(awo_state::Change::if_unchanged(seen));
    repository.update(id(1), &cancel).await.unwrap();
}
