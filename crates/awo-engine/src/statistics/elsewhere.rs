//! The orders that other processes changed and that are to be counted anew: bounded. Pure.

use std::collections::BTreeMap;

use awo_models::{EventSeq, OrderId};

/// Of more orders it is not known which have changed: all are read anew.
const MOST: usize = 10_000;

/// Each with the version that word came of last.
#[derive(Debug, Default)]
pub(super) struct ChangedElsewhere {
    versions: BTreeMap<OrderId, EventSeq>,
    has_overflown: bool,
}

impl ChangedElsewhere {
    pub(super) fn note(&mut self, id: OrderId, seq: EventSeq) {
        self.versions.insert(id, seq);
        if self.versions.len() > MOST {
            self.versions.clear();
            self.has_overflown = true;
        }
    }

    pub(super) fn next(&self) -> Option<(OrderId, EventSeq)> {
        self.versions.first_key_value().map(|(id, seq)| (*id, *seq))
    }

    /// An order was counted anew for that word. If other word came meanwhile, it is to be counted once more.
    pub(super) fn counted(&mut self, id: OrderId, seq: EventSeq) {
        if self.versions.get(&id) == Some(&seq) {
            self.versions.remove(&id);
        }
    }

    /// Whether changes of orders were forgotten.
    pub(super) fn has_overflown(&self) -> bool {
        self.has_overflown
    }

    /// All is about to be read anew; whether that was needed.
    pub(super) fn forget_overflow(&mut self) -> bool {
        std::mem::take(&mut self.has_overflown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_a_bounded_number_of_orders() {
        let mut changed = ChangedElsewhere::default();
        let mut most = 0;
        for number in 0..3 * MOST as u64 {
            changed.note(OrderId::new(1_700_000_000_000 + number, [7; 10]), EventSeq(1));
            most = most.max(changed.versions.len());
        }
        assert_eq!(most, MOST);
        assert!(changed.forget_overflow() && !changed.has_overflown());
        assert!(changed.next().is_some(), "what changed since is known");
    }
}
