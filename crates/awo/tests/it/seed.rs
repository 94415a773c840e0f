//! The validation commands of the feature's description, run as they stand there, with a shell, curl and jq.

use std::process::Command;

use awo_testkit::DirectedAgent;
use awo_testkit::repository::FixtureRepository;

use crate::setting::{Told, program};

#[test]
fn the_validation_commands_succeed() {
    for tool in ["bash", "curl", "jq", "seq"] {
        if Command::new(tool).arg("--version").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "{tool} is missing, and with CI set nothing may be skipped");
            eprintln!("SKIPPED the_validation_commands_succeed: {tool} is not installed");
            return;
        }
    }
    let remote = FixtureRepository::new();
    let program = program();
    let agent = DirectedAgent::new(&program.place().join("agent"));
    let program = program
        .with_variable("CLAUDE_CLI_PATH", agent.program())
        .with_variable("CLAUDE_CLI_SKIP_PERMISSIONS", "true")
        .with_variable("AWO", env!("CARGO_BIN_EXE_awo"))
        .with_variable("AWO_CONFIG", "../awo.toml");
    let settings =
        format!("[[git.redirect]]\nfrom = \"https://github.com/Wirasm/dylan.git\"\nto = \"{}\"\n", remote.url());
    std::fs::write(program.place().join("awo.toml"), settings).unwrap();

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/seed.sh");
    // The program's environment and place, and the script instead of the program.
    let model = program.command::<&str>([]);
    let mut shell = Command::new("bash");
    shell.arg(script).env_clear().current_dir(model.get_current_dir().unwrap());
    shell.envs(model.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let told = Told::from(shell.output().unwrap()).expect(0);

    let counts: Vec<usize> =
        told.out.lines().filter_map(|line| line.strip_prefix("Poll ")?.split(' ').nth(1)?.parse().ok()).collect();
    assert!(counts.is_sorted() && counts.last() == Some(&7), "{told:#?}");
    assert!(told.out.contains("\"service\": \"agent-work-orders\""), "{told:#?}");
    assert!(told.out.contains("\"status\": \"completed\"\n}\n7\n"), "{told:#?}");
    let branches = remote.branches();
    assert!(branches.len() == 2 && branches[0].starts_with("feat-wo-"), "{branches:?}");
}
