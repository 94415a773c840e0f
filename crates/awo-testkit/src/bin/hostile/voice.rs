//! How it speaks: as `claude` does, or in plain lines.

use std::io::{Read as _, Write as _};

use serde_json::json;

/// A way to speak.
pub(crate) enum Voice {
    Plain,
    /// `claude --print --output-format stream-json`.
    Claude {
        session: String,
    },
}

impl Voice {
    /// The one that the arguments ask for.
    pub(crate) fn of(arguments: &[String]) -> Self {
        if !arguments.iter().any(|argument| argument == "--print") {
            return Self::Plain;
        }
        let session = arguments.iter().skip_while(|argument| *argument != "--session-id").nth(1);
        Self::Claude { session: session.cloned().unwrap_or_default() }
    }

    /// Hears what is asked, if the protocol says so, and introduces itself.
    pub(crate) fn begin(&self) {
        if let Self::Claude { session } = self {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            write(&line(&json!({"type": "system", "subtype": "init", "session_id": session})));
        }
    }

    /// A line that says something.
    pub(crate) fn line(&self, words: &str) -> String {
        match self {
            Self::Plain => format!("{words}\n"),
            Self::Claude { .. } => {
                line(&json!({"type": "assistant", "message": {"content": [{"type": "text", "text": words}]}}))
            }
        }
    }

    pub(crate) fn say(&self, words: &str) {
        write(&self.line(words));
    }

    /// Begins to use a tool.
    pub(crate) fn tool(&self) {
        let used = json!({"type": "tool_use", "id": "t-1", "name": "Bash", "input": {"command": "make"}});
        match self {
            Self::Plain => self.say("using a tool"),
            Self::Claude { .. } => write(&line(&json!({"type": "assistant", "message": {"content": [used]}}))),
        }
    }

    pub(crate) fn answer(&self, words: &str) {
        match self {
            Self::Plain => self.say(words),
            Self::Claude { session } => write(&line(&json!({
                "type": "result", "subtype": "success", "is_error": false, "session_id": session, "result": words,
            }))),
        }
    }
}

fn line(message: &serde_json::Value) -> String {
    format!("{message}\n")
}

fn write(line: &str) {
    // Nobody may read any more.
    let mut out = std::io::stdout();
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}
