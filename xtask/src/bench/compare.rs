//! What moved since the last run that was written: figures whose repeats have nothing in common with those of then.

use serde_json::Value;

use super::figure::Figure;
use super::record::spread;
use super::row::Goal;

/// A line for each row that moved, or is new.
pub(super) fn moved(before: &Value, figures: &[Figure]) -> Vec<String> {
    figures.iter().filter_map(|figure| line(before, figure)).collect()
}

fn line(before: &Value, figure: &Figure) -> Option<String> {
    let (row, now) = (figure.row, figure.compared());
    let kind = if figure.ratio.is_some() { "ratio" } else { "measured" };
    let then = before["rows"].as_array()?.iter().find(|then| then["id"] == row.id).and_then(|then| spread(&then[kind]));
    let show = |number: f64| if figure.ratio.is_some() { format!("{number:.2} ×") } else { row.unit.show(number) };
    let Some(then) = then else { return Some(format!("{}: new, {}", row.what, show(now.middle))) };
    if !now.is_apart_from(then) {
        return None;
    }
    let more_is_better = row.unit.counts_what_is_done() || matches!(row.goal, Goal::TimesAtLeast(_));
    let verdict = if (now.middle > then.middle) == more_is_better { "better" } else { "worse" };
    Some(format!("{}: {} → {} ({verdict})", row.what, show(then.middle), show(now.middle)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::figure::tests::{FAMILY, sample};
    use super::*;

    #[test]
    fn a_row_has_moved_when_no_repeat_is_like_one_of_then() {
        let samples = [sample("one", 1.0, Some(1.0)), sample("one", 1.2, Some(1.0)), sample("two", 0.01, None)];
        let figures = Figure::of_family(&FAMILY, &samples).unwrap();
        let then = |low: f64, high: f64| {
            let ratio = json!({"low": low, "middle": f64::midpoint(low, high), "high": high});
            json!({"rows": [{"id": "one", "measured": {"low": 1.0, "middle": 1.0, "high": 1.0}, "ratio": ratio},
                            {"id": "two", "measured": {"low": 0.005, "middle": 0.01, "high": 0.02}}]})
        };
        assert_eq!(moved(&then(1.1, 1.5), &figures), Vec::<String>::new());
        assert_eq!(moved(&then(1.3, 1.5), &figures), ["a save: 1.40 × → 1.10 × (better)"]);
        assert_eq!(moved(&then(0.5, 0.7), &figures), ["a save: 0.60 × → 1.10 × (worse)"]);
        assert_eq!(moved(&json!({"rows": []}), &figures), ["a save: new, 1.10 ×", "a start: new, 10.0 ms"]);
    }
}
