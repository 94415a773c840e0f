//! `layers`: which crate may use which. The rules are a table; the manifests, the resolved dependencies and the source of
//! the engine are held against it, and each library is built alone.

mod rules;
mod source;
#[cfg(test)]
mod tests;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, TargetKind};

use self::rules::{Edge, Kind};
use crate::process;
use crate::repository::{Repository, has_extension};
use crate::tidy;

/// The crate whose source must reach the outside through its ports only.
const ENGINE_SOURCE: &str = "crates/awo-engine/src/";

/// Checks the table, then builds each library alone.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    let metadata = repository.metadata()?;
    let mut problems = in_manifests(&metadata);
    problems.extend(in_engine_source(repository)?);
    problems.extend(in_resolved_dependencies(repository)?);
    tidy::report("layers", &problems)?;
    build_each_alone(repository, &metadata)
}

/// What the manifests say that the table does not allow.
fn in_manifests(metadata: &Metadata) -> Vec<String> {
    let packages = metadata.workspace_packages();
    let members: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let edges = packages.iter().flat_map(|package| {
        package.dependencies.iter().map(|dependency| Edge {
            from: package.name.to_string(),
            to: dependency.name.clone(),
            kind: match dependency.kind {
                DependencyKind::Development => Kind::Development,
                _ => Kind::Normal,
            },
            features: dependency.features.clone(),
        })
    });
    rules::broken_by_manifests(&members, &edges.collect::<Vec<_>>())
}

/// Where the engine reaches past its ports.
fn in_engine_source(repository: &Repository) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for path in repository.files()? {
        if path.starts_with(ENGINE_SOURCE) && has_extension(&path, "rs") {
            let text = repository.text(&path)?.unwrap_or_default();
            for (line, name) in source::outside_names(&text) {
                problems.push(format!("{path}:{line}: the engine names {name}; reach it through a port"));
            }
        }
    }
    Ok(problems)
}

/// A banned crate may also come through somebody else's manifest.
fn in_resolved_dependencies(repository: &Repository) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for from in rules::crates_with_bans() {
        let tree = process::output(repository.cargo().args([
            "tree",
            "--quiet",
            "--package",
            from,
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ]))?;
        let reached: Vec<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
        problems.extend(rules::broken_by_tree(from, &reached));
    }
    Ok(problems)
}

/// A build of the whole workspace unites the features of all crates, so that a crate may use what only another one asked
/// for; alone it cannot.
fn build_each_alone(repository: &Repository, metadata: &Metadata) -> Result<()> {
    let mut packages = metadata.workspace_packages();
    // A mistake also breaks the crates that use the broken one; inner ones first, so that the right one is named.
    packages.sort_by_key(|package| rules::rank(&package.name));
    for package in packages {
        let is_library = package.targets.iter().any(|target| target.kind.contains(&TargetKind::Lib));
        if !is_library && package.features.is_empty() {
            continue; // the checks of the whole workspace have built it so already
        }
        let check = |more: &[&str]| {
            process::run(repository.cargo().args(["check", "--quiet", "--package", &package.name]).args(more))
                .with_context(|| format!("{} does not build alone", package.name))
        };
        check(&[])?;
        for feature in package.features.keys().filter(|feature| *feature != "default") {
            check(&["--no-default-features", "--features", feature])?;
        }
    }
    Ok(())
}
