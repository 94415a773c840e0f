//! Owns a repository that is made by hand, object by object, and what it could harm.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use awo_testkit::repository::FixtureRepository;

pub(super) const FILE: &str = "100644";
pub(super) const LINK: &str = "120000";
pub(super) const TREE: &str = "40000";
pub(super) const MODULE: &str = "160000";

/// A remote to be spoiled, and around it: a program that leaves a mark, a directory that is not to be touched, and the
/// settings of an operator who allows everything.
pub(super) struct Hostile {
    repository: FixtureRepository,
    place: tempfile::TempDir,
}

impl Hostile {
    pub(super) fn new() -> Self {
        let it = Self { repository: FixtureRepository::new(), place: tempfile::tempdir().unwrap() };
        fs::create_dir(it.outside()).unwrap();
        fs::write(it.outside().join("precious"), "1\n").unwrap();
        fs::write(it.marker(), format!("#!/bin/sh\n: > '{}'\n[ $# -gt 0 ] || exec cat\n", it.ran().display())).unwrap();
        fs::set_permissions(it.marker(), fs::Permissions::from_mode(0o755)).unwrap();
        let marker = it.marker();
        let settings = format!(
            "[protocol]\n\tallow = always\n[protocol \"ext\"]\n\tallow = always\n[submodule]\n\trecurse = true\n\
             [fetch]\n\trecurseSubmodules = true\n[transfer]\n\tbundleURI = true\n[safe]\n\tdirectory = *\n\
             [filter \"evil\"]\n\tsmudge = {marker}\n\tclean = {marker}\n[filter \"lfs\"]\n\tsmudge = {marker}\n\tclean = {marker}\n"
        );
        fs::write(it.settings(), settings).unwrap();
        it
    }

    pub(super) fn place(&self) -> &Path {
        self.place.path()
    }

    pub(super) fn remote(&self) -> PathBuf {
        self.repository.path()
    }

    /// What is not to change.
    pub(super) fn outside(&self) -> PathBuf {
        self.place.path().join("outside")
    }

    /// The program that leaves the mark. Without arguments it hands on what it reads, as filters do.
    pub(super) fn marker(&self) -> String {
        self.place.path().join("marker").to_str().unwrap().to_owned()
    }

    /// The mark.
    pub(super) fn ran(&self) -> PathBuf {
        self.place.path().join("ran")
    }

    /// The operator's settings of git.
    pub(super) fn settings(&self) -> PathBuf {
        self.place.path().join("settings")
    }

    pub(super) fn into_repository(self) -> (FixtureRepository, tempfile::TempDir) {
        (self.repository, self.place)
    }

    pub(super) fn blob(&self, content: &[u8]) -> String {
        self.object("blob", content)
    }

    /// What a `.git` that runs something would have in it.
    pub(super) fn config(&self) -> String {
        let config = self.blob(format!("[core]\n\tfsmonitor = {}\n", self.marker()).as_bytes());
        self.tree(&[(FILE, b"config", &config)])
    }

    /// What a link that leads out has in it.
    pub(super) fn link_out(&self) -> String {
        self.blob(self.outside().as_os_str().as_encoded_bytes())
    }

    /// A tree of these entries as they are, whatever git thinks of it.
    pub(super) fn tree(&self, entries: &[(&str, &[u8], &str)]) -> String {
        let mut tree = Vec::new();
        for (mode, name, id) in entries {
            tree.extend_from_slice(mode.as_bytes());
            tree.push(b' ');
            tree.extend_from_slice(name);
            tree.push(0);
            tree.extend((0..id.len()).step_by(2).map(|at| u8::from_str_radix(&id[at..at + 2], 16).unwrap()));
        }
        self.object("tree", &tree)
    }

    /// Makes a tree the default branch.
    pub(super) fn commit_tree(&self, entries: &[(&str, &[u8], &str)]) {
        self.commit_raw(&self.tree(entries), "0 +0000", "work");
    }

    pub(super) fn commit_dated(&self, date: &str) {
        self.commit_raw(&self.tree(&[(FILE, b"file", &self.blob(b"1"))]), date, "work");
    }

    pub(super) fn commit_raw(&self, tree: &str, date: &str, message: &str) {
        let commit =
            format!("tree {tree}\nauthor a <a@example.org> {date}\ncommitter a <a@example.org> {date}\n\n{message}\n");
        let id = self.object("commit", commit.as_bytes());
        fs::write(self.remote().join("refs/heads/main"), format!("{id}\n")).unwrap();
    }

    /// The default branch has one directory of this name, which would be a good `.git`.
    pub(super) fn directory_named(&self, name: &[u8]) {
        self.commit_tree(&[(TREE, name, &self.config())]);
    }

    /// The default branch has a file below so many directories.
    pub(super) fn deep(&self, many: usize) {
        use std::fmt::Write as _;
        // One run of git for each directory would take minutes; this one makes a path.
        let mut stream = String::from("commit refs/heads/main\ncommitter a <a@example.org> 0 +0000\ndata 4\nwork\n");
        let _ = write!(stream, "M 644 inline {}file\ndata 2\n1\n\n", "d/".repeat(many));
        self.git(&["fast-import", "--quiet", "--force"], stream.as_bytes());
    }

    /// The default branch has a file and these attributes.
    pub(super) fn attributes(&self, attributes: &str) {
        let (attributes, file) = (self.blob(attributes.as_bytes()), self.blob(b"content\n"));
        self.commit_tree(&[(FILE, b".gitattributes", &attributes), (FILE, b"file", &file)]);
    }

    /// The default branch has this list of submodules, and one.
    pub(super) fn submodule(&self, list: &str) {
        let head = self.repository.head("main");
        let list = self.blob(list.as_bytes());
        self.commit_tree(&[(FILE, b".gitmodules", &list), (MODULE, b"x", &head)]);
    }

    /// The default branch has this name, and git was not asked.
    pub(super) fn branch(&self, name: &[u8]) {
        let head = self.repository.head("main");
        fs::write(self.remote().join("packed-refs"), [head.as_bytes(), b" refs/heads/", name, b"\n"].concat()).unwrap();
        fs::write(self.remote().join("HEAD"), [b"ref: refs/heads/", name, b"\n"].concat()).unwrap();
    }

    /// Runs commands in the repository.
    pub(super) fn shell(&self, commands: &str) {
        assert!(self.run(&self.remote(), commands), "{commands}");
    }

    /// Whether commands succeed in a new directory, with a git that is allowed everything.
    pub(super) fn is_live(&self, commands: &str) -> bool {
        let directory = tempfile::tempdir_in(self.place()).unwrap();
        self.run(directory.path(), commands)
    }

    fn run(&self, directory: &Path, commands: &str) -> bool {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-ec", commands]).current_dir(directory).stdin(Stdio::null());
        self.plain(&mut shell).env("REMOTE", self.remote()).env("MARKER", self.marker()).env("RAN", self.ran());
        shell.status().unwrap().success()
    }

    fn object(&self, kind: &str, content: &[u8]) -> String {
        self.git(&["hash-object", "-w", "-t", kind, "--literally", "--stdin"], content)
    }

    fn git(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut git = Command::new("git");
        git.args(arguments).current_dir(self.remote()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = self.plain(&mut git).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn plain<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.place())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", self.settings())
            .envs(
                ["AUTHOR", "COMMITTER"]
                    .iter()
                    .flat_map(|who| [(format!("GIT_{who}_NAME"), "a"), (format!("GIT_{who}_EMAIL"), "a@example.org")]),
            )
    }
}
