//! The table of allowed edges and the bans, and the pure functions that hold edges against them.

/// What a dependency is for. Build dependencies count as normal ones: they end up in what users build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Development,
}

/// One dependency that a manifest names.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) kind: Kind,
    pub(super) features: Vec<String>,
}

/// A crate of the workspace and the others that it may use.
struct Row {
    from: &'static str,
    /// In what users build.
    normal: &'static [&'static str],
    /// In its tests, besides the above.
    tests: &'static [&'static str],
}

/// Inner crates know no outer ones; they stand first. A crate that names itself does so to give its own tests a feature.
const TABLE: &[Row] = &[
    Row { from: "awo-models", normal: &[], tests: &[] },
    Row { from: "awo-client", normal: &[], tests: &[] },
    Row { from: "awo-state", normal: &["awo-models"], tests: &["awo-state", "awo-testkit"] },
    Row { from: "awo-engine", normal: &["awo-models", "awo-state"], tests: &["awo-engine", "awo-testkit"] },
    Row { from: "awo-adapters", normal: &["awo-engine", "awo-models"], tests: &["awo-testkit"] },
    Row { from: "awo-http", normal: &["awo-engine", "awo-models"], tests: &["awo-state", "awo-testkit"] },
    Row {
        from: "awo",
        normal: &["awo-adapters", "awo-client", "awo-engine", "awo-http", "awo-models", "awo-state"],
        tests: &["awo-testkit"],
    },
    Row {
        from: "awo-testkit",
        normal: &["awo-adapters", "awo-engine", "awo-http", "awo-models", "awo-state"],
        tests: &[],
    },
    Row { from: "xtask", normal: &[], tests: &[] },
];

/// Crates that must not be reached from a crate, directly or through others.
const BANS: &[(&str, &[&str])] = &[
    ("awo-models", &["anyhow", "async-trait", "reqwest", "tokio"]),
    ("awo-client", &["anyhow", "awo-models", "axum"]),
    ("awo-state", &["anyhow", "awo-engine", "axum", "reqwest"]),
    ("awo-engine", &["anyhow", "awo-adapters", "awo-http", "axum", "hyper", "reqwest"]),
];

/// Errors without a type belong where nobody matches on them.
const MAY_USE_ANYHOW: &[&str] = &["awo", "xtask"];

/// What the manifests of the workspace break, one message each.
pub(super) fn broken_by_manifests(members: &[&str], edges: &[Edge]) -> Vec<String> {
    let unknown = members
        .iter()
        .filter(|member| row_of(member).is_none())
        .map(|member| format!("{member} is not in the table of layers; add a row that says what it may use"));
    unknown.chain(edges.iter().filter_map(|edge| broken_by_edge(members, edge))).collect()
}

fn broken_by_edge(members: &[&str], edge: &Edge) -> Option<String> {
    let Edge { from, to, kind, features } = edge;
    let (from, to) = (from.as_str(), to.as_str());
    if to == "anyhow" && !MAY_USE_ANYHOW.contains(&from) {
        return Some(format!("{from} → anyhow: errors have types outside of {}", MAY_USE_ANYHOW.join(" and ")));
    }
    if *kind == Kind::Normal && bans_of(from).contains(&to) {
        return Some(format!("{from} → {to}: banned"));
    }
    if !members.contains(&to) {
        return None;
    }
    let row = row_of(from)?;
    let in_tests = *kind == Kind::Development && row.tests.contains(&to);
    if !row.normal.contains(&to) && !in_tests {
        let purpose = if *kind == Kind::Normal { "" } else { " in its tests" };
        let reason = if to == "awo-testkit" { ": the test kit is for tests only" } else { "" };
        return Some(format!("{from} → {to}: {from} may not use {to}{purpose}{reason}"));
    }
    if *kind == Kind::Normal && from == "awo-engine" && to == "awo-state" && !features.is_empty() {
        let features = features.join(", ");
        return Some(format!("{from} → {to}: without features, so that it can name no backend; found {features}"));
    }
    None
}

/// The crates whose whole tree of dependencies is held against a ban.
pub(super) fn crates_with_bans() -> impl Iterator<Item = &'static str> {
    BANS.iter().map(|(from, _)| *from)
}

/// Which banned crates are among those that a crate reaches.
pub(super) fn broken_by_tree(from: &str, reached: &[&str]) -> Vec<String> {
    let banned = bans_of(from).iter().filter(|banned| reached.contains(banned));
    banned.map(|banned| format!("{from} reaches {banned}: see `cargo tree -p {from} -i {banned}`")).collect()
}

/// Where a crate stands in the table, innermost first.
pub(super) fn rank(name: &str) -> usize {
    TABLE.iter().position(|row| row.from == name).unwrap_or(TABLE.len())
}

fn row_of(from: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.from == from)
}

fn bans_of(from: &str) -> &'static [&'static str] {
    BANS.iter().find(|(banned_from, _)| *banned_from == from).map_or(&[], |(_, banned)| banned)
}
