//! A journal of seven saves, with each of its bits flipped and cut at each of its bytes.

use std::thread;

use super::*;
use crate::conformance::kit::SEVEN;
use crate::file::record::{self, Depth, Tail};

/// What is read of a journal that was changed. That it is anything else fails the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// The order as it was after so many records.
    Records(usize),
    /// An error that says so.
    Damage,
}

/// A journal, and what readers saw after each of its records.
struct Life {
    bytes: Vec<u8>,
    sights: Vec<Sight>,
}

impl Life {
    /// Created, claimed, and seven saves of which the last one ends it.
    async fn new(durability: Durability) -> Self {
        let dir = scratch();
        let options = FileOptions { durability, ..FileOptions::default() };
        let repository = FileRepository::open_with(dir.path(), "test", options).unwrap();
        let repository: Arc<dyn StateRepository> = Arc::new(repository);
        let mut spec = kit::spec("add a login page");
        spec.workflow.truncate(1); // shorter, as tens of thousands of copies are read
        repository.create(AgentWorkOrder::new(id(1), kit::at(0), spec)).await.unwrap();
        let mut sights = vec![look(&repository, id(1)).await];
        let mut owner = Owner::claiming(&repository, 1, 1).await;
        sights.push(look(&repository, id(1)).await);
        for step in &SEVEN[..6] {
            owner.finish(step, 1).await;
            sights.push(look(&repository, id(1)).await);
        }
        owner.add(result(SEVEN[6], 1, true));
        owner.end(AgentWorkOrderStatus::Completed).await;
        sights.push(look(&repository, id(1)).await);
        let bytes = std::fs::read(journal::path(&dir.path().join("orders"), id(1))).unwrap();
        Self { bytes, sights }
    }

    /// Which record each byte is in, from 0.
    fn records(&self) -> Vec<usize> {
        let mut record = 0;
        let within = |byte: &u8| {
            let within = record;
            record += usize::from(*byte == b'\n');
            within
        };
        self.bytes.iter().map(within).collect()
    }

    /// Reads a journal to its end.
    fn read(&self, bytes: &[u8], tail: Tail, case: &str) -> Left {
        let Ok(found) = record::read(id(1), bytes, Depth::Content, tail) else { return Left::Damage };
        let content = found.order.content.unwrap();
        let seen = Sight {
            order: AgentWorkOrder::clone(&found.order.order),
            history: content.history,
            version: (found.order.head.seq, found.order.head.epoch),
            events: content.events.iter().map(|event| Event::clone(event)).collect(),
        };
        let records = self.sights.iter().position(|sight| *sight == seen);
        let records = 1 + records.unwrap_or_else(|| panic!("{case}: nobody wrote this: {seen:?}"));
        assert_eq!(found.number, records as u64, "{case}");
        assert_eq!(bytes[usize::try_from(found.length).unwrap()..], found.torn, "{case}: nothing is thrown away");
        Left::Records(records)
    }

    /// The same as a start does, which reads no results: for lists.
    fn read_row(&self, bytes: &[u8], tail: Tail, case: &str) -> Left {
        let Ok(found) = record::read(id(1), bytes, Depth::Row, tail) else { return Left::Damage };
        let seen = (&*found.order.order, found.order.head.seq);
        let records = self.sights.iter().position(|sight| (&sight.order, sight.version.0) == seen);
        Left::Records(1 + records.unwrap_or_else(|| panic!("{case}: nobody wrote this: {seen:?}")))
    }

    /// Flips every bit, one at a time, and holds what is left against what is expected for the record it is in.
    fn flip_every_bit(&self, tail: Tail, expected: impl Fn(usize) -> Left + Sync) {
        let records = self.records();
        in_parts(&records, |at, record| {
            let mut bytes = self.bytes.clone();
            for bit in 0..8 {
                bytes[at] = self.bytes[at] ^ (1 << bit);
                let case = format!("bit {bit} of byte {at}, {tail:?}");
                assert_eq!(self.read(&bytes, tail, &case), expected(record), "{case}");
                // The same lines are verified in the same way: one bit of each byte is enough.
                if bit == at % 8 {
                    assert_eq!(self.read_row(&bytes, tail, &case), expected(record), "{case}: in a list");
                }
            }
        });
    }

    /// Cuts it before every byte: the records before that are there.
    fn cut_everywhere(&self, tail: Tail) {
        let records = self.records();
        in_parts(&records, |at, record| {
            let case = format!("cut before byte {at}, {tail:?}");
            let expected = if record == 0 { Left::Damage } else { Left::Records(record) };
            assert_eq!(self.read(&self.bytes[..at], tail, &case), expected, "{case}");
            assert_eq!(self.read_row(&self.bytes[..at], tail, &case), expected, "{case}: in a list");
        });
    }
}

/// Does something with each byte and its record, on all processors.
fn in_parts(records: &[usize], work: impl Fn(usize, usize) + Sync) {
    let parts = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for part in 0..parts {
            let work = &work;
            // Turn by turn, as what is wrong near the end takes longer to find.
            scope.spawn(move || (part..records.len()).step_by(parts).for_each(|at| work(at, records[at])));
        }
    });
}

/// As after a kill, when most is forgiven: what is damage then is damage after a writer that left in order.
#[tokio::test]
async fn a_flipped_bit_of_what_was_synced_is_damage() {
    let life = Life::new(Durability::Always).await;
    life.flip_every_bit(Tail::MayBeLost, |_| Left::Damage);
}

/// After a power cut any part of what was not synced may be there: it is lost from the first wrong bit on.
#[tokio::test]
async fn a_flipped_bit_of_what_was_not_synced_ends_the_history_before_it() {
    let life = Life::new(Durability::Os).await;
    life.flip_every_bit(Tail::MayBeLost, |record| if record == 0 { Left::Damage } else { Left::Records(record) });
}

/// A record says what was on the device before it; one that knows more is not believed, but nothing is cut off after it.
#[tokio::test]
async fn what_a_record_says_to_be_on_the_device_is_not_cut_off() {
    let life = Life::new(Durability::Os).await;
    let text = String::from_utf8(life.bytes.clone()).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let first = lines[0].len();
    let read = |synced: usize| {
        let json = lines[3].splitn(5, ' ').nth(4).unwrap().trim_end();
        let json = json.replace(&format!(r#""synced":{first}"#), &format!(r#""synced":{synced}"#));
        let rest = format!("{} save 4 {json}", json.len());
        let record = format!("{:08x} {rest}\n", crc32fast::hash(rest.as_bytes()));
        let journal = [&lines[..3].concat(), &record, "something else\n"].concat();
        life.read(journal.as_bytes(), Tail::MayBeLost, &format!("{synced}"))
    };
    assert_eq!(read(first), Left::Records(4));
    assert_eq!(read(text.len()), Left::Damage, "more than there is before what is wrong");
}

#[tokio::test]
async fn of_a_journal_that_is_cut_the_whole_records_are_there() {
    for durability in [Durability::Always, Durability::Os] {
        let life = Life::new(durability).await;
        life.cut_everywhere(Tail::MayBeLost);
    }
}
