//! `awo keys`, `awo audit` and `awo login-link`: who may call a server, and who did what.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use awo_engine::ports::{Clock as _, SystemClock};
use awo_http::KeyToken;
use awo_state::{ApiKey, Catalog, Versioned};
use serde_json::{Value, json};

use crate::cli::{Audit, KeyCreate, KeyRevoke, KeysCommand};
use crate::exit::{NOT_FOUND, coded};
use crate::keyring;
use crate::orders::{print_json, print_json_line, writer};
use crate::settings::Settings;
use crate::terminal::{inline, note, say};
use crate::wiring;

pub(crate) async fn run(settings: &Settings, command: &KeysCommand, as_json: bool) -> anyhow::Result<ExitCode> {
    let catalog = wiring::access(settings).await?;
    let catalog = &*catalog;
    match command {
        KeysCommand::Create(create) => self::create(catalog, create, as_json).await?,
        KeysCommand::List => list(catalog, as_json).await?,
        KeysCommand::Revoke(revoke) => self::revoke(catalog, revoke, as_json).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(catalog: &dyn Catalog, create: &KeyCreate, as_json: bool) -> anyhow::Result<()> {
    let clock = SystemClock::default();
    let (token, now) = (KeyToken::new(&clock), clock.now());
    let secret_sha256 = token.digest().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let key = ApiKey {
        id: token.id().into(),
        name: create.label.as_str().into(),
        secret_sha256: secret_sha256.into(),
        scopes: create.scope.iter().map(|scope| scope.as_str().into()).collect(),
        created_at: now,
        expires_at: create.expires.map(|lasts| now + lasts),
        revoked_at: None,
        last_used_at: None,
    };
    catalog.put_key(key.clone(), None).await?;
    if as_json {
        let mut shown = shown(&key);
        shown["key"] = token.reveal().into();
        print_json(&shown);
    } else {
        say!("{}", token.reveal());
        note!("awo: this is the only time that the key is shown; `awo keys revoke {}` ends it", key.id);
    }
    Ok(())
}

async fn list(catalog: &dyn Catalog, as_json: bool) -> anyhow::Result<()> {
    let now = SystemClock::default().now();
    let stored = catalog.keys().await?;
    if as_json {
        print_json(&stored.iter().map(|stored| shown(&stored.document)).collect());
        return Ok(());
    }
    for Versioned { document: stored, .. } in &stored {
        let state = match keyring::key(stored) {
            _ if stored.revoked_at.is_some() => "revoked",
            Some(key) if key.is_good(now) => "good",
            Some(_) => "expired",
            None => "damaged",
        };
        let used = stored.last_used_at.map_or("never used".to_owned(), |at| format!("used {at}"));
        let (scopes, label) = (stored.scopes.join(","), inline(&stored.name));
        say!("{}  {state:<8} {scopes}  {used}  {label}", stored.id);
    }
    Ok(())
}

async fn revoke(catalog: &dyn Catalog, revoke: &KeyRevoke, as_json: bool) -> anyhow::Result<()> {
    let now = SystemClock::default().now();
    let stored = catalog.keys().await?.into_iter().find(|stored| *stored.document.id == *revoke.id);
    let Some(Versioned { version, document }) = stored else {
        return Err(coded(
            NOT_FOUND,
            format!("there is no key {:?}; `awo keys list` names those there are", revoke.id),
        ));
    };
    let revoked = ApiKey { revoked_at: document.revoked_at.or(Some(now)), ..document };
    catalog.put_key(revoked.clone(), Some(version)).await?;
    if as_json {
        print_json(&shown(&revoked));
    } else {
        say!("{} is revoked; a server that runs knows within two seconds", revoked.id);
    }
    Ok(())
}

fn shown(key: &ApiKey) -> Value {
    json!({
        "id": key.id, "label": key.name, "scopes": key.scopes, "created_at": key.created_at,
        "expires_at": key.expires_at, "revoked_at": key.revoked_at, "last_used_at": key.last_used_at,
    })
}

/// `30d`, `12h` or `45m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time such as 30d, 12h or 45m");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let number: u32 = number.parse().ok().filter(|number| (1..=36_500).contains(number)).ok_or_else(wrong)?;
    match unit {
        "d" => Ok(Duration::from_hours(24) * number),
        "h" => Ok(Duration::from_hours(1) * number),
        "m" => Ok(Duration::from_mins(1) * number),
        _ => Err(wrong()),
    }
}

pub(crate) async fn audit(settings: &Settings, audit: &Audit, as_json: bool) -> anyhow::Result<ExitCode> {
    let page = wiring::access(settings).await?.audit(None, audit.limit.into()).await?;
    for line in page.lines.iter().rev() {
        if as_json {
            print_json_line(&serde_json::to_value(line)?);
            continue;
        }
        let entry = &line.entry;
        let subject = entry.subject.as_deref().unwrap_or("-");
        say!("{}  {:<12} {} {} {subject}", entry.at, entry.who, entry.result, entry.what);
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn login_link(settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let call = writer(settings)?.create_login_link();
    if as_json {
        print_json(&call.answer().await?.json()?);
    } else {
        say!("{}", inline(&call.await?.url));
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_number_and_a_unit() {
        assert_eq!(duration("30d"), Ok(Duration::from_hours(720)));
        assert_eq!(duration("45m"), Ok(Duration::from_mins(45)));
        for other in ["", "d", "0d", "-1d", "30", "30y", "1ä", "99999999d"] {
            assert!(duration(other).is_err(), "{other}");
        }
    }
}
