//! How many connections there may be, in all and of each address: so that nobody keeps others out.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Who takes places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Who {
    /// An address, or the addresses that somebody has beside one.
    Address(IpAddr),
    /// Somebody who is trusted to bring many: a proxy, or this account itself.
    Trusted,
}

/// The places of a server. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Places {
    in_all: usize,
    each: usize,
    table: Arc<Mutex<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    taken: usize,
    next: u64,
    of: HashMap<Who, Held>,
}

#[derive(Debug, Default)]
struct Held {
    count: usize,
    /// Those that have not asked anything yet, oldest first, with what takes their place away.
    silent: BTreeMap<u64, CancellationToken>,
}

/// A place, as long as this lives.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    who: Who,
    id: u64,
    lost: CancellationToken,
}

impl Places {
    pub(super) fn new(in_all: usize, each: usize) -> Self {
        Self { in_all: in_all.max(1), each: each.max(1), table: Arc::default() }
    }

    /// A place, if one may be had.
    ///
    /// An address may have as many as are free beside its own, and so half of all if nobody else is there: there is always
    /// one for whoever comes next. Past that its own oldest connection that has not asked anything yet gives its place up.
    pub(super) fn take(&self, who: Who) -> Option<Place> {
        let mut table = self.table();
        let free = self.in_all.saturating_sub(table.taken);
        let held = table.of.entry(who).or_default();
        let may = match who {
            Who::Address(_) => free.min(self.each),
            Who::Trusted => usize::MAX,
        };
        if free > 0 && held.count < may {
            held.count += 1;
            table.taken += 1;
        } else if let Some((_, lost)) = held.silent.pop_first() {
            lost.cancel(); // with the lock held: whose place it was does not give it back, too
        } else {
            table.forget_if_none(who);
            return None;
        }
        let id = table.next;
        table.next += 1;
        let lost = CancellationToken::new();
        table.of.entry(who).or_default().silent.insert(id, lost.clone());
        drop(table);
        Some(Place { places: self.clone(), who, id, lost })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn forget_if_none(&mut self, who: Who) {
        if self.of.get(&who).is_some_and(|held| held.count == 0) {
            self.of.remove(&who);
        }
    }
}

impl Place {
    /// Its holder has asked something: nobody takes its place away any more.
    pub(super) fn keep(&self) {
        if let Some(held) = self.places.table().of.get_mut(&self.who) {
            held.silent.remove(&self.id);
        }
    }

    /// Fires when the place is somebody else's.
    pub(super) fn lost(&self) -> CancellationToken {
        self.lost.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.places.table();
        if self.lost.is_cancelled() {
            return;
        }
        table.taken -= 1;
        if let Some(held) = table.of.get_mut(&self.who) {
            held.count -= 1;
            held.silent.remove(&self.id);
        }
        table.forget_if_none(self.who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Who {
        Who::Address([192, 0, 2, last].into())
    }

    /// Places that are kept, as many as one can get.
    fn all(places: &Places, who: Who) -> Vec<Place> {
        let kept = |place: Place| {
            place.keep();
            place
        };
        std::iter::from_fn(|| places.take(who).map(kept)).collect()
    }

    #[test]
    fn each_address_leaves_as_many_as_it_has() {
        let places = Places::new(64, 1_000);
        let counts: Vec<_> = (1..=7).map(|n| all(&places, address(n))).collect();
        assert_eq!(counts.iter().map(Vec::len).collect::<Vec<_>>(), [32, 16, 8, 4, 2, 1, 1]);
        let of_proxy = Places::new(64, 4);
        assert_eq!((all(&of_proxy, address(1)).len(), all(&of_proxy, Who::Trusted).len()), (4, 60));
    }

    #[test]
    fn who_has_said_nothing_makes_room_for_who_comes_from_the_same_address() {
        let places = Places::new(8, 2);
        let (first, second) = (places.take(address(1)).unwrap(), places.take(address(1)).unwrap());
        second.keep();
        let other = places.take(address(2)).unwrap();
        let third = places.take(address(1)).unwrap();
        assert!(first.lost().is_cancelled() && !second.lost().is_cancelled() && !other.lost().is_cancelled());
        third.keep();
        assert!(places.take(address(1)).is_none(), "both have asked something");
        drop(first);
        assert!(places.take(address(1)).is_none(), "its place was given away already");
        drop(second);
        assert!(places.take(address(1)).is_some());
    }

    #[test]
    fn nothing_is_kept_of_those_who_have_gone() {
        let places = Places::new(4, 2);
        let mut held: Vec<_> = (0..100).filter_map(|n| places.take(address(n % 3))).collect();
        held.truncate(2);
        drop(held);
        let table = places.table();
        assert_eq!((table.taken, table.of.len()), (0, 0));
    }
}
