//! A GitHub for a rig. `play REPOSITORY TOKEN SOCKET` plays one whose branches are in a bare repository, and prints where it
//! is; to the line `heads` it answers with the branches of all pull requests. `door ADDRESS SOCKET` lets it be reached at its
//! address from another network. Both end when standard input ends.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use awo_testkit::FakeGithub;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["play", repository, token, socket] => play(Path::new(repository), token, Path::new(socket)),
        ["door", address, socket] => door(address, Path::new(socket)),
        _ => Err(io::Error::other("what it plays is missing")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("there is no forge: {error}");
            ExitCode::FAILURE
        }
    }
}

fn play(repository: &Path, token: &str, socket: &Path) -> io::Result<()> {
    let github = FakeGithub::new(token).with_repository(repository);
    let address = github.address().trim_start_matches("http://").to_owned();
    let doors = UnixListener::bind(socket)?;
    thread::spawn(move || {
        for door in doors.incoming().map_while(Result::ok) {
            let Ok(inside) = TcpStream::connect(&address) else { return };
            let halves = (door.try_clone(), inside.try_clone());
            if let (Ok(door_too), Ok(inside_too)) = halves {
                carry(door, inside, |inside| inside.shutdown(std::net::Shutdown::Write));
                carry(inside_too, door_too, |door| door.shutdown(std::net::Shutdown::Write));
            }
        }
    });
    say(github.address())?;
    for line in io::stdin().lines() {
        if line? == "heads" {
            let heads: Vec<String> = github.state().pull_requests.iter().map(|pull| pull.head.clone()).collect();
            say(&heads.join(" "))?;
        }
    }
    Ok(())
}

fn door(address: &str, socket: &Path) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    let socket = socket.to_owned();
    thread::spawn(move || {
        for outside in listener.incoming().map_while(Result::ok) {
            let Ok(inside) = UnixStream::connect(&socket) else { return };
            let halves = (outside.try_clone(), inside.try_clone());
            if let (Ok(outside_too), Ok(inside_too)) = halves {
                carry(outside, inside, |inside| inside.shutdown(std::net::Shutdown::Write));
                carry(inside_too, outside_too, |outside| outside.shutdown(std::net::Shutdown::Write));
            }
        }
    });
    say("open")?;
    io::copy(&mut io::stdin(), &mut io::sink()).map(drop)
}

/// Carries all that one says to the other, and then that it has ended.
fn carry<From: Read + Send + 'static, To: Write + Send + 'static>(
    mut from: From,
    mut to: To,
    end: impl FnOnce(&To) -> io::Result<()> + Send + 'static,
) {
    thread::spawn(move || {
        // Either may be gone.
        let _ = io::copy(&mut from, &mut to);
        let _ = end(&to);
    });
}

fn say(line: &str) -> io::Result<()> {
    let mut output = io::stdout();
    writeln!(output, "{line}").and_then(|()| output.flush())
}
