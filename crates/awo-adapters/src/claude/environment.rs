//! Owns the environment that `claude` gets: it is complete, and starts empty.

use std::ffi::OsString;
use std::path::Path;

/// Names that are passed on, if they are set.
///
/// `claude` shows its environment to the commands it runs, so nothing is here that it does not need itself.
const PASSED: &[&str] = &[
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_MAX_RETRIES",
    "API_TIMEOUT_MS",
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

/// What `claude` may have of an environment: its search path, language, proxy and its own key, and nothing else.
pub fn claude_environment(lookup: impl Fn(&str) -> Option<OsString>) -> Vec<(OsString, OsString)> {
    let found = |name: &&str| Some(((*name).into(), lookup(name)?));
    PASSED.iter().filter_map(found).collect()
}

/// What is set in addition, whatever was passed.
pub(super) fn added(home: &Path, tmp: &Path, sandbox: bool) -> Vec<(OsString, OsString)> {
    let mut added: Vec<(OsString, OsString)> = vec![("HOME".into(), home.into()), ("TMPDIR".into(), tmp.into())];
    let quiet = [
        ("TERM", "dumb"),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("DISABLE_AUTOUPDATER", "1"),
        // They would keep the program alive after its answer, and give it a second one.
        ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
    ];
    added.extend(quiet.map(|(name, value)| (name.into(), value.into())));
    if sandbox {
        // As root the program refuses to skip permissions unless it is told this.
        added.push(("IS_SANDBOX".into(), "1".into()));
    }
    added
}
