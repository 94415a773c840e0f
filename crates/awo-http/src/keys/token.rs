//! The text of a key, `awo_<id>_<secret>`, and what is kept of its secret.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use awo_engine::ports::Clock;
use sha2::{Digest as _, Sha256};

/// SHA-256 of a secret.
pub(crate) type Digest = [u8; 32];

const PREFIX: &str = "awo_";
/// Hex digits of an id, and of a secret of 256 bits.
const ID: usize = 12;
const SECRET: usize = 64;

/// A key as its holder has it. Shown once, when it is made.
pub struct KeyToken {
    id: String,
    secret: String,
}

impl KeyToken {
    /// A new one, from the operating system's random source.
    pub fn new(clock: &dyn Clock) -> Self {
        let mut id = random_secret(clock);
        id.truncate(ID);
        Self { id, secret: random_secret(clock) }
    }

    /// What names the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is kept of the secret.
    pub fn digest(&self) -> [u8; 32] {
        digest_of(&self.secret)
    }

    /// The whole text, with the secret.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, self.secret)
    }
}

impl fmt::Debug for KeyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyToken").field("id", &self.id).finish_non_exhaustive()
    }
}

impl FromStr for KeyToken {
    /// Says nothing: what was shown instead may be a secret of somebody else.
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let (id, secret) = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or(())?;
        let sound = id.len() == ID && secret.len() == SECRET && hex(id) && hex(secret);
        if sound { Ok(Self { id: id.to_owned(), secret: secret.to_owned() }) } else { Err(()) }
    }
}

/// 256 bits that nobody can guess, in hex.
pub(crate) fn random_secret(clock: &dyn Clock) -> String {
    let mut text = String::with_capacity(SECRET);
    for byte in [clock.random(), clock.random()].concat() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What is kept of a secret. A plain hash will do: it has 256 random bits, so nobody tries them all.
pub(crate) fn digest_of(secret: &str) -> Digest {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use awo_engine::ports::SystemClock;

    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_shown_and_no_other_text_is_one() {
        let token = KeyToken::new(&SystemClock::default());
        let text = token.reveal();
        assert_eq!(text.len(), 4 + 12 + 1 + 64);
        let read: KeyToken = text.parse().unwrap();
        assert_eq!((read.id(), read.digest()), (token.id(), token.digest()));
        let others = [&text[..text.len() - 1], &text[1..], &text.to_uppercase(), &format!("{text}0"), "", "awo__"];
        assert!(others.iter().all(|other| other.parse::<KeyToken>().is_err()));
        assert!(!format!("{token:?}").contains(&text[17..]), "{token:?}");
    }

    #[test]
    fn what_is_stored_of_a_secret_stays_what_it_is() {
        let digest = digest_of("abc").iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
