//! Words that no file of the repository may hold.

/// A text and why it is absent. The parts are joined here, so that this file does not hold the words it looks for.
struct Ban {
    word: &'static str,
    /// Such a path counts only where it begins at the root: `agent-work/` and `site/work/` are other things.
    absolute_path: bool,
    reason: &'static str,
}

const fn word(word: &'static str, reason: &'static str) -> Ban {
    Ban { word, absolute_path: false, reason }
}

const fn path(word: &'static str) -> Ban {
    Ban { word, absolute_path: true, reason: "a path of one machine means nothing on another" }
}

const REGISTRY: &str = "name no registry host; tools know theirs, and mirrors differ";
const UNFINISHED: &str = "finish it, or leave it out";

const BANS: &[Ban] = &[
    path(concat!("/wo", "rk/")),
    path(concat!("/ro", "ot/")),
    word(concat!("to", "do!"), UNFINISHED),
    word(concat!("unimple", "mented!"), UNFINISHED),
    word(concat!("db", "g!("), "print for debugging only while debugging"),
    word(concat!("#[ig", "nore"), "a test runs, or says at run time what it skips and why"),
    word(concat!("crates", ".io"), REGISTRY),
    word(concat!("npm", "js"), REGISTRY),
    word(concat!("pypi", ".org"), REGISTRY),
    word(concat!("deb.", "debian.org"), REGISTRY),
    word(concat!("://", "index."), REGISTRY),
];

/// Files that tools write and that must name what they name.
const EXEMPT: &[&str] = &["Cargo.lock"];

/// The banned words in a text, with their lines.
pub(super) fn banned(file: &str, text: &str) -> Vec<String> {
    if EXEMPT.contains(&file.rsplit('/').next().unwrap_or(file)) {
        return Vec::new();
    }
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for Ban { reason, word, .. } in BANS.iter().filter(|ban| ban.is_in(line)) {
            problems.push(format!("{file}:{}: `{word}`: {reason}", index + 1));
        }
    }
    problems
}

impl Ban {
    fn is_in(&self, line: &str) -> bool {
        line.match_indices(self.word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            !self.absolute_path || !before.is_some_and(|c| c.is_alphanumeric() || "._-~}>)*".contains(c))
        })
    }
}
