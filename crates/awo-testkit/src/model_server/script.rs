//! Owns which step a request gets: rules that choose by the prompt, and the count of turns.

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use super::dialect::Talk;
use super::step::Step;

/// What a model says to whom. The first rule that fits is taken, else the default.
///
/// Of a rule, the step is taken whose number is the count of the model's turns since the last prompt of a user, and the
/// last step is repeated. So a step with a tool is followed by the next one as soon as the tool's result comes.
///
/// ```
/// use awo_testkit::{Script, Step};
/// use serde_json::json;
/// let script = Script::answering("I do not know that.").on(
///     "^Write a poem",
///     [Step::using("Write", json!({"file_path": "/tmp/poem", "content": "Roses"})), Step::saying("It is written.")],
/// );
/// # let _ = script;
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    #[serde(default)]
    rules: Vec<Rule>,
    #[serde(default = "unknown")]
    default: Vec<Step>,
}

/// Whom steps are for: every pattern that is given must be found.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(default)]
    name: Option<String>,
    #[serde(default, rename = "match")]
    prompt: Option<Pattern>,
    #[serde(default)]
    model: Option<Pattern>,
    #[serde(default)]
    system: Option<Pattern>,
    steps: Vec<Step>,
}

/// A script that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the script of a model")]
pub struct ScriptError(#[from] serde_json::Error);

/// The step for a request, and how it was found.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    pub(super) rule: String,
    pub(super) index: usize,
    pub(super) step: &'a Step,
}

/// A rule without steps has this one.
static NOTHING: Step = Step::nothing();

impl Script {
    /// Says the text to everybody.
    pub fn answering(text: &str) -> Self {
        Self { rules: Vec::new(), default: vec![Step::saying(text)] }
    }

    /// Takes the steps for everybody.
    pub fn of(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { rules: Vec::new(), default: steps.into_iter().collect() }
    }

    /// Adds a rule: steps for prompts in which the regular expression is found.
    ///
    /// # Panics
    /// If the expression is none.
    pub fn on(mut self, prompt: &str, steps: impl IntoIterator<Item = Step>) -> Self {
        let prompt = Pattern::new(prompt).expect("a regular expression");
        let steps = steps.into_iter().collect();
        self.rules.push(Rule { name: Some(prompt.0.to_string()), prompt: Some(prompt), steps, ..Rule::default() });
        self
    }

    /// Reads a script: `{"rules": [{"match": "…", "steps": [{"text": "…"}]}], "default": [{"text": "…"}]}`.
    pub fn from_json(text: &str) -> Result<Self, ScriptError> {
        Ok(serde_json::from_str(text)?)
    }

    pub(super) fn choose(&self, talk: &Talk) -> Choice<'_> {
        let fitting = self.rules.iter().enumerate().find(|(_, rule)| rule.fits(talk));
        let (rule, steps) = match fitting {
            Some((number, rule)) => (rule.name.clone().unwrap_or_else(|| format!("rule {number}")), &rule.steps),
            None => ("default".to_owned(), &self.default),
        };
        let index = talk.depth.min(steps.len().saturating_sub(1));
        Choice { rule, index, step: steps.get(index).unwrap_or(&NOTHING) }
    }
}

impl Rule {
    fn fits(&self, talk: &Talk) -> bool {
        let texts = [(&self.prompt, &talk.prompt), (&self.model, &talk.model), (&self.system, &talk.system)];
        texts.iter().all(|(pattern, text)| pattern.as_ref().is_none_or(|pattern| pattern.0.is_match(text)))
    }
}

/// A regular expression; `.` is any character, also the end of a line.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
struct Pattern(Regex);

impl Pattern {
    fn new(text: &str) -> Result<Self, regex::Error> {
        RegexBuilder::new(text).dot_matches_new_line(true).build().map(Self)
    }
}

impl TryFrom<String> for Pattern {
    type Error = regex::Error;

    fn try_from(text: String) -> Result<Self, regex::Error> {
        Self::new(&text)
    }
}

fn unknown() -> Vec<Step> {
    vec![Step::saying("no rule of the script fits")]
}
