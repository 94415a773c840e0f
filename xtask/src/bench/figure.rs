//! What the repeats of a row come to.

use anyhow::{Result, bail, ensure};

use super::row::{Family, Row, Sample};

/// The repeats of one number: the smallest, the middle, the largest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) low: f64,
    pub(super) middle: f64,
    pub(super) high: f64,
}

/// A row with what was measured.
#[derive(Debug)]
pub(super) struct Figure {
    pub(super) row: &'static Row,
    pub(super) measured: Spread,
    pub(super) bound: Option<Spread>,
    /// Measured by bound, repeat by repeat.
    pub(super) ratio: Option<Spread>,
    pub(super) repeats: usize,
}

impl Spread {
    /// `None` of no numbers.
    pub(super) fn of(mut numbers: Vec<f64>) -> Option<Self> {
        numbers.sort_by(f64::total_cmp);
        let (low, high) = (*numbers.first()?, *numbers.last()?);
        let half = numbers.len() / 2;
        let middle = if numbers.len().is_multiple_of(2) {
            f64::midpoint(numbers[half - 1], numbers[half])
        } else {
            numbers[half]
        };
        Some(Self { low, middle, high })
    }

    /// Whether the two have no number in common.
    pub(super) fn is_apart_from(self, other: Self) -> bool {
        self.low > other.high || self.high < other.low
    }
}

impl Figure {
    /// What the samples of a family come to. Each row must have some, and each sample its row.
    pub(super) fn of_family(family: &'static Family, samples: &[Sample]) -> Result<Vec<Self>> {
        if let Some(stray) = samples.iter().find(|sample| family.rows.iter().all(|row| row.id != sample.row)) {
            bail!("`{}` is measured, and is no row of `{}`", stray.row, family.name);
        }
        family.rows.iter().map(|row| Self::of_row(row, samples)).collect()
    }

    fn of_row(row: &'static Row, samples: &[Sample]) -> Result<Self> {
        let samples: Vec<_> = samples.iter().filter(|sample| sample.row == row.id).collect();
        let Some(measured) = Spread::of(samples.iter().map(|sample| sample.measured).collect()) else {
            bail!("`{}` was not measured", row.id);
        };
        let bounds: Vec<_> = samples.iter().filter_map(|sample| sample.bound).collect();
        let expected = if row.bound.is_some() { samples.len() } else { 0 };
        ensure!(bounds.len() == expected, "`{}` has {} repeats, and {} bounds", row.id, samples.len(), bounds.len());
        let ratios = samples.iter().filter_map(|sample| sample.bound.map(|bound| sample.measured / bound)).collect();
        let (bound, ratio, repeats) = (Spread::of(bounds), Spread::of(ratios), samples.len());
        Ok(Self { row, measured, bound, ratio, repeats })
    }

    /// Whether the goal is met, if there is one.
    pub(super) fn is_met(&self) -> Option<bool> {
        let middle = |spread: Option<Spread>| spread.map(|spread| spread.middle);
        self.row.goal.is_met(self.measured.middle, middle(self.bound), middle(self.ratio))
    }

    /// What runs are compared by: the ratio, which the machine is in less than in the number.
    pub(super) fn compared(&self) -> Spread {
        self.ratio.unwrap_or(self.measured)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::row::{Goal, Unit};
    use super::*;

    pub(in super::super) static FAMILY: Family = Family {
        name: "saves",
        title: "Saves",
        how: "By hand.",
        rows: &[
            Row {
                id: "one",
                what: "a save",
                unit: Unit::Seconds,
                bound: Some("an append"),
                goal: Goal::TimesAtMost(1.3),
            },
            Row { id: "two", what: "a start", unit: Unit::Seconds, bound: None, goal: Goal::Below(0.05) },
        ],
        missing: || Ok(None),
        measure: |_| Ok(Vec::new()),
    };

    pub(in super::super) fn sample(row: &str, measured: f64, bound: Option<f64>) -> Sample {
        Sample { row: row.to_owned(), measured, bound }
    }

    #[test]
    fn a_figure_is_the_middle_of_its_repeats_and_ratios_are_taken_in_each() {
        let samples = [
            sample("one", 3.0, Some(3.0)),
            sample("two", 0.1, None),
            sample("one", 8.0, Some(4.0)),
            sample("two", 0.01, None),
        ];
        let figures = Figure::of_family(&FAMILY, &samples).unwrap();
        let [one, two] = &figures[..] else { panic!("{figures:?}") };
        assert_eq!(one.measured, Spread { low: 3.0, middle: 5.5, high: 8.0 });
        assert_eq!(one.ratio, Some(Spread { low: 1.0, middle: 1.5, high: 2.0 }));
        assert_eq!((one.repeats, one.is_met()), (2, Some(false)));
        assert_eq!((two.ratio, two.is_met()), (None, Some(false)));
    }

    #[test]
    fn what_is_measured_and_what_is_a_row_is_the_same() {
        let complaint = |samples: &[Sample]| Figure::of_family(&FAMILY, samples).unwrap_err().to_string();
        assert_eq!(complaint(&[sample("three", 1.0, None)]), "`three` is measured, and is no row of `saves`");
        assert_eq!(complaint(&[sample("one", 1.0, Some(1.0))]), "`two` was not measured");
        assert_eq!(complaint(&[sample("one", 1.0, None)]), "`one` has 1 repeats, and 0 bounds");
    }
}
