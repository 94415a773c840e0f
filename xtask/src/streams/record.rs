//! What one client has of an order's events, and what may come next.

use serde_json::Value;

use super::wire::Message;

/// The events of an order, from the first one on, without gaps.
#[derive(Debug, Default)]
pub(crate) struct Record {
    events: Vec<Value>,
    /// Whether the stream said that it was all.
    ended: bool,
}

impl Record {
    /// The number of the last event.
    pub(super) fn last(&self) -> u64 {
        self.events.len() as u64
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes a message, or says what is wrong with it. What comes `again` is allowed where the client has asked for it.
    pub(super) fn take(&mut self, message: Message, again: bool) -> Result<(), String> {
        let Message { id, kind, data } = message;
        let next = self.last() + 1;
        match id {
            None if kind == "end" => {
                self.ended = true;
                Ok(())
            }
            None if kind == "state" || kind == "activity" => Ok(()),
            None => Err(format!("a message `{kind}` without a number, after event {}", self.last())),
            Some(number) if data["sequence"] != number || data["kind"] != *kind => {
                Err(format!("`{kind}` with the number {number} is about something else: {data}"))
            }
            Some(number) if number == next && self.ended => Err(format!("event `{kind}` came after the end")),
            Some(number) if number == next => {
                self.events.push(data);
                Ok(())
            }
            Some(number) if again && (1..next).contains(&number) => {
                let known = usize::try_from(number - 1).ok().and_then(|index| self.events.get(index));
                let same = known == Some(&data);
                if same { Ok(()) } else { Err(format!("event {number} is another one when it comes again: {data}")) }
            }
            Some(number) => Err(format!("event {number} came after event {}", self.last())),
        }
    }

    /// What is not as it is stored, if anything.
    pub(crate) fn differs_from(&self, stored: &[Value]) -> Option<String> {
        if !self.ended {
            return Some(format!("the stream did not end; it came to event {}", self.last()));
        }
        if self.events.len() != stored.len() {
            return Some(format!("the client has {} events, and {} are stored", self.events.len(), stored.len()));
        }
        let wrong = self.events.iter().zip(stored).find(|(mine, theirs)| mine != theirs);
        wrong.map(|(mine, theirs)| format!("the client has {mine}, and {theirs} is stored"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(number: u64) -> Message {
        let data = json!({"sequence": number, "kind": "warning"});
        Message { id: Some(number), kind: "warning".into(), data }
    }

    fn present(kind: &str) -> Message {
        Message { id: None, kind: kind.into(), data: json!({}) }
    }

    #[test]
    fn each_event_comes_once_in_its_place() {
        let mut record = Record::default();
        for message in [present("state"), event(1), event(2), present("activity")] {
            record.take(message, false).unwrap();
        }
        assert_eq!(record.last(), 2);
        assert!(record.take(event(4), false).is_err(), "a gap");
        assert!(record.take(event(2), false).is_err(), "a repeat");
        record.take(event(2), true).unwrap();
        assert!(record.take(present("reset"), false).is_err(), "a history that is another one");
        let other = Message { data: json!({"sequence": 2, "kind": "warning", "more": 1}), ..event(2) };
        assert!(record.take(other, true).is_err(), "a repeat that is another event");
        let foreign = Message { id: Some(3), ..event(4) };
        assert!(record.take(foreign, false).is_err(), "a number that is not the event's");
    }

    #[test]
    fn what_a_client_has_is_what_is_stored() {
        let mut record = Record::default();
        let stored = [event(1).data, event(2).data];
        record.take(event(1), false).unwrap();
        assert!(record.differs_from(&stored[..1]).is_some(), "it did not end");
        record.take(present("end"), false).unwrap();
        assert_eq!(record.differs_from(&stored[..1]), None);
        assert!(record.differs_from(&stored).is_some(), "one is missing");
        assert!(record.differs_from(&[json!({})]).is_some(), "another one");
        assert!(record.take(event(2), false).is_err(), "after the end");
    }
}
