//! The figures for people, on the terminal and as a page.

use std::fmt::Write as _;

use super::figure::{Figure, Spread};
use super::record::{Known, Record};

/// A line per row, and what moved.
pub(super) fn terminal(figures: &[Figure], moved: &[String]) -> String {
    let mut text = String::new();
    for figure in figures {
        let cells = cells(figure);
        let verdict = match figure.is_met() {
            Some(true) => "met   ",
            Some(false) => "MISSED",
            None => "      ",
        };
        let beside = figure.row.bound.map(|bound| format!("; {bound}: {}, {}", cells.bound, cells.ratio));
        let goal = figure.row.goal.show(figure.row.unit);
        let _ = writeln!(
            text,
            "{verdict} {}: {}{} (goal {goal}, {} repeats)",
            figure.row.what,
            cells.measured,
            beside.unwrap_or_default(),
            figure.repeats
        );
    }
    for line in moved {
        let _ = writeln!(text, "moved: {line}");
    }
    text
}

/// The page of the documentation.
pub(super) fn page(records: &[Record], moved: Option<&Moved<'_>>) -> String {
    let mut text = "# Benchmarks\n\n\
         Written by `cargo xtask bench`, which measures everything anew and says what moved; see also \
         [reliability](reliability.md).\n\
         `cargo xtask bench --only FAMILY --write` measures families anew and leaves the others as they were; \
         `cargo xtask bench --quick`\ngives a first impression in a minute and writes nothing.\n\n\
         Each number is the middle of so many repeats, with the smallest and the largest behind it. A *bound* is the least \
         that it\ncould cost, measured in the same run and in turn; a ratio is taken in each repeat. On a machine that \
         others use too,\nratios tell more than times.\n"
        .to_owned();
    for Record { family, known } in records {
        let _ = write!(text, "\n## {}\n\n{}\n\n", family.title, family.how.trim());
        match known {
            Known::Measured { machine, figures } => {
                let _ = writeln!(text, "{machine}\n");
                table(&mut text, figures);
            }
            Known::Skipped(reason) => {
                let _ = writeln!(text, "Not measured in this run: {reason}.");
            }
            Known::Nothing => text.push_str("Not measured yet.\n"),
        }
    }
    if let Some(Moved { date, commit, lines }) = moved {
        let _ = write!(text, "\n## What moved\n\nIn the run of {date} at `{commit}`, by what was written before: ");
        if lines.is_empty() {
            text.push_str("nothing; each row has a repeat that is like one of then.\n");
        } else {
            text.push_str("rows whose repeats have nothing in common with those of then.\n\n");
            for line in *lines {
                let _ = writeln!(text, "- {line}");
            }
        }
    }
    text
}

/// What is not like what was written before.
#[derive(Debug)]
pub(super) struct Moved<'a> {
    /// Of the run at hand.
    pub(super) date: &'a str,
    pub(super) commit: &'a str,
    pub(super) lines: &'a [String],
}

fn table(text: &mut String, figures: &[Figure]) {
    text.push_str("| what | measured | bound | ratio | goal | met | repeats |\n|---|---|---|---|---|---|---|\n");
    for figure in figures {
        let cells = cells(figure);
        let bound = figure.row.bound.map_or_else(|| "–".to_owned(), |bound| format!("{bound}: {}", cells.bound));
        let met = figure.is_met().map_or("–", |met| if met { "yes" } else { "**no**" });
        let goal = figure.row.goal.show(figure.row.unit);
        let (what, repeats) = (figure.row.what, figure.repeats);
        let _ =
            writeln!(text, "| {what} | {} | {bound} | {} | {goal} | {met} | {repeats} |", cells.measured, cells.ratio);
    }
}

/// What a row shows.
struct Cells {
    measured: String,
    bound: String,
    ratio: String,
}

fn cells(figure: &Figure) -> Cells {
    let unit = figure.row.unit;
    let times = |number: f64| format!("{number:.2}");
    Cells {
        measured: spread(figure.measured, |n| unit.show(n)),
        bound: figure.bound.map_or_else(|| "–".to_owned(), |bound| unit.show(bound.middle)),
        ratio: figure.ratio.map_or_else(|| "–".to_owned(), |ratio| spread(ratio, times)),
    }
}

fn spread(spread: Spread, show: impl Fn(f64) -> String) -> String {
    format!("{} ({} – {})", show(spread.middle), show(spread.low), show(spread.high))
}

#[cfg(test)]
mod tests {
    use super::super::figure::tests::{FAMILY, sample};
    use super::super::machine::Machine;
    use super::*;

    fn figures() -> Vec<Figure> {
        let samples = [sample("one", 1.0, Some(1.0)), sample("one", 1.2, Some(1.0)), sample("two", 0.06, None)];
        Figure::of_family(&FAMILY, &samples).unwrap()
    }

    #[test]
    fn a_line_tells_the_number_the_bound_and_whether_the_goal_is_met() {
        let text = terminal(&figures(), &["a save: new".to_owned()]);
        let expected = "met    a save: 1.10 s (1.00 s – 1.20 s); an append: 1.00 s, 1.10 (1.00 – 1.20) (goal ≤ 1.3 ×, 2 repeats)\n\
                        MISSED a start: 60.0 ms (60.0 ms – 60.0 ms) (goal < 50 ms, 1 repeats)\n\
                        moved: a save: new\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_page_has_a_table_for_each_family_and_what_moved() {
        let record = Record::measured(&FAMILY, &Machine::example(), figures());
        let moved = Moved { date: "2026-01-01", commit: "abc", lines: &[] };
        let text = page(&[record], Some(&moved));
        assert!(text.contains("\n## Saves\n\nBy hand.\n\n2026-02-03, commit `1234abc`, "), "{text}");
        assert!(
            text.contains(
                "| a save | 1.10 s (1.00 s – 1.20 s) | an append: 1.00 s | 1.10 (1.00 – 1.20) | ≤ 1.3 × | yes | 2 |"
            ),
            "{text}"
        );
        assert!(text.contains("| a start | 60.0 ms (60.0 ms – 60.0 ms) | – | – | < 50 ms | **no** | 1 |"), "{text}");
        assert!(text.contains("In the run of 2026-01-01 at `abc`, by what was written before: nothing"), "{text}");
    }

    #[test]
    fn a_family_that_cannot_be_measured_says_why_on_the_page() {
        let text = page(&[Record::skipped(&FAMILY, "there is no disk: buy one".into())], None);
        assert!(
            text.ends_with("\n## Saves\n\nBy hand.\n\nNot measured in this run: there is no disk: buy one.\n"),
            "{text}"
        );
    }
}
