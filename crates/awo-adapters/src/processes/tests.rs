use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, test_kill_process_group};

use super::records::keep;
use super::*;

fn order(n: u8) -> OrderId {
    OrderId::new(1_700_000_000_000, [n; 10])
}

/// Starts a shell as leader of its own group, with marks, and waits for its first line: process numbers, mostly.
fn start(script: &str, marks: &[(OsString, OsString)]) -> (Child, String) {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).envs(marks.iter().cloned()).process_group(0).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().to_owned())
}

/// Collects a child when it ends, so that its number and group do not stay taken.
fn collected(mut child: Child) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        child.wait().unwrap();
    })
}

#[cfg(target_os = "linux")]
mod marks {
    use tempfile::TempDir;

    use super::*;

    fn processes() -> (TempDir, Processes) {
        let place = tempfile::tempdir().unwrap();
        let processes = Processes::of(place.path(), None);
        (place, processes)
    }

    fn runs(pid: &str) -> bool {
        let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
        crate::proc::stat(pid).is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
    }

    /// Starts a shell that goes at once, and leaves a process in a session of its own that nobody is parent of.
    fn stray(marks: &[(OsString, OsString)]) -> String {
        let daemon = "trap '' INT TERM HUP; echo $$; exec sleep 600";
        let (mut child, pid) = start(&format!("setsid setsid -f /bin/sh -c \"{}\"", daemon.replace('$', "\\$")), marks);
        child.wait().unwrap();
        assert!(runs(&pid));
        pid
    }

    #[tokio::test]
    async fn what_an_order_left_is_ended_in_whatever_session_it_is() {
        let (_place, processes) = processes();
        let marks = |n| processes.custody(order(n)).marks;
        let (first, second, others) = (stray(&marks(1)), stray(&marks(1)), stray(&marks(2)));
        assert_eq!(processes.end_all(order(3)).await.unwrap(), 0);
        assert_eq!(processes.end_all(order(1)).await.unwrap(), 2);
        assert!(!runs(&first) && !runs(&second));
        assert!(runs(&others), "another order's");
        assert_eq!(processes.end_left_over().await.unwrap(), 1);
        assert!(!runs(&others));
        assert_eq!(processes.end_left_over().await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_is_below_a_marked_process_goes_with_it_whatever_its_own_environment_is() {
        let (_place, processes) = processes();
        let marks = processes.custody(order(1)).marks;
        let (child, pids) = start("env -i sleep 600 & echo $! $$; wait", &marks);
        let below = pids.split_once(' ').unwrap().0.to_owned();
        awo_testkit::until("it is another program, without the marks", || {
            // A process that is about to become `env` has no environment to be seen for a moment, either.
            let name = fs::read_to_string(format!("/proc/{below}/comm")).unwrap_or_default();
            let environment = crate::proc::environment(Pid::from_raw(below.parse().unwrap()).unwrap());
            name.trim_end() == "sleep" && environment.is_empty()
        });
        let collector = collected(child);
        assert_eq!(processes.end_all(order(1)).await.unwrap(), 1);
        assert!(!runs(&below));
        collector.join().unwrap();
    }

    #[tokio::test]
    async fn the_processes_of_another_data_directory_are_left_alone() {
        let ((_place, ours), (_other_place, theirs)) = (processes(), processes());
        let pid = stray(&theirs.custody(order(1)).marks);
        assert_eq!(ours.end_left_over().await.unwrap(), 0);
        assert_eq!(ours.end_all(order(1)).await.unwrap(), 0);
        assert!(runs(&pid));
        assert_eq!(theirs.end_all(order(1)).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn nothing_is_written_down() {
        let (place, processes) = processes();
        let tracker: &dyn ProcessTracker = &processes;
        let _record = tracker.track(order(1), std::process::id()).unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }
}

mod records {
    use super::super::records::Records;
    use super::*;

    fn runs(child: &Child) -> bool {
        test_kill_process_group(Pid::from_child(child)).is_ok()
    }

    #[tokio::test]
    async fn a_group_is_ended_with_grandchildren_that_ignore_the_request() {
        let place = tempfile::tempdir().unwrap();
        let records = Records::new(place.path().join("records"));
        let (child, _) = start("trap '' TERM; (trap '' TERM; sleep 600) & echo ready; sleep 600", &[]);
        let group = Pid::from_child(&child);
        std::mem::forget(records.track(order(1), child.id()).unwrap()); // as if this program had been killed

        assert_eq!(records.end(Some(order(2))).await.unwrap(), 0, "another order's processes");
        assert!(runs(&child));
        let collector = collected(child);
        assert_eq!(records.end(Some(order(1))).await.unwrap(), 1);
        collector.join().unwrap();
        assert!(test_kill_process_group(group).is_err());
        assert_eq!(records.end(Some(order(1))).await.unwrap(), 0, "the record is gone");
    }

    #[tokio::test]
    async fn a_group_is_ended_after_its_leader_is_gone() {
        let place = tempfile::tempdir().unwrap();
        let records = Records::new(place.path().into());
        let (mut child, _) = start("sleep 600 >/dev/null & echo ready; read line", &[]);
        std::mem::forget(records.track(order(1), child.id()).unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(runs(&child));
        assert_eq!(records.end(Some(order(1))).await.unwrap(), 1);
        assert!(!runs(&child));
    }

    #[tokio::test]
    async fn what_an_earlier_life_left_is_ended_whoever_it_was_for_and_other_files_stay() {
        let place = tempfile::tempdir().unwrap();
        let records = Records::new(place.path().join("records"));
        assert_eq!(records.end(None).await.unwrap(), 0, "nothing was ever recorded");
        let children =
            ["echo ready; sleep 600", "trap '' TERM; echo ready; sleep 600"].map(|script| start(script, &[]).0);
        for (n, child) in (1..).zip(&children) {
            std::mem::forget(records.track(order(n), child.id()).unwrap());
        }
        let note = place.path().join("records/README");
        fs::write(&note, "not a record").unwrap();
        fs::write(place.path().join(format!("records/{}-7.pid", order(1))), "1").unwrap(); // cut short
        let collectors = children.map(collected);
        assert_eq!(records.end(None).await.unwrap(), 2);
        for collector in collectors {
            collector.join().unwrap();
        }
        assert!(note.exists(), "not ours to remove");
        assert_eq!(fs::read_dir(place.path().join("records")).unwrap().count(), 1, "the records are gone");
    }

    #[tokio::test]
    async fn a_record_is_private_and_lives_as_long_as_its_guard() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("records");
        let guard = Records::new(directory.clone()).track(order(1), std::process::id()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&guard.file)), (0o700, 0o600));
        drop(guard);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
    }

    #[test]
    fn a_full_disk_stops_no_work() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        // Whatever is written to this device fails as on a full disk.
        let there = dir.path().join("full");
        symlink("/dev/full", &there).unwrap();
        let kept = keep(&there, b"x");
        assert!(kept.is_ok(), "{kept:?}");
        assert!(keep(&dir.path().join("no/such/directory"), b"x").is_err(), "any other trouble is told");
    }

    #[tokio::test]
    async fn a_group_that_was_told_to_end_may_do_so_by_itself() {
        let place = tempfile::tempdir().unwrap();
        let records = Records::new(place.path().into());
        let said = place.path().join("said");
        let script =
            format!("trap 'echo bye > {}; exit' TERM; echo ready; while :; do sleep 0.05; done", said.display());
        let (child, _) = start(&script, &[]);
        std::mem::forget(records.track(order(1), child.id()).unwrap());
        let collector = collected(child);
        assert_eq!(records.end(None).await.unwrap(), 1);
        collector.join().unwrap();
        assert_eq!(fs::read_to_string(said).unwrap(), "bye\n");
    }
}
