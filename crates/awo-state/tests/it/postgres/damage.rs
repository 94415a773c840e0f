//! Damage of the stored form: found by whoever reads, noted beside the order, forgotten when it is mended.

use awo_state::conformance::kit::{self, Owner, id, look, order};
use awo_state::{OrderQuery, StateError, StateRepository as _, StateTransfer as _};

use super::fixtures::Server;

#[tokio::test]
async fn every_kind_of_damage_is_found_and_forgotten_when_it_is_mended() {
    let damages = [
        ("UPDATE orders SET state = '{}'", "UPDATE orders SET state = kept.state FROM kept"),
        ("UPDATE orders SET head = '[]'", "UPDATE orders SET head = kept.head FROM kept"),
        ("UPDATE orders SET spec = 'null'", "UPDATE orders SET spec = kept.spec FROM kept"),
        ("DELETE FROM steps WHERE number = 0", "INSERT INTO steps SELECT * FROM kept_steps WHERE number = 0"),
        ("DELETE FROM steps WHERE number = 1", "INSERT INTO steps SELECT * FROM kept_steps WHERE number = 1"),
        (
            "UPDATE steps SET document = '{}' WHERE number = 1",
            "UPDATE steps SET document = kept_steps.document FROM kept_steps WHERE steps.number = kept_steps.number",
        ),
    ];
    for (damage, mend) in damages {
        let Some(server) = Server::new() else { return };
        let repository = server.repository_again().await;
        let mut owner = Owner::of_new(&repository, 1).await;
        owner.finish("classify", 1).await;
        owner.finish("plan", 1).await;
        repository.create(order(2)).await.unwrap();
        let before = look(&repository, id(1)).await;
        server.schema.run("CREATE TABLE kept AS TABLE orders; CREATE TABLE kept_steps AS TABLE steps").await;
        server.schema.run("DELETE FROM kept WHERE id <> (SELECT min(id) FROM orders)").await;
        server.schema.run(&on_first(damage)).await;
        let repository = server.repository_again().await;
        let found = repository.get(id(1)).await;
        assert!(matches!(found, Err(StateError::Corrupt { .. })), "{damage}: {found:?}");
        let page = repository.list(&OrderQuery::default()).await.unwrap();
        assert_eq!((page.damaged, page.total), (vec![id(1)], 1), "{damage}");
        server.schema.run(&on_first(mend)).await;
        assert_eq!(look_again(&server).await, before, "{damage}");
        assert_eq!(repository.list(&OrderQuery::default()).await.unwrap().total, 2, "{damage}");
    }
}

/// The same statement for the first order alone.
fn on_first(statement: &str) -> String {
    let first = "(SELECT min(id) FROM orders)";
    if statement.starts_with("UPDATE orders") {
        format!("{statement} WHERE orders.id = {first}")
    } else {
        statement.to_owned()
    }
}

async fn look_again(server: &Server) -> kit::Sight {
    let repository = server.repository_again().await;
    repository.get(id(1)).await.unwrap().unwrap(); // whoever reads it sees that it is whole
    look(&repository, id(1)).await
}

#[tokio::test]
async fn a_list_names_what_it_cannot_read_itself() {
    let Some(server) = Server::new() else { return };
    let (_, repository) = server.again().await;
    for n in 1..=3 {
        repository.create(order(n)).await.unwrap();
    }
    server.schema.run(&format!("UPDATE orders SET state = '7' WHERE id = '{}'", id(2))).await;
    let page = repository.list(&OrderQuery { limit: 2, ..OrderQuery::default() }).await.unwrap();
    assert_eq!((page.items.len(), page.total, page.damaged), (1, 2, vec![id(2)]));
    let rest = repository.list(&OrderQuery { after: page.next, ..OrderQuery::default() }).await.unwrap();
    assert_eq!(rest.items[0].order.agent_work_order_id, id(1), "pages go on after it");
}

#[tokio::test]
async fn a_gap_in_the_events_is_damage_until_it_is_mended() {
    let Some(server) = Server::new() else { return };
    let repository = server.repository_again().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.finish("classify", 1).await;
    server.schema.run("CREATE TABLE kept AS TABLE events; DELETE FROM events WHERE number = 2").await;
    let events = repository.events(id(1), awo_models::EventSeq(0), 9).await;
    assert!(matches!(events, Err(StateError::Corrupt { .. })), "{events:?}");
    // Who reads no events does not take it for mended.
    let read = repository.get(id(1)).await;
    assert!(matches!(read, Err(StateError::Corrupt { .. })), "{read:?}");
    let page = repository.list(&OrderQuery::default()).await.unwrap();
    assert_eq!((page.damaged, page.total), (vec![id(1)], 0));
    let saved = owner.repository.update(id(1), &kit::note(awo_state::Change::after(owner.heard))).await;
    assert!(matches!(saved, Err(StateError::Corrupt { .. })), "{saved:?}");
    server.schema.run("INSERT INTO events SELECT * FROM kept WHERE number = 2").await;
    repository.get(id(1)).await.unwrap().unwrap();
    assert_eq!(repository.list(&OrderQuery::default()).await.unwrap().total, 1);
}

/// Orders that are sent in several parts.
#[tokio::test]
async fn a_long_order_is_read_and_imported_by_parts_and_whole() {
    let (Some(server), Some(other)) = (Server::new(), Server::new()) else { return };
    let (_, from) = server.again().await;
    let repository: std::sync::Arc<dyn awo_state::StateRepository> = std::sync::Arc::new(from.clone());
    let mut owner = Owner::of_new(&repository, 1).await;
    // Three parts, the last of which is full.
    for attempt in 1..=48 {
        owner.finish("implement", attempt).await;
    }
    server.schema.run("INSERT INTO steps SELECT order_id, 48, document FROM steps WHERE number = 47").await;
    let read = server.repository_again().await.get(id(1)).await;
    assert!(matches!(read, Err(StateError::Corrupt { .. })), "a result too many: {read:?}");
    server.schema.run("DELETE FROM steps WHERE number = 48").await;
    let whole = from.export(id(1)).await.unwrap().unwrap();
    assert_eq!((whole.history.len(), whole.history == owner.history), (48, true));
    let (_, to) = other.again().await;
    to.import(whole.clone()).await.unwrap();
    assert!(matches!(to.import(whole.clone()).await, Err(StateError::AlreadyExists(_))));
    let there = other.again().await.1;
    assert_eq!(there.export(id(1)).await.unwrap().unwrap(), whole);
    assert_eq!(there.get(id(1)).await.unwrap().unwrap().history, owner.history);
    let bytes = |page: awo_state::Page| page.items[0].bytes;
    let query = OrderQuery::default();
    assert_eq!(bytes(there.list(&query).await.unwrap()), bytes(from.list(&query).await.unwrap()));
}
