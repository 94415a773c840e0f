//! As much of HTTP/1.1 as git needs for one request a connection.

use std::io::{BufRead, Read};

/// Bytes of a body at most.
const LARGEST: u64 = 256 << 20;

/// The head of a request.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path without the query.
    pub(super) path: String,
    pub(super) query: String,
    /// `user:password` of a basic login.
    pub(super) login: Option<String>,
    pub(super) content_type: String,
    pub(super) content_encoding: String,
    pub(super) git_protocol: String,
    length: u64,
    chunked: bool,
}

pub(super) fn head(stream: &mut impl BufRead) -> Option<Request> {
    let line = line(stream)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request { method: method.into(), path: path.into(), query: query.into(), ..Request::default() };
    loop {
        let line = self::line(stream)?;
        let Some((name, value)) = line.split_once(':') else { return Some(request) };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => request.length = value.parse().ok()?,
            "transfer-encoding" => request.chunked = value.eq_ignore_ascii_case("chunked"),
            "content-type" => value.clone_into(&mut request.content_type),
            "content-encoding" => value.clone_into(&mut request.content_encoding),
            "git-protocol" => value.clone_into(&mut request.git_protocol),
            "authorization" => request.login = value.strip_prefix("Basic ").and_then(decoded),
            _ => {}
        }
    }
}

/// The body, or as many of its first bytes.
pub(super) fn body(stream: &mut impl BufRead, request: &Request, most: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    if !request.chunked {
        let length = Some(request.length).filter(|length| *length <= LARGEST)?;
        let wanted = length.min(u64::try_from(most).unwrap_or(u64::MAX));
        stream.take(wanted).read_to_end(&mut body).ok()?;
        return Some(body);
    }
    while body.len() < most {
        let length = line(stream)?;
        let length = u64::from_str_radix(length.split(';').next()?.trim(), 16).ok().filter(|it| *it <= LARGEST)?;
        stream.take(length).read_to_end(&mut body).ok()?;
        line(stream)?;
        if length == 0 {
            break;
        }
    }
    Some(body)
}

fn line(stream: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    let count = stream.read_line(&mut line).ok()?;
    (count > 0).then(|| line.trim_end().to_owned())
}

/// Text behind base64.
fn decoded(text: &str) -> Option<String> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for letter in text.trim().trim_end_matches('=').bytes() {
        let value = LETTERS.iter().position(|it| *it == letter)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    String::from_utf8(bytes).ok()
}
