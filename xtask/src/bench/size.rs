//! How large the program is.

use std::fs;

use super::row::{Family, Goal, Row, Sample, Unit};

pub(super) const FAMILY: Family = Family {
    name: "size",
    title: "The program as a file",
    how: "The build that is shipped (`--profile dist`), with the features that it has without a word, `dashboard` among them and\n\
          `otel` not, stripped of its symbols. The release build, which links in a fraction of the time, has 30 MB. It needs no other file but the libraries of C.",
    rows: &[Row { id: "size", what: "`awo`", unit: Unit::Bytes, bound: None, goal: Goal::Below(25e6) }],
    missing: || Ok(None),
    measure: |bench| {
        let bytes = u32::try_from(fs::metadata(&bench.program)?.len())?;
        Ok(vec![Sample { row: "size".to_owned(), measured: f64::from(bytes), bound: None }])
    },
};
