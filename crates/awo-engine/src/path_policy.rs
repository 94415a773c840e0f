//! Owns which files of a change are flagged: those that tell machines of others what to run.

use std::sync::Arc;

/// Directories whose files are read by a continuous integration or by the forge itself, in lower case.
const DIRECTORIES: [&str; 11] = [
    ".github/workflows/",
    ".github/actions/",
    ".gitea/workflows/",
    ".forgejo/workflows/",
    ".gitlab/ci/",
    ".circleci/",
    ".buildkite/",
    ".woodpecker/",
    ".teamcity/",
    ".azure-pipelines/",
    ".tekton/",
];

/// Files of the same kind at the root, in lower case.
const FILES: [&str; 16] = [
    ".gitlab-ci.yml",
    ".gitlab-ci.yaml",
    ".travis.yml",
    ".drone.yml",
    ".woodpecker.yml",
    ".woodpecker.yaml",
    ".appveyor.yml",
    "appveyor.yml",
    ".cirrus.yml",
    "azure-pipelines.yml",
    "azure-pipelines.yaml",
    "bitbucket-pipelines.yml",
    "cloudbuild.yaml",
    "jenkinsfile",
    ".github/dependabot.yml",
    ".github/dependabot.yaml",
];

/// The files among these that are flagged, in their order.
pub(crate) fn flagged(paths: &[Arc<str>]) -> Vec<Arc<str>> {
    paths.iter().filter(|path| is_flagged(path)).cloned().collect()
}

/// Case does not matter: on some machines `.GitHub/Workflows` is the same directory.
fn is_flagged(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    // A link or a file where the directory should be leads there, too.
    let is_directory = |directory: &str| path.starts_with(directory) || path == directory.trim_end_matches('/');
    path == ".github" || DIRECTORIES.iter().any(|it| is_directory(it)) || FILES.contains(&path.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_machines_run_are_flagged_and_no_others() {
        for path in [
            ".github/workflows/ci.yml",
            ".github/workflows/deep/er.yaml",
            ".GitHub/Workflows/ci.yml",
            ".github/workflows",
            ".github",
            ".github/actions/setup/action.yml",
            ".gitlab-ci.yml",
            ".circleci/config.yml",
            "Jenkinsfile",
            ".github/dependabot.yml",
        ] {
            assert!(is_flagged(path), "{path}");
        }
        for path in [
            "src/main.rs",
            "docs/.github/workflows/ci.yml",
            ".github/ISSUE_TEMPLATE.md",
            ".github/workflows.md",
            "docs/Jenkinsfile",
            "ci.yml",
        ] {
            assert!(!is_flagged(path), "{path}");
        }
        let change = ["a.rs".into(), ".travis.yml".into()];
        assert_eq!(flagged(&change), [Arc::from(".travis.yml")]);
    }
}
