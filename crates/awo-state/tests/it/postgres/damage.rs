//! Damage of the stored form: found by whoever reads, noted beside the order, forgotten when it is mended.

use awo_state::conformance::kit::{self, Owner, id, look, order};
use awo_state::{OrderQuery, StateError, StateRepository as _};

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
async fn a_gap_in_the_events_is_damage() {
    let Some(server) = Server::new() else { return };
    let repository = server.repository_again().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.finish("classify", 1).await;
    server.schema.run("DELETE FROM events WHERE number = 2").await;
    let events = repository.events(id(1), awo_models::EventSeq(0), 9).await;
    assert!(matches!(events, Err(StateError::Corrupt { .. })), "{events:?}");
}
