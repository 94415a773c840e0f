//! Owns the words that agents are told: built-in prompts, and the files that replace them.
//!
//! A prompt is Markdown with placeholders: `{{ user_request }}` and the like by name, or `$1` … `$12` by position and
//! `$ARGUMENTS` for all of them, joined by `, ` and empty ones left out. `\$1` stands for the characters `$1`.
//! *Invariant*: values are opaque. Nothing in a value is expanded, and no value can close a tag named like an input.

mod builtin;
mod data;
mod placeholders;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use awo_engine::ports::{PromptError, PromptSource};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use builtin::{BUILT_IN, inputs_of};
use placeholders::{argument, checked_source};

/// Bounds the work of a template: a loop in a file of prompts must not hang the server.
const FUEL: u64 = 100_000;
/// Longest file of a prompt, in bytes.
const LONGEST: u64 = 256 << 10;

/// The built-in prompts, of which files in a directory may replace any and add others.
#[derive(Debug)]
pub struct PromptFiles {
    templates: Environment<'static>,
    /// Where each prompt comes from.
    places: BTreeMap<String, String>,
    directory: Option<PathBuf>,
}

/// A prompt cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PromptLoadError {
    /// The directory or a file in it cannot be read.
    #[error("cannot read prompts from {path}")]
    Unreadable {
        /// The directory or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The text is not a prompt.
    #[error("{place} is not a prompt: {reason}")]
    Broken {
        /// File and line.
        place: String,
        /// What is wrong, and the cure.
        reason: String,
    },
}

impl PromptFiles {
    /// Loads and checks all prompts; `{name}.md` in `directory` is used instead of the built-in prompt of that name.
    ///
    /// A file that is no replacement and no prompt either (a README, perhaps) is passed over with a warning.
    pub fn new(directory: Option<PathBuf>) -> Result<Self, PromptLoadError> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_auto_escape_callback(|_| AutoEscape::None);
        templates.set_fuel(Some(FUEL));
        let mut prompts = Self { templates, places: BTreeMap::new(), directory };
        for (name, text) in BUILT_IN {
            prompts.add(name, text, &format!("built-in prompt {name}"))?;
        }
        for path in prompts.files()? {
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            let added = read(&path).and_then(|text| prompts.add(name, &text, &path.display().to_string()));
            match added {
                Err(error) if inputs_of(name).is_none() => tracing::warn!(%error, "a file is passed over"),
                added => added?,
            }
        }
        Ok(prompts)
    }

    /// The Markdown files of the directory, sorted.
    fn files(&self) -> Result<Vec<PathBuf>, PromptLoadError> {
        let Some(directory) = &self.directory else {
            return Ok(Vec::new());
        };
        let unreadable = |source| PromptLoadError::Unreadable { path: directory.clone(), source };
        let mut files = Vec::new();
        for file in std::fs::read_dir(directory).map_err(unreadable)? {
            let path = file.map_err(unreadable)?.path();
            if path.extension().is_some_and(|extension| extension == "md") {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    fn add(&mut self, name: &str, text: &str, place: &str) -> Result<(), PromptLoadError> {
        let broken = |line: usize, reason: String| PromptLoadError::Broken { place: format!("{place}:{line}"), reason };
        let source = checked_source(text, inputs_of(name)).map_err(|(line, reason)| broken(line, reason))?;
        self.templates
            .add_template_owned(name.to_owned(), source)
            .map_err(|error| broken(error.line().unwrap_or(1), told(&error)))?;
        let variables =
            self.templates.get_template(name).map(|template| template.undeclared_variables(false)).unwrap_or_default();
        placeholders::check_names(text, variables, inputs_of(name)).map_err(|(line, reason)| broken(line, reason))?;
        // Twice, so that both sides of a condition on an input are gone through.
        for value in ["value", ""] {
            let inputs = builtin::ALL.map(|input| (input.as_str(), value.to_owned()));
            self.rendered(name, &inputs).map_err(|error| broken(error.line().unwrap_or(1), told(&error)))?;
        }
        self.places.insert(name.to_owned(), place.to_owned());
        Ok(())
    }

    fn rendered(&self, name: &str, inputs: &[(&'static str, String)]) -> Result<String, minijinja::Error> {
        let values: Vec<_> = inputs.iter().map(|(name, value)| (*name, data::opaque(value))).collect();
        // An input that the step does not give is empty; one that no step gives was refused when it was loaded.
        let mut context: BTreeMap<String, String> = builtin::ALL
            .iter()
            .map(|input| (input.as_str().to_owned(), String::new()))
            .chain((1..=placeholders::MOST).map(|number| (argument(number), String::new())))
            .collect();
        for (index, (name, value)) in values.iter().enumerate() {
            context.insert((*name).to_owned(), value.clone());
            context.insert(argument(index + 1), value.clone());
        }
        let given: Vec<_> = values.iter().map(|(_, value)| value.as_str()).filter(|value| !value.is_empty()).collect();
        context.insert(placeholders::ARGUMENTS.to_owned(), given.join(", "));
        self.templates.get_template(name)?.render(context)
    }
}

impl PromptSource for PromptFiles {
    fn render(&self, name: &str, inputs: &[(&'static str, String)]) -> Result<String, PromptError> {
        let Some(place) = self.places.get(name) else {
            let place = match &self.directory {
                Some(directory) => format!("{} or among those built in", directory.display()),
                None => "those built in".to_owned(),
            };
            return Err(PromptError::Unknown { name: name.to_owned(), place });
        };
        self.rendered(name, inputs).map_err(|error| PromptError::Broken {
            name: name.to_owned(),
            place: format!("{place}:{}", error.line().unwrap_or(1)),
            reason: told(&error),
        })
    }
}

fn read(path: &Path) -> Result<String, PromptLoadError> {
    let unreadable = |source| PromptLoadError::Unreadable { path: path.to_owned(), source };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > LONGEST {
        return Err(unreadable(io::Error::other(format!("it has {length} bytes, more than {LONGEST}"))));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

/// What an error of the template library says, in its own words but without the place.
fn told(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()))
}
