//! A real terminal with a program in it, as a person has one: what it shows can be read, keys can be pressed, and it can be made
//! wider and narrower. It is `tmux`, with a server of its own.

#![expect(clippy::missing_panics_doc, reason = "a terminal that cannot be had as described proves nothing")]

use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::skipping::skipped;
use crate::waiting::eventually;

/// The program that plays the terminal.
const TMUX: &str = "tmux";

/// A terminal. Dropping it closes it, as closing its window would.
#[derive(Debug)]
pub struct Terminal {
    place: tempfile::TempDir,
}

impl Terminal {
    /// Runs a command line in a terminal of so many columns and rows, in a shell that shows its exit code as `[n]` at the end
    /// and waits. `None`, which is said, where there is no `tmux`.
    pub fn open(command: &Command, columns: u16, rows: u16) -> Option<Self> {
        Self::open_with(command, "", columns, rows)
    }

    /// The same with something behind the command, such as a pipe.
    pub fn open_with(command: &Command, behind: &str, columns: u16, rows: u16) -> Option<Self> {
        if Command::new(TMUX).arg("-V").output().is_err() {
            skipped("tmux is not installed");
            return None;
        }
        let terminal = Self { place: tempfile::tempdir().expect("a temporary directory") };
        let script = terminal.place.path().join("script");
        // Ctrl-C is for the command, not for this shell. Of a pipe, the last code is known.
        std::fs::write(&script, format!("trap : INT\n{}{behind}\necho \"[$?]\"\nread -r nothing\n", line(command)))
            .expect("a script");
        let size = [columns.to_string(), rows.to_string()];
        let script = format!("exec sh {}", quoted(script.to_str().expect("a path in UTF-8")));
        terminal.tmux(&["new-session", "-d", "-x", &size[0], "-y", &size[1], &script]);
        Some(terminal)
    }

    /// What it shows: its lines, without blanks at their ends and without empty ones at the end.
    pub fn shown(&self) -> String {
        let shown = self.tmux(&["capture-pane", "-p"]);
        let lines: Vec<_> = shown.lines().map(str::trim_end).collect();
        lines.join("\n").trim_end().to_owned()
    }

    /// The same with the codes of its colours.
    pub fn painted(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"])
    }

    /// Waits until it shows some words; all that it shows then.
    #[track_caller]
    pub fn shows(&self, words: &str) -> String {
        self.eventually(words, |shown| shown.contains(words))
    }

    /// Waits until what it shows is right; all of it.
    #[track_caller]
    pub fn eventually(&self, what: &str, is_right: impl Fn(&str) -> bool) -> String {
        eventually(&Missing { what, terminal: self }, || Some(self.shown()).filter(|shown| is_right(shown)))
    }

    /// Presses keys, as `tmux` calls them: `C-c`, `Enter`, `q`.
    pub fn press(&self, keys: &str) {
        self.tmux(&["send-keys", keys]);
    }

    /// Makes it so wide and high.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    fn socket(&self) -> PathBuf {
        self.place.path().join("socket")
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command(arguments).output().expect("tmux starts");
        assert!(status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8_lossy(&stdout).into_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(TMUX);
        command
            .args(["-u", "-f", "/dev/null", "-S"])
            .arg(self.socket())
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .env_remove("TMUX")
            .stdin(Stdio::null());
        command
    }
}

/// What did not come, and what is there instead.
struct Missing<'a> {
    what: &'a str,
    terminal: &'a Terminal,
}

impl fmt::Display for Missing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; the terminal shows:\n{}", self.what, self.terminal.shown())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).output();
    }
}

/// A command as a line of a shell, with its directory and nothing but its own variables.
fn line(command: &Command) -> String {
    let mut line = String::new();
    if let Some(directory) = command.get_current_dir() {
        let _ = write!(line, "cd {} && ", quoted(&directory.to_string_lossy()));
    }
    line.push_str("env -i TERM=\"$TERM\"");
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            let _ = write!(line, " {}", quoted(&format!("{}={}", name.to_string_lossy(), value.to_string_lossy())));
        }
    }
    for word in std::iter::once(command.get_program()).chain(command.get_args()) {
        let _ = write!(line, " {}", quoted(&word.to_string_lossy()));
    }
    line
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
