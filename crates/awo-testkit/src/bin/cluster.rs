//! A PostgreSQL server for a run of the tests. Prints where it is, and ends it when standard input ends, however whoever
//! started this came to its end.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use awo_testkit::postgres::Cluster;

fn main() -> ExitCode {
    let cluster = match Cluster::start(false) {
        Ok(cluster) => cluster,
        Err(error) => {
            eprintln!("there is no PostgreSQL for tests: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut output = std::io::stdout();
    if writeln!(output, "{}", cluster.url()).and_then(|()| output.flush()).is_err() {
        return ExitCode::FAILURE;
    }
    let mut input = Vec::new();
    match std::io::stdin().read_to_end(&mut input) {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
