//! `awo notify test`: tells those who are told of orders that nothing happened, to see whether it arrives.

use std::process::ExitCode;

use awo_engine::ports::{Clock as _, SystemClock};
use awo_models::Notice;
use serde_json::json;

use crate::cli::{NotifyCommand, NotifyTest};
use crate::exit::{BAD_INPUT, FAILED, coded};
use crate::orders::print_json;
use crate::settings::Settings;
use crate::terminal::say;
use crate::wiring;

pub(crate) async fn run(settings: &Settings, command: &NotifyCommand, as_json: bool) -> anyhow::Result<ExitCode> {
    let NotifyCommand::Test(NotifyTest { name }) = command;
    // Programs run there; a server may not have made it yet.
    std::fs::create_dir_all(&settings.data_dir)
        .map_err(|error| coded(BAD_INPUT, format!("cannot use {}: {error}", settings.data_dir.display())))?;
    let all = wiring::recipients(settings)?;
    let names: Vec<String> = all.iter().map(|recipient| recipient.name().to_owned()).collect();
    let chosen = |recipient: &str| {
        name.as_ref().is_none_or(|name| recipient.split_once('-').is_some_and(|(_, own)| own == name))
    };
    let chosen: Vec<_> = all.into_iter().filter(|recipient| chosen(recipient.name())).collect();
    if chosen.is_empty() {
        let told = match name {
            Some(name) => format!("nobody of the name {name:?} is told; there are: {}", names.join(", ")),
            None => "nobody is told; name somebody in the settings file, such as [notify.webhooks.NAME]".to_owned(),
        };
        return Err(coded(BAD_INPUT, told));
    }
    let clock = SystemClock::default();
    let mut lines = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for recipient in chosen {
        let answer = recipient.tell(&Notice::test(clock.now(), clock.random()), clock.now()).await;
        let problem = answer.err().map(|failure| failure.message);
        if problem.is_some() {
            code = ExitCode::from(FAILED);
        }
        if as_json {
            lines.push(json!({"name": recipient.name(), "told": problem.is_none(), "problem": problem}));
            continue;
        }
        match problem {
            None => say!("  ✔ {}", recipient.name()),
            Some(problem) => say!("  ✘ {}: {problem}", recipient.name()),
        }
    }
    if as_json {
        print_json(&lines.into());
    }
    Ok(code)
}
