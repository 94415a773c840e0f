//! Settings of workers that share the orders of one database.

use std::sync::Arc;
use std::time::Duration;

use awo_engine::{LABEL_RULE, LeaseLimits, LeaseTerms, is_label};
use serde::Deserialize;

/// Where the state after each step is kept, besides the checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Kept {
    /// On this machine.
    #[default]
    Local,
    /// On the order's remote, too.
    Remote,
}

impl TryFrom<String> for Kept {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "local" => Ok(Self::Local),
            "remote" => Ok(Self::Remote),
            _ => Err(format!("{word:?} is no place for checkpoints; there are local and remote")),
        }
    }
}

/// How long leases live that nobody set: of workers that share orders, and of one that is the only one, which then works
/// through an outage of nearly two minutes.
const LEASE: Duration = Duration::from_secs(15);
const LEASE_ALONE: Duration = Duration::from_mins(3);

/// The table `[workers]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Workers {
    /// Whether this process runs orders; `awo serve --no-run` says that it does not.
    pub(crate) run_orders: bool,
    /// Labels of this worker; orders may ask for some.
    pub(crate) labels: Vec<String>,
    lease_seconds: Option<u64>,
    max_per_repository: Option<usize>,
    max_per_agent: Option<usize>,
}

impl Default for Workers {
    fn default() -> Self {
        Self {
            run_orders: true,
            labels: Vec::new(),
            lease_seconds: None,
            max_per_repository: None,
            max_per_agent: None,
        }
    }
}

impl Workers {
    /// What a worker on a machine of this name agrees to; or what cannot be used, with the cure.
    pub(crate) fn terms(&self, host: &str) -> Result<LeaseTerms, String> {
        if let Some(label) = self.labels.iter().find(|label| !is_label(label)) {
            return Err(format!("workers.labels has {label:?}, which is not a label: {LABEL_RULE}"));
        }
        if let Some(seconds) = self.lease_seconds.filter(|seconds| !(3..=3600).contains(seconds)) {
            return Err(format!("workers.lease_seconds is {seconds}; give 3 to 3600 seconds"));
        }
        let (lease, lease_alone) = match self.lease_seconds {
            Some(seconds) => (Duration::from_secs(seconds), Duration::from_secs(seconds)),
            None => (LEASE, LEASE_ALONE),
        };
        for (name, most) in [("max_per_repository", self.max_per_repository), ("max_per_agent", self.max_per_agent)] {
            if most == Some(0) {
                return Err(format!("workers.{name} is 0, so that nothing would run; leave it out, or give 1 or more"));
            }
        }
        Ok(LeaseTerms {
            runs_orders: self.run_orders,
            host: host.into(),
            labels: self.labels.iter().map(|label| Arc::from(label.as_str())).collect(),
            lease,
            lease_alone,
            limits: LeaseLimits { per_repository: self.max_per_repository, per_agent: self.max_per_agent },
            ..LeaseTerms::default()
        })
    }
}
