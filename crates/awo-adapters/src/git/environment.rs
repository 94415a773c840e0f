//! The two environments git runs in.
//!
//! *Host* git has the operator's credentials and touches only the bare clone, which no agent works in. *Workspace* git
//! works where an agent was: whatever it can be tricked into executing finds neither secrets nor the operator's home.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::process::search_path as absolute_only;

type Variables = Vec<(OsString, OsString)>;

/// Settings of host git: hooks are off, and objects that come in are checked.
pub(crate) const HOST_SETTINGS: &[&str] = &[
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "transfer.fsckObjects=true",
    "fetch.fsckObjects=true",
    // A checkpoint that was told to be kept is on the disk, its ref too.
    "core.fsync=committed,reference",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    // Where it would lead to was not judged.
    "http.followRedirects=false",
];

/// Settings of workspace git. First what would start programs, as far as it can be named (filters and drivers cannot:
/// the agent names them), then what would let files hide.
pub(crate) const WORKSPACE_SETTINGS: &[&str] = &[
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.editor=true",
    "core.pager=cat",
    "core.attributesFile=/dev/null",
    "commit.gpgSign=false",
    "gpg.program=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "core.excludesFile=/dev/null",
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.ignoreStat=false",
    "core.trustctime=true",
    "core.checkStat=default",
    "core.fileMode=true",
    "core.symlinks=true",
    "core.sparseCheckout=false",
    "core.autocrlf=false",
    "core.safecrlf=false",
    "advice.addEmbeddedRepo=false",
    "transfer.fsckObjects=true",
];

/// Variables that would make host git work in another repository than the one it was started for.
const MISLEADING: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
];

/// Environment of host git: what the operator gives it, within fixed bounds.
pub(crate) fn host_environment(search_path: &OsStr, home: &Path, operators: &[(OsString, OsString)]) -> Variables {
    let mut variables = vec![pair("PATH", absolute_only(search_path)), pair("HOME", home), pair("GIT_ASKPASS", "")];
    variables.extend(ssh(operators).map(|command| pair("GIT_SSH_COMMAND", command)));
    variables.extend(operators.iter().filter(|(name, _)| !MISLEADING.iter().any(|it| name == it)).cloned());
    variables.extend([
        pair("LANG", "C"),
        pair("LC_ALL", "C"),
        pair("GIT_TERMINAL_PROMPT", "0"),
        pair("GIT_ALLOW_PROTOCOL", "file:https:ssh"),
        pair("GIT_LFS_SKIP_SMUDGE", "1"),
    ]);
    variables
}

/// The command of ssh, unless the operator names one. Without a terminal to ask at, a question is a hang. Git prefers it to a
/// program in `GIT_SSH`, so there is none when that is not OpenSSH.
fn ssh(operators: &[(OsString, OsString)]) -> Option<String> {
    let named = operators.iter().rfind(|(name, value)| name == "GIT_SSH" && !value.is_empty());
    let Some((_, program)) = named else { return Some("ssh -o BatchMode=yes".to_owned()) };
    // A shell reads the command.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-+".contains(&b);
    let program = program.to_str().filter(|program| program.bytes().all(plain))?;
    (Path::new(program).file_name() == Some(OsStr::new("ssh"))).then(|| format!("{program} -o BatchMode=yes"))
}

/// Environment of git in an agent's checkout.
pub(crate) fn workspace_environment(search_path: &OsStr, home: &Path) -> Variables {
    vec![
        pair("PATH", absolute_only(search_path)),
        pair("HOME", home),
        pair("LANG", "C"),
        pair("LC_ALL", "C"),
        pair("GIT_ASKPASS", ""),
        pair("GIT_TERMINAL_PROMPT", "0"),
        pair("GIT_CONFIG_NOSYSTEM", "1"),
        pair("GIT_CONFIG_GLOBAL", "/dev/null"),
        pair("GIT_ATTR_NOSYSTEM", "1"),
        pair("GIT_ALLOW_PROTOCOL", "file"),
        pair("GIT_LFS_SKIP_SMUDGE", "1"),
        pair("GIT_EDITOR", "true"),
        // History as it is, not as the agent says it should be read.
        pair("GIT_NO_REPLACE_OBJECTS", "1"),
        pair("GIT_GRAFT_FILE", "/dev/null"),
    ]
}

fn pair(name: &str, value: impl AsRef<OsStr>) -> (OsString, OsString) {
    (name.into(), value.as_ref().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_ssh_is_used() {
        let command = |operators: &[(&str, &str)]| {
            let operators: Variables = operators.iter().map(|(name, value)| pair(name, value)).collect();
            let all = host_environment(OsStr::new("/bin"), Path::new("/home/me"), &operators);
            let last = |name: &str| all.iter().rfind(|(it, _)| it == name).map(|(_, value)| value.clone());
            last("GIT_SSH_COMMAND")
        };
        let is = |text: &str| Some(OsString::from(text));
        assert_eq!(command(&[]), is("ssh -o BatchMode=yes"));
        assert_eq!(command(&[("GIT_SSH", "/opt/ssh")]), is("/opt/ssh -o BatchMode=yes"));
        assert_eq!(command(&[("GIT_SSH", "/opt/plink")]), None, "what it is told is its own affair");
        assert_eq!(command(&[("GIT_SSH", "/my programs/ssh")]), None);
        assert_eq!(command(&[("GIT_SSH", "/opt/plink"), ("GIT_SSH_COMMAND", "ssh -v")]), is("ssh -v"));
    }
}
