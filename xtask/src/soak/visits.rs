//! Visitors: whoever opens the page, looks at lists and orders, watches changes, makes mistakes, or takes nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::load::Load;
use crate::random::Random;
use crate::server::answer;

/// Milliseconds that a stream is watched at most.
const WATCHED: usize = 4_000;

/// What is asked of the service as a whole, and how it is answered.
const PAGES: &[(&str, u16)] = &[
    ("/agent-work-orders", 200),
    ("/agent-work-orders?limit=5&status=completed", 200),
    ("/agent-work-orders?q=hello&limit=20", 200),
    ("/agent-work-orders/stats/steps", 200),
    ("/agent-work-orders/stats/steps?format=csv", 200),
    ("/health", 200),
    ("/health/live", 200),
    ("/metrics", 200),
    ("/openapi.json", 200),
    ("/agent-work-orders/wo-0000000000000000", 404),
    ("/nowhere", 404),
    ("/agent-work-orders?limit=many", 422),
];

/// What is asked of one order. It may be deleted meanwhile, or have no such thing (yet).
const PARTS: &[&str] =
    &["", "/steps", "/git-progress", "/diff", "/artifacts", "/logs?limit=50", "/steps/1/output", "/steps/2/diff"];

/// One look by chance; what is wrong with what came.
pub(super) fn visit(load: &Load<'_>, random: &mut Random) -> Result<(), String> {
    match random.below(10) {
        0 => page(load),
        1 => watch(load, "/agent-work-orders/events", random, true),
        2 => watch(load, "/agent-work-orders/events", random, false),
        3 | 4 => match load.some_order(random) {
            Some(id) => watch(load, &format!("/agent-work-orders/{id}/events"), random, random.0.is_multiple_of(2)),
            None => Ok(()),
        },
        5 | 6 => match load.some_order(random) {
            Some(id) => {
                let part = PARTS[random.below(PARTS.len())];
                let path = format!("/agent-work-orders/{id}{part}");
                let (status, _, body) = get(load, &path, "")?;
                if matches!(status, 200 | 404) {
                    Ok(())
                } else {
                    Err(format!("{path} was answered with {status}: {body}"))
                }
            }
            None => Ok(()),
        },
        _ => {
            let (path, expected) = PAGES[random.below(PAGES.len())];
            expect(load, path, "", expected).map(|_| ())
        }
    }
}

/// Loads the page with the files that it names, as a browser does.
fn page(load: &Load<'_>) -> Result<(), String> {
    let page = expect(load, "/", "accept: text/html\r\n", 200)?;
    let named = page.split(['"', '\'']).filter(|word| word.starts_with("/page/"));
    for path in named {
        expect(load, path, "", 200)?;
    }
    Ok(())
}

/// Opens a stream and goes away after a while, having read what came, or nothing of it.
fn watch(load: &Load<'_>, path: &str, random: &mut Random, reads: bool) -> Result<(), String> {
    let said = |error: std::io::Error| format!("{path}: {error}");
    let mut stream = TcpStream::connect(&load.address).map_err(said)?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\naccept: text/event-stream\r\n\r\n", load.address);
    stream.write_all(request.as_bytes()).map_err(said)?;
    let (begun, longest) = (Instant::now(), Duration::from_millis(random.below(WATCHED) as u64));
    if !reads {
        thread::sleep(longest);
        return Ok(());
    }
    stream.set_read_timeout(Some(Duration::from_millis(200))).map_err(said)?;
    let mut piece = [0; 4096];
    while begun.elapsed() < longest {
        // Nothing new is no mistake, and an order's stream ends with it.
        if matches!(stream.read(&mut piece), Ok(0)) {
            break;
        }
    }
    Ok(())
}

fn expect(load: &Load<'_>, path: &str, headers: &str, expected: u16) -> Result<String, String> {
    let (status, _, body) = get(load, path, headers)?;
    if status == expected {
        Ok(body)
    } else {
        Err(format!("{path} was answered with {status}, not {expected}: {body}"))
    }
}

fn get(load: &Load<'_>, path: &str, headers: &str) -> Result<(u16, String, String), String> {
    answer(&load.address, &format!("GET {path}"), headers).map_err(|error| format!("{path}: {error}"))
}
