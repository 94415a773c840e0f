//! What was measured of each family last: in the run at hand, or in an earlier one that was written down.

use serde_json::{Map, Value, json};

use super::figure::{Figure, Spread};
use super::machine::Machine;
use super::row::{Family, Row};

/// A family with what is known of it.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) family: &'static Family,
    pub(super) known: Known,
}

/// What is known of a family.
#[derive(Debug)]
pub(super) enum Known {
    /// These figures, and what they were measured on, and when.
    Measured { machine: String, figures: Vec<Figure> },
    /// Why it could not be measured.
    Skipped(String),
    /// It was never measured.
    Nothing,
}

impl Record {
    /// What earlier runs have written of a family.
    pub(super) fn before(family: &'static Family, written: Option<&Value>) -> Self {
        let known = written.and_then(|written| {
            let machine = written["machines"][family.name].as_str().or_else(|| written["machine"].as_str())?;
            let figures: Vec<_> = family.rows.iter().filter_map(|row| figure(row, written)).collect();
            (!figures.is_empty()).then(|| Known::Measured { machine: machine.to_owned(), figures })
        });
        Self { family, known: known.unwrap_or(Known::Nothing) }
    }

    pub(super) fn measured(family: &'static Family, machine: &Machine, figures: Vec<Figure>) -> Self {
        Self { family, known: Known::Measured { machine: machine.to_string(), figures } }
    }

    pub(super) fn skipped(family: &'static Family, reason: String) -> Self {
        Self { family, known: Known::Skipped(reason) }
    }

    pub(super) fn figures(&self) -> &[Figure] {
        match &self.known {
            Known::Measured { figures, .. } => figures,
            Known::Skipped(_) | Known::Nothing => &[],
        }
    }
}

/// The figures for the next run, and for programs.
pub(super) fn json(machine: &Machine, records: &[Record]) -> Value {
    let spread = |spread: Spread| json!({"low": spread.low, "middle": spread.middle, "high": spread.high});
    let row = |figure: &Figure| {
        json!({
            "id": figure.row.id,
            "what": figure.row.what,
            "unit": format!("{:?}", figure.row.unit),
            "goal": figure.row.goal.show(figure.row.unit),
            "met": figure.is_met(),
            "measured": spread(figure.measured),
            "bound": figure.bound.map(spread),
            "ratio": figure.ratio.map(spread),
            "repeats": figure.repeats,
        })
    };
    let rows: Vec<_> = records.iter().flat_map(Record::figures).map(row).collect();
    let machines: Map<_, _> = records
        .iter()
        .filter_map(|record| match &record.known {
            Known::Measured { machine, .. } => Some((record.family.name.to_owned(), machine.as_str().into())),
            Known::Skipped(_) | Known::Nothing => None,
        })
        .collect();
    json!({"date": machine.date, "commit": machine.commit, "machines": machines, "rows": rows})
}

/// The figure of a row, if it was written.
fn figure(row: &'static Row, written: &Value) -> Option<Figure> {
    let found = written["rows"].as_array()?.iter().find(|found| found["id"] == row.id)?;
    Some(Figure {
        row,
        measured: spread(&found["measured"])?,
        bound: row.bound.and_then(|_| spread(&found["bound"])),
        ratio: row.bound.and_then(|_| spread(&found["ratio"])),
        repeats: usize::try_from(found["repeats"].as_u64()?).ok()?,
    })
}

/// What was written of one number.
pub(super) fn spread(value: &Value) -> Option<Spread> {
    Some(Spread { low: value["low"].as_f64()?, middle: value["middle"].as_f64()?, high: value["high"].as_f64()? })
}

#[cfg(test)]
mod tests {
    use super::super::figure::tests::{FAMILY, sample};
    use super::*;

    #[test]
    fn what_is_written_is_read_as_it_was_measured() {
        let samples = [sample("one", 1.0, Some(1.0)), sample("one", 1.2, Some(1.0)), sample("two", 0.06, None)];
        let figures = Figure::of_family(&FAMILY, &samples).unwrap();
        let written = json(&Machine::example(), &[Record::measured(&FAMILY, &Machine::example(), figures)]);
        let read = Record::before(&FAMILY, Some(&written));
        assert_eq!(json(&Machine::example(), &[read]), written);
        assert_eq!(super::super::compare::moved(&written, Record::before(&FAMILY, Some(&written)).figures()), [""; 0]);
        assert!(Record::before(&FAMILY, None).figures().is_empty());
        assert!(Record::before(&FAMILY, Some(&json!({"machine": "x", "rows": []}))).figures().is_empty());
    }
}
