//! The tables of the page about scale, and their places in it.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};

use super::costs::Costs;
use super::day::Day;
use super::traffic::{COUNTED, Fleet, Traffic};

/// Chance of the simulated days.
const SEED: u64 = 1;

/// Fleets that the page tells of, each ten times the one before and more.
pub(super) const FLEETS: [Fleet; 3] = [
    Fleet { orders: 10_000, workers: 10, places: 16, work: 600 },
    Fleet { orders: 1_000_000, workers: 100, places: 160, work: 600 },
    Fleet { orders: 10_000_000, workers: 1_000, places: 160, work: 600 },
];

/// A page with its tables as they are now. Each stands between two marks.
pub(super) fn renewed(page: &str, costs: &Costs) -> Result<String> {
    let tables = [
        ("costs", costs_table(costs)),
        ("order", order_table()),
        ("fleets", fleets_table(costs)),
        ("days", days_table(costs)),
    ];
    tables.into_iter().try_fold(page.to_owned(), |page, (name, table)| put(&page, name, &table))
}

/// Puts a table between its marks.
fn put(page: &str, name: &str, table: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- computed: {name} -->\n"), "<!-- end -->\n");
    let (before, rest) = page.split_once(&begin).with_context(|| format!("the page has no mark {begin:?}"))?;
    let (_, after) = rest.split_once(end).with_context(|| format!("the table `{name}` has no mark of its end"))?;
    Ok(format!("{before}{begin}{table}{end}{after}"))
}

fn costs_table(costs: &Costs) -> String {
    let mut text = "| | | from |\n|---|---|---|\n".to_owned();
    for cost in costs.all() {
        let number =
            if cost.unit == "s" { time(cost.number) } else { format!("{} {}", rounded(cost.number), cost.unit) };
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {} | {number} | {} |", cost.what, cost.source);
    }
    text
}

fn order_table() -> String {
    let mut text = "| an order of seven steps | |\n|---|---|\n".to_owned();
    for (what, number) in [
        ("statements that write: each is a commit", rounded(COUNTED.writes)),
        ("of these, saves of the order", rounded(COUNTED.saves)),
        ("statements that read", rounded(COUNTED.reads)),
        ("notifications", rounded(COUNTED.changes)),
        ("rows that stay", rounded(COUNTED.rows)),
        ("bytes of rows, with answers of 8 KiB in history and transcript", bytes(COUNTED.bytes)),
        ("bytes of write-ahead log, with these", bytes(COUNTED.wal)),
        ("pushes to the remote, with `checkpoints = \"remote\"`", rounded(COUNTED.pushes)),
    ] {
        let _ = writeln!(text, "| {what} | {number} |");
    }
    text
}

/// A line of the table of fleets: what it is about, and its number for one.
type Line = (&'static str, fn(&Fleet, &Traffic) -> String);

#[expect(clippy::cast_precision_loss, reason = "numbers of workers")]
const LINES: &[Line] = &[
    ("orders a second on average, and in the busiest hour", |_, it| {
        format!("{}, {}", rounded(it.orders_on_average), rounded(it.orders))
    }),
    ("orders that run at once then, and on each worker", |fleet, it| {
        format!("{}, {}", rounded(it.running), rounded(it.running / fleet.workers as f64))
    }),
    ("commits", |_, it| rounded(it.commits)),
    ("**databases of the measured size that these fill**", |_, it| format!("**{}**", rounded(it.databases))),
    ("write-ahead log", |_, it| format!("{}/s", bytes(it.wal))),
    ("renewals, and rows that they write", |_, it| format!("{}, {}", rounded(it.renewals), rounded(it.renewed_rows))),
    ("looks for changes", |_, it| rounded(it.looks)),
    ("**processors of the database that these keep busy**", |_, it| format!("**{}**", rounded(it.looking))),
    ("notifications, and how often one is heard", |_, it| {
        format!("{}, {}", rounded(it.notifications), rounded(it.heard))
    }),
    ("questions for an order, where all have free places", |_, it| rounded(it.asked)),
    ("**processors of the database that these keep busy, where nothing waits**", |_, it| {
        format!("**{}**", rounded(it.asking))
    }),
    ("**how much of the one turn that there is is taken by giving orders**", |_, it| {
        format!("**{}**", rounded(it.turns))
    }),
    ("pushes to remotes", |_, it| rounded(it.pushes)),
    ("rows a day", |_, it| rounded(it.rows_a_day)),
    ("bytes of rows a day, and of write-ahead log", |_, it| {
        format!("{}, {}", bytes(it.bytes_a_day), bytes(it.wal_a_day))
    }),
];

fn fleets_table(costs: &Costs) -> String {
    let seen = FLEETS.map(|fleet| (fleet, fleet.traffic(&COUNTED, costs)));
    let mut text = "| a second, in the busiest hour |".to_owned();
    for fleet in &FLEETS {
        let _ = write!(text, " {} orders a day, {} workers |", thousands(fleet.orders), thousands(fleet.workers));
    }
    let _ = writeln!(text, "\n|---|{}", "---|".repeat(FLEETS.len()));
    for (what, number) in LINES {
        let _ = write!(text, "| {what} |");
        for (fleet, traffic) in &seen {
            let _ = write!(text, " {} |", number(fleet, traffic));
        }
        text.push('\n');
    }
    text
}

fn days_table(costs: &Costs) -> String {
    let mut text = "| orders a day | workers with places each | longest line | left at midnight | wait p50 | p99 | ran at once | the turn is taken |\n\
                    |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for fleet in FLEETS {
        for places in [fleet.places, fleet.places * 5 / 8] {
            let places_of_all = fleet.workers * places;
            let day = Day { orders: fleet.orders, work: fleet.work, places: places_of_all, giving: costs.giving() };
            let seen = day.pass(SEED);
            let _ = writeln!(
                text,
                "| {} | {} × {places} | {} | {} | {} | {} | {} | {:.0} % |",
                thousands(fleet.orders),
                thousands(fleet.workers),
                thousands(seen.longest_line),
                thousands(seen.left),
                wait(seen.p50),
                wait(seen.p99),
                thousands(seen.most_running),
                seen.giving * 100.0
            );
        }
    }
    text
}

fn wait(seconds: u64) -> String {
    match seconds {
        0 => "below 1 s".to_owned(),
        1..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

fn time(seconds: f64) -> String {
    let units = [(1e-3, "ms"), (1e-6, "µs")];
    let (size, unit) = units.into_iter().find(|(size, _)| seconds >= *size).unwrap_or((1e-9, "ns"));
    format!("{:.1} {unit}", seconds / size)
}

fn bytes(number: f64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let found = units.into_iter().find(|(size, _)| number >= *size).unwrap_or((1.0, "B"));
    format!("{} {}", rounded(number / found.0), found.1)
}

/// Two digits that count, as no more are known; with a comma at thousands.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is rounded, and not below zero")]
fn rounded(number: f64) -> String {
    if number < 0.095 {
        return format!("{number:.2}");
    }
    if number < 9.95 {
        return format!("{number:.1}");
    }
    let mut unit = 1.0;
    while number / unit >= 99.5 {
        unit *= 10.0;
    }
    thousands(((number / unit).round() * unit) as u64)
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_digits_as_are_known() {
        let shown = [0.012, 0.5, 3.16, 42.4, 123.0, 9_876.0, 1_234_567.0].map(rounded);
        assert_eq!(shown, ["0.01", "0.5", "3.2", "42", "120", "9,900", "1,200,000"]);
        assert_eq!([1_500.0, 2.5e9, 12.0].map(bytes), ["1.5 kB", "2.5 GB", "12 B"]);
        assert_eq!([0.0015, 2.2e-6, 1e-9].map(time), ["1.5 ms", "2.2 µs", "1.0 ns"]);
        assert_eq!([0, 90, 600, 8_000].map(wait), ["below 1 s", "90 s", "10 min", "2 h"]);
    }

    #[test]
    fn a_table_is_put_between_its_marks() {
        let page = "a\n<!-- computed: x -->\nold\n<!-- end -->\nb\n<!-- computed: y -->\n<!-- end -->\n";
        let put = put(page, "x", "new\n").unwrap();
        assert_eq!(put, "a\n<!-- computed: x -->\nnew\n<!-- end -->\nb\n<!-- computed: y -->\n<!-- end -->\n");
        assert!(super::put(page, "z", "").is_err());
    }
}
