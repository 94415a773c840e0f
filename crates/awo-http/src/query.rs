//! Reads a query string: known names only, every problem at once.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::extract::Query;
use axum::http::Uri;
use serde_json::{Value, json};

use crate::nearest::nearest;
use crate::problem::{InputError, Problem};

/// The parameters of a query string that nobody has asked for yet.
#[derive(Debug)]
pub(crate) struct Parameters {
    left: Vec<(String, String)>,
    known: Vec<&'static str>,
    errors: Vec<InputError>,
}

impl Parameters {
    pub(crate) fn of(uri: &Uri) -> Self {
        // A query that is not form-encoded has no parameters; whatever is in it was not meant for us.
        let left = Query::<Vec<(String, String)>>::try_from_uri(uri).map(|query| query.0).unwrap_or_default();
        Self { left, known: Vec::new(), errors: Vec::new() }
    }

    /// All values of a parameter, each of which is `expected`.
    pub(crate) fn all<T: FromStr<Err: Display>>(&mut self, name: &'static str) -> Vec<T> {
        self.known.push(name);
        let (mine, left) = std::mem::take(&mut self.left).into_iter().partition(|(key, _)| key == name);
        self.left = left;
        let mine: Vec<(String, String)> = mine;
        let mut values = Vec::new();
        for (_, text) in mine {
            match text.parse::<T>() {
                Ok(value) => values.push(value),
                Err(reason) => self.refuse(name, "value_error", reason.to_string(), &text),
            }
        }
        values
    }

    /// The value of a parameter that may be there once.
    pub(crate) fn one<T: FromStr<Err: Display>>(&mut self, name: &'static str) -> Option<T> {
        let mut values = self.all(name);
        if values.len() > 1 {
            self.refuse(name, "value_error", "is given more than once".into(), "");
        }
        values.pop()
    }

    /// A number of a parameter that may be there once.
    pub(crate) fn number<T: FromStr<Err: Display> + PartialOrd + Display + Clone>(
        &mut self,
        name: &'static str,
        range: RangeInclusive<T>,
    ) -> Option<T> {
        let (least, most) = range.clone().into_inner();
        let text: String = self.one(name)?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            self.refuse(name, "value_error", format!("must be a number from {least} to {most}"), &text);
        }
        number
    }

    /// The number of an event, a version or a line of a log: as large as their stores count.
    pub(crate) fn place(&mut self, name: &'static str) -> Option<u64> {
        self.number(name, 0..=i64::MAX.unsigned_abs())
    }

    /// Ends the reading: an error if anything was wrong or left over.
    pub(crate) fn finish(mut self, lenient: bool) -> Result<(), Problem> {
        if !lenient {
            for (name, text) in std::mem::take(&mut self.left) {
                let hint = nearest(&name, self.known.iter().copied());
                let hint = hint.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
                let known = self.known.join(", ");
                self.refuse(
                    &name,
                    "extra_forbidden",
                    format!("is not a parameter of this path, which has {known}{hint}"),
                    &text,
                );
            }
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }

    /// Says what is wrong with a parameter.
    pub(crate) fn refuse(&mut self, name: &str, kind: &'static str, msg: String, input: &str) {
        let shorten = |text: &str| text.chars().take(200).collect::<String>();
        let input = (!input.is_empty()).then(|| Value::from(shorten(input)));
        self.errors.push(InputError { loc: vec![json!("query"), shorten(name).into()], msg, kind, input });
    }
}
