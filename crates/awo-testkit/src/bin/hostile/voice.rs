//! How it speaks: in the format of an agent program, or in plain lines.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};

/// A way to speak.
pub(crate) enum Voice {
    Plain,
    /// `claude --print --output-format stream-json`.
    Claude {
        session: String,
    },
    /// `codex exec --json`.
    Codex,
    /// `gemini --output-format stream-json`.
    Gemini,
    /// `opencode run --format json`.
    OpenCode,
    /// A program that is described as printing lines of JSON.
    Lines,
}

impl Voice {
    /// The one that the arguments ask for.
    pub(crate) fn of(arguments: &[String]) -> Self {
        let given = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
        if given("--print") {
            let session = arguments.iter().skip_while(|argument| *argument != "--session-id").nth(1);
            return Self::Claude { session: session.cloned().unwrap_or_default() };
        }
        match arguments.first().map(String::as_str) {
            Some("exec") => Self::Codex,
            Some("run") => Self::OpenCode,
            Some("--lines") => Self::Lines,
            _ if given("--output-format") => Self::Gemini,
            _ => Self::Plain,
        }
    }

    /// Hears what is asked, if the protocol says so, and introduces itself.
    pub(crate) fn begin(&self) {
        if let Self::Plain = self {
            return;
        }
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        match self {
            Self::Plain => {}
            Self::Claude { session } => {
                tell(&json!({"type": "system", "subtype": "init", "session_id": session}));
            }
            Self::Codex => {
                tell(&json!({"type": "thread.started", "thread_id": "s-1"}));
                tell(&json!({"type": "turn.started"}));
            }
            Self::Gemini => tell(&json!({"type": "init", "session_id": "s-1", "model": "m"})),
            Self::OpenCode => tell(&json!({"type": "step_start", "sessionID": "s-1", "part": {}})),
            Self::Lines => tell(&json!({"event": "begin", "session": "s-1"})),
        }
    }

    /// A line that says something.
    pub(crate) fn line(&self, words: &str) -> String {
        let message = match self {
            Self::Plain => return format!("{words}\n"),
            Self::Claude { .. } => {
                json!({"type": "assistant", "message": {"content": [{"type": "text", "text": words}]}})
            }
            Self::Codex => {
                json!({"type": "item.completed", "item": {"id": "i", "type": "agent_message", "text": words}})
            }
            Self::Gemini => json!({"type": "message", "role": "assistant", "content": words, "delta": true}),
            Self::OpenCode => json!({"type": "text", "sessionID": "s-1", "part": {"text": words}}),
            Self::Lines => json!({"event": "say", "words": words}),
        };
        line(&message)
    }

    pub(crate) fn say(&self, words: &str) {
        write(&self.line(words));
    }

    /// Begins to use a tool.
    pub(crate) fn tool(&self) {
        let command = json!({"command": "make"});
        match self {
            Self::Plain => self.say("using a tool"),
            Self::Claude { .. } => {
                let used = json!({"type": "tool_use", "id": "t-1", "name": "Bash", "input": command});
                tell(&json!({"type": "assistant", "message": {"content": [used]}}));
            }
            Self::Codex => {
                let item = json!({"id": "t-1", "type": "command_execution", "command": "make"});
                tell(&json!({"type": "item.started", "item": item}));
            }
            Self::Gemini => {
                tell(&json!({"type": "tool_use", "tool_name": "shell", "tool_id": "t-1", "parameters": command}));
            }
            Self::OpenCode => {
                let part = json!({"tool": "bash", "state": {"status": "running", "input": command}});
                tell(&json!({"type": "tool_use", "sessionID": "s-1", "part": part}));
            }
            Self::Lines => tell(&json!({"event": "tool", "name": "shell"})),
        }
    }

    /// Gives its final result.
    pub(crate) fn answer(&self, words: &str) {
        match self {
            Self::Plain => self.say(words),
            Self::Claude { session } => tell(&json!({
                "type": "result", "subtype": "success", "is_error": false, "session_id": session, "result": words,
            })),
            Self::Codex => {
                self.say(words);
                tell(&json!({"type": "turn.completed", "usage": {"input_tokens": 100, "output_tokens": 20}}));
            }
            Self::Gemini => {
                self.say(words);
                tell(&json!({"type": "result", "status": "success", "stats": {"input": 100, "output_tokens": 20}}));
            }
            Self::OpenCode => {
                self.say(words);
                let part = json!({"reason": "stop", "tokens": {"input": 1}, "cost": 0.1});
                tell(&json!({"type": "step_finish", "sessionID": "s-1", "part": part}));
            }
            Self::Lines => {
                self.say(words);
                tell(&json!({"event": "done"}));
            }
        }
    }
}

fn line(message: &Value) -> String {
    format!("{message}\n")
}

fn tell(message: &Value) {
    write(&line(message));
}

fn write(line: &str) {
    // Nobody may read any more.
    let mut out = std::io::stdout();
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}
