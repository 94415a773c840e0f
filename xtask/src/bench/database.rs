//! A PostgreSQL server to measure on, with the programs that come with it: `psql` sets up, `pgbench` does the least that
//! something could cost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::Bench;
use super::row::Sample;
use crate::postgres::{Cluster, Options, program};
use crate::process;

/// A server that keeps what it says it keeps. It ends with this value.
#[derive(Debug)]
pub(super) struct Database {
    cluster: Cluster,
    /// Where scripts and logs are.
    place: PathBuf,
}

/// What `pgbench` did.
#[derive(Debug)]
pub(super) struct Bare {
    /// Seconds of each transaction, shortest first.
    seconds: Vec<f64>,
    /// Transactions a second.
    pub(super) rate: f64,
}

impl Database {
    pub(super) fn start(bench: &Bench, name: &str) -> Result<Self> {
        let place = bench.disk.path().join(name);
        fs::create_dir(&place)?;
        Ok(Self { cluster: Cluster::of(&bench.cluster, &Options { durable: true, ..Options::default() })?, place })
    }

    pub(super) fn url(&self) -> &str {
        self.cluster.url()
    }

    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// Lets it count the statements of all its clients, which it does from its next start on.
    pub(super) fn count_statements(&mut self) -> Result<()> {
        self.sql("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")?;
        self.cluster.restart()?;
        self.sql("CREATE EXTENSION pg_stat_statements")?;
        Ok(())
    }

    /// Runs SQL; what it answers, a row a line.
    pub(super) fn sql(&self, script: &str) -> Result<String> {
        let file = self.place.join("script.sql");
        fs::write(&file, script)?;
        let mut psql = Command::new(program("psql").context("there is no psql")?);
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.url(), "-f"]).arg(&file);
        Ok(process::output(&mut psql)?.trim_end().to_owned())
    }

    /// Has the program `measure` do something with orders that are numbered from `first` on.
    pub(super) fn measure(&self, bench: &Bench, family: &str, size: usize, first: usize) -> Result<Vec<Sample>> {
        let mut measure = Command::new(&bench.measure);
        measure.args([family, self.url(), "--size", &size.to_string(), "--first", &first.to_string()]);
        process::output(&mut measure)?.lines().map(super::store::sample).collect()
    }

    /// Runs a script of `pgbench` so many times for each of its clients.
    pub(super) fn bare(&self, script: &str, clients: usize, each: usize, variables: &[(&str, String)]) -> Result<Bare> {
        let (file, log) = (self.place.join("bare.pgbench"), self.place.join("bare"));
        fs::write(&file, script)?;
        fs::create_dir(&log)?;
        let mut pgbench = Command::new(program("pgbench").context("there is no pgbench")?);
        pgbench.args(["--no-vacuum", "--protocol=prepared", "--client", &clients.to_string()]);
        pgbench.args(["--jobs", &clients.min(2).to_string(), "--transactions", &each.to_string(), "--file"]).arg(&file);
        pgbench.arg("--log").arg(format!("--log-prefix={}", log.join("log").display()));
        for (name, value) in variables {
            pgbench.arg("--define").arg(format!("{name}={value}"));
        }
        let told = process::output(pgbench.arg(self.url()))?;
        let mut seconds = Vec::new();
        for file in fs::read_dir(&log)? {
            seconds.extend(times(&fs::read_to_string(file?.path())?)?);
        }
        fs::remove_dir_all(&log)?;
        ensure!(seconds.len() == clients * each, "pgbench did {} of {}: {told}", seconds.len(), clients * each);
        seconds.sort_by(f64::total_cmp);
        Ok(Bare { seconds, rate: rate(&told)? })
    }
}

impl Bare {
    /// Seconds that so many hundredths of all are not above.
    pub(super) fn percentile(&self, hundredths: usize) -> f64 {
        let rank = (self.seconds.len() * hundredths).div_ceil(100).saturating_sub(1);
        self.seconds.get(rank).copied().unwrap_or(f64::NAN)
    }
}

/// Seconds of each transaction, as `pgbench` logs them: client, number, microseconds, and more.
fn times(log: &str) -> Result<Vec<f64>> {
    let time = |line: &str| line.split(' ').nth(2)?.parse::<f64>().ok().map(|microseconds| microseconds / 1e6);
    log.lines().map(|line| time(line).with_context(|| format!("pgbench logged {line:?}"))).collect()
}

/// Transactions a second, once all clients were connected.
fn rate(told: &str) -> Result<f64> {
    let line = told.lines().find_map(|line| line.strip_prefix("tps = "));
    let number = line.and_then(|line| line.split(' ').next()?.parse().ok());
    number.with_context(|| format!("pgbench told no rate: {told}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_the_rate_are_read_as_pgbench_tells_them() {
        assert_eq!(times("0 1 512 0 1700000000 42\n0 2 1024 0 1700000000 99\n").unwrap(), [512e-6, 1024e-6]);
        assert!(times("0 1\n").is_err());
        let told = "number of failed transactions: 0 (0.000%)\ntps = 2174.5 (without initial connection time)\n";
        assert!((rate(told).unwrap() - 2174.5).abs() < 0.1);
        assert!(rate("").is_err());
    }

    #[test]
    fn a_percentile_is_of_what_took_so_long_or_less() {
        let bare = Bare { seconds: (1..=200).map(f64::from).collect(), rate: 1.0 };
        let shown = [50, 99, 100].map(|hundredths| bare.percentile(hundredths).to_string());
        assert_eq!(shown, ["100", "198", "200"]);
    }
}
