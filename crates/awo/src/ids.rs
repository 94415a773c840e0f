//! Ids of orders as people type them: whole, or a unique end.

use crate::exit::{BAD_INPUT, NOT_FOUND, coded};

/// The fewest digits that an end of an id may have.
const FEWEST: usize = 4;

/// An id, or the end of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdEnd(String);

impl IdEnd {
    /// Reads `wo-…`, `…c4e7` or `c4e7`.
    pub(crate) fn read(text: &str) -> anyhow::Result<Self> {
        let digits = text.strip_prefix("wo-").unwrap_or(text).trim_start_matches('…').to_ascii_lowercase();
        if (FEWEST..=32).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(Self(digits));
        }
        let message = format!("{text:?} is not an order id; give it whole (wo-…), or its last four or more digits");
        Err(coded(BAD_INPUT, message))
    }

    /// The digits.
    pub(crate) fn digits(&self) -> &str {
        &self.0
    }

    /// Whether an id ends so.
    pub(crate) fn fits(&self, id: &str) -> bool {
        id.ends_with(&self.0)
    }

    /// The only one of those whose ids end so. `missing` says what to do where there is none.
    pub(crate) fn only<T>(&self, fitting: impl IntoIterator<Item = T>, missing: &str) -> anyhow::Result<T> {
        let mut fitting = fitting.into_iter();
        let digits = &self.0;
        match (fitting.next(), fitting.next()) {
            (Some(one), None) => Ok(one),
            (Some(_), Some(_)) => {
                Err(coded(BAD_INPUT, format!("more than one order ends with {digits}; give more digits")))
            }
            (None, _) => Err(coded(NOT_FOUND, format!("no order ends with {digits}{missing}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_by_its_end() {
        let id = "wo-0123456789abcdef0123456789abcdef";
        for text in [id, "cdef", "…CDEF", "wo-9abcdef"] {
            assert!(IdEnd::read(text).unwrap().fits(id), "{text}");
        }
        assert!(!IdEnd::read("cdee").unwrap().fits(id));
        for text in ["def", "", "wo-", "xyzw", &format!("0{}", &id[3..])] {
            assert!(IdEnd::read(text).unwrap_err().to_string().contains("last four"), "{text}");
        }
    }

    #[test]
    fn only_one_may_end_so() {
        let end = IdEnd::read("cdef").unwrap();
        let told = |fitting: &[u8]| match end.only(fitting, "; `awo list` shows them") {
            Ok(one) => one.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(told(&[7]), "7");
        assert_eq!(told(&[7, 8]), "more than one order ends with cdef; give more digits");
        assert_eq!(told(&[]), "no order ends with cdef; `awo list` shows them");
    }
}
