//! The same orders in PostgreSQL, and how they are dealt out. What they are compared with is done by `pgbench`, which
//! `cargo xtask bench` runs before or after.

use std::sync::Arc;
use std::time::{Duration, Instant};

use awo_state::conformance::kit;
use awo_state::{
    Leases, OrderQuery, Postgres, PostgresLeases, PostgresOptions, PostgresRepository, StateRepository, Wants, Worker,
};

use crate::options::Options;
use crate::writers::{AT_ONCE, saves_of};
use crate::{Outcome, percentile, tell};
use awo_testkit::Writer;

/// What is done before anything counts: statements are prepared, and files have their first blocks.
const WARM_UP: usize = 10;

/// Much longer than anything takes here.
const LEASE: Duration = Duration::from_hours(1);

/// Rows of a page, as a server answers it.
const PAGE: usize = 200;

/// What no order has in it.
const NOWHERE: &str = "no such words";

/// A database, and what is kept in it.
struct Database {
    postgres: Postgres,
    store: Arc<dyn StateRepository>,
}

impl Database {
    /// The one that is asked for; its schema is made if it is not there.
    async fn of(options: &Options) -> Outcome<Self> {
        let url = options.dir.to_str().ok_or("the address of a database is text")?;
        // One for each that saves, as each client of pgbench has one.
        let connections = u32::try_from(AT_ONCE)?;
        // What takes longer than a server would wait is measured all the same.
        let statement_timeout = Duration::from_mins(5);
        let options = PostgresOptions { pool_size: connections, statement_timeout, ..PostgresOptions::new(url) };
        let postgres = Postgres::connect(options).await?;
        postgres.migrate().await?;
        let store = Arc::new(PostgresRepository::new(&postgres));
        Ok(Self { postgres, store })
    }
}

/// One order that is saved again and again.
pub(crate) async fn saves(options: &Options) -> Outcome {
    let database = Database::of(options).await?;
    let mut writer = Writer::new(&database.store, 1).await?;
    let mut took = Vec::new();
    for _ in 0..WARM_UP + options.size {
        took.push(writer.save().await?);
    }
    for (row, hundredths) in [("postgres-save-p50", 50), ("postgres-save-p99", 99)] {
        tell(row, percentile(&took[WARM_UP..], hundredths), None)?;
    }
    Ok(())
}

/// Sixteen that are saved at once.
pub(crate) async fn writers(options: &Options) -> Outcome {
    let database = Database::of(options).await?;
    tell("postgres-writers-16", saves_of(&database.store, AT_ONCE, options.size).await?, None)
}

/// Orders that are created, given to a worker and ended, one after the other.
pub(crate) async fn claims(options: &Options) -> Outcome {
    let database = Database::of(options).await?;
    let mut took = Vec::new();
    for n in 1..=WARM_UP + options.size {
        took.push(claim(&database, n as u64).await?);
    }
    for (row, hundredths) in [("postgres-acquire-p50", 50), ("postgres-acquire-p99", 99)] {
        tell(row, percentile(&took[WARM_UP..], hundredths), None)?;
    }
    Ok(())
}

/// The time that it takes to be given an order that was just created. It is ended then.
async fn claim(database: &Database, n: u64) -> Outcome<Duration> {
    let leases = PostgresLeases::new(&database.postgres);
    let worker = Worker::named("worker-1");
    database.store.create(kit::order(n)).await?;
    let begun = Instant::now();
    let given = leases.acquire(&worker, &Wants::default(), LEASE).await?;
    let took = begun.elapsed();
    if given != [kit::id(n)] {
        return Err(format!("order {n} was created, and {given:?} was given").into());
    }
    Writer::claiming(&database.store, n).await?.end().await?;
    leases.release(&worker.name, kit::id(n)).await?;
    Ok(took)
}

/// An order that has ended with one result, and one that waits: what a large database is filled with.
pub(crate) async fn patterns(options: &Options) -> Outcome {
    let database = Database::of(options).await?;
    let mut writer = Writer::new(&database.store, 1).await?;
    writer.save().await?;
    writer.end().await?;
    database.store.create(kit::order(2)).await?;
    Ok(())
}

/// The first of those that wait is given, and given back.
pub(crate) async fn line(options: &Options) -> Outcome {
    let database = Database::of(options).await?;
    let leases = PostgresLeases::new(&database.postgres);
    let worker = Worker::named("worker-1");
    let mut took = Vec::new();
    for _ in 0..WARM_UP + options.size {
        let begun = Instant::now();
        let given = leases.acquire(&worker, &Wants::default(), LEASE).await?;
        took.push(begun.elapsed());
        let [order] = given[..] else { return Err("nothing waits in line".into()) };
        leases.release(&worker.name, order).await?;
    }
    tell("acquire", percentile(&took[WARM_UP..], 50), None)
}

/// What saves, leases and lists cost beside all that is stored.
pub(crate) async fn stored(options: &Options) -> Outcome {
    let database = Database::of(options).await?;
    let (mut acquired, mut saved) = (Vec::new(), Vec::new());
    let mut writer = Writer::new(&database.store, options.first as u64).await?;
    for _ in 0..WARM_UP + options.size {
        saved.push(writer.save().await?);
    }
    writer.end().await?;
    for n in 1..=WARM_UP + options.size {
        acquired.push(claim(&database, (options.first + n) as u64).await?);
    }
    let failed = vec![awo_models::AgentWorkOrderStatus::Failed];
    let all = OrderQuery { limit: PAGE, ..OrderQuery::default() };
    let of_status = OrderQuery { status: failed, ..all.clone() };
    let with_words = OrderQuery { text: Some(NOWHERE.into()), ..all.clone() };
    tell("acquire", percentile(&acquired[WARM_UP..], 50), None)?;
    tell("save", percentile(&saved[WARM_UP..], 50), None)?;
    for (row, query) in [("list", all), ("failed", of_status), ("words", with_words)] {
        tell(row, page(&database, &query, options.size.div_ceil(10)).await?, None)?;
    }
    Ok(())
}

/// The time of half of all pages at most.
async fn page(database: &Database, query: &OrderQuery, times: usize) -> Outcome<f64> {
    let mut took = Vec::new();
    for _ in 0..times.max(3) {
        let begun = Instant::now();
        database.store.list(query).await?;
        took.push(begun.elapsed());
    }
    Ok(percentile(&took, 50))
}
