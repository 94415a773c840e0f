//! Settings of who outside is told of orders.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use awo_adapters::{Hosts, Wanted};
use awo_models::NoticeKind;
use serde::Deserialize;

/// The table `[notify]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Notify {
    pub(crate) webhooks: BTreeMap<String, Webhook>,
    pub(crate) commands: BTreeMap<String, Command>,
    /// Hosts of webhooks that need neither be of the public internet nor speak TLS.
    trusted_hosts: Vec<String>,
    give_up_after_hours: u32,
}

/// A table `[notify.webhooks.NAME]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhook {
    pub(crate) url: String,
    /// File that holds the secret and nothing else.
    pub(crate) secret_file: PathBuf,
    /// Without it, it is told of all.
    events: Option<Vec<String>>,
}

/// A table `[notify.commands.NAME]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Command {
    pub(crate) program: PathBuf,
    #[serde(default)]
    pub(crate) args: Vec<String>,
    #[serde(default = "default_timeout")]
    timeout_seconds: u64,
    events: Option<Vec<String>>,
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            webhooks: BTreeMap::new(),
            commands: BTreeMap::new(),
            trusted_hosts: Vec::new(),
            give_up_after_hours: 24,
        }
    }
}

impl Notify {
    /// What cannot be used.
    pub(super) fn check(&mut self) -> Result<(), String> {
        self.trusted_hosts().map(|_| ())?;
        let name = |name: &str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            let fits = (1..=64).contains(&name.len()) && name.bytes().all(plain);
            fits.then_some(())
                .ok_or_else(|| format!("notify: {name:?} cannot be a name; use 1 to 64 letters, digits, - and _"))
        };
        for (key, webhook) in &mut self.webhooks {
            name(key)?;
            wanted(webhook.events.as_deref()).map_err(|error| format!("notify.webhooks.{key}.events: {error}"))?;
            let file = std::path::absolute(&webhook.secret_file);
            webhook.secret_file = file.map_err(|error| format!("notify.webhooks.{key}.secret_file: {error}"))?;
        }
        for (key, command) in &self.commands {
            name(key)?;
            wanted(command.events.as_deref()).map_err(|error| format!("notify.commands.{key}.events: {error}"))?;
            if command.timeout_seconds == 0 {
                return Err(format!("notify.commands.{key}.timeout_seconds is 0; a program needs time, such as 30"));
            }
        }
        Ok(())
    }

    pub(crate) fn trusted_hosts(&self) -> Result<Hosts, String> {
        Hosts::new(&self.trusted_hosts).map_err(|error| format!("notify.trusted_hosts: {error}"))
    }

    pub(crate) fn give_up_after(&self) -> Duration {
        Duration::from_hours(self.give_up_after_hours.into())
    }
}

impl Webhook {
    pub(crate) fn wanted(&self) -> Result<Wanted, String> {
        wanted(self.events.as_deref())
    }
}

impl Command {
    pub(crate) fn wanted(&self) -> Result<Wanted, String> {
        wanted(self.events.as_deref())
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }
}

fn default_timeout() -> u64 {
    30
}

fn wanted(events: Option<&[String]>) -> Result<Wanted, String> {
    let Some(events) = events else { return Ok(Wanted::default()) };
    let kinds: Result<Vec<NoticeKind>, _> = events.iter().map(|event| event.parse()).collect();
    kinds.map(Wanted).map_err(|error| error.to_string())
}
