//! Requests as bytes, and answers as far as these clients look at them: so plainly that they cost little themselves.

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpStream;

use crate::Outcome;

/// A request for a page, by somebody who has it with this tag, if there is one.
pub(crate) fn get(address: &str, path: &str, tag: &str) -> String {
    let tag = if tag.is_empty() { String::new() } else { format!("if-none-match: {tag}\r\n") };
    format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{tag}\r\n")
}

/// A request with a body.
pub(crate) fn post(address: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n\
         {body}"
    )
}

/// Reads an answer to its end; its status.
pub(crate) async fn answer(stream: &mut BufReader<TcpStream>) -> Outcome<u16> {
    let (status, length) = head(stream).await?;
    let mut left = length;
    while left > 0 {
        let there = stream.fill_buf().await?.len().min(left);
        if there == 0 {
            return Err("an answer ended early".into());
        }
        stream.consume(there);
        left -= there;
    }
    Ok(status)
}

/// Reads the head of an answer; its status, and the length of its body.
pub(crate) async fn head(stream: &mut BufReader<TcpStream>) -> Outcome<(u16, usize)> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| format!("an answer began with {line:?}"))?;
    let mut length = 0;
    loop {
        line.clear();
        if stream.read_line(&mut line).await? <= 2 {
            return Ok((status, length));
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
}

/// Reads everything until the other side closes, or the answer is whole: its last chunk is empty.
pub(crate) async fn drain(stream: &mut TcpStream) -> Vec<u8> {
    let mut piece = [0; 4096];
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n0\r\n\r\n") {
        match stream.read(&mut piece).await {
            Ok(count @ 1..) => bytes.extend_from_slice(&piece[..count]),
            _ => break,
        }
    }
    bytes
}
