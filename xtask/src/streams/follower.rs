//! A client that follows one order, loses its connection by chance, and comes back.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::record::Record;
use super::wire::{Form, Message, Reader, masked};
use crate::random::Random;

/// Before it looks for a server that is not there.
const PAUSE: Duration = Duration::from_millis(5);
/// Bytes that it takes of a connection at most.
const BYTES: usize = 3_000;
/// Milliseconds that it takes nothing on a connection at most.
const SILENCE: usize = 400;

/// What a client has and has gone through.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    pub(crate) record: Record,
    /// Connections that it dropped.
    pub(crate) drops: usize,
    /// Connections that the server ended, or that ended with it.
    pub(crate) losses: usize,
    /// What must not be.
    pub(crate) violation: Option<String>,
}

/// How a connection came to an end.
enum End {
    /// We dropped it.
    Dropped,
    /// The other side did, or there was none.
    Lost,
    /// Nobody listens, or there is no place just now.
    NotThere,
}

/// Follows until the order has ended, something is wrong, or all give up.
pub(crate) fn follow(address: &str, id: &str, form: Form, mut random: Random, give_up: &AtomicBool) -> Followed {
    let mut followed = Followed::default();
    while !followed.record.has_ended() && !give_up.load(Ordering::SeqCst) {
        match connection(address, id, form, &mut random, &mut followed.record) {
            Ok(End::Dropped) => followed.drops += 1,
            Ok(End::Lost) => followed.losses += 1,
            Ok(End::NotThere) => thread::sleep(PAUSE),
            Err(violation) => {
                followed.violation = Some(violation);
                break;
            }
        }
    }
    followed
}

/// One connection, up to a byte or a silence that chance has chosen; what came whole is in the record then.
fn connection(address: &str, id: &str, form: Form, random: &mut Random, record: &mut Record) -> Result<End, String> {
    let (mut budget, silence) = (random.below(BYTES), Duration::from_millis(1 + random.below(SILENCE) as u64));
    let Ok((mut stream, head)) = ask(address, id, form, record.last(), silence) else { return Ok(End::NotThere) };
    let status = head.split(' ').nth(1).unwrap_or_default();
    match status {
        "200" | "101" => {}
        // It is ending, or connections that were dropped are still counted.
        "429" | "503" | "" => return Ok(End::NotThere),
        _ => return Err(format!("the answer to a stream is {head}")),
    }
    // Over a WebSocket a client may ask again while it has a connection.
    let again = form == Form::Frames && random.below(3) == 0;
    if again && stream.write_all(&masked(&format!("{{\"after\":{}}}", record.last()))).is_err() {
        return Ok(End::Lost);
    }
    let mut reader = Reader::new(form);
    let mut piece = [0; 512];
    while budget > 0 {
        let room = budget.min(piece.len());
        let count = match stream.read(&mut piece[..room]) {
            Ok(0) => return Ok(End::Lost),
            Ok(count) => count,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => break,
            Err(_) => return Ok(End::Lost),
        };
        budget -= count;
        let messages: Vec<Message> = reader.take(&piece[..count])?;
        for message in messages {
            record.take(message, again)?;
        }
    }
    Ok(End::Dropped)
}

/// Opens a stream behind an event; the connection, and the head of the answer.
fn ask(address: &str, id: &str, form: Form, after: u64, silence: Duration) -> io::Result<(TcpStream, String)> {
    let mut stream = TcpStream::connect(address)?;
    // The head comes at once, whatever the stream has to say.
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    // Events without chunks, which HTTP/1.0 does not have.
    let request = match form {
        Form::Events => format!(
            "GET /agent-work-orders/{id}/events HTTP/1.0\r\nhost: {address}\r\naccept: text/event-stream\r\n\
             last-event-id: {after}\r\n\r\n"
        ),
        Form::Frames => format!(
            "GET /agent-work-orders/{id}/ws?after={after} HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\n\
             upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ),
    };
    stream.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    stream.set_read_timeout(Some(silence))?;
    Ok((stream, String::from_utf8_lossy(&head).into_owned()))
}
