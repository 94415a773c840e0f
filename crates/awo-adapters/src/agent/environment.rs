//! Owns the environment that an agent program gets: it is complete, and starts empty.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::driver::AgentDriver;

/// Names that are passed on to every program, if they are set.
///
/// Agents show their environment to the commands they run, so nothing is here that they do not need themselves.
const PASSED: &[&str] = &[
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// What a program may have of an environment: its search path, language, proxy and its own keys, and what the operator
/// names in addition; nothing else.
pub fn agent_environment(
    driver: &dyn AgentDriver,
    more: &[String],
    lookup: impl Fn(&str) -> Option<OsString>,
) -> Vec<(OsString, OsString)> {
    let own = driver.facts().variables;
    let names = PASSED.iter().copied().chain(own.iter().chain(more).map(String::as_str));
    names.filter_map(|name| Some((name.into(), lookup(name)?))).collect()
}

/// What is set in addition for every program, whatever was passed.
pub(super) fn added(home: &Path, tmp: &Path) -> [(OsString, OsString); 3] {
    [("HOME".into(), home.into()), ("TMPDIR".into(), tmp.into()), ("TERM".into(), "dumb".into())]
}

/// The value of a variable.
pub(super) fn value<'a>(env: &'a [(OsString, OsString)], name: &str) -> Option<&'a OsStr> {
    env.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_os_str())
}
