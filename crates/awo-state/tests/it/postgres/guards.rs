//! What a process remembers of orders is never believed: several processes write the same ones.

use std::sync::Arc;

use awo_state::conformance::kit::{self, Owner, id, look, note, order, result};
use awo_state::{Change, Postgres, PostgresOptions, PostgresRepository, StateError, StateRepository};
use awo_testkit::postgres::{Cluster, Proxy, TestSchema};

use super::fixtures::Server;

/// Two processes that know the same order.
async fn two(server: &Server) -> (Arc<dyn StateRepository>, Arc<dyn StateRepository>) {
    (server.repository_again().await, server.repository_again().await)
}

#[tokio::test]
async fn an_owner_is_fenced_by_a_claim_that_another_process_stored() {
    let Some(server) = Server::new() else { return };
    let (one, other) = two(&server).await;
    let mut first = Owner::of_new(&one, 1).await;
    first.finish("classify", 1).await;
    let mut second = Owner::claiming(&other, 1, 2).await;
    second.finish("plan", 1).await;
    // First with nothing to say, which what the process remembers would let pass.
    let repeated = one.update(id(1), &Change::after(first.heard)).await;
    assert!(matches!(repeated, Err(StateError::Fenced { .. })), "{repeated:?}");
    first.add(result("plan", 1, true));
    assert!(matches!(first.save().await, Err(StateError::Fenced { .. })));
    second.finish("implement", 1).await;
    look(&one, id(1)).await.check();
}

#[tokio::test]
async fn what_others_say_in_between_does_not_stop_an_owner() {
    let Some(server) = Server::new() else { return };
    let (one, other) = two(&server).await;
    let mut owner = Owner::of_new(&one, 1).await;
    for (number, step) in (0..).zip(["classify", "plan", "implement"]) {
        let seen = other.get(id(1)).await.unwrap().unwrap();
        let prompted = kit::prompted(Change::if_unchanged(seen.seq), number + 1, false);
        other.update(id(1), &prompted).await.unwrap();
        let heard = owner.finish(step, 1).await;
        assert_eq!(heard.prompts, number + 1, "and it is told");
    }
    look(&other, id(1)).await.check();
}

#[tokio::test]
async fn of_many_processes_that_write_one_version_one_wins() {
    let Some(server) = Server::new() else { return };
    let repositories = [two(&server).await, two(&server).await].map(|(one, other)| [one, other]).concat();
    repositories[0].create(order(1)).await.unwrap();
    for round in 1..=8 {
        let mut seen = Vec::new();
        for repository in &repositories {
            seen.push(repository.get(id(1)).await.unwrap().unwrap().seq);
        }
        let claims: Vec<_> = repositories
            .iter()
            .zip(seen)
            .zip(round * 10..)
            .map(|((repository, seen), worker)| {
                let repository = Arc::clone(repository);
                tokio::spawn(async move { repository.update(id(1), &kit::claim(seen, worker)).await })
            })
            .collect();
        let mut won = 0;
        for claim in claims {
            match claim.await.unwrap() {
                Ok(_) => won += 1,
                Err(StateError::Conflict { .. }) => {}
                Err(other) => panic!("expected Conflict, got {other:?}"),
            }
        }
        assert_eq!(won, 1, "one wins");
    }
    look(&repositories[3], id(1)).await.check();
}

#[tokio::test]
async fn an_order_of_an_old_id_is_not_taken_for_the_remembered_one() {
    let Some(server) = Server::new() else { return };
    let (one, other) = two(&server).await;
    let mut owner = Owner::of_new(&one, 1).await;
    // As if it had been removed and imported again by somebody who owned it longer: the same version, another epoch.
    let change = "epoch = 7, head = replace(head::text, '\"epoch\":1', '\"epoch\":7')::json";
    server.schema.run(&format!("UPDATE orders SET {change}")).await;
    owner.add(result("classify", 1, true));
    assert!(matches!(owner.save().await, Err(StateError::Fenced { .. })));
    assert!(other.get(id(1)).await.unwrap().unwrap().history.is_empty());
}

#[tokio::test]
async fn a_deleted_order_is_not_there_for_whoever_remembers_it() {
    let Some(server) = Server::new() else { return };
    let (one, other) = two(&server).await;
    let owner = Owner::of_new(&one, 1).await;
    let mut second = Owner::claiming(&other, 1, 2).await;
    let heard = second.end(awo_models::AgentWorkOrderStatus::Failed).await;
    other.delete(id(1), heard.seq).await.unwrap();
    let answer = one.update(id(1), &note(Change::after(owner.heard))).await;
    assert!(matches!(answer, Err(StateError::NotFound(_))), "{answer:?}");
    assert!(server.schema.texts("SELECT order_id FROM steps UNION SELECT order_id FROM events").await.is_empty());
}

#[tokio::test]
async fn a_save_is_one_statement() {
    // Where the run has no server, there are no programs either; that is said there.
    if TestSchema::new().is_none() {
        return;
    }
    let cluster = Cluster::start(false).expect("a server can be started");
    let proxy = Proxy::to(cluster.socket()).await;
    let schema = TestSchema::at(cluster.url());
    schema.open().await;
    // Of one connection: who comes before the last one gave it back would make another, and that is told things, too.
    let options = PostgresOptions { url: proxy.url(), pool_size: 1, ..schema.options() };
    let database = Postgres::connect(options).await.unwrap();
    let repository: Arc<dyn StateRepository> = Arc::new(PostgresRepository::new(&database));
    repository.create(order(1)).await.unwrap();
    let mut before = proxy.statements();
    let mut count = || {
        let all = proxy.statements();
        all - std::mem::replace(&mut before, all)
    };
    let mut owner = Owner::claiming(&repository, 1, 1).await;
    assert_eq!(count(), 2, "a read and a claim");
    for n in 1..=5 {
        owner.finish("implement", n).await;
        assert_eq!(count(), 1, "save {n}");
    }
}

#[tokio::test]
async fn an_order_that_a_newer_program_goes_on_with_is_left_alone_by_an_older_one() {
    let Some(server) = Server::new() else { return };
    let (one, other) = two(&server).await;
    let mut owner = Owner::of_new(&one, 1).await;
    // This program is the newer one, where the order is of an older one.
    server.schema.run("UPDATE orders SET format = 0").await;
    owner.finish("classify", 1).await;
    assert_eq!(
        server.schema.texts("SELECT format::text FROM orders").await,
        ["1"],
        "what it writes it says to be its own"
    );
    // And this one is the older, where a newer one has written: also behind what it remembers.
    let change = "UPDATE steps SET document = '{\"new\":true}'; UPDATE orders SET format = 7";
    server.schema.run(change).await;
    owner.add(result("plan", 1, true));
    let saved = owner.save().await;
    assert!(matches!(saved, Err(StateError::UnsupportedVersion { found: 7, .. })), "{saved:?}");
    let read = other.get(id(1)).await.map(drop);
    assert!(matches!(read, Err(StateError::UnsupportedVersion { found: 7, .. })), "{read:?}");
    let told = other.events(id(1), awo_models::EventSeq(0), 9).await;
    assert!(matches!(told, Err(StateError::UnsupportedVersion { found: 7, .. })), "{told:?}");
    assert!(
        server.schema.texts("SELECT why FROM damaged").await.is_empty(),
        "it does not call damaged what it does not know"
    );
}

#[tokio::test]
async fn results_that_are_known_are_not_read_again_and_what_others_stored_is() {
    let Some(server) = Server::new() else { return };
    let (one, other) = two(&server).await;
    let mut owner = Owner::of_new(&one, 1).await;
    owner.finish("classify", 1).await;
    let seen = other.get(id(1)).await.unwrap().unwrap();
    owner.finish("plan", 1).await;
    // Who reads it again finds that it is no result.
    server.schema.run("UPDATE steps SET document = '{}' WHERE number = 0").await;
    let again = other.get(id(1)).await.unwrap().unwrap();
    assert_eq!((again.history.len(), again.history.prefix(1)), (2, seen.history));
    let stranger = server.repository_again().await;
    assert!(matches!(stranger.get(id(1)).await, Err(StateError::Corrupt { .. })));
    // From now on the order is known to be damaged, and everybody looks for himself.
    assert!(matches!(other.get(id(1)).await, Err(StateError::Corrupt { .. })));
}

#[tokio::test]
async fn an_order_of_another_history_is_read_whole() {
    let Some(server) = Server::new() else { return };
    let (one, other) = two(&server).await;
    let mut owner = Owner::of_new(&one, 1).await;
    owner.finish("classify", 1).await;
    other.get(id(1)).await.unwrap().unwrap();
    server.schema.run("DELETE FROM orders; DELETE FROM steps; DELETE FROM events").await;
    let mut owner = Owner::of_new(&server.repository_again().await, 1).await;
    owner.add(result("classify", 1, false));
    owner.save().await.unwrap();
    let seen = other.get(id(1)).await.unwrap().unwrap();
    assert!(!seen.history.last().unwrap().success);
}
