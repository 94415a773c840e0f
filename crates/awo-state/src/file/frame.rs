//! One line of a journal: `crc32 length kind number json`.
//!
//! The checksum is over everything after it up to the line's end; the length is that of the JSON; records are numbered
//! without gaps. JSON escapes line ends, so a line is a record.

use serde::Serialize;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A whole order: the first record of every journal, and no other.
    Order,
    /// What one save added.
    Save,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Save => "save",
        }
    }
}

/// A record that was verified and not yet parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// What it is.
    pub(super) kind: Kind,
    /// Its number.
    pub(super) number: u64,
    /// Its content.
    pub(super) json: &'a [u8],
}

/// What a line is that ends, or does not, with a line end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A record.
    Sound(Frame<'a>),
    /// The beginning of a record whose write was cut. Only at the end of a file.
    Torn,
    /// Something else; why.
    Broken(&'static str),
}

/// Writes a record.
pub(super) fn encode(kind: Kind, number: u64, content: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_vec(content).expect("records are plain data");
    let head = format!("{} {} {number} ", json.len(), kind.word());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head.as_bytes());
    hasher.update(&json);
    let mut line = format!("{:08x} {head}", hasher.finalize()).into_bytes();
    line.extend(json);
    line.push(b'\n');
    line
}

/// Verifies a line, its end included.
pub(super) fn decode(line: &[u8]) -> Line<'_> {
    let Some(whole) = line.strip_suffix(b"\n") else {
        // A cut write leaves the beginning of a line. One that has all its bytes and yet no end was changed later.
        return match header(line) {
            Some(header) if line.len() > header.start + header.length => Line::Broken("its line end was overwritten"),
            _ => Line::Torn,
        };
    };
    let Some(header) = header(whole) else {
        return Line::Broken("it does not begin like a record");
    };
    // Compared as text: the number has other spellings (`c01D`, `+1`), and a change into one is a change.
    if format!("{:08x} ", crc32fast::hash(&whole[9..])).as_bytes() != &whole[..9] {
        return Line::Broken("its checksum does not fit");
    }
    if whole.len() != header.start + header.length {
        return Line::Broken("its length does not fit");
    }
    Line::Sound(Frame { kind: header.kind, number: header.number, json: &whole[header.start..] })
}

struct Header {
    length: usize,
    kind: Kind,
    number: u64,
    /// Where the JSON begins.
    start: usize,
}

fn header(line: &[u8]) -> Option<Header> {
    let mut start = 0;
    let mut word = || {
        let rest = line.get(start..)?;
        let end = rest.iter().take(24).position(|b| *b == b' ')?;
        start += end + 1;
        str::from_utf8(&rest[..end]).ok()
    };
    word().filter(|checksum| checksum.len() == 8)?;
    let (length, kind, number) = (word()?, word()?, word()?);
    Some(Header {
        length: length.parse().ok()?,
        kind: [Kind::Order, Kind::Save].into_iter().find(|k| k.word() == kind)?,
        number: number.parse().ok()?,
        start,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Vec<u8> {
        encode(Kind::Save, 7, &"a\nb")
    }

    #[test]
    fn a_record_is_one_line() {
        insta::assert_snapshot!(String::from_utf8(line()).unwrap(), @r#"0c316cdf 6 save 7 "a\nb""#);
        let (kind, number, json) = (Kind::Save, 7, &br#""a\nb""#[..]);
        assert_eq!(decode(&line()), Line::Sound(Frame { kind, number, json }));
    }

    #[test]
    fn every_beginning_is_torn_and_every_change_is_broken() {
        let line = line();
        for end in 0..line.len() {
            assert_eq!(decode(&line[..end]), Line::Torn, "cut after {end}");
        }
        for at in 0..line.len() {
            for bit in 0..8 {
                let mut changed = line.clone();
                changed[at] ^= 1 << bit;
                assert!(matches!(decode(&changed), Line::Broken(_)), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn the_length_is_under_the_checksum() {
        let mut longer = line();
        longer.insert(longer.len() - 1, b' ');
        assert!(matches!(decode(&longer), Line::Broken(_)));
    }
}
