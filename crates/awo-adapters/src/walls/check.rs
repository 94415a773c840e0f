//! Owns the look at the walls from within: whether they stand, before an order relies on them.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use awo_models::OrderId;
use tokio_util::sync::CancellationToken;

use super::account::{let_pass, opened};
use super::{Account, Probe, Reach, Room, WallKind, Walls, landlock};
use crate::process::{self, Custody, EndCause, Exit, Invocation, Line, Purpose, RunLimits};
use crate::{NoTracking, ProcessTracker as _, Secrets};

/// In the place of a program, the check.
pub(super) const PROGRAM: &str = "awo-check";

/// Time for the check. It takes milliseconds; this is for a machine that is out of breath.
const CHECK_TIME: Duration = Duration::from_secs(20);

/// Runs the check within walls.
pub(super) async fn probe(walls: &Walls, kind: WallKind) -> Probe {
    let found = try_out(walls, kind).await;
    Probe { found, cure: cure(kind) }
}

fn cure(kind: WallKind) -> &'static str {
    match kind {
        WallKind::Bubblewrap => {
            "install bubblewrap 0.7 or newer, and let awo's account make user namespaces (`awo doctor` tries it)"
        }
        WallKind::Landlock => {
            "it needs Linux 6.12 or newer with Landlock switched on, and a data directory (AWO_DATA_DIR) that others than the \
             superuser could get to, such as /var/lib/awo, if awo is the superuser"
        }
    }
}

async fn try_out(walls: &Walls, kind: WallKind) -> Result<String, String> {
    let told = |error: io::Error| error.to_string();
    let Some(keeper) = walls.settings.keeper.clone() else {
        return Err("there is no keeper to see to its end".to_owned());
    };
    let bubblewrap = &walls.settings.bubblewrap;
    if kind == WallKind::Bubblewrap && !bubblewrap.is_absolute() {
        return Err(format!("there is no program `{}` in PATH", bubblewrap.display()));
    }
    if let (WallKind::Landlock, Some(hidden)) = (kind, landlock::laid_open(&walls.settings)) {
        return Err(format!("{} lies among the system's files, which all programs read", hidden.display()));
    }
    let place = tempfile::Builder::new().prefix("awo-walls-").tempdir().map_err(told)?;
    let [own, outside] = ["own", "outside"].map(|name| place.path().join(name));
    let account = Account::of(OrderId::new(0, [0; 10]));
    for directory in [&own, &outside] {
        fs::create_dir(directory).map_err(told)?;
    }
    if let Some(account) = account {
        if kind == WallKind::Landlock {
            walls.settings.own.iter().try_for_each(|own| opened(own).map(drop)).map_err(told)?;
        }
        account.take(&own).and_then(|()| let_pass(&own, &[place.path().to_owned()])).map_err(told)?;
    }
    let room = Room {
        kind,
        account,
        writable: vec![own.clone()],
        readable: Vec::new(),
        borrowed: Vec::new(),
        seen_as: Vec::new(),
        covered: Vec::new(),
        reach: Reach::Nothing,
    };
    let args = [&own, &outside].into_iter().chain(outermost(&walls.settings.own)).map(OsString::from).collect();
    let launch = walls.launch(&room, Path::new(PROGRAM), args, &own);
    let invocation = Invocation {
        program: launch.program,
        args: launch.args,
        env: std::collections::BTreeMap::new(),
        working_dir: own,
        stdin: Vec::new(),
        secrets: Secrets::default(),
        custody: Custody { keeper: Some(keeper), marks: Vec::new() },
        walled: kind.waits(),
        purpose: Purpose::Agent,
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
        (EndCause::Own, Exit::Exited(0), Some(_)) => Ok(match kind {
            WallKind::Bubblewrap => format!("{} keeps programs in", bubblewrap.display()),
            WallKind::Landlock => "the kernel keeps programs in, of orders that ask for it".to_owned(),
        }),
        (EndCause::Own, _, Some(said)) => Err(said),
        (EndCause::Own, _, None) => {
            let complaint = end.stderr_tail.lines().next().unwrap_or("it says nothing").to_owned();
            Err(complaint)
        }
        _ => Err(format!("the check did not end within {} s", CHECK_TIME.as_secs())),
    }
}

/// Directories that lie in no other one of them. The way from these on is opened for orders, so only they have to be reached.
fn outermost(own: &[PathBuf]) -> impl Iterator<Item = &PathBuf> {
    own.iter().filter(|place| !own.iter().any(|other| other != *place && place.starts_with(other)))
}

/// What is wrong with the walls, seen from within.
fn look(kind: WallKind, own: &Path, outside: &Path) -> Result<(), String> {
    if rustix::process::geteuid().is_root() {
        return Err("programs would still be the superuser".to_owned());
    }
    match kind {
        WallKind::Bubblewrap if std::process::id() > 100 => return Err("other processes are within reach".to_owned()),
        WallKind::Bubblewrap if outside.exists() => {
            return Err(format!("{} is seen, which is outside", outside.display()));
        }
        WallKind::Bubblewrap => {}
        WallKind::Landlock => {
            // Everybody may list the first two, and whoever runs awo the last.
            let places = [Path::new("/"), Path::new("/proc"), outside];
            if let Some(place) = places.into_iter().find(|place| fs::read_dir(place).is_ok()) {
                return Err(format!("{} can be read, which is outside", place.display()));
            }
            if std::os::unix::net::UnixStream::pair().is_err() {
                return Err("programs could not talk to those that they start".to_owned());
            }
        }
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
pub(super) fn run(kind: WallKind, mut arguments: impl Iterator<Item = OsString>) -> i32 {
    let (Some(own), Some(outside)) = (arguments.next(), arguments.next()) else { return 2 };
    let reached = match kind {
        WallKind::Bubblewrap => Ok(()),
        WallKind::Landlock => {
            arguments.try_for_each(|place| landlock::is_reached(Path::new(&place))).map_err(|error| error.to_string())
        }
    };
    let (code, said) = match reached.and_then(|()| look(kind, Path::new(&own), Path::new(&outside))) {
        Ok(()) => (0, "the walls stand".to_owned()),
        Err(reason) => (1, reason),
    };
    let _ = writeln!(io::stdout(), "{said}");
    code
}
