//! What it leaves behind: processes that got away from their parents in several ways.

use std::io::{self, BufRead as _, BufReader};
use std::process::Stdio;

use super::{again, deaf, wait};

/// The strays that a trick leaves, each with its qualities.
pub(crate) fn left_by(trick: &str) -> &'static [&'static [&'static str]] {
    match trick {
        "leaves-session" => &[&["session"]],
        "leaves-orphans" => &[&["twice", "session", "deaf"], &["twice", "deaf"]],
        "leaves-strangers" => &[&["bare", "session", "deaf"]],
        "leaves-supervisor" => &[&["twice", "session", "supervisor"]],
        "forks" => &[&["session", "tree-6"]],
        "kills-keeper" | "stops-keeper" => &[&["twice", "session", "deaf"]],
        _ => &[],
    }
}

/// Starts a stray and waits until it says `left <number>` on its stderr, which is then said on stdout: so the trick goes
/// on only when the stray has got away. The stray itself holds our stdout.
pub(crate) fn leave(qualities: &[&str]) -> io::Result<()> {
    let mut command = again()?;
    let mut child = command.arg("stray").args(qualities).stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let Some(stderr) = child.stderr.take() else { return Ok(()) };
    let mut line = String::new();
    BufReader::new(stderr).read_line(&mut line)?;
    println!("{}", line.trim());
    if qualities.contains(&"twice") || qualities.contains(&"bare") {
        child.wait()?;
    }
    Ok(())
}

/// Is a stray, if the first word says so, with the qualities that the others name; `false` if it says something else.
pub(crate) fn be(first: &str, qualities: &[String]) -> bool {
    if first != "stray" {
        return false;
    }
    let _ = live(qualities);
    true
}

fn live(qualities: &[String]) -> io::Result<()> {
    let Some((quality, others)) = qualities.split_first() else {
        eprintln!("left {}", std::process::id());
        wait();
        return Ok(());
    };
    match quality.as_str() {
        "session" => {
            rustix::process::setsid()?;
        }
        "deaf" => deaf()?,
        // A parent that ends at once.
        "twice" => return again()?.arg("stray").args(others).spawn().map(drop),
        "bare" => return again()?.env_clear().current_dir("/").arg("stray").args(others).spawn().map(drop),
        "supervisor" => return supervise(),
        tree => return grow(tree.strip_prefix("tree-").and_then(|depth| depth.parse().ok()).unwrap_or(0)),
    }
    live(others)
}

/// Starts a child, and another when that ends. It does so a hundred times at most.
fn supervise() -> io::Result<()> {
    eprintln!("left {}", std::process::id());
    for _ in 0..100 {
        again()?.args(["stray", "deaf"]).stderr(Stdio::null()).spawn()?.wait()?;
    }
    Ok(())
}

/// Has two children, which have two each, and so on.
fn grow(depth: u32) -> io::Result<()> {
    eprintln!("left {}", std::process::id());
    for _ in 0..if depth > 0 { 2 } else { 0 } {
        again()?.args(["stray", &format!("tree-{}", depth - 1)]).stderr(Stdio::null()).spawn()?;
    }
    wait();
    Ok(())
}
