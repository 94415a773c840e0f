use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use super::*;

fn order(n: u8) -> OrderId {
    OrderId::new(1_700_000_000_000, [n; 10])
}

/// Starts a shell as leader of its own group and waits until it says that it is ready.
fn start(script: &str) -> Child {
    let mut child =
        Command::new("/bin/sh").args(["-c", script]).process_group(0).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

fn group_of(child: &Child) -> i32 {
    i32::try_from(child.id()).unwrap()
}

#[tokio::test]
async fn a_group_is_ended_with_grandchildren_that_ignore_the_request() {
    let place = tempfile::tempdir().unwrap();
    let records = ProcessRecords::new(place.path().join("records"));
    let mut child = start("trap '' TERM; (trap '' TERM; sleep 600) & echo ready; sleep 600");
    let guard = records.track(order(1), child.id()).unwrap();
    std::mem::forget(guard); // as if this program had been killed

    assert_eq!(records.end_all(order(2)).await.unwrap(), 0, "another order's processes");
    assert!(groups::has_members(group_of(&child)));

    assert_eq!(records.end_all(order(1)).await.unwrap(), 1);
    assert!(!groups::has_members(group_of(&child)));
    child.wait().unwrap();
    assert_eq!(records.end_all(order(1)).await.unwrap(), 0, "the record is gone");
}

#[tokio::test]
async fn a_group_is_ended_after_its_leader_is_gone() {
    let place = tempfile::tempdir().unwrap();
    let records = ProcessRecords::new(place.path().into());
    let mut child = start("sleep 600 >/dev/null & echo ready; read line");
    std::mem::forget(records.track(order(1), child.id()).unwrap());
    let group = group_of(&child);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(groups::has_members(group));

    assert_eq!(records.end_all(order(1)).await.unwrap(), 1);
    assert!(!groups::has_members(group));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_number_that_was_given_away_or_is_of_another_boot_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let records = ProcessRecords::new(place.path().into());
    let mut child = start("echo ready; sleep 600");
    let guard = records.track(order(1), child.id()).unwrap();
    let written: Record = serde_json::from_slice(&fs::read(&guard.file).unwrap()).unwrap();
    let strangers = [
        Record {
            start_time: written.start_time - 1,
            process_group: written.process_group,
            boot_id: written.boot_id.clone(),
        },
        Record { boot_id: "another".into(), ..written },
    ];
    for stranger in strangers {
        fs::write(&guard.file, serde_json::to_vec(&stranger).unwrap()).unwrap();
        assert_eq!(records.end_all(order(1)).await.unwrap(), 0);
        assert!(!guard.file.exists(), "a stale record is removed");
        assert!(child.try_wait().unwrap().is_none(), "the stranger lives");
    }
    kill_group(group_of(&child));
    child.wait().unwrap();
}

#[tokio::test]
async fn a_record_is_private_and_lives_as_long_as_its_guard() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("records");
    let records = ProcessRecords::new(directory.clone());
    let guard = records.track(order(1), std::process::id()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&directory), mode(&guard.file)), (0o700, 0o600));
    drop(guard);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
}

#[tokio::test]
async fn a_record_that_is_cut_short_is_removed() {
    let place = tempfile::tempdir().unwrap();
    let records = ProcessRecords::new(place.path().into());
    fs::write(place.path().join(format!("{}-7.json", order(1))), "{\"process_gr").unwrap();
    assert_eq!(records.end_all(order(1)).await.unwrap(), 0);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn what_an_earlier_life_left_is_ended_whoever_it_was_for() {
    let place = tempfile::tempdir().unwrap();
    let records = ProcessRecords::new(place.path().join("records"));
    assert_eq!(records.end_left_over().await.unwrap(), 0, "nothing was ever recorded");

    let mut children = [start("echo ready; sleep 600"), start("trap '' TERM; echo ready; sleep 600")];
    let mut stranger = start("echo ready; sleep 600");
    for (n, child) in (1..).zip(&children) {
        std::mem::forget(records.track(order(n), child.id()).unwrap()); // as if this program had been killed
    }
    let guard = records.track(order(3), stranger.id()).unwrap();
    let record = Record { process_group: group_of(&stranger), start_time: 0, boot_id: "another".into() };
    fs::write(&guard.file, serde_json::to_vec(&record).unwrap()).unwrap();
    let note = place.path().join("records/README");
    fs::write(&note, "not a record").unwrap();

    assert_eq!(records.end_left_over().await.unwrap(), 2);
    for child in &mut children {
        assert!(!groups::has_members(group_of(child)));
        child.wait().unwrap();
    }
    assert!(stranger.try_wait().unwrap().is_none(), "of another boot");
    assert!(note.exists(), "not ours to remove");
    assert_eq!(fs::read_dir(place.path().join("records")).unwrap().count(), 1, "the records are gone");
    kill_group(group_of(&stranger));
    stranger.wait().unwrap();
}

#[test]
fn a_full_disk_stops_no_work() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    // Whatever is written to this device fails as on a full disk.
    let (full, there) = (Path::new("/dev/full"), dir.path().join("full"));
    symlink(full, &there).unwrap();
    assert_eq!(std::fs::write(&there, b"x").unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    let kept = keep(&there, b"x");
    assert!(kept.is_ok(), "{kept:?}");
    assert!(keep(&dir.path().join("no/such/directory"), b"x").is_err(), "any other trouble is told");
}
