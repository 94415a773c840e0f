//! Whether a series of numbers grows: the slope of Theil and Sen, which a few wild numbers do not move.

/// The middle of all slopes between two points that are not at the same place; `None` of fewer than two such points.
pub(super) fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let mut slopes = Vec::with_capacity(points.len() * points.len().saturating_sub(1) / 2);
    for (index, (x, y)) in points.iter().enumerate() {
        for (later_x, later_y) in &points[index + 1..] {
            let run = later_x - x;
            if run.abs() > f64::EPSILON {
                slopes.push((later_y - y) / run);
            }
        }
    }
    middle(slopes)
}

/// The middle of some numbers; `None` of none.
pub(super) fn middle(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let half = numbers.len() / 2;
    let upper = *numbers.get(half)?;
    Some(if numbers.len().is_multiple_of(2) { f64::midpoint(numbers[half - 1], upper) } else { upper })
}

/// The number that so many hundredths are not above, by the nearest rank; 0 of none.
pub(super) fn percentile(numbers: &[f64], hundredths: usize) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * hundredths).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(number: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        (0..100).map(f64::from).map(|at| (at, number(at))).collect()
    }

    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn a_line_has_its_slope() {
        assert_near(slope(&series(|at| 3.0 + 0.5 * at)).unwrap(), 0.5);
        assert_near(slope(&series(|_| 7.0)).unwrap(), 0.0);
        assert_near(slope(&series(|at| -2.0 * at)).unwrap(), -2.0);
    }

    #[test]
    fn a_fifth_of_wild_numbers_moves_it_little() {
        let wild = series(|at| if at % 5.0 == 0.0 { 1e9 * (at - 50.0) } else { 3.0 + 0.5 * at });
        let found = slope(&wild).unwrap();
        assert!((0.3..0.7).contains(&found), "{found}");
    }

    #[test]
    fn teeth_of_a_saw_are_no_growth() {
        let found = slope(&series(|at| at % 10.0)).unwrap();
        assert!(found.abs() < 0.01, "{found}");
    }

    #[test]
    fn the_distance_of_points_counts() {
        assert_near(slope(&[(0.0, 0.0), (10.0, 5.0), (1000.0, 500.0)]).unwrap(), 0.5);
        assert_eq!(slope(&[(1.0, 0.0), (1.0, 5.0)]), None, "two numbers at once");
        assert_eq!(slope(&[(1.0, 0.0)]), None);
        assert_eq!(slope(&[]), None);
    }

    #[test]
    fn percentiles_are_numbers_that_were_seen() {
        let numbers: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_near(percentile(&numbers, 50), 50.0);
        assert_near(percentile(&numbers, 99), 99.0);
        assert_near(percentile(&numbers, 100), 100.0);
        assert_near(percentile(&[3.0], 1), 3.0);
        assert_near(percentile(&[], 50), 0.0);
    }
}
