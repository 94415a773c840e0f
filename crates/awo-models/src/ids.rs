//! Identity of an order, and the number that fences its owners.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

const PREFIX: &str = "wo-";

/// Identifies an agent work order: `wo-` and the 32 hex digits of a `UUIDv7`.
///
/// Ids sort by the time they were made (to the millisecond), and the last eight digits are random enough to be
/// used as a short form.
///
/// ```
/// use awo_models::OrderId;
/// let id = OrderId::new(1_700_000_000_000, [7; 10]);
/// assert_eq!(id.to_string().len(), 35);
/// assert_eq!(id.to_string().parse::<OrderId>(), Ok(id));
/// assert!(id.to_string().ends_with(&id.tail()));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(Uuid);

impl OrderId {
    /// Makes an id of a time in milliseconds since 1970 and ten random bytes; both come from the caller.
    pub fn new(unix_millis: u64, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_millis, &random).into_uuid())
    }

    /// The last eight hex digits: the short form people read and type.
    pub fn tail(&self) -> String {
        let digits = self.0.simple().to_string();
        digits[digits.len() - 8..].to_owned()
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0.simple())
    }
}

impl fmt::Debug for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text is not an order id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an order id: expected `wo-` and 32 lower-case hex digits")]
pub struct ParseOrderIdError(String);

impl FromStr for OrderId {
    type Err = ParseOrderIdError;

    /// Accepts exactly what [`OrderId`] displays, so that one order has one spelling (ids are used as file names).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseOrderIdError(text.chars().take(64).collect());
        let digits = text.strip_prefix(PREFIX).ok_or_else(refused)?;
        let plain = digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !plain {
            return Err(refused());
        }
        Uuid::try_parse(digits).map(Self).map_err(|_| refused())
    }
}

impl Serialize for OrderId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OrderId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Fencing number of the right to run an order: 0 before anybody ran it, one more with each claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time() {
        let early = OrderId::new(1_000, [255; 10]);
        let late = OrderId::new(1_001, [0; 10]);
        assert!(early < late);
        assert!(early.to_string() < late.to_string());
    }

    #[test]
    fn only_the_one_spelling_is_an_id() {
        let id = OrderId::new(1_700_000_000_000, [7; 10]).to_string();
        for wrong in [
            "",
            "wo-",
            "wo-1234",
            &id[3..],
            &id.to_uppercase(),
            &format!("{id}0"),
            "wo-../../../../etc/passwd-aaaaaaaaa",
        ] {
            assert!(wrong.parse::<OrderId>().is_err(), "{wrong}");
        }
    }
}
