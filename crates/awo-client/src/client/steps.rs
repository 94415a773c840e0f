//! The steps of an order, and its log.

use super::Client;
use crate::call::{Asked, Call};
use crate::following::{Following, Numbered};
use crate::operation::Operation;
use crate::types::{LogPage, StepHistory};

/// When the steps of an order are of interest.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StepsQuery {
    /// The version that is known.
    pub after: Option<u64>,
    /// Seconds to wait for a newer one, up to 60.
    pub wait: Option<f64>,
}

/// Which lines of a log are of interest. The default is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Only lines of one of these levels; empty is all.
    pub level: Vec<String>,
    /// Only lines about this step.
    pub step: Option<String>,
    /// Only lines of this time (RFC 3339) or later.
    pub since: Option<String>,
    /// Only lines that contain this.
    pub text: Option<String>,
}

impl LogQuery {
    fn on(&self, asked: Asked) -> Asked {
        let asked = self.level.iter().fold(asked, |asked, level| asked.query("level", Some(level)));
        let asked = asked.query("step", self.step.as_ref()).query("since", self.since.as_ref());
        asked.query("q", self.text.as_ref())
    }
}

impl Client {
    /// Gets the steps of an order, at once or when there is something new.
    pub fn list_steps(&self, id: &str, when: StepsQuery) -> Call<StepHistory> {
        let asked = Asked::new(Operation::ListSteps, &[id]);
        Call::json(self, asked.query("wait", when.wait).query("after", when.after))
    }

    /// Gets lines of an order's log, oldest first, a page at a time.
    pub fn list_logs(&self, id: &str, which: &LogQuery, limit: Option<u64>, offset: Option<u64>) -> Call<LogPage> {
        let asked = Asked::new(Operation::ListLogs, &[id]).query("limit", limit).query("offset", offset);
        Call::json(self, which.on(asked))
    }

    /// Follows an order's log from its beginning, or after a number. It does not end by itself.
    pub fn follow_logs(&self, id: &str, which: &LogQuery, after: Option<u64>) -> Following {
        let asked = which.on(Asked::new(Operation::FollowLogs, &[id]));
        Following::new(self, asked, after.map(|after| after.to_string()), Numbered::No)
    }
}
