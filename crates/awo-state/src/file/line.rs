//! One line of JSON that carries its own checksum: `{"crc":"1b2e7f00",…}`.
//!
//! The checksum is over everything after the comma that follows it, up to the line's end. So a file of such lines is
//! plain JSON lines for every other program.

use serde::Serialize;

const START: &[u8] = br#"{"crc":""#;
const AFTER: &[u8] = br#"","#;
const HEAD: usize = START.len() + 8 + AFTER.len();

/// Writes a record, which must be an object with a field, as a line with its end.
pub(super) fn encode(record: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let json = serde_json::to_vec(record)?;
    let rest = &json[1..];
    let mut line = Vec::with_capacity(HEAD + json.len());
    line.extend_from_slice(START);
    line.extend_from_slice(format!("{:08x}", crc32fast::hash(rest)).as_bytes());
    line.extend_from_slice(AFTER);
    line.extend_from_slice(rest);
    line.push(b'\n');
    Ok(line)
}

/// Whether a line, without its end, is as it was written.
pub(super) fn is_sound(line: &[u8]) -> bool {
    line.len() > HEAD
        && line.starts_with(START)
        && line[..HEAD].ends_with(AFTER)
        && format!("{:08x}", crc32fast::hash(&line[HEAD..])).as_bytes() == &line[START.len()..START.len() + 8]
}

/// The number that a sound line begins with, read without reading the rest.
pub(super) fn number(line: &[u8]) -> Option<u64> {
    let rest = line.get(HEAD..)?.strip_prefix(br#""number":"#)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_bit_is_seen() {
        let line = encode(&serde_json::json!({"number": 12, "text": "a\nb"})).unwrap();
        let whole = line.strip_suffix(b"\n").unwrap();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(whole).unwrap()["text"], "a\nb");
        assert!(is_sound(whole));
        assert_eq!(number(whole), Some(12));
        for place in 0..whole.len() * 8 {
            let mut changed = whole.to_vec();
            changed[place / 8] ^= 1 << (place % 8);
            assert!(!is_sound(&changed), "{}", String::from_utf8_lossy(&changed));
        }
        for length in 0..whole.len() {
            assert!(!is_sound(&whole[..length]));
        }
    }
}
