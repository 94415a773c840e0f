//! Relative links in Markdown pages: the file must be in the repository and the heading in the file.

use std::collections::{BTreeMap, BTreeSet};

use crate::repository::has_extension;

/// True for the pages that people read; Markdown elsewhere (prompts, fixtures) is data.
pub(super) fn is_page(path: &str) -> bool {
    let crate_readme = path.starts_with("crates/") && path.ends_with("/README.md") && path.matches('/').count() == 2;
    has_extension(path, "md") && (!path.contains('/') || path.starts_with("docs/") || crate_readme)
}

/// The pages of the repository, their links and the places that links may lead to.
#[derive(Debug)]
pub(super) struct Pages {
    /// Files and directories.
    paths: BTreeSet<String>,
    anchors: BTreeMap<String, BTreeSet<String>>,
    links: Vec<Link>,
}

#[derive(Debug)]
struct Link {
    page: String,
    line: usize,
    target: String,
}

impl Pages {
    /// Pages in a repository with these files.
    pub(super) fn new<'a>(files: impl Iterator<Item = &'a str>) -> Self {
        let mut paths = BTreeSet::from([String::new()]);
        for file in files {
            paths.insert(file.to_owned());
            paths.extend(file.match_indices('/').map(|(at, _)| file[..at].to_owned()));
        }
        Self { paths, anchors: BTreeMap::new(), links: Vec::new() }
    }

    /// Notes the headings and links of a page.
    pub(super) fn add(&mut self, path: &str, text: &str) {
        let mut anchors = BTreeSet::new();
        let mut fence: Option<&str> = None;
        for (index, line) in text.lines().enumerate() {
            let start = line.trim_start();
            let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
            if let Some(mark) = mark {
                match fence {
                    None => fence = Some(mark),
                    Some(open) if open == mark => fence = None,
                    Some(_) => {}
                }
                continue;
            }
            if fence.is_some() {
                continue;
            }
            if let Some(heading) = heading(line) {
                insert_unique(&mut anchors, &slug(heading));
            }
            let prose = without_code_spans(line);
            anchors.extend(attributes(&prose, &["id=\"", "name=\""]).map(str::to_owned));
            let found =
                inline_targets(&prose).chain(definition(&prose)).chain(attributes(&prose, &["href=\"", "src=\""]));
            for target in found {
                self.links.push(Link { page: path.to_owned(), line: index + 1, target: target.to_owned() });
            }
        }
        self.anchors.insert(path.to_owned(), anchors);
    }

    /// The links that lead nowhere, once all pages were added.
    pub(super) fn broken(&self) -> Vec<String> {
        let problem = |link: &Link| {
            let reason = self.reason(link)?;
            Some(format!("{}:{}: link to {}: {reason}", link.page, link.line, link.target))
        };
        self.links.iter().filter_map(problem).collect()
    }

    fn reason(&self, link: &Link) -> Option<&'static str> {
        let target = link.target.as_str();
        if is_elsewhere(target) {
            return None;
        }
        let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
        let file = if path.is_empty() {
            link.page.clone()
        } else {
            match resolve(&link.page, path) {
                Some(file) if self.paths.contains(&file) => file,
                Some(_) => return Some("there is no such file in the repository"),
                None => return Some("it leads out of the repository"),
            }
        };
        // Only pages were read; an anchor in a source file is a line number.
        let anchors = self.anchors.get(&file)?;
        anchor.is_some_and(|anchor| !anchors.contains(anchor)).then_some("there is no such heading in the page")
    }
}

/// A link with a scheme, which is not looked at.
fn is_elsewhere(target: &str) -> bool {
    let scheme = target.split([':', '/', '#', '.']).next().unwrap_or_default();
    target.starts_with("//") || (target[scheme.len()..].starts_with(':') && !scheme.is_empty())
}

/// The path in the repository that a link from a page means.
fn resolve(page: &str, path: &str) -> Option<String> {
    let (mut parts, path): (Vec<&str>, &str) = match path.strip_prefix('/') {
        Some(from_top) => (Vec::new(), from_top),
        None => (page.rsplit_once('/').map_or(Vec::new(), |(directory, _)| directory.split('/').collect()), path),
    };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    ((1..=6).contains(&level) && text.starts_with(' ')).then(|| text.trim().trim_end_matches('#').trim_end())
}

/// The anchor that forges give a heading.
fn slug(heading: &str) -> String {
    let text = link_texts_only(heading);
    let kept = text.chars().filter_map(|c| match c {
        ' ' | '-' => Some('-'),
        '_' => Some('_'),
        c if c.is_alphanumeric() => Some(c),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}

/// `[text](target)` becomes `text`.
fn link_texts_only(heading: &str) -> String {
    let mut text = String::new();
    let mut rest = heading;
    while let Some((before, after)) = rest.split_once("](") {
        text.push_str(before);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    text + rest
}

/// The second heading of a name gets `-1`, the third `-2`.
fn insert_unique(anchors: &mut BTreeSet<String>, slug: &str) {
    let taken = (1..).map(|number| format!("{slug}-{number}"));
    let free = std::iter::once(slug.to_owned()).chain(taken).find(|anchor| !anchors.contains(anchor));
    anchors.extend(free);
}

/// The line with code spans blanked out, as what they hold is no link.
fn without_code_spans(line: &str) -> String {
    let mut prose = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        let ticks = rest[start..].chars().take_while(|&c| c == '`').count();
        let (opening, body) = (&rest[..start], &rest[start + ticks..]);
        prose.push_str(opening);
        match body.find(&"`".repeat(ticks)) {
            Some(end) => {
                prose.push(' ');
                rest = &body[end + ticks..];
            }
            None => rest = body,
        }
    }
    prose + rest
}

/// The targets of `[text](target "title")` and of images.
fn inline_targets(prose: &str) -> impl Iterator<Item = &str> {
    prose.split("](").skip(1).filter_map(|rest| {
        let rest = rest.trim_start();
        let target = match rest.strip_prefix('<') {
            Some(quoted) => quoted.split_once('>')?.0,
            None => rest.split([')', ' ']).next()?,
        };
        Some(target).filter(|target| !target.is_empty())
    })
}

/// The target of `[name]: target`.
fn definition(prose: &str) -> Option<&str> {
    let (_, rest) = prose.trim_start().strip_prefix('[')?.split_once("]:")?;
    rest.split_whitespace().next()
}

/// The values of HTML attributes with one of these beginnings.
fn attributes<'a>(prose: &'a str, beginnings: &'a [&str]) -> impl Iterator<Item = &'a str> {
    let values = beginnings.iter().flat_map(move |beginning| prose.split(beginning).skip(1));
    values.filter_map(|rest| Some(rest.split_once('"')?.0))
}
