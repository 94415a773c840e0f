//! Repositories that are not like most: submodules, large files kept elsewhere, many files, a large history.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "test code, which prints what it measured")]

use std::fs;
use std::io::Write as _;
use std::path::Path;

use awo_engine::ports::{Sandbox, SandboxProvider as _, SandboxRequest};
use awo_models::SandboxType;
use awo_testkit::repository::FixtureRepository;

use crate::workspace::{Setting, write};
use crate::workspace_checkpoints::git;

/// Both kinds of checkout.
const KINDS: [(u8, SandboxType); 2] = [(1, SandboxType::GitWorktree), (2, SandboxType::GitBranch)];

/// What a person pushed who worked with a clone of the remote.
fn pushed(remote: &FixtureRepository, work: impl FnOnce(&Path)) {
    let place = tempfile::tempdir().unwrap();
    git(place.path(), &["clone", "--quiet", &remote.url(), "clone"]);
    let clone = place.path().join("clone");
    work(&clone);
    git(&clone, &["push", "--quiet", "origin", "HEAD"]);
}

async fn delivered(setting: &Setting, sandbox: &dyn Sandbox, branch: &str) {
    write(sandbox, "new", "1\n");
    sandbox.create_branch(branch).await.unwrap();
    assert_eq!(sandbox.commit("work").await, Ok(true));
    sandbox.checkpoint(&sandbox.snapshot().await.unwrap()).await.unwrap();
    sandbox.push(branch).await.unwrap();
    let changed = setting.remote.git(["diff", "--name-only", "HEAD", branch]);
    assert_eq!(changed, "new\n", "nothing but the work");
}

#[tokio::test]
async fn submodules_are_left_as_they_are_and_nothing_of_theirs_is_fetched() {
    let setting = Setting::new(FixtureRepository::with_default_branch("trunk"));
    let inner = FixtureRepository::new();
    pushed(&setting.remote, |clone| {
        let add = ["-c", "protocol.file.allow=always", "submodule", "add", "--quiet", &inner.url(), "inner"];
        git(clone, &add);
        git(clone, &["commit", "--quiet", "-m", "a submodule"]);
    });
    for (n, sandbox_type) in KINDS {
        let sandbox = setting.provider.prepare(&SandboxRequest { sandbox_type, ..setting.request(n) }).await.unwrap();
        let root = sandbox.working_dir();
        assert_eq!(fs::read_dir(root.join("inner")).unwrap().count(), 0);
        assert!(git(root, &["submodule", "status"]).starts_with(&format!("-{}", inner.head("main"))));
        delivered(&setting, &*sandbox, &format!("feat-{n}")).await;
    }
}

#[tokio::test]
async fn files_that_are_kept_elsewhere_stay_pointers() {
    let setting = Setting::new(FixtureRepository::new());
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n", "0".repeat(64));
    let attributes = "*.bin filter=lfs diff=lfs merge=lfs -text\n";
    setting.remote.commit("main", "large", &[("large.bin", &pointer), (".gitattributes", attributes)]);
    for (n, sandbox_type) in KINDS {
        let sandbox = setting.provider.prepare(&SandboxRequest { sandbox_type, ..setting.request(n) }).await.unwrap();
        let root = sandbox.working_dir();
        assert_eq!(fs::read_to_string(root.join("large.bin")).unwrap(), pointer);
        assert_eq!(git(root, &["status", "--short"]), "");
        delivered(&setting, &*sandbox, &format!("feat-{n}")).await;
    }
}

/// Adds files and blobs to `main` as fast as git can take them.
fn imported(remote: &FixtureRepository, stream: impl FnOnce(&mut dyn std::io::Write)) {
    let mut import = std::process::Command::new("git")
        .args(["fast-import", "--quiet", "--force"])
        .current_dir(remote.path())
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = std::io::BufWriter::new(import.stdin.take().unwrap());
    writeln!(
        stdin,
        "commit refs/heads/main\ncommitter A <a@example.org> 0 +0000\ndata 4\nmany\nfrom refs/heads/main^0"
    )
    .unwrap();
    stream(&mut stdin);
    drop(stdin);
    assert!(import.wait().unwrap().success());
    // A server packs with care once. What is asked here is not how long git looks for likeness in noise.
    git(&remote.path(), &["config", "pack.window", "0"]);
}

#[tokio::test]
async fn a_hundred_thousand_files_and_a_gigabyte() {
    if std::env::var_os("AWO_TEST_LARGE").is_none() {
        println!("skipped: set AWO_TEST_LARGE for it; it takes minutes, and gigabytes of a temporary directory");
        return;
    }
    let setting = Setting::new(FixtureRepository::new());
    imported(&setting.remote, |stream| {
        for n in 0..100_000 {
            let text = format!("file {n}\n");
            write!(stream, "M 644 inline many/{:02}/{n}\ndata {}\n{text}\n", n % 100, text.len()).unwrap();
        }
    });
    measured(&setting, 1, "100,000 files").await;
    let setting = Setting::new(FixtureRepository::new());
    imported(&setting.remote, |stream| {
        // Noise, which no compression makes smaller: a xorshift.
        let mut state = 88_172_645_463_325_252_u64;
        for n in 0..64 {
            let noise: Vec<u8> = std::iter::repeat_with(|| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()
            })
            .take((16 << 20) / 8)
            .flatten()
            .collect();
            write!(stream, "M 644 inline noise/{n}\ndata {}\n", noise.len()).unwrap();
            stream.write_all(&noise).unwrap();
            writeln!(stream).unwrap();
        }
    });
    measured(&setting, 1, "1 GB").await;
}

/// Prints how long each part takes.
async fn measured(setting: &Setting, first: u8, what: &str) {
    for (n, sandbox_type) in
        [(first, SandboxType::GitWorktree), (first + 1, SandboxType::GitWorktree), (first + 2, SandboxType::GitBranch)]
    {
        let request = SandboxRequest { sandbox_type, ..setting.request(n) };
        let start = std::time::Instant::now();
        let sandbox = setting.provider.prepare(&request).await.unwrap();
        let prepared = start.elapsed();
        delivered(setting, &*sandbox, &format!("feat-{n}")).await;
        let size = setting.provider.size(request.order).await.unwrap();
        println!(
            "{what}, {sandbox_type:?}: prepared in {prepared:.1?}, delivered in {:.1?}, {} MB",
            start.elapsed(),
            size >> 20
        );
    }
}
