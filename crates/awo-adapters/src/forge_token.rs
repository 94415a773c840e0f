//! The token of a forge: where it comes from, and who may have it.
//!
//! *Invariant*: it is in this process and in the environment of the host git that talks to the forge's own host, for
//! one command. It is in no argument, no file, no message, and nowhere an agent is started from.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::Instant;

use crate::redact::{Secrets, base64};
use crate::{RepositoryAddress, find_program};

/// How long a program may take to say it.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long what a program said holds: it is asked often, and a login changes seldom.
const HOLDS: Duration = Duration::from_mins(1);
/// Bytes of a token at most.
const LONGEST: usize = 1024;

/// A token. It is shown as nothing but a word.
#[derive(Clone, PartialEq, Eq)]
pub struct ForgeToken(Arc<str>);

impl ForgeToken {
    /// A token from text; spaces around it do not belong to it. `None` if it can be none.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(text.into()))
    }

    /// The text itself, for the one header that it belongs to.
    #[cfg(feature = "github")]
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Texts without it, in whatever form it was written.
    pub(crate) fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add("forge_token", &self.0);
        secrets.add("forge_token", &self.login());
        secrets
    }

    fn login(&self) -> String {
        format!("x-access-token:{}", self.0)
    }
}

impl fmt::Debug for ForgeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForgeToken(…)")
    }
}

/// A place that may have a token.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// A variable of awo's own environment, read by the caller.
    Variable {
        /// Its name.
        name: &'static str,
        /// What was in it.
        token: ForgeToken,
    },
    /// A file that holds nothing else. Read each time, so that it can be replaced while awo runs.
    File(PathBuf),
    /// The program `gh`, which is asked for the login that it keeps.
    Gh {
        /// Where it is looked for.
        search_path: OsString,
        /// Its whole environment.
        environment: Vec<(OsString, OsString)>,
    },
}

impl TokenSource {
    fn name(&self) -> String {
        match self {
            Self::Variable { name, .. } => format!("variable {name}"),
            Self::File(path) => format!("file {}", path.display()),
            Self::Gh { .. } => "gh auth token".into(),
        }
    }
}

/// A token and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundToken {
    /// The token.
    pub token: ForgeToken,
    /// Its place, to be told to people.
    pub origin: String,
}

/// The places that may have the token of one host, the first one that has it counts.
#[derive(Debug)]
pub struct ForgeTokens {
    host: String,
    port: Option<u16>,
    sources: Vec<TokenSource>,
    /// What a program said, and when.
    told: Mutex<Option<(Instant, Option<ForgeToken>)>>,
}

impl ForgeTokens {
    /// Where people can put one.
    pub const PLACES: &str = "GITHUB_TOKEN, GH_TOKEN, github.token_file or `gh auth login`";

    /// For a host, as `github.com` or `forge.example:8443`.
    pub fn new(host: &str, sources: Vec<TokenSource>) -> Self {
        let (host, port) = match host.rsplit_once(':').map(|(name, port)| (name, port.parse::<u16>())) {
            Some((name, Ok(port))) => (name, Some(port).filter(|port| *port != 443)),
            _ => (host, None),
        };
        Self { host: host.to_ascii_lowercase(), port, sources, told: Mutex::default() }
    }

    /// The host, with its port if that is not the usual one.
    pub fn host(&self) -> String {
        self.port.map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }

    /// Owner and name of a repository on the host; `None` for every other address.
    pub fn repository<'a>(&self, address: &'a RepositoryAddress) -> Option<(&'a str, &'a str)> {
        address.on_host(&self.host, self.port)
    }

    /// The token, if some place has one. One that cannot be read has none.
    pub async fn find(&self) -> Option<FoundToken> {
        for source in &self.sources {
            let token = match source {
                TokenSource::Variable { token, .. } => Some(token.clone()),
                TokenSource::File(path) => {
                    tokio::fs::read_to_string(path).await.ok().as_deref().and_then(ForgeToken::new)
                }
                TokenSource::Gh { search_path, environment } => self.ask_gh(search_path, environment).await,
            };
            if let Some(token) = token {
                return Some(FoundToken { token, origin: source.name() });
            }
        }
        None
    }

    /// Variables that give git the token for this remote; none for other remotes, or without a token.
    pub(crate) async fn for_git(&self, remote: &RepositoryAddress) -> Option<GitCredential> {
        let on_host = match remote {
            RepositoryAddress::Https { host, port, .. } => {
                *host == self.host && port.filter(|port| *port != 443) == self.port
            }
            RepositoryAddress::Ssh { .. } | RepositoryAddress::Local(_) => false,
        };
        if !on_host {
            return None;
        }
        let found = self.find().await?;
        Some(GitCredential::new(&format!("https://{}/", self.host()), &found.token))
    }

    async fn ask_gh(&self, search_path: &OsStr, environment: &[(OsString, OsString)]) -> Option<ForgeToken> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, token)) = told.filter(|(when, _)| when.elapsed() < HOLDS) {
            return token;
        }
        let token = self.gh_says(search_path, environment).await;
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), token.clone()));
        token
    }

    async fn gh_says(&self, search_path: &OsStr, environment: &[(OsString, OsString)]) -> Option<ForgeToken> {
        let program = find_program(Path::new("gh"), Some(search_path))?;
        let mut command = Command::new(program);
        command
            .args(["auth", "token", "--hostname", &self.host()])
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(DEADLINE, command.output()).await.ok()?.ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        ForgeToken::new(&text).filter(|_| output.status.success())
    }
}

/// What one run of git is given to reach one host.
#[derive(Debug)]
pub(crate) struct GitCredential {
    /// Variables of its environment.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// What may not show in what it says.
    pub(crate) secrets: Secrets,
}

impl GitCredential {
    /// For addresses that begin with `base`. Git sends it nowhere else: it follows no redirect.
    fn new(base: &str, token: &ForgeToken) -> Self {
        let header = format!("Authorization: Basic {}", base64(token.login().as_bytes()));
        let variables = vec![
            ("GIT_CONFIG_COUNT", "2".into()),
            ("GIT_CONFIG_KEY_0", "http.followRedirects".into()),
            ("GIT_CONFIG_VALUE_0", "false".into()),
            ("GIT_CONFIG_KEY_1", format!("http.{base}.extraHeader")),
            ("GIT_CONFIG_VALUE_1", header),
        ];
        Self { variables, secrets: token.secrets() }
    }
}

#[cfg(test)]
mod tests;
