//! How the database is reached, and how long its answers are waited for.

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

use super::PostgresError;

/// What an address may say behind its `?`. The driver knows no more, and would log the rest, values included.
const PARAMETERS: &[&str] = &[
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// How a PostgreSQL database is used.
#[derive(Clone)]
pub struct PostgresOptions {
    /// Where it is: `postgres://user:password@host:port/database`, with parameters such as `sslmode=verify-full`: `dbname`,
    /// `host`, `hostaddr`, `options`, `password`, `port`, `sslcert`, `sslkey`, `sslmode`, `sslrootcert`,
    /// `statement-cache-capacity` and `user`; others are refused. A password that is missing is looked for in `PGPASSWORD`
    /// and in the file `PGPASSFILE`. It is never shown.
    pub url: String,
    /// The schema that holds everything.
    pub schema: String,
    /// At most so many connections, besides the one that renews leases and the one that listens.
    pub pool_size: u32,
    /// What the database shows as the name of the program.
    pub application_name: String,
    /// Longest time that a call waits for a connection.
    pub acquire_timeout: Duration,
    /// Longest time that the database works on a statement. A call that got no answer a second after it is given up with
    /// its connection.
    pub statement_timeout: Duration,
}

impl PostgresOptions {
    /// The usual options for a database.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            schema: "awo".into(),
            pool_size: 10,
            application_name: "awo".into(),
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(5),
        }
    }

    /// What the driver is told; the error says what cannot be used.
    pub(super) fn checked(&self) -> Result<PgConnectOptions, PostgresError> {
        let mut letters = self.schema.chars();
        let begins = letters.next().is_some_and(|first| first.is_ascii_lowercase() || first == '_');
        let goes_on = letters.all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
        if !begins || !goes_on || self.schema.len() > 63 || self.schema.starts_with("pg_") || self.schema == "public" {
            return Err(PostgresError::SchemaName(self.schema.clone()));
        }
        if !(self.url.starts_with("postgres://") || self.url.starts_with("postgresql://")) {
            return Err(PostgresError::Address("it does not begin with postgres://".into()));
        }
        check_parameters(&self.url)?;
        let options = PgConnectOptions::from_str(&self.url).map_err(|error| PostgresError::Address(error.into()))?;
        // Statements are ours and always the same; what they are about does not belong in a log.
        Ok(options.application_name(&self.application_name).disable_statement_logging())
    }
}

/// Refuses what the driver would not heed: whoever asked for it relies on it.
fn check_parameters(url: &str) -> Result<(), PostgresError> {
    let (address, _fragment) = url.split_once('#').unwrap_or((url, ""));
    let Some((_, parameters)) = address.split_once('?') else { return Ok(()) };
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if !PARAMETERS.contains(&name) {
            return Err(PostgresError::Address(refusal(name, value).into()));
        }
    }
    Ok(())
}

/// Names a parameter, but not what may be the end of a password with a `?` in it.
fn refusal(name: &str, value: &str) -> String {
    let is_name = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_lowercase() || "_-".contains(letter));
    let known = PARAMETERS.join(", ");
    if is_name && !value.is_empty() && !value.contains('@') {
        format!("its parameter {name:?} is not known; leave it out; known are {known}")
    } else {
        format!("what follows its `?` is no parameter; write `?` in a password as %3F; known parameters are {known}")
    }
}

// The address holds a password.
impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("schema", &self.schema)
            .field("pool_size", &self.pool_size)
            .field("application_name", &self.application_name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn options(url: &str, schema: &str) -> PostgresOptions {
        PostgresOptions { schema: schema.into(), ..PostgresOptions::new(url) }
    }

    #[test]
    fn what_cannot_be_used_is_said_without_the_password() {
        for schema in ["", "Awo", "a-b", "1a", "public", "pg_awo", "a\"; DROP", &"a".repeat(64)] {
            let refused = options("postgres://localhost/awo", schema).checked();
            assert!(matches!(refused, Err(PostgresError::SchemaName(_))), "{schema:?}");
        }
        for url in [
            "",
            "mysql://u:secret@localhost/awo",
            "postgres://u:secret@localhost:port/awo",
            "postgres://localhost/awo?sslmode=require&pasword=secret",
            "postgres://localhost/awo?sslpassword=secret",
            "postgres://localhost/awo?%70assword=secret",
            "postgres://u:p?secret@localhost/awo",
            "postgres://u:p?secret=@localhost/awo",
            "postgres://u:p?secret=x@localhost/awo",
        ] {
            let Err(refused) = options(url, "awo").checked() else { panic!("{url:?} is no address") };
            let told = format!("{refused} {refused:?} {:?} {:?}", refused.source(), options(url, "awo"));
            assert!(!told.contains("secret"), "{told}");
        }
        assert!(options("postgres://u:p@localhost/awo?sslmode=require", "team_7").checked().is_ok());
    }

    #[test]
    fn a_parameter_that_would_not_be_heeded_is_refused_by_its_name() {
        for name in ["channel_binding", "connect_timeout", "passfile", "sslpassword", "target_session_attrs", "pasword"]
        {
            let url = format!("postgres://u@localhost/awo?sslmode=require&{name}=x");
            let Err(refused) = options(&url, "awo").checked() else { panic!("{name} is not heeded") };
            assert!(refused.source().unwrap().to_string().contains(&format!("{name:?}")), "{refused:?}");
        }
    }

    /// What is known here is known to the driver, or it would log it.
    #[test]
    fn known_parameters_are_those_of_the_driver() {
        let value = |name: &str| match name {
            "hostaddr" => "127.0.0.1",
            "port" | "statement-cache-capacity" => "5",
            "sslmode" => "require",
            _ => "changed",
        };
        let plain = format!("{:?}", options("postgres://u@localhost/awo", "awo").checked().unwrap());
        for name in PARAMETERS {
            let url = format!("postgres://u@localhost/awo?{name}={}", value(name));
            let told = format!("{:?}", options(&url, "awo").checked().unwrap());
            assert_ne!(told, plain, "{name}");
        }
    }
}
