//! `hostile`: an agent that misbehaves, in the way that its name or its first argument says. See `awo_testkit::hostile`.
//!
//! It can be a keeper too, so that the tests that face it with the runner need no other program.

#![expect(clippy::print_stdout, reason = "an agent talks on its standard output")]

mod strays;
mod voice;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use rustix::process::{Signal, getpid, getppid, kill_process};
use voice::Voice;

/// Longest wait of whatever waits for ever, so that a failed test leaves nothing for long.
const FOR_EVER: Duration = Duration::from_mins(10);

fn main() -> ExitCode {
    awo_adapters::Keeper::run_if_asked();
    let mut arguments = std::env::args();
    let name = arguments.next().unwrap_or_default();
    let name = Path::new(&name).file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let mut arguments: Vec<String> = arguments.collect();
    let trick = if name == "hostile" && !arguments.is_empty() { arguments.remove(0) } else { name };
    if strays::be(&trick, &arguments) {
        return ExitCode::SUCCESS;
    }
    let voice = Voice::of(&arguments);
    play(&trick, &voice).unwrap_or_else(|error| {
        eprintln!("hostile cannot play {trick}: {error}");
        ExitCode::from(2)
    })
}

fn play(trick: &str, voice: &Voice) -> io::Result<ExitCode> {
    voice.begin();
    for stray in strays::left_by(trick) {
        strays::leave(stray)?;
    }
    match trick {
        "leaves-session" | "leaves-orphans" | "leaves-strangers" | "leaves-supervisor" | "forks" => {
            voice.answer("done");
        }
        "hangs" => wait(),
        "deaf" => {
            deaf()?;
            voice.say("deaf");
            wait();
        }
        "silent" => {
            let nowhere = std::fs::File::options().write(true).open("/dev/null")?;
            rustix::stdio::dup2_stdout(&nowhere)?;
            rustix::stdio::dup2_stderr(&nowhere)?;
            wait();
        }
        "stops-itself" => {
            voice.say("stopping");
            kill_process(getpid(), Signal::STOP)?;
            wait();
        }
        "floods-lines" => flood(&mut io::stdout(), voice.line("busy").as_bytes()),
        "floods-one-line" => flood(&mut io::stdout(), b"y"),
        "floods-binary" => flood(&mut io::stdout(), &(0..=255).collect::<Vec<u8>>()),
        "floods-errors" => flood(&mut io::stderr(), b"trouble\n"),
        "splits-utf8" => {
            // "grün" and a sign that is cut.
            let line = voice.line("gr\u{fc}n");
            let middle = line.find('\u{fc}').unwrap_or_default() + 1;
            for piece in [&line.as_bytes()[..middle], &line.as_bytes()[middle..]] {
                io::stdout().write_all(piece)?;
                io::stdout().flush()?;
                std::thread::sleep(Duration::from_millis(20));
            }
            voice.answer("split");
            io::stdout().write_all(b"\xe6\x97")?;
        }
        "two-results" => {
            voice.answer("the first");
            voice.answer("the last");
        }
        "no-result" => voice.say("all done, everything works"),
        "talks-on" => {
            voice.answer("done");
            voice.say("and another thing");
            voice.tool();
        }
        "long-line" => {
            voice.say(&"x".repeat(3 << 20));
            voice.answer("done");
        }
        "lingers" => {
            voice.answer("done");
            wait();
        }
        "dies" => {
            voice.tool();
            kill_process(getpid(), Signal::KILL)?;
        }
        "exits-130" => {
            voice.answer("done");
            return Ok(ExitCode::from(130));
        }
        "claims" => voice.answer("all is done, committed and pushed"),
        "tells-secrets" => {
            let all: Vec<_> = std::env::vars().map(|(name, value)| format!("{name}={value}")).collect();
            eprintln!("{}", all.join(" "));
            voice.say(&all.join(" "));
            voice.answer(&all.join(" "));
        }
        "kills-keeper" => {
            kill(Signal::KILL)?;
            wait();
        }
        "stops-keeper" => {
            deaf()?;
            kill(Signal::STOP)?;
            voice.say("stopped");
            wait();
        }
        "fills-disk" => {
            let mut file = std::fs::File::create("filler")?;
            let piece = vec![b'f'; 1 << 20];
            let full = (0..64).find_map(|_| file.write_all(&piece).err());
            voice.answer(&full.map_or("64 MiB".to_owned(), |error| error.to_string()));
        }
        other => {
            eprintln!("{other:?} is no trick; there are:");
            for (name, meaning) in awo_testkit::hostile::TRICKS {
                eprintln!("  {name}: {meaning}");
            }
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn wait() {
    std::thread::sleep(FOR_EVER);
}

/// Signals that ask to stop are taken note of, and nothing more.
fn deaf() -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, std::sync::Arc::default())?;
    }
    Ok(())
}

/// Writes until nobody reads any more, or a great many bytes.
fn flood(to: &mut dyn io::Write, pattern: &[u8]) {
    let most: u64 = std::env::var("FLOOD_BYTES").ok().and_then(|bytes| bytes.parse().ok()).unwrap_or(64 << 30);
    let piece = pattern.repeat((64 << 10) / pattern.len());
    let mut left = most;
    while left > 0 && to.write_all(&piece).is_ok() {
        left = left.saturating_sub(piece.len() as u64);
    }
}

/// Sends a signal to the parent, unless that is the first process of the system.
fn kill(signal: Signal) -> io::Result<()> {
    if let Some(parent) = getppid().filter(|parent| !parent.is_init()) {
        kill_process(parent, signal)?;
    }
    Ok(())
}

/// This program again.
fn again() -> io::Result<Command> {
    Ok(Command::new(std::env::current_exe()?))
}
