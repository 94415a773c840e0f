//! Those who are told of orders, as the settings name them.

use std::sync::Arc;

use awo_adapters::{
    CommandRecipient, CommandSettings, ProcessTracker, WebhookRecipient, WebhookSettings, find_program,
};
use awo_engine::ports::Recipient;

use crate::exit::{BAD_INPUT, coded};
use crate::settings::Settings;

/// Variables of awo's environment that programs get which are told.
const VARIABLES: [&str; 5] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ"];

/// All of them; or which cannot be told, and why.
pub(crate) fn recipients(settings: &Settings) -> anyhow::Result<Vec<Arc<dyn Recipient>>> {
    let notify = &settings.notify;
    let trusted = notify.trusted_hosts().map_err(|reason| coded(BAD_INPUT, reason))?;
    let mut recipients: Vec<Arc<dyn Recipient>> = Vec::new();
    for (key, webhook) in &notify.webhooks {
        let name = format!("webhook-{key}");
        let refused = |reason: String| coded(BAD_INPUT, format!("notify.webhooks.{key}: {reason}"));
        let settings = WebhookSettings {
            url: webhook.url.clone(),
            secret_file: webhook.secret_file.clone(),
            trusted: trusted.clone(),
            wanted: webhook.wanted().map_err(refused)?,
        };
        let recipient = WebhookRecipient::new(&name, settings).map_err(|error| refused(error.to_string()))?;
        recipient.check_secret().map_err(|failure| refused(failure.to_string()))?;
        recipients.push(Arc::new(recipient));
    }
    let tracker: Arc<dyn ProcessTracker> = Arc::new(super::processes(settings));
    for (key, command) in &notify.commands {
        let refused = |reason: String| coded(BAD_INPUT, format!("notify.commands.{key}: {reason}"));
        let found = find_program(&command.program, std::env::var_os("PATH").as_deref());
        let program = found.ok_or_else(|| refused(format!("there is no program {}", command.program.display())))?;
        let variables = VARIABLES.iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?)));
        let told = CommandSettings {
            program,
            args: command.args.iter().map(Into::into).collect(),
            environment: variables.collect(),
            working_dir: settings.data_dir.clone(),
            time: command.timeout(),
            wanted: command.wanted().map_err(refused)?,
        };
        recipients.push(Arc::new(CommandRecipient::new(&format!("command-{key}"), told, Arc::clone(&tracker))));
    }
    Ok(recipients)
}
