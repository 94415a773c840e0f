//! The grammar of repository addresses. Stricter than git's: what is not known to be harmless is refused.

use std::path::{Component, PathBuf};

use super::hosts::spelled;
use super::network::is_private_text;
use super::{AddressError, AddressPolicy, MAX_LENGTH, RepositoryAddress, Scheme};

/// Why a text is refused; the caller adds the text.
type Reason = String;

pub(super) fn parse(text: &str, policy: &AddressPolicy) -> Result<RepositoryAddress, AddressError> {
    let read = read(text, policy).and_then(|address| check_host(&address, policy).map(|()| address));
    read.map_err(|reason| AddressError::new(text, reason))
}

/// Checks that the policy lets callers use the host, as far as its text tells.
fn check_host(address: &RepositoryAddress, policy: &AddressPolicy) -> Result<(), Reason> {
    let Some((host, _)) = address.host() else { return Ok(()) };
    if !policy.hosts.is_empty() && !policy.hosts.contains(host) {
        return Err(format!("the host {host} is not one of git.allowed_hosts; use a repository on one of these"));
    }
    if is_private_text(host) && !policy.trusted_hosts.contains(host) {
        return Err(format!(
            "the host {host} is not on the public internet; if it is meant, add it to git.trusted_hosts"
        ));
    }
    Ok(())
}

pub(super) fn in_scheme(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')
}

fn read(text: &str, policy: &AddressPolicy) -> Result<RepositoryAddress, Reason> {
    if text.is_empty() {
        return Err(format!("it is empty; {}", cure(policy)));
    }
    if text.len() > MAX_LENGTH {
        return Err(format!("it is longer than {MAX_LENGTH} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("it holds control characters; remove them".into());
    }
    if text.trim() != text {
        return Err("it begins or ends with a space; remove it".into());
    }
    if text.starts_with('-') {
        return Err(format!("it begins with a dash; {}", cure(policy)));
    }
    if text.starts_with('/') {
        return local(text, policy);
    }
    if let Some((helper, _)) = text.split_once("::")
        && helper.bytes().all(in_scheme)
    {
        return Err(scheme_refused(helper, policy));
    }
    if let Some((scheme, rest)) = text.split_once("://")
        && scheme.bytes().all(in_scheme)
    {
        return match scheme.to_ascii_lowercase().as_str() {
            "https" if policy.schemes.contains(&Scheme::Https) => https(rest),
            "ssh" if policy.schemes.contains(&Scheme::Ssh) => ssh(rest),
            "http" => Err("plain http is not allowed; use https".into()),
            "file" if policy.allow_local && rest.contains(['%', '?', '#']) => {
                Err("a file address with `%`, `?` or `#` is ambiguous; use the plain path".into())
            }
            "file" if policy.allow_local => local(rest, policy),
            _ => Err(scheme_refused(scheme, policy)),
        };
    }
    let host_ends = if text.contains('[') { "]:" } else { ":" };
    match text.split_once(host_ends) {
        Some((host, path)) if !host.contains('/') => {
            if !policy.schemes.contains(&Scheme::Ssh) {
                return Err(scheme_refused("ssh", policy));
            }
            scp(text, &text[..text.len() - path.len() - 1], path)
        }
        _ if policy.allow_local => Err("a local path must be absolute; write it from `/` on".into()),
        _ => Err(format!("it has no scheme; {}", cure(policy))),
    }
}

fn cure(policy: &AddressPolicy) -> String {
    let mut allowed: Vec<&str> = policy
        .schemes
        .iter()
        .map(|scheme| match scheme {
            Scheme::Https => "https",
            Scheme::Ssh => "ssh",
        })
        .collect();
    if policy.allow_local {
        allowed.push("a local path");
    }
    match allowed.as_slice() {
        [] => "no address is allowed by configuration".into(),
        [one] => format!("use {one}"),
        [rest @ .., last] => format!("use {} or {last}", rest.join(", ")),
    }
}

fn scheme_refused(scheme: &str, policy: &AddressPolicy) -> Reason {
    let scheme: String = scheme.chars().take(20).collect();
    format!("the scheme {scheme:?} is not allowed; {}", cure(policy))
}

fn local(path: &str, policy: &AddressPolicy) -> Result<RepositoryAddress, Reason> {
    if !policy.allow_local {
        return Err(format!("local paths are not allowed here; {}", cure(policy)));
    }
    let path = PathBuf::from(path);
    if !path.is_absolute() {
        return Err("a local path must be absolute; write it from `/` on".into());
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err("a local path must not hold `..`; write it in full".into());
    }
    Ok(RepositoryAddress::Local(path))
}

fn https(rest: &str) -> Result<RepositoryAddress, Reason> {
    let (authority, path) = split_path(rest)?;
    if authority.contains('@') {
        return Err(
            "it must not hold a user, password or token; give git its credentials by a credential helper".into()
        );
    }
    let (host, port) = host_and_port(authority)?;
    let path = path.strip_prefix('/').unwrap_or(path).trim_end_matches('/');
    check_path(path, true)?;
    Ok(RepositoryAddress::Https { host, port, path: path.to_owned() })
}

fn ssh(rest: &str) -> Result<RepositoryAddress, Reason> {
    let (authority, path) = split_path(rest)?;
    let (user, host) = user_and_rest(authority)?;
    let (host, port) = host_and_port(host)?;
    let path = path.trim_end_matches('/');
    check_path(path.strip_prefix('/').unwrap_or(path), false)?;
    Ok(RepositoryAddress::Ssh { user, host, port, path: path.to_owned() })
}

fn scp(text: &str, authority: &str, path: &str) -> Result<RepositoryAddress, Reason> {
    if text.contains(['?', '#']) {
        return Err("it must not hold a query or fragment (`?`, `#`)".into());
    }
    if path.contains('@') {
        return Err("it must not hold a password; use an ssh key".into());
    }
    let (user, host) = user_and_rest(authority)?;
    let (host, _) = host_and_port(host)?;
    let path = path.trim_end_matches('/');
    check_path(path.strip_prefix('/').unwrap_or(path), false)?;
    Ok(RepositoryAddress::Ssh { user, host, port: None, path: path.to_owned() })
}

/// Host part and path of what follows `://`; the path keeps its slash.
fn split_path(rest: &str) -> Result<(&str, &str), Reason> {
    // Before anything else, so that nobody has to agree with git about which `@` or `/` ends what.
    if rest.contains(['?', '#', '\\']) {
        return Err("it must not hold a query, a fragment or a backslash (`?`, `#`, `\\`)".into());
    }
    let slash = rest.find('/').ok_or("it names no repository, only a host")?;
    Ok(rest.split_at(slash))
}

fn user_and_rest(authority: &str) -> Result<(Option<String>, &str), Reason> {
    let Some((user, host)) = authority.rsplit_once('@') else {
        return Ok((None, authority));
    };
    if user.contains(':') {
        return Err("it must not hold a password; use an ssh key".into());
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if user.is_empty() || user.starts_with('-') || !user.bytes().all(plain) {
        return Err("the user name must be letters, digits, `_`, `.` or `-` and not begin with a dash".into());
    }
    Ok((Some(user.to_owned()), host))
}

fn host_and_port(text: &str) -> Result<(String, Option<u16>), Reason> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port = match port {
        None => None,
        Some(digits) => match digits.parse::<u16>() {
            Ok(port) if port > 0 && digits.bytes().all(|b| b.is_ascii_digit()) => Some(port),
            _ => return Err("the port must be a number from 1 to 65535".into()),
        },
    };
    let host = spelled(host)
        .ok_or("the host must be a name of letters, digits, `-` and `.`, or an IP address in its usual form")?;
    Ok((host, port))
}

/// Checks a path without its first slash.
fn check_path(path: &str, escapes: bool) -> Result<(), Reason> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/+=,".contains(&b) || (escapes && b"%@:".contains(&b));
    if path.is_empty() {
        return Err("it names no repository, only a host".into());
    }
    if let Some(other) = path.chars().find(|c| !c.is_ascii() || !plain(*c as u8)) {
        return Err(format!("its path holds {other:?}, which is not allowed there"));
    }
    for part in path.split('/') {
        let part = unescaped(part)?;
        if part.starts_with(b"-") {
            return Err("a part of its path begins with a dash".into());
        }
        if part.is_empty() || part == b"." || part == b".." {
            return Err("its path holds an empty part, `.` or `..`; write it in full".into());
        }
        if part.iter().any(|b| b.is_ascii_control() || matches!(b, b'/' | b'\\')) {
            return Err("its path hides a control character or slash behind `%`".into());
        }
    }
    Ok(())
}

fn unescaped(part: &str) -> Result<Vec<u8>, Reason> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(b) = rest.next() {
        if b != b'%' {
            bytes.push(b);
            continue;
        }
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        match (digit(rest.next()), digit(rest.next())) {
            (Some(high), Some(low)) => bytes.push(high * 16 + low),
            _ => return Err("a `%` in its path is not followed by two hex digits".into()),
        }
    }
    Ok(bytes)
}
