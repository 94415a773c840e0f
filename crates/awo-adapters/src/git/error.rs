//! Failures of the git program, told without secrets.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use super::GitOutput;
use crate::ForgeTokens;
use crate::address::redacted;

/// How much of git's complaint is shown.
const SHOWN: usize = 600;
/// What git says after every failed connection; our own messages name the cure.
const STOCK_PHRASES: [&str; 2] = ["Please make sure you have the correct access rights", "and the repository exists."];

/// Git could not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// There is no such program.
    #[error("cannot find the program {program:?}; install git or set its path")]
    Missing {
        /// What was looked for.
        program: PathBuf,
    },
    /// It could not be started.
    #[error("cannot start `git {name}`")]
    Start {
        /// The command.
        name: &'static str,
        /// Why.
        source: io::Error,
    },
    /// It ended with an error.
    #[error("`git {name}` ended with code {code}: {complaint}")]
    Failed {
        /// The command.
        name: &'static str,
        /// Its exit code.
        code: i32,
        /// The end of what it said, without secrets.
        complaint: String,
    },
    /// It took too long and was killed.
    #[error("`git {name}` took longer than {seconds} s and was ended")]
    Deadline {
        /// The command.
        name: &'static str,
        /// How long it was given.
        seconds: u64,
    },
    /// It printed too much and was killed.
    #[error("`git {name}` printed more than {most} bytes and was ended")]
    TooMuch {
        /// The command.
        name: &'static str,
        /// How much it was allowed.
        most: usize,
    },
    /// The host of a remote has no network address.
    #[error("cannot find the network address of host {host:?}")]
    Unresolved {
        /// The host.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// The host of a remote is outside the public internet, and nobody allowed that.
    #[error(
        "the host {host:?} is at {address}, which is not on the public internet; if it is meant, add the host to \
         git.trusted_hosts"
    )]
    NotPublic {
        /// The host.
        host: String,
        /// Where it is.
        address: IpAddr,
    },
    /// Its version is too old or cannot be read.
    #[error("git {found} is not supported; install git {minimum} or newer")]
    Unsupported {
        /// What it said.
        found: String,
        /// What is needed.
        minimum: String,
    },
}

impl GitError {
    /// What people can do about a remote that did not let awo in, or that git does not trust, or has harmful objects; `None` if it is nothing of that.
    pub(crate) fn cure(&self) -> Option<String> {
        const LOGIN: [&str; 5] =
            ["could not read Username", "could not read Password", "Authentication failed", "error: 401", "error: 403"];
        let Self::Failed { complaint, .. } = self else { return None };
        let says = |words: &str| complaint.contains(words);
        if LOGIN.iter().any(|words| says(words)) {
            let places = ForgeTokens::PLACES;
            return Some(format!(
                "the host did not let awo in; check the token in {places}, or git's credential helper, and then retry"
            ));
        }
        let cure = if says("Host key verification failed") {
            "ssh does not know the host, or by another key; if it is the right one, add its key to known_hosts"
        } else if says("Permission denied (") {
            "the host did not let awo in; check which key ssh uses: SSH_AUTH_SOCK, ssh_config, GIT_SSH_COMMAND"
        } else if says("certificate verification failed") || says("SSL certificate problem") {
            "git does not trust the host's certificate; if it is the right one, name its authority in GIT_SSL_CAINFO"
        } else if self.is_about_objects() {
            "the repository has objects that are harmful or broken, and is not used; take them out of its history"
        } else {
            return None;
        };
        Some(cure.to_owned())
    }

    /// Whether git refused what the remote has, because objects in it are harmful or broken, or those that they build on are broken here.
    pub(crate) fn is_about_objects(&self) -> bool {
        let words = ["fsck error in packed object", "bad object", "did not send all necessary objects"];
        matches!(self, Self::Failed { complaint, .. } if words.iter().any(|words| complaint.contains(words)))
    }

    pub(super) fn failed(name: &'static str, output: &GitOutput) -> Self {
        Self::Failed { name, code: output.code, complaint: output.complaint() }
    }
}

/// The end of git's complaint as one line that is fit to be stored and shown.
pub(super) fn complaint(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    // What is overwritten on a terminal (progress) is not shown; advice is for people at a prompt.
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or("").trim())
        .filter(|line| !line.is_empty() && !line.starts_with("hint:") && !STOCK_PHRASES.contains(line))
        .map(|line| line.strip_suffix('.').unwrap_or(line))
        .map(|line| line.split(' ').map(without_secret).collect::<Vec<_>>().join(" "))
        .collect();
    let line: String = lines.join("; ").chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.is_empty() {
        return "it gave no reason".into();
    }
    let surplus = line.chars().count().saturating_sub(SHOWN);
    if surplus == 0 { line } else { format!("…{}", line.chars().skip(surplus).collect::<String>()) }
}

fn without_secret(word: &str) -> String {
    match word.find("://") {
        Some(_) if word.contains(['@', '?']) => {
            let start = word.find(|c: char| c.is_ascii_alphanumeric()).unwrap_or(0);
            format!("{}{}", &word[..start], redacted(&word[start..]))
        }
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_one_line_without_secrets() {
        let told = complaint(
            b"Cloning into 'x'\nprogress 1%\rprogress 2%\n\x1b[31mfatal\x1b[0m: unable to access 'https://me:s3cret@host/a/': no\nhint: try harder\n",
        );
        assert_eq!(told, "Cloning into 'x'; progress 2%;  [31mfatal [0m: unable to access 'https://***@host/a/': no");
    }
}
