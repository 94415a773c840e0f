//! `runner`: what it costs to start an agent, and to read one that floods. Figures for people; no test depends on them.
//!
//! ```text
//! cargo run --release -p awo-testkit --features hostile --bin runner -- spawn 200
//! cargo run --release -p awo-testkit --features hostile --bin runner -- flood floods-one-line 20000000000
//! ```

#![expect(clippy::print_stdout, reason = "it is a program that prints")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use awo_adapters::{Custody, Invocation, Keeper, Line, Purpose, RunLimits, Secrets, run};
use tokio_util::sync::CancellationToken;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let keeper = Keeper::run_if_asked();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match words[..] {
        ["spawn", times] => runtime.block_on(spawn(times.parse()?, keeper)),
        ["spawn", times, keeper] => runtime.block_on(spawn(times.parse()?, Some(Keeper::at(keeper.into())))),
        ["flood", trick, bytes] => runtime.block_on(flood(trick, bytes, keeper)),
        _ => Err("usage: runner spawn TIMES [KEEPER] | runner flood TRICK BYTES".into()),
    }
}

/// Runs a program that does nothing, by turns in a group of its own and under a keeper.
async fn spawn(times: usize, keeper: Option<Keeper>) -> Result<()> {
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..times {
        for (keeper, took) in [None, keeper.clone()].into_iter().zip(&mut took) {
            let custody = Custody { keeper, marks: Vec::new() };
            let started = Instant::now();
            once(invocation("/bin/true".into(), BTreeMap::new(), custody), &mut |_| ()).await?;
            took.push(started.elapsed());
        }
    }
    for (name, took) in ["in a group", "under a keeper"].into_iter().zip(&mut took) {
        took.sort_unstable();
        let at = |part: usize| took[(took.len() - 1) * part / 100];
        println!("{name}: {times} runs, p50 {:?}, p90 {:?}, longest {:?}", at(50), at(90), at(100));
    }
    Ok(())
}

/// Reads a flood to its end.
async fn flood(trick: &str, bytes: &str, keeper: Option<Keeper>) -> Result<()> {
    let place = tempfile::tempdir()?;
    let hostile = std::env::current_exe()?.with_file_name("hostile");
    let program = awo_testkit::hostile::link(&hostile, trick, place.path());
    let env = BTreeMap::from([("FLOOD_BYTES".into(), bytes.into())]);
    let (mut lines, mut dropped) = (0_u64, 0);
    // One small run first, so that what is only needed once does not count.
    once(invocation("/bin/true".into(), BTreeMap::new(), Custody::default()), &mut |_| ()).await?;
    let (before, started) = (peak_memory()?, Instant::now());
    let custody = Custody { keeper, marks: Vec::new() };
    let mut on_line = |line| {
        lines += 1;
        if let Line::TooLong { dropped: more, .. } = line {
            dropped += more;
        }
    };
    once(invocation(program, env, custody), &mut on_line).await?;
    let seconds = started.elapsed().as_secs_f64();
    let grown = peak_memory()?.saturating_sub(before);
    let (read, rate): (f64, _) = (bytes.parse()?, std::num::NonZero::new(lines));
    println!("{trick}: {bytes} bytes in {seconds:.1} s, {:.0} MiB/s", read / seconds / f64::from(1 << 20));
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let rate = rate.map_or(0.0, |lines| lines.get() as f64 / seconds);
    println!("{lines} lines, {rate:.0} a second, {dropped} bytes of lines dropped");
    println!("peak memory grew by {grown} KiB");
    Ok(())
}

fn invocation(program: PathBuf, env: BTreeMap<std::ffi::OsString, std::ffi::OsString>, custody: Custody) -> Invocation {
    let working_dir = std::env::temp_dir();
    let secrets = Secrets::default();
    let purpose = Purpose::Agent;
    Invocation {
        program,
        args: Vec::new(),
        env,
        working_dir,
        stdin: Vec::new(),
        secrets,
        custody,
        walled: false,
        purpose,
    }
}

async fn once(invocation: Invocation, on_line: &mut (dyn FnMut(Line) + Send)) -> Result<()> {
    let limits = RunLimits { wall: Duration::from_hours(1), max_output: u64::MAX, ..RunLimits::default() };
    let cancel = CancellationToken::new();
    run(invocation, &limits, None, &cancel, &|_| Ok(Box::new(())), on_line).await?;
    Ok(())
}

/// The most memory that this process ever had, in KiB.
fn peak_memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
