//! `awo repo verify`: whether awo reaches a repository at its forge.

use std::process::ExitCode;

use awo_client::{VerifiedRepositoryView, VerifyRepository};

use crate::cli::{RepoCommand, RepoVerify};
use crate::orders::{print_json, reader};
use crate::render::visible;
use crate::settings::Settings;

pub(crate) async fn run(settings: &Settings, command: &RepoCommand, as_json: bool) -> anyhow::Result<ExitCode> {
    let RepoCommand::Verify(RepoVerify { url }) = command;
    let client = reader(settings)?;
    let answer = client.verify_repository(&VerifyRepository { repository_url: url.clone() }).answer().await?;
    let verified: VerifiedRepositoryView = answer.read()?;
    if as_json {
        print_json(&answer.json()?);
    } else if verified.is_accessible {
        let text = |part: Option<String>| visible(&part.unwrap_or_default());
        let (owner, name) = (text(verified.repository_owner), text(verified.repository_name));
        anstream::println!("  ✔ {owner}/{name}, default branch {}", text(verified.default_branch));
    } else {
        anstream::println!("  ✘ {}", visible(&verified.error_message.unwrap_or_default()));
    }
    Ok(if verified.is_accessible { ExitCode::SUCCESS } else { ExitCode::from(crate::exit::FAILED) })
}
