//! Owns the removal of secrets from what a program writes: which texts they are, and how they are replaced.
//!
//! *Not promised*: a program that wants to give a secret away can spell it in ways that nobody foresees. This is
//! against accidents: a variable that is printed, a login file that is read aloud.

mod forms;

pub(crate) use forms::base64;

use std::fmt::Debug;
use std::sync::Arc;

/// Shorter texts would be found in ordinary words.
const SHORTEST: usize = 8;

/// Texts that may not show, each with the name that stands for it. Cheap to clone.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Forms>);

#[derive(Clone, Default)]
struct Forms {
    /// A form of a secret and what replaces it; the longest first, so that of two that fit the whole one is taken.
    list: Vec<(Vec<u8>, Arc<str>)>,
    /// The bytes that forms begin with: most text is passed over by this alone.
    begins: Begins,
}

#[derive(Clone)]
struct Begins([bool; 256]);

impl Default for Begins {
    fn default() -> Self {
        Self([false; 256])
    }
}

impl Debug for Secrets {
    /// Shows how many there are and none of them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").field("forms", &self.0.list.len()).finish()
    }
}

impl Secrets {
    /// Adds a secret in all the forms that it is known to show in; too short a text is none.
    pub fn add(&mut self, name: &str, secret: &str) {
        if secret.len() >= SHORTEST {
            self.add_form(name, secret.as_bytes().to_vec());
        }
        for form in forms::encoded(secret).filter(|form| form.len() >= SHORTEST) {
            self.add_form(name, form.into_bytes());
        }
    }

    /// Adds what a URL says before its host: `user:password`, both together and the password alone.
    pub fn add_login_of_url(&mut self, name: &str, url: &str) {
        let Some((login, password)) = forms::login_of_url(url) else {
            return;
        };
        for login in [login, &forms::percent_decoded(login)] {
            self.add(name, login);
            // However short it is, with its colon it is no ordinary word.
            self.add_form(name, format!("{login}@").into_bytes());
        }
        for password in [password, &forms::percent_decoded(password)] {
            self.add(name, password);
        }
    }

    fn add_form(&mut self, name: &str, form: Vec<u8>) {
        let Some(first) = form.first().copied() else {
            return;
        };
        let forms = Arc::make_mut(&mut self.0);
        if forms.list.iter().any(|(known, _)| *known == form) {
            return;
        }
        let at = forms.list.partition_point(|(known, _)| known.len() >= form.len());
        // What follows the login in a URL is still wanted.
        let end = if form.ends_with(b"@") { "@" } else { "" };
        // The name stands in strings of JSON too.
        let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        forms.list.insert(at, (form, format!("[{plain}]{end}").into()));
        forms.begins.0[usize::from(first)] = true;
    }

    /// A text without secrets.
    pub fn redact(&self, text: &str) -> String {
        let mut clean = Vec::with_capacity(text.len());
        self.copy(text.as_bytes(), &mut clean, true);
        String::from_utf8_lossy(&clean).into_owned()
    }

    /// Copies bytes without secrets; how many were used. All are if they are the last, else those that may be the
    /// beginning of a secret are left.
    fn copy(&self, bytes: &[u8], to: &mut Vec<u8>, last: bool) -> usize {
        let Forms { list, begins } = &*self.0;
        let mut at = 0;
        while at < bytes.len() {
            let plain = bytes[at..].iter().position(|byte| begins.0[usize::from(*byte)]).unwrap_or(bytes.len() - at);
            to.extend_from_slice(&bytes[at..at + plain]);
            at += plain;
            let rest = &bytes[at..];
            let Some(first) = rest.first() else {
                break;
            };
            let found = list.iter().find(|(form, _)| {
                rest.starts_with(form) || (!last && form.len() > rest.len() && form.starts_with(rest))
            });
            match found {
                Some((form, _)) if form.len() > rest.len() => break,
                Some((form, name)) => {
                    to.extend_from_slice(name.as_bytes());
                    at += form.len();
                }
                None => {
                    to.push(*first);
                    at += 1;
                }
            }
        }
        at
    }
}

/// Bytes that come in pieces, without secrets: one that lies across a border is held back until it is whole.
#[derive(Debug)]
pub(crate) struct Redaction {
    secrets: Secrets,
    held: Vec<u8>,
}

impl Redaction {
    pub(crate) fn new(secrets: Secrets) -> Self {
        Self { secrets, held: Vec::new() }
    }

    /// The clean bytes of a piece and of what was held before; the beginning of a secret at its end is held.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        let mut clean = Vec::with_capacity(self.held.len());
        let used = self.secrets.copy(&self.held, &mut clean, false);
        self.held.drain(..used);
        clean
    }

    /// What is held, when no more comes: it only looked like a secret.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let mut clean = Vec::new();
        self.secrets.copy(&std::mem::take(&mut self.held), &mut clean, true);
        clean
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secrets() -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add("KEY", "sk-canary-1/2");
        secrets.add("KEY_2", "sk-canary-1/2-and-more");
        secrets.add("SHORT", "the");
        secrets.add_login_of_url("HTTPS_PROXY", "http://me:p%40ss-word@proxy.example:3128");
        secrets.add_login_of_url("http_proxy", "it:s@proxy");
        secrets
    }

    #[test]
    fn secrets_are_replaced_by_their_names_and_other_words_are_not() {
        for (text, clean) in [
            ("the key sk-canary-1/2.", "the key [KEY]."),
            ("sk-canary-1/2-and-more", "[KEY_2]"),
            ("sk-canary-1", "sk-canary-1"),
            ("sk-canary-1%2F2 sk-canary-1%2f2", "[KEY] [KEY]"),
            ("http://me:p%40ss-word@proxy.example", "http://[HTTPS_PROXY]@proxy.example"),
            ("password is p@ss-word", "password is [HTTPS_PROXY]"),
            ("it:s it:s@proxy", "it:s [http_proxy]@proxy"),
            ("", ""),
        ] {
            assert_eq!(secrets().redact(text), clean);
        }
        assert_eq!(Secrets::default().redact("as it is"), "as it is");
        assert!(!format!("{:?}", secrets()).contains("canary"));
    }

    #[test]
    fn base64_is_found_wherever_the_secret_lies_in_what_was_encoded() {
        for before in ["", "a", "ab", "abc"] {
            for after in ["", "z", "yz", "xyz"] {
                let encoded = forms::base64(format!("{before}sk-canary-1/2{after}").as_bytes());
                let clean = secrets().redact(&encoded);
                assert!(clean.contains("[KEY]") && clean.len() < 20, "{before} {after}: {clean}");
            }
        }
        let basic = forms::base64(b"me:p@ss-word");
        assert_eq!(secrets().redact(&format!("Basic {basic}")), "Basic [HTTPS_PROXY]");
    }

    proptest! {
        #[test]
        fn a_border_within_a_secret_does_not_save_it(
            words in prop::collection::vec(
                prop_oneof![Just("sk-canary-1/2"), Just("sk-canary-1/2-and-more"), Just("sk-can"), Just("s"), Just("é\n")],
                0..12,
            ),
            piece in 1usize..30,
        ) {
            let text = words.concat();
            let mut redaction = Redaction::new(secrets());
            let mut clean = Vec::new();
            for piece in text.as_bytes().chunks(piece) {
                clean.extend(redaction.push(piece));
                prop_assert!(redaction.held.len() < 64);
            }
            clean.extend(redaction.finish());
            prop_assert_eq!(String::from_utf8(clean).unwrap(), secrets().redact(&text));
        }
    }
}
