//! `awo repo`: the configured repositories, and whether awo reaches one at its forge.

use std::process::ExitCode;

use awo_client::{Client, ConfiguredRepository, NewRepository, VerifiedRepositoryView, VerifyRepository};
use awo_state::normalized_address;

use crate::cli::{RepoAdd, RepoCommand, RepoOne};
use crate::exit::{FAILED, NOT_FOUND, coded};
use crate::orders::{print_json, reader};
use crate::settings::Settings;
use crate::terminal::{inline, say};

pub(crate) async fn run(settings: &Settings, command: &RepoCommand, as_json: bool) -> anyhow::Result<ExitCode> {
    let client = reader(settings).await?;
    match command {
        RepoCommand::Add(add) => self::add(&client, add, as_json).await,
        RepoCommand::List => list(&client, as_json).await,
        RepoCommand::Remove(one) => remove(&client, one).await,
        RepoCommand::Verify(one) => match configured(&client, one).await? {
            Some(known) => verify_configured(&client, &known.id, as_json).await,
            None => verify(&client, &one.repository, as_json).await,
        },
    }
}

async fn add(client: &Client, add: &RepoAdd, as_json: bool) -> anyhow::Result<ExitCode> {
    let repository = NewRepository { repository_url: add.url.clone(), verify: Some(!add.no_verify) };
    let answer = client.create_repository(&repository).answer().await?;
    if as_json {
        print_json(&answer.json()?);
    } else {
        tell(&answer.read()?);
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(client: &Client, as_json: bool) -> anyhow::Result<ExitCode> {
    let answer = client.list_repositories().answer().await?;
    if as_json {
        print_json(&answer.json()?);
        return Ok(ExitCode::SUCCESS);
    }
    let all: Vec<ConfiguredRepository> = answer.read()?;
    if all.is_empty() {
        say!("no repositories yet: `awo repo add ADDRESS` keeps one");
    }
    all.iter().for_each(tell);
    Ok(ExitCode::SUCCESS)
}

async fn remove(client: &Client, one: &RepoOne) -> anyhow::Result<ExitCode> {
    let Some(known) = configured(client, one).await? else {
        let message = format!("no configured repository is {:?}; `awo repo list` shows them", one.repository);
        return Err(coded(NOT_FOUND, message));
    };
    client.delete_repository(&known.id).await?;
    say!("  {} is removed", inline(&known.repository_url));
    Ok(ExitCode::SUCCESS)
}

async fn verify_configured(client: &Client, id: &str, as_json: bool) -> anyhow::Result<ExitCode> {
    let answer = client.verify_configured_repository(id).answer().await?;
    let verified: awo_client::RepositoryVerification = answer.read()?;
    if as_json {
        print_json(&answer.json()?);
    } else if verified.is_accessible {
        tell(&client.get_repository(id).await?);
    } else {
        tell_missing(verified.error_message);
    }
    Ok(exit_code(verified.is_accessible))
}

async fn verify(client: &Client, address: &str, as_json: bool) -> anyhow::Result<ExitCode> {
    let answer = client.verify_repository(&VerifyRepository { repository_url: address.to_owned() }).answer().await?;
    let verified: VerifiedRepositoryView = answer.read()?;
    if as_json {
        print_json(&answer.json()?);
    } else if verified.is_accessible {
        let text = |part: Option<String>| inline(&part.unwrap_or_default());
        let (owner, name) = (text(verified.repository_owner), text(verified.repository_name));
        say!("  ✔ {owner}/{name}, default branch {}", text(verified.default_branch));
    } else {
        tell_missing(verified.error_message);
    }
    Ok(exit_code(verified.is_accessible))
}

/// The configured repository of this id or address, if there is one.
async fn configured(client: &Client, one: &RepoOne) -> anyhow::Result<Option<ConfiguredRepository>> {
    let all = client.list_repositories().await?;
    let meant = normalized_address(&one.repository);
    Ok(all.into_iter().find(|known| known.id == one.repository || normalized_address(&known.repository_url) == meant))
}

fn tell(repository: &ConfiguredRepository) {
    let ConfiguredRepository { id, repository_url, owner, display_name, default_branch, is_verified, .. } = repository;
    let mark = if *is_verified { "✔" } else { "·" };
    let names: Vec<_> = owner.iter().chain(display_name).map(String::as_str).collect();
    let branch = default_branch.as_ref().map(|branch| format!(", default branch {branch}")).unwrap_or_default();
    let line = format!("  {mark} {id}  {}{branch}  {repository_url}", names.join("/"));
    say!("{}", inline(&line));
}

fn tell_missing(reason: Option<String>) {
    say!("  ✘ {}", inline(&reason.unwrap_or_default()));
}

fn exit_code(is_accessible: bool) -> ExitCode {
    if is_accessible { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}
