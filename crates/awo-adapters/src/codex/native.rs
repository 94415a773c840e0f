//! Owns the way from the script that the package manager installs to the program behind it.

use std::path::{Path, PathBuf};

/// The package and the build for this machine; `None` where there is none.
const TARGET: Option<(&str, &str)> = if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
    Some(("codex-linux-x64", "x86_64-unknown-linux-musl"))
} else if cfg!(all(target_os = "linux", target_arch = "aarch64")) {
    Some(("codex-linux-arm64", "aarch64-unknown-linux-musl"))
} else if cfg!(all(target_os = "macos", target_arch = "x86_64")) {
    Some(("codex-darwin-x64", "x86_64-apple-darwin"))
} else if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
    Some(("codex-darwin-arm64", "aarch64-apple-darwin"))
} else {
    None
};

/// Where the program behind `@openai/codex/bin/codex.js` may be: in the package for this machine, which is beside the
/// script's own package or within it. A script that is killed leaves the program running.
pub(super) fn behind(script: &Path) -> Vec<PathBuf> {
    let (Some((package, build)), true) = (TARGET, script.ends_with("@openai/codex/bin/codex.js")) else {
        return Vec::new();
    };
    let Some(own) = script.ancestors().nth(2) else {
        return Vec::new();
    };
    let places = [own.parent().map(|scope| scope.join(package)), Some(own.join("node_modules/@openai").join(package))];
    places.into_iter().flatten().map(|place| place.join("vendor").join(build).join("bin/codex")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_looked_for_beside_the_script_and_within_its_package() {
        let Some((package, build)) = TARGET else {
            return;
        };
        assert_eq!(
            behind(Path::new("/lib/node_modules/@openai/codex/bin/codex.js")),
            [
                PathBuf::from(format!("/lib/node_modules/@openai/{package}/vendor/{build}/bin/codex")),
                PathBuf::from(format!(
                    "/lib/node_modules/@openai/codex/node_modules/@openai/{package}/vendor/{build}/bin/codex"
                )),
            ]
        );
        assert!(behind(Path::new("/usr/bin/codex")).is_empty());
    }
}
