//! `awo state verify`: what is wrong in the data directory, where, and what it means; and mends what can be mended.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use awo_engine::ports::{Clock as _, SystemClock};
use awo_models::OrderId;
use awo_state::{ArtifactStore as _, FileFinding, FileFindingKind, FileRepository, StateRepository as _, Verified};
use serde::Serialize;
use serde_json::json;

use super::{leftovers, size};
use crate::exit::{BAD_INPUT, FAILED, coded};
use crate::orders::print_json;
use crate::render::counted;
use crate::settings::Settings;
use crate::terminal::{inline, note, say};
use crate::wiring;

/// What the orders that it ended are told of it.
const REPAIR: &str = "awo state verify --repair";

/// One thing that was found.
#[derive(Debug, Serialize)]
struct Finding {
    #[serde(flatten)]
    at: Place,
    meaning: &'static str,
    /// Whether something is wrong; else it is only worth knowing.
    wrong: bool,
    /// Whether a server that is at work may be why it looks so.
    may_be_the_server: bool,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Place {
    File(FileFinding),
    Artifacts { kind: &'static str, path: PathBuf, order: OrderId, message: String },
}

pub(super) async fn run(settings: &Settings, repair: bool, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut repaired = Vec::new();
    if repair {
        repaired = mend(settings).await?;
    }
    let server = wiring::holder(settings)?.map(|holder| holder.to_string());
    let (verified, findings) = look(settings, server.is_some()).await?;
    let wrong = findings.iter().filter(|finding| finding.wrong).count() as u64;
    if as_json {
        print_json(&json!({
            "good": wrong == 0, "orders": verified.sound.len(), "bytes": verified.bytes, "server": server,
            "repaired": repaired, "findings": findings,
        }));
    } else {
        tell(&verified, &findings, &repaired, server.as_deref(), wrong);
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

async fn look(settings: &Settings, beside_server: bool) -> anyhow::Result<(Verified, Vec<Finding>)> {
    let dir = &settings.data_dir;
    let unreadable = |error: std::io::Error| {
        coded(
            BAD_INPUT,
            format!("cannot read the data directory {}: {error}; give another with --data-dir", dir.display()),
        )
    };
    let kept = dir.join("orders").is_dir(); // or nothing ever was
    let mut verified = if kept { FileRepository::verify(dir).map_err(unreadable)? } else { Verified::default() };
    let mut findings = Vec::new();
    let files = std::mem::take(&mut verified.findings);
    let there: BTreeSet<_> = verified.sound.iter().copied().chain(files.iter().filter_map(|file| file.order)).collect();
    findings.extend(files.into_iter().map(|file| of_file(file, beside_server)));
    for (kind, id, message, meaning) in artifacts(settings, &verified.sound, &there).await? {
        let tail = id.tail();
        let path = settings.artifacts_dir().join(&tail[tail.len() - 2..]).join(id.to_string());
        let at = Place::Artifacts { kind, path, order: id, message };
        findings.push(Finding { at, meaning, wrong: true, may_be_the_server: beside_server });
    }
    for left in leftovers::unfinished_artifacts(dir) {
        let message = "the writing of an artifact was cut off".to_owned();
        let kind = FileFindingKind::LeftOver;
        let file = FileFinding { kind, path: left.path, order: None, record: None, byte: None, message };
        findings.push(of_file(file, beside_server));
    }
    Ok((verified, findings))
}

fn of_file(file: FileFinding, beside_server: bool) -> Finding {
    use FileFindingKind as Kind;
    let (wrong, meaning) = match file.kind {
        Kind::Damaged if file.record.is_none_or(|record| record <= 1) => (
            true,
            "nothing of this order can be read or restored; the file is left as it is, move it away to be rid of it",
        ),
        Kind::Damaged => (true, "the order cannot be read, every other one can; --repair restores it as it was before"),
        Kind::TooNew => (true, "a newer awo wrote it; it is left untouched, that version reads it"),
        Kind::Unreadable => (true, "see to the permissions of the file, or to the disk"),
        Kind::TornTail => (
            true,
            "a crash cut its write off, so it counts as never saved; the next start, or --repair, keeps it aside",
        ),
        Kind::LeftOver => (true, "nobody reads it; --repair removes it"),
        Kind::KeptAside => (false, "for you to look at; it goes with its order, or delete it when you like"),
        _ => (false, "awo did not make it and leaves it alone"),
    };
    let may_be_the_server = beside_server && matches!(file.kind, Kind::TornTail | Kind::LeftOver | Kind::Unreadable);
    Finding { at: Place::File(file), meaning, wrong, may_be_the_server }
}

type OfArtifacts = (&'static str, OrderId, String, &'static str);

/// Artifacts whose order is not there, and results that name artifacts that are not there.
async fn artifacts(
    settings: &Settings,
    sound: &[OrderId],
    there: &BTreeSet<OrderId>,
) -> anyhow::Result<Vec<OfArtifacts>> {
    let store = wiring::artifacts(settings);
    let mut found = Vec::new();
    for id in store.orders().await?.into_iter().filter(|id| !there.contains(id)) {
        let bytes = size(store.size(id).await?);
        let message = format!("{bytes} of an order that is not there");
        found.push(("artifacts_without_order", id, message, "nobody can reach them; `awo state gc` removes them"));
    }
    if sound.is_empty() {
        return Ok(found);
    }
    let repository = FileRepository::open_read_only(&settings.data_dir)?;
    for id in sound {
        let Ok(Some(seen)) = repository.get(*id).await else { continue }; // deleted just now
        let kept = store.list(*id).await?;
        for (number, result) in (1..).zip(seen.history.iter()) {
            for name in result.artifacts.iter().filter(|name| !kept.contains(name)) {
                let message = format!("result {number} ({}) names {name}, which is not there", result.step);
                let meaning = "the result itself is whole; the file was deleted, or not copied with the orders";
                found.push(("artifact_missing", *id, message, meaning));
            }
        }
    }
    Ok(found)
}

/// Mends what can be mended, alone with the directory; what was done.
async fn mend(settings: &Settings) -> anyhow::Result<Vec<String>> {
    let dir = &settings.data_dir;
    if !dir.join("orders").is_dir() {
        return Ok(Vec::new());
    }
    let before = FileRepository::verify(dir)?;
    let repository = wiring::open_files(settings, REPAIR)?; // cuts off and removes what a crash left
    let mut done = Vec::new();
    for finding in &before.findings {
        let path = inline(&finding.path.display().to_string());
        match (finding.kind, finding.order) {
            (FileFindingKind::TornTail, _) => {
                let record = finding.record.unwrap_or_default();
                done.push(format!("cut record {record} off {path} and kept it beside it"));
            }
            (FileFindingKind::LeftOver, _) => done.push(format!("removed {path}")),
            (FileFindingKind::Damaged, Some(id)) => {
                if let Some(told) = salvage(&repository, id).await {
                    done.push(told);
                }
            }
            _ => {}
        }
    }
    for left in leftovers::unfinished_artifacts(dir) {
        if std::fs::remove_file(&left.path).is_ok() {
            done.push(format!("removed {}", inline(&left.path.display().to_string())));
        }
    }
    Ok(done)
}

async fn salvage(repository: &FileRepository, id: OrderId) -> Option<String> {
    match repository.salvage(id, REPAIR, SystemClock::default().now()).await {
        Ok(Some(salvaged)) => {
            let ended = if salvaged.ended { "; it had not ended by then, and is failed now" } else { "" };
            let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Some(format!(
                "restored {id} up to record {}{ended}; the damaged file is {}",
                salvaged.records,
                name(&salvaged.aside)
            ))
        }
        Ok(None) => None,
        Err(error) => {
            note!("awo: {id} is not restored: {}", inline(&format!("{:#}", anyhow::Error::new(error))));
            None
        }
    }
}

fn tell(verified: &Verified, findings: &[Finding], repaired: &[String], server: Option<&str>, wrong: u64) {
    for done in repaired {
        say!("  ✔ {done}");
    }
    for finding in findings {
        let (path, place, message) = match &finding.at {
            Place::File(file) => {
                let record = file.record.map(|record| format!(", record {record}")).unwrap_or_default();
                let byte = file.byte.map(|byte| format!(" (at byte {byte})")).unwrap_or_default();
                (&file.path, format!("{record}{byte}"), &file.message)
            }
            Place::Artifacts { path, message, .. } => (path, String::new(), message),
        };
        let mark = if finding.wrong { "✘" } else { "·" };
        say!("  {mark} {}{place}: {}", inline(&path.display().to_string()), inline(message));
        say!("    {}", finding.meaning);
        if finding.may_be_the_server {
            say!("    the server may just be at work on it: look again");
        }
    }
    if let Some(server) = server {
        say!("the data directory is in use by {}", inline(server));
    }
    let orders = counted(verified.sound.len() as u64, "sound order");
    let wrong = if wrong == 0 { "nothing is wrong".to_owned() } else { format!("{} wrong", counted(wrong, "thing")) };
    say!("{orders}, {}: {wrong}", size(verified.bytes));
}
