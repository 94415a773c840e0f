//! The table of the fields of a request: their names, what may be in them, and what is not built yet.

use awo_engine::{COMMANDS, OPTIONAL_STEPS, PRIORITIES};

/// One field.
#[derive(Debug)]
pub(crate) struct Field {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) kind: Kind,
    pub(super) doc: &'static str,
}

/// What may be in a field.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Text.
    Text,
    /// Text, or a whole number that is read as text.
    TextOrNumber,
    /// One of some words; `later` are known and not built yet.
    Word { available: &'static [&'static str], later: &'static [&'static str], default: Option<&'static str> },
    /// A list of some words.
    Words(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A whole number from 0.
    Whole,
    /// A whole number within a range.
    Within(std::ops::RangeInclusive<i16>),
    /// A number above 0.
    Positive,
    /// A switch, with its position if nothing is said.
    Switch(bool),
    /// An object with fields of its own.
    Object(&'static [Field]),
}

impl Field {
    /// A field for text.
    pub(crate) const fn text(name: &'static str, required: bool, doc: &'static str) -> Self {
        Self { name, required, kind: Kind::Text, doc }
    }

    /// A field that may be left out.
    pub(crate) const fn optional(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name, required: false, kind, doc }
    }
}

/// The fields of `POST /`.
pub(super) const FIELDS: &[Field] = &[
    Field {
        name: "repository_url",
        required: true,
        kind: Kind::Text,
        doc: "Address of the repository, without a password or token.",
    },
    Field { name: "user_request", required: true, kind: Kind::Text, doc: "What is wanted, in a person's words." },
    Field::optional(
        "sandbox_type",
        Kind::Word {
            available: &["git_branch", "git_worktree"],
            later: &["e2b", "dagger"],
            default: Some("git_worktree"),
        },
        "Kind of checkout.",
    ),
    Field::optional(
        "workflow_type",
        Kind::Word { available: &["agent_workflow_plan"], later: &[], default: Some("agent_workflow_plan") },
        "Built-in workflow. Not together with `selected_commands`.",
    ),
    Field::optional("selected_commands", Kind::Words(&COMMANDS), "Commands to run, in order, instead of a workflow."),
    Field::optional("optional_steps", Kind::Words(&OPTIONAL_STEPS), "Optional steps of the workflow that are wanted."),
    Field::optional("github_issue_number", Kind::TextOrNumber, "Issue that the request is about."),
    Field::optional("agent", Kind::Text, "Agent program; the server's default if absent."),
    Field::optional("model", Kind::Text, "Model for it; left to the program if absent."),
    Field::optional(
        "isolation",
        Kind::Word {
            available: &["auto", "bubblewrap", "landlock", "none"],
            later: &["container"],
            default: Some("auto"),
        },
        "Walls around the order's processes; those of bubblewrap where it works, else none, if absent.",
    ),
    Field::optional(
        "network",
        Kind::Word { available: &["auto", "proxy", "off", "host"], later: &[], default: Some("auto") },
        "Network of the order's processes; `off` needs walls, `proxy` those of bubblewrap, and `auto` is the proxy within these.",
    ),
    Field::optional("base_branch", Kind::Text, "Branch to start from; the remote's default branch if absent."),
    Field::optional("limits", Kind::Object(LIMITS), "Limits of each step, and of the order as a whole."),
    Field::optional(
        "labels",
        Kind::Texts,
        "Labels that a worker must have to run it, at most 16, where several workers share the orders.",
    ),
    Field::optional(
        "priority",
        Kind::Within(PRIORITIES),
        "Orders of a higher one begin first, where several workers share the orders; 0 if absent.",
    ),
    Field::optional(
        "start",
        Kind::Switch(true),
        "Whether the order is queued at once; otherwise it is held until `POST /agent-work-orders/{id}/start`.",
    ),
];

const LIMITS: &[Field] = &[
    Field::optional("max_turns", Kind::Whole, "Turns of the agent in one step."),
    Field::optional("max_cost_usd", Kind::Positive, "Cost of one step in US dollars."),
    Field::optional("step_timeout_seconds", Kind::Positive, "Time in seconds that one step may be at work."),
    Field::optional(
        "silence_timeout_seconds",
        Kind::Positive,
        "Longest time in seconds that an agent may give no sign of life.",
    ),
    Field::optional(
        "max_attempts",
        Kind::Whole,
        "Attempts of each step, at most 10; failures that may pass are tried again.",
    ),
    Field::optional(
        "order",
        Kind::Object(ORDER_LIMITS),
        "What all steps may use together. When it is used up, no further step begins; a retry has all of it anew.",
    ),
];

const ORDER_LIMITS: &[Field] = &[
    Field::optional("max_turns", Kind::Whole, "Turns of its agents."),
    Field::optional(
        "max_tokens",
        Kind::Whole,
        "Tokens of its agents: input, output and what goes into the provider's cache.",
    ),
    Field::optional("max_cost_usd", Kind::Positive, "Cost in US dollars, as far as its agents tell it."),
    Field::optional(
        "timeout_seconds",
        Kind::Positive,
        "Time in seconds that its steps may be at work; time that it waits does not count.",
    ),
];

/// Whether a number is one that [`Kind::Whole`] takes.
pub(super) fn whole(value: &serde_json::Value) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok())
}

/// Whether a number is one that [`Kind::Within`] takes.
pub(super) fn within(value: &serde_json::Value, range: &std::ops::RangeInclusive<i16>) -> Option<i16> {
    value.as_i64().and_then(|number| i16::try_from(number).ok()).filter(|number| range.contains(number))
}

/// Whether a number is one that [`Kind::Positive`] takes; beyond a thousand million nothing here means anything.
pub(super) fn positive(value: &serde_json::Value) -> Option<f64> {
    value.as_f64().filter(|number| *number > 0.0 && *number <= 1e9)
}
