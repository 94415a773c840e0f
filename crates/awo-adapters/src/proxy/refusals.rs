//! Owns what is remembered of the connections that were not let through, for people.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use awo_models::{Failure, FailureCode};

/// Different ones that are told; of the others there is a number.
const MOST: usize = 20;
/// Longest text of a program that is shown, in characters.
const LONGEST: usize = 100;

/// The connections that were not let through, each kind once with its number.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    /// What was asked for and why it was refused.
    kinds: BTreeMap<(String, String), u64>,
    others: u64,
}

impl Refusals {
    /// Notes one. What was asked for may be any text.
    pub(super) fn note(&self, asked: &str, why: String) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (shown(asked), why);
        if let Some(times) = noted.kinds.get_mut(&key) {
            *times += 1;
        } else if noted.kinds.len() < MOST {
            noted.kinds.insert(key, 1);
        } else {
            noted.others += 1;
        }
    }

    /// All of them, told to a person.
    pub(super) fn told(&self) -> Vec<Failure> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = noted.kinds.iter().map(|((asked, why), times)| {
            let times = if *times == 1 { String::new() } else { format!(" ({times} times)") };
            format!("the agent was not let through to {asked}{times}: {why}")
        });
        let others = (noted.others > 0).then(|| {
            let (others, are) = (noted.others, if noted.others == 1 { "connection was" } else { "connections were" });
            format!("{others} more {are} not let through, to other hosts")
        });
        told.chain(others).map(|message| Failure::new(FailureCode::NetworkRefused, message)).collect()
    }
}

/// A text in plain characters, and not too long.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_default).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_attempts_are_told_in_few_lines_and_plain_characters() {
        let refusals = Refusals::default();
        for _ in 0..1000 {
            refusals.note("a.example:443", "no".into());
        }
        for number in 0..1000 {
            refusals.note(&format!("\u{1b}[2J\n{number}{}", "x".repeat(10_000)), "no".into());
        }
        let told = refusals.told();
        assert_eq!(told.len(), MOST + 1);
        let messages: Vec<_> = told.iter().map(|failure| failure.message.to_string()).collect();
        assert!(messages.contains(&"the agent was not let through to a.example:443 (1000 times): no".to_owned()));
        assert_eq!(messages[MOST], "981 more connections were not let through, to other hosts");
        assert!(messages.iter().all(|text| text.len() < 300 && !text.contains(char::is_control)), "{messages:?}");
    }
}
