//! `awo migrate`: makes the schema in the database, or takes it to the version of this program.

use std::process::ExitCode;

use awo_state::Migrated;
use serde_json::json;

use crate::exit::{BAD_INPUT, coded};
use crate::orders::print_json;
use crate::settings::{Backend, Settings};
use crate::terminal::say;
use crate::wiring;

pub(crate) async fn run(settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    if settings.state != Backend::Postgres {
        let message = "only a database has a schema to migrate; set state (AWO_STATE) to postgres";
        return Err(coded(BAD_INPUT, message));
    }
    let database = wiring::connect(settings).await?;
    let Migrated { from, to } = database.migrate().await.map_err(wiring::told)?;
    let schema = database.schema();
    if as_json {
        print_json(&json!({"schema": schema, "from": from, "to": to}));
    } else if from == to {
        say!("the schema {schema} is at version {to}");
    } else if from == 0 {
        say!("the schema {schema} was made, at version {to}");
    } else {
        say!("the schema {schema} was at version {from} and is at version {to}");
    }
    Ok(ExitCode::SUCCESS)
}
