//! What people see when they call it wrong: the words are kept as snapshots, so that a change of them is looked at.

use std::fmt::Write as _;

use crate::setting::{Setting, Told};

/// Each call with its exit code and words, one after the other.
fn transcript(setting: &Setting, calls: &[&[&str]]) -> String {
    let mut text = String::new();
    for arguments in calls {
        let Told { code, out, err } = setting.run(arguments);
        let _ = writeln!(text, "$ awo {}\n{out}{err}[{}]\n", arguments.join(" "), code.unwrap());
    }
    text
}

fn settled(setting: &Setting) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(setting.program.place().to_str().unwrap(), "[place]");
    settings.add_filter(r"wo-[0-9a-f]{32}", "wo-[id]");
    settings.add_filter(r"\[place\]/agent/claude", "[claude]");
    settings.add_filter(r"process \d+", "process [n]");
    settings.add_filter(r"127\.0\.0\.1:\d{4,5}", "127.0.0.1:[port]");
    settings
}

#[test]
fn bad_command_lines() {
    let setting = Setting::new();
    let text = transcript(
        &setting,
        &[
            &["srve"],
            &["run"],
            &["run", "--rpo", ".", "x"],
            &["run", "--on-interrupt", "stop", "x"],
            &["list", "--limit", "0"],
            &["serve", "--bind", "8888"],
            &["serve", "--bind", "0.0.0.0:0"],
            &["serve", "--state", "supabase"],
            &["serve", "--state", "etcd"],
            &["serve", "--agent", "gpt"],
            &["list", "--log-level", "awo=loud"],
        ],
    );
    settled(&setting).bind(|| insta::assert_snapshot!(text));
}

#[test]
fn bad_orders() {
    let setting = Setting::new();
    let text = transcript(
        &setting,
        &[
            &["show", "zz"],
            &["show", "deadbeef"],
            &["steps", "wo-00000000000000000000000000000000"],
            &["list", "--status", "done"],
            &["cancel", "deadbeef"],
            &["create", "x"],
            &["run", "--repo", "/nonexistent", "x"],
            &["run", "--repo", "https://user:token@example.org/o/r", "x"],
            &["run", "--repo", "https://example.org/o/r", "--select", "comit", "x"],
            &["run", "--repo", "https://example.org/o/r", "--select", "execute", "--issue", "x", " "],
            &["run", "--repo", "https://example.org/o/r", "--with", "tests", "x"],
            &["run", "--repo", "https://example.org/o/r", "--agent", "gpt", "x"],
        ],
    );
    settled(&setting).bind(|| insta::assert_snapshot!(text));
}

#[test]
fn bad_settings() {
    let setting = Setting::new();
    let mut text = transcript(&setting, &[&["list", "--config", "missing.toml"]]);
    for content in [
        "datadir = \"x\"",
        "max_running = 0",
        "bind = \"here\"",
        "[",
        "step_timeout_seconds = \"soon\"",
        "state = \"postgres\"\n[database]\nurl = \"mysql://awo:secret@127.0.0.1/awo\"",
        "state = \"postgres\"\n[database]\nurl = \"postgres://awo:secret@127.0.0.1:1/awo\"",
        "state = \"postgres\"\n[database]\nurl = \"postgres://127.0.0.1:1/awo\"\nschema = \"public\"",
        "state = \"postgres\"\n[database]\nurl = \"postgres://127.0.0.1:1/awo\"\npool_size = 1",
    ] {
        let file = setting.program.place().join("awo.toml");
        std::fs::write(&file, content).unwrap();
        let _ = writeln!(text, "# {content}");
        text.push_str(&transcript(&setting, &[&["list", "--config", file.to_str().unwrap()]]));
    }
    for (name, value) in [
        ("STATE_STORAGE_TYPE", "supabase"),
        ("AWO_MAX_RUNNING", "many"),
        ("CLAUDE_CLI_SKIP_PERMISSIONS", "perhaps"),
        ("AWO_BIND", "here"),
    ] {
        let told = Told::from(setting.program.command(["list"]).env(name, value).output().unwrap());
        let _ = writeln!(text, "# {name}={value}\n{}{}[{}]\n", told.out, told.err, told.code.unwrap());
    }
    settled(&setting).bind(|| insta::assert_snapshot!(text));
}

#[test]
fn wrong_places() {
    let setting = Setting::new();
    let server = setting.program.serve();
    let text = transcript(
        &setting,
        &[
            &["serve", "--bind", server.address().trim_start_matches("http://"), "--data-dir", "other"],
            &["serve", "--bind", "127.0.0.1:0"],
            &["list", "--data-dir", "never-used"],
            &["list", "--data-dir", "/dev/null"],
            &["serve", "--bind", "127.0.0.1:0", "--data-dir", "/dev/null"],
        ],
    );
    settled(&setting).bind(|| insta::assert_snapshot!(text));
}
