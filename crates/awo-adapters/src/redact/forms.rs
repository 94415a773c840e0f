//! The forms that a secret shows in besides its own: pure text work.

use std::borrow::Cow;
use std::fmt::Write as _;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A secret as URLs, headers and strings of JSON write it.
pub(super) fn encoded(secret: &str) -> impl Iterator<Item = String> {
    let upper = percent_encoded(secret, |code, byte| write!(code, "%{byte:02X}"));
    let lower = percent_encoded(secret, |code, byte| write!(code, "%{byte:02x}"));
    let quoted = serde_json::Value::from(secret).to_string();
    let quoted = quoted[1..quoted.len() - 1].to_owned();
    let whole = base64(secret.as_bytes());
    let mut forms = vec![upper, lower, quoted.replace('/', "\\/"), quoted, whole];
    forms.extend((0..3).map(|before| base64_within(secret.as_bytes(), before)));
    let other_alphabet: Vec<String> = forms[4..].iter().map(|form| form.replace('+', "-").replace('/', "_")).collect();
    forms.extend(other_alphabet);
    forms.into_iter()
}

fn percent_encoded(text: &str, write: impl Fn(&mut String, u8) -> std::fmt::Result) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write(&mut encoded, byte);
        }
        encoded
    })
}

/// The characters that bytes alone decide when so many others, and any number after them, are encoded with them.
fn base64_within(bytes: &[u8], before: usize) -> String {
    let mut all = vec![0; before];
    all.extend_from_slice(bytes);
    let first = (before * 8).div_ceil(6);
    let end = all.len() * 8 / 6;
    base64(&all).get(first..end).unwrap_or_default().to_owned()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let six = (bits >> (18 - 6 * at)) & 63;
            text.push(if at <= three.len() { char::from(ALPHABET[six as usize]) } else { '=' });
        }
    }
    text
}

/// `user:password` of a URL, and the password alone; a scheme may be missing, as in the variables of proxies.
pub(super) fn login_of_url(url: &str) -> Option<(&str, &str)> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    // The last `@`, as a password may hold one that nobody encoded.
    let (login, _) = rest.split(['/', '?', '#']).next()?.rsplit_once('@')?;
    let (_, password) = login.split_once(':')?;
    Some((login, password))
}

pub(super) fn percent_decoded(text: &str) -> Cow<'_, str> {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let code = others.get(..2).filter(|code| code.iter().all(u8::is_ascii_hexdigit));
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if *first == b'%' => {
                decoded.push(byte);
                rest = &others[2..];
            }
            _ => {
                decoded.push(*first);
                rest = others;
            }
        }
    }
    String::from_utf8(decoded).map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_as_everybody_writes_it() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(b"\xfb\xff"), "+/8=");
    }

    #[test]
    fn logins_are_found_with_and_without_a_scheme() {
        for (url, login) in [
            ("http://me:pw@host:1/path", Some(("me:pw", "pw"))),
            ("me:p@w:x@host", Some(("me:p@w:x", "p@w:x"))),
            ("http://host:1/a:b@c", None),
            ("http://me@host", None),
            ("host:3128", None),
        ] {
            assert_eq!(login_of_url(url), login, "{url}");
        }
        assert_eq!(percent_decoded("a%40b%zz%4"), "a@b%zz%4");
    }

    #[test]
    fn strings_of_json_and_urls_have_forms_of_their_own() {
        let forms: Vec<String> = encoded("a\"b/c d").collect();
        for form in ["a%22b%2Fc%20d", "a%22b%2fc%20d", "a\\\"b/c d", "a\\\"b\\/c d"] {
            assert!(forms.iter().any(|it| it == form), "{form} is not in {forms:?}");
        }
    }
}
