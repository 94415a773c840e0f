//! Settings of the files that orders are in, and of what is kept of orders that have ended.

use std::time::Duration;

use awo_engine::RetentionPolicy;
use awo_state::{Durability, FileOptions};
use serde::Deserialize;

/// The table `[file]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FileSettings {
    durability: Durable,
    sync_interval_ms: Option<u64>,
    keep_ended: Option<usize>,
    compact_from_bytes: Option<u64>,
    compact_percent: Option<u8>,
}

/// What an acknowledged save survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
enum Durable {
    #[default]
    Always,
    Interval,
    Os,
}

impl TryFrom<String> for Durable {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "always" => Ok(Self::Always),
            "interval" => Ok(Self::Interval),
            "os" => Ok(Self::Os),
            _ => Err(format!(
                "file.durability {word:?} is not one; there are always (on the device when it is answered), \
                 interval (a moment later) and os (when the system likes)"
            )),
        }
    }
}

/// Longest and usual interval, in milliseconds.
const LONGEST: u64 = 60_000;
const USUAL: u64 = 1_000;

impl FileSettings {
    /// As the files are opened with; or what cannot be used, with the cure.
    pub(crate) fn options(&self) -> Result<FileOptions, String> {
        let durability = match (self.durability, self.sync_interval_ms) {
            (Durable::Interval, ms) => match ms.unwrap_or(USUAL) {
                ms @ 1..=LONGEST => Durability::Interval(Duration::from_millis(ms)),
                ms => return Err(format!("file.sync_interval_ms is {ms}; give 1 to {LONGEST} milliseconds")),
            },
            (_, Some(_)) => {
                return Err(
                    "file.sync_interval_ms is for file.durability = \"interval\"; set that, or leave it out".into()
                );
            }
            (Durable::Always, None) => Durability::Always,
            (Durable::Os, None) => Durability::Os,
        };
        let usual = FileOptions::default();
        let compact_percent = self.compact_percent.unwrap_or(usual.compact_percent);
        if compact_percent > 100 {
            return Err(format!("file.compact_percent is {compact_percent}; give 0 to 100"));
        }
        Ok(FileOptions {
            durability,
            keep_ended: self.keep_ended.unwrap_or(usual.keep_ended),
            compact_from: self.compact_from_bytes.unwrap_or(usual.compact_from),
            compact_percent,
        })
    }
}

/// The table `[retention]`: what is not set is no limit.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Retention {
    max_age_days: Option<u32>,
    max_orders: Option<usize>,
    max_bytes: Option<u64>,
    every_minutes: Option<u32>,
}

impl Retention {
    /// The limits of the engine; or what cannot be used, with the cure.
    pub(crate) fn policy(&self) -> Result<RetentionPolicy, String> {
        for (name, zero) in [
            ("max_age_days", self.max_age_days == Some(0)),
            ("max_orders", self.max_orders == Some(0)),
            ("max_bytes", self.max_bytes == Some(0)),
        ] {
            if zero {
                return Err(format!(
                    "retention.{name} is 0, which would delete every order that ends; leave it out for no limit"
                ));
            }
        }
        let max_age = self.max_age_days.map(|days| Duration::from_hours(24) * days);
        Ok(RetentionPolicy { max_age, max_orders: self.max_orders, max_bytes: self.max_bytes })
    }

    /// How often a server applies them; or what cannot be used, with the cure.
    pub(crate) fn pause(&self) -> Result<Duration, String> {
        match self.every_minutes {
            Some(0) => Err("retention.every_minutes is 0; give 1 or more, or leave it out for every hour".to_owned()),
            Some(minutes) => Ok(Duration::from_mins(minutes.into())),
            None => Ok(awo_engine::Settings::default().retention_pause),
        }
    }
}
