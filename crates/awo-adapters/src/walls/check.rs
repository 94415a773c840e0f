//! Owns the look at the walls from within: whether they stand, before an order relies on them.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use awo_models::OrderId;
use tokio_util::sync::CancellationToken;

use super::{Account, Probe, Reach, Room, Walls};
use crate::process::{self, Custody, EndCause, Exit, Invocation, Line, RunLimits};
use crate::{NoTracking, ProcessTracker as _, Secrets};

/// In the place of a program, the check.
pub(super) const PROGRAM: &str = "awo-check";

/// Time for the check. It takes milliseconds; this is for a machine that is out of breath.
const CHECK_TIME: Duration = Duration::from_secs(20);
const CURE: &str =
    "install bubblewrap 0.7 or newer, and let awo's account make user namespaces (`awo doctor` tries it)";

/// Runs the check within walls.
pub(super) async fn probe(walls: &Walls) -> Probe {
    let found = try_out(walls).await;
    Probe { found, cure: CURE }
}

async fn try_out(walls: &Walls) -> Result<String, String> {
    let told = |error: io::Error| error.to_string();
    let Some(keeper) = walls.settings.keeper.clone() else {
        return Err("there is no keeper to see to its end".to_owned());
    };
    let bubblewrap = &walls.settings.bubblewrap;
    if !bubblewrap.is_absolute() {
        return Err(format!("there is no program `{}` in PATH", bubblewrap.display()));
    }
    let place = tempfile::Builder::new().prefix("awo-walls-").tempdir().map_err(told)?;
    let [own, outside] = ["own", "outside"].map(|name| place.path().join(name));
    let account = Account::of(OrderId::new(0, [0; 10]));
    for directory in [&own, &outside] {
        fs::create_dir(directory).map_err(told)?;
    }
    account.map_or(Ok(()), |account| account.take(&own)).map_err(told)?;
    let room = Room {
        account,
        writable: vec![own.clone()],
        readable: Vec::new(),
        borrowed: Vec::new(),
        seen_as: Vec::new(),
        covered: Vec::new(),
        reach: Reach::Nothing,
    };
    let launch = walls.launch(&room, Path::new(PROGRAM), vec![own.clone().into(), outside.into()], &own);
    let invocation = Invocation {
        program: launch.program,
        args: launch.args,
        env: std::collections::BTreeMap::new(),
        working_dir: own,
        stdin: Vec::new(),
        secrets: Secrets::default(),
        custody: Custody { keeper: Some(keeper), marks: Vec::new() },
        walled: true,
    };
    let limits = RunLimits { wall: CHECK_TIME, ..RunLimits::default() };
    let mut said = None;
    let mut on_line = |line| {
        if let Line::Text(line) = line {
            said = Some(line);
        }
    };
    let nobody = OrderId::new(0, [0; 10]);
    let untracked = |pid| NoTracking.track(nobody, pid);
    let end = process::run(invocation, &limits, None, &CancellationToken::new(), &untracked, &mut on_line).await;
    let end = end.map_err(|error| error.to_string())?;
    match (end.cause, end.exit, said) {
        (EndCause::Own, Exit::Exited(0), Some(_)) => Ok(format!("{} keeps programs in", bubblewrap.display())),
        (EndCause::Own, _, Some(said)) => Err(said),
        (EndCause::Own, _, None) => {
            let complaint = end.stderr_tail.lines().next().unwrap_or("it says nothing").to_owned();
            Err(complaint)
        }
        _ => Err(format!("the check did not end within {} s", CHECK_TIME.as_secs())),
    }
}

/// What is wrong with the walls, seen from within.
fn look(own: &Path, outside: &Path) -> Result<(), String> {
    if rustix::process::geteuid().is_root() {
        return Err("programs would still be the superuser".to_owned());
    }
    if std::process::id() > 100 {
        return Err("other processes are within reach".to_owned());
    }
    if outside.exists() {
        return Err(format!("{} is seen, which is outside", outside.display()));
    }
    fs::write(own.join("written"), "").map_err(|error| format!("the checkout could not be written: {error}"))?;
    if fs::write("/usr/awo-check", "").is_ok() {
        return Err("the system can be written".to_owned());
    }
    if std::net::UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.connect("192.0.2.1:9")).is_ok() {
        return Err("the network cannot be taken away".to_owned());
    }
    Ok(())
}

/// Does the check that the arguments ask for, and says on stdout how it went.
pub(super) fn run(mut arguments: impl Iterator<Item = OsString>) -> i32 {
    let (Some(own), Some(outside)) = (arguments.next(), arguments.next()) else { return 2 };
    let (code, said) = match look(Path::new(&own), Path::new(&outside)) {
        Ok(()) => (0, "the walls stand".to_owned()),
        Err(reason) => (1, reason),
    };
    let _ = writeln!(io::stdout(), "{said}");
    code
}
