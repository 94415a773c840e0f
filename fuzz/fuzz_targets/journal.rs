//! Any bytes as the journal of an order, and any text as records whose checksums fit: reading never panics, a second
//! reading says the same, and what can be read fits itself.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use awo_models::{EventSeq, OrderId};
use awo_state::{FileRepository, StateRepository};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

struct Place {
    dir: TempDir,
    runtime: Runtime,
}

static PLACE: LazyLock<Place> = LazyLock::new(|| {
    // In memory, where there is such a place: each input is a file.
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a place for journals");
    Place { dir, runtime: Builder::new_current_thread().build().expect("a runtime") }
});

/// The order that the snapshot of the stored form tells of.
const ID: &str = "wo-018bcfe5680177078707070707070001";

/// Makes a record of each line: what begins with a brace is its JSON, and it gets the kind, number, length and checksum of
/// its place.
fn framed(lines: &[u8]) -> Vec<u8> {
    let mut journal = Vec::new();
    let json = |line: &'_ [u8]| line.iter().position(|byte| *byte == b'{').map(|start| line[start..].to_vec());
    for (number, json) in (1..).zip(lines.split(|byte| *byte == b'\n').filter_map(json)) {
        let kind = if number == 1 { "order" } else { "save" };
        let rest = [format!("{} {kind} {number} ", json.len()).as_bytes(), &json].concat();
        journal.extend(format!("{:08x} ", crc32fast::hash(&rest)).into_bytes());
        journal.extend(rest);
        journal.push(b'\n');
    }
    journal
}

fuzz_target!(|data: &[u8]| {
    let journal = match data.split_first() {
        Some((b'f', lines)) => framed(lines),
        _ => data.to_vec(),
    };
    let orders = PLACE.dir.path().join("orders").join(&ID[ID.len() - 2..]);
    fs::create_dir_all(&orders).expect("a directory");
    fs::write(orders.join(format!("{ID}.awoj")), journal).expect("a journal");
    let id: OrderId = ID.parse().expect("an id");
    let read = || {
        let repository = FileRepository::open_read_only(PLACE.dir.path()).expect("a directory that is there");
        PLACE.runtime.block_on(async {
            let events = repository.events(id, EventSeq(0), 100).await.ok();
            repository.get(id).await.ok().flatten().map(|seen| (seen.order, seen.history, seen.seq, events))
        })
    };
    assert_eq!(read(), read(), "read twice, it says two things");
    FileRepository::verify(PLACE.dir.path()).expect("a directory that can be looked at");
});
