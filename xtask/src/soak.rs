//! `soak`: a long time of mixed load on the real server, in which nothing grows and after which nothing is left.
//!
//! A few users have orders of all kinds done, one after the other: short ones and long ones, with outputs of megabytes, that
//! fail, are tried again, wait to be started, are told something more, or are cancelled. Each is followed over server-sent
//! events and a WebSocket by clients that lose their connections, by one that asks often and by one that waits for news.
//! Visitors open the page, read lists and parts of orders, watch changes, take nothing, and make mistakes. Ended orders are
//! deleted by clients and by retention.
//!
//! Meanwhile samples are taken of what the server takes. They are judged by their slope, once the program has taken what
//! memory it needs; and what it holds at rest is compared with what it held at rest before. `streams --soak` is the other
//! long run: 1,000 clients of one order at a time.

mod afterwards;
mod gates;
mod kind;
mod life;
mod load;
mod place;
mod poll;
mod sample;
mod trend;
mod visits;

use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use crate::random::{self, Random};
use crate::repository::Repository;
use crate::server::{Server, call};
use load::Load;
use place::{Place, State};
use sample::{Probe, Sample, look};

/// Between two samples; shorter in a short run.
const PERIOD: Duration = Duration::from_secs(10);
/// Samples of a run at least.
const SAMPLES: u32 = 40;
/// Shorter runs are not judged by slopes, as all that the program takes in its beginning would count.
const JUDGED_FROM: Duration = Duration::from_mins(3);
/// After the load, so long is waited for what pools give back by themselves.
const REST_WITHIN: Duration = Duration::from_secs(40);

/// Options of `soak`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long the load lasts. Runs of less than three minutes are not judged by slopes.
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// Where the orders are kept.
    #[arg(long, value_enum, default_value_t)]
    state: State,
    /// What is done when is chosen by this number. Chosen by chance if absent, and always printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Load the release build.
    #[arg(long)]
    release: bool,
}

/// What a continuous integration has time for: everything is done and nothing is left, but nothing is judged by slopes.
pub(crate) fn stage(repository: &Repository) -> Result<()> {
    run(repository, &Arguments { minutes: 0.5, state: State::File, seed: None, release: false })
}

/// Loads a server.
pub(crate) fn run(repository: &Repository, arguments: &Arguments) -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("`soak` reads what a process takes from /proc, which only Linux has");
    }
    let time = Duration::try_from_secs_f64(arguments.minutes * 60.0).context("--minutes is no time")?;
    let seed = arguments.seed.unwrap_or_else(random::seed);
    let place = Place::new(repository, arguments.state, arguments.release)?;
    eprintln!("{} minutes of load from seed {seed}", arguments.minutes);
    let wrong = match load_it(&place, time, seed) {
        Ok(outcome) => {
            std::io::stdout().write_all(outcome.told.as_bytes())?;
            outcome.wrong
        }
        Err(error) => vec![format!("{error:#}")],
    };
    if wrong.is_empty() {
        return Ok(());
    }
    for wrong in &wrong {
        eprintln!("error: {wrong}");
    }
    eprintln!("error: the directory of the run, with server.log, is {}", place.keep().display());
    bail!("soak: what must hold did not; see above");
}

/// What came of it.
#[derive(Debug)]
struct Outcome {
    /// The figures, for a page.
    told: String,
    wrong: Vec<String>,
}

fn load_it(place: &Place, time: Duration, seed: u64) -> Result<Outcome> {
    let mut random = Random(seed);
    let server = place.serve()?;
    let address = server.listening().context("the server does not listen; see server.log")?;
    let probed = held_order(place, &address)?;
    let (load, probe, begun) = (Load::new(place, address.clone()), Probe::default(), Instant::now());
    load.lap(&mut random);
    ensure!(load.violations().is_empty(), "one order of each kind, and something is wrong already; see above");
    let before = rest(place, &server, begun, &probe, None)?;
    eprintln!("at rest before the load: {}", brief(&before));

    let begun = Instant::now();
    let samples = thread::scope(|scope| {
        let probing = scope.spawn(|| probe.run(&address, &probed, || !load.is_closing()));
        load.start(scope, &mut random);
        let samples = take_samples(place, &server, &load, &probe, time);
        load.close();
        if samples.is_err() {
            load.give_up.store(true, Ordering::SeqCst);
        }
        if let Err(error) = probing.join().unwrap_or_else(|_| bail!("the probe panicked")) {
            load.say(format!("{error:#}"));
        }
        samples
    })?;
    let took = begun.elapsed();
    let after = rest(place, &server, begun, &probe, Some(&before))?;
    eprintln!("at rest after the load: {}", brief(&after));

    let mut wrong = load.violations();
    wrong.extend(gates::left_at_rest(&before, &after));
    wrong.extend(afterwards::look(place, &server, &address, &probed)?);
    let verdicts = gates::judge(&samples);
    let judged = time >= JUDGED_FROM;
    if judged {
        wrong.extend(verdicts.iter().filter(|verdict| !verdict.holds()).map(ToString::to_string));
        ensure!(!verdicts.is_empty(), "there are too few samples to judge by");
    }
    let told = format!(
        "seed {seed}, {:.0} s under load, {} samples\n{}\n\n{}\nat rest before: {}\nat rest after: {}\n",
        took.as_secs_f64(),
        samples.len(),
        load.counts(),
        gates::table(&verdicts, judged),
        brief(&before),
        brief(&after)
    );
    Ok(Outcome { told, wrong })
}

/// Samples until the time is over, or something is wrong.
fn take_samples(place: &Place, server: &Server, load: &Load<'_>, probe: &Probe, time: Duration) -> Result<Vec<Sample>> {
    let (begun, period) = (Instant::now(), PERIOD.min(time / SAMPLES));
    let mut samples = Vec::new();
    while begun.elapsed() < time && !load.is_closing() {
        thread::sleep(period);
        let sample = look(place, server, begun, probe)?;
        eprintln!("{:>5.0} s: {}", sample.at, brief(&sample));
        samples.push(sample);
    }
    Ok(samples)
}

/// What the server takes when nobody asks anything: as soon as it holds no more than before, if there is a before.
fn rest(place: &Place, server: &Server, begun: Instant, probe: &Probe, before: Option<&Sample>) -> Result<Sample> {
    let deadline = Instant::now() + REST_WITHIN;
    loop {
        let sample = look(place, server, begun, probe)?;
        let still = match before {
            Some(before) => gates::left_at_rest(before, &sample).is_empty(),
            None => sample.children < 1.0,
        };
        if still || Instant::now() > deadline {
            return Ok(sample);
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// An order for the probe, which is never started, so that it stays as it is.
fn held_order(place: &Place, address: &str) -> Result<String> {
    let body = json!({"repository_url": place.remote().path(), "user_request": "Wait", "start": false}).to_string();
    let (status, order) = call(address, "POST /agent-work-orders", "content-type: application/json\r\n", &body)?;
    ensure!(status == 201, "an order was answered with {status}: {order}");
    Ok(order["agent_work_order_id"].as_str().context("an order has an id")?.to_owned())
}

fn brief(sample: &Sample) -> String {
    let Sample { memory, descriptors, threads, children, disk, database, p50, p99, .. } = sample;
    format!(
        "{:.1} MB, {descriptors} descriptors, {threads} threads, {children} children, {:.1} MB on disk, {:.1} MB of \
         database, probe {:.1} and {:.1} ms",
        memory / 1e6,
        disk / 1e6,
        database / 1e6,
        p50 * 1e3,
        p99 * 1e3
    )
}
