//! `awo repo`: configured repositories, and whether awo reaches a repository at its forge.
//!
//! Without a server the files are changed all the same: any process may, they take turns.

use std::process::ExitCode;

use serde::Deserialize;
use serde_json::json;

use crate::cli::{RepoAdd, RepoCommand, RepoOne};
use crate::client::Client;
use crate::exit::{FAILED, NOT_FOUND, coded};
use crate::orders::{ORDERS, print_json, reader};
use crate::render::visible;
use crate::settings::Settings;

/// A configured repository.
#[derive(Debug, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
struct Repository {
    id: String,
    repository_url: String,
    owner: Option<String>,
    display_name: Option<String>,
    default_branch: Option<String>,
    is_verified: bool,
}

/// Whether a repository is there. The names are told of one that is looked up by its address.
#[derive(Debug, Deserialize)]
struct Verified {
    is_accessible: bool,
    repository_name: Option<String>,
    repository_owner: Option<String>,
    default_branch: Option<String>,
    error_message: Option<String>,
}

pub(crate) async fn run(settings: &Settings, command: &RepoCommand, as_json: bool) -> anyhow::Result<ExitCode> {
    let client = reader(settings)?;
    match command {
        RepoCommand::Add(add) => self::add(&client, add, as_json).await,
        RepoCommand::List => list(&client, as_json).await,
        RepoCommand::Remove(one) => remove(&client, one).await,
        RepoCommand::Verify(one) => verify(&client, one, as_json).await,
    }
}

async fn add(client: &Client, add: &RepoAdd, as_json: bool) -> anyhow::Result<ExitCode> {
    let body = json!({"repository_url": add.url, "verify": !add.no_verify});
    let answer = client.post(&place(""), &body, &[]).await?;
    if as_json {
        print_json(&answer.body);
    } else {
        tell(&answer.read()?);
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(client: &Client, as_json: bool) -> anyhow::Result<ExitCode> {
    let answer = client.get(&place("")).await?;
    if as_json {
        print_json(&answer.body);
        return Ok(ExitCode::SUCCESS);
    }
    let all: Vec<Repository> = answer.read()?;
    if all.is_empty() {
        anstream::println!("no repositories yet: `awo repo add ADDRESS` keeps one");
    }
    all.iter().for_each(tell);
    Ok(ExitCode::SUCCESS)
}

async fn remove(client: &Client, one: &RepoOne) -> anyhow::Result<ExitCode> {
    let Some(known) = configured(client, one).await? else {
        let message = format!("no configured repository is {:?}; `awo repo list` shows them", one.repository);
        return Err(coded(NOT_FOUND, message));
    };
    client.delete(&place(&format!("/{}", known.id))).await?;
    anstream::println!("  {} is removed", visible(&known.repository_url));
    Ok(ExitCode::SUCCESS)
}

async fn verify(client: &Client, one: &RepoOne, as_json: bool) -> anyhow::Result<ExitCode> {
    let known = configured(client, one).await?;
    let (path, body) = match &known {
        Some(known) => (place(&format!("/{}/verify", known.id)), json!({})),
        None => ("/github/verify-repository".to_owned(), json!({"repository_url": one.repository})),
    };
    let answer = client.post(&path, &body, &[]).await?;
    let verified: Verified = answer.read()?;
    if as_json {
        print_json(&answer.body);
    } else if let (true, Some(known)) = (verified.is_accessible, known) {
        tell(&client.get(&place(&format!("/{}", known.id))).await?.read()?);
    } else if verified.is_accessible {
        let text = |part: Option<String>| visible(&part.unwrap_or_default());
        let (owner, name) = (text(verified.repository_owner), text(verified.repository_name));
        anstream::println!("  ✔ {owner}/{name}, default branch {}", text(verified.default_branch));
    } else {
        anstream::println!("  ✘ {}", visible(&verified.error_message.unwrap_or_default()));
    }
    Ok(if verified.is_accessible { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// The configured repository of this id or address, if there is one.
async fn configured(client: &Client, one: &RepoOne) -> anyhow::Result<Option<Repository>> {
    let all: Vec<Repository> = client.get(&place("")).await?.read()?;
    Ok(all.into_iter().find(|known| known.id == one.repository || known.repository_url == one.repository))
}

fn place(rest: &str) -> String {
    format!("{ORDERS}/repositories{rest}")
}

fn tell(repository: &Repository) {
    let Repository { id, repository_url, owner, display_name, default_branch, is_verified } = repository;
    let mark = if *is_verified { "✔" } else { "·" };
    let names: Vec<_> = owner.iter().chain(display_name).map(String::as_str).collect();
    let branch = default_branch.as_ref().map(|branch| format!(", default branch {branch}")).unwrap_or_default();
    let line = format!("  {mark} {id}  {}{branch}  {repository_url}", names.join("/"));
    anstream::println!("{}", visible(&line));
}
