//! `prisoner`: an agent that tries to get out of the walls around it, and says how each try ended.
//!
//! With `escapes`, a line for each, which ends with `refused` and why, or with `ESCAPED`. With `forks`, `hoards` and `fills` it uses
//! up what it can get, and says how much that was. With `asks` it sends each of its further arguments to the proxy that its
//! environment names, and says in a line what came back.

#![expect(clippy::print_stdout, reason = "an agent talks on its standard output")]

mod escapes;

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, ExitCode};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("escapes") => match escapes::Outside::read(arguments) {
            Some(outside) => escapes::all(&outside),
            None => return ExitCode::from(2),
        },
        Some("asks") => arguments.for_each(|head| match ask(&head) {
            Ok(answer) => println!("{}", answer.escape_debug()),
            Err(error) => println!("no answer: {error}"),
        }),
        Some("forks") => println!("processes {}", forks()),
        Some("hoards") => println!("mebibytes {}", hoards()),
        Some("fills") => println!("bytes {}", fills()),
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

/// Sends words to the proxy; all that comes back.
fn ask(words: &str) -> io::Result<String> {
    let proxy = std::env::var("https_proxy").map_err(io::Error::other)?;
    let mut stream = TcpStream::connect(proxy.trim_start_matches("http://"))?;
    stream.write_all(words.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Starts processes until no more can be, 10 000 at most.
fn forks() -> usize {
    let mut children: Vec<Child> = Vec::new();
    while children.len() < 10_000 {
        match Command::new("/bin/sleep").arg("600").spawn() {
            Ok(child) => children.push(child),
            Err(_) => break,
        }
    }
    let started = children.len();
    for child in &mut children {
        let _ = child.kill().and_then(|()| child.wait());
    }
    started
}

/// Takes and writes memory until there is no more, 4 GiB at most.
fn hoards() -> usize {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    while taken.len() < 4096 {
        let mut piece = Vec::new();
        if piece.try_reserve_exact(1 << 20).is_err() || taken.try_reserve(1).is_err() {
            break;
        }
        piece.resize(1 << 20, 1);
        taken.push(piece);
    }
    taken.len()
}

/// Has a file written until that is stopped, 1 GiB at most; its length.
fn fills() -> u64 {
    let _ = Command::new("/bin/dd").args(["if=/dev/zero", "of=filled", "bs=1M", "count=1024", "status=none"]).status();
    let length = std::fs::metadata("filled").map_or(0, |metadata| metadata.len());
    let _ = std::io::stdout().flush();
    length
}
