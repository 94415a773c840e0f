//! Orders in a database: served, killed and gone on with, read without a server, and taken over from files.

use awo_testkit::postgres::{Cluster, TestSchema};
use awo_testkit::until;

use crate::setting::{ORDERS, Setting, Told, completed, steps, text};

/// Is asked for by nobody, as these servers trust whoever comes, and must be seen nowhere.
const PASSWORD: &str = "pass-never-shown";

/// What says where the orders are.
fn variables(schema: &TestSchema) -> [(&'static str, String); 3] {
    let url = schema.url().replacen("awo@", &format!("awo:{PASSWORD}@"), 1);
    [("AWO_STATE", "postgres".to_owned()), ("AWO_DATABASE_URL", url), ("AWO_DATABASE_SCHEMA", schema.name().to_owned())]
}

fn setting(schema: &TestSchema) -> Setting {
    let variables = variables(schema);
    Setting::with(&variables.each_ref().map(|(name, value)| (*name, value.as_str())))
}

/// What a command tells with orders in the database.
fn run(setting: &Setting, schema: &TestSchema, arguments: &[&str]) -> Told {
    setting.program.command(arguments).envs(variables(schema)).output().unwrap().into()
}

#[test]
fn a_killed_server_goes_on_with_what_the_database_holds() {
    let Some(schema) = TestSchema::new() else { return };
    let setting = setting(&schema);
    setting.agent.hold("implementor");
    let mut server = setting.program.serve();
    let id = setting.create(&server);
    setting.at_work("implementor", 1);
    server.kill();
    let told = setting.run(&["steps", &id]).expect(0);
    assert!(told.out.contains("implement"), "it can be read without a server: {told:#?}");
    setting.agent.release("implementor");
    let server = setting.program.serve();
    let done = completed(&server, &id);
    assert_eq!((&done["status"], &done["steps_completed"]), (&"completed".into(), &7.into()));
    let results = steps(&server, &id);
    let whole = serde_json::to_string(&results).unwrap();
    assert!(whole.contains("interrupted"), "the cut attempt is told of: {whole}");
    let log = server.log();
    drop(server);
    for look in [&["show", &id][..], &["logs", &id], &["list"], &["diff", &id], &["stats"]] {
        let told = setting.run(look).expect(0);
        assert!(!told.out.is_empty() && !format!("{told:?}{log}").contains(PASSWORD), "{look:?}: {told:#?}");
    }
    let kept = setting.program.data_dir().join("orders");
    assert_eq!(std::fs::read_dir(&kept).map_or(0, Iterator::count), 0, "nothing of it is in files");
}

#[test]
fn keys_and_the_doctor_look_into_the_database() {
    let Some(schema) = TestSchema::new() else { return };
    let setting = setting(&schema);
    let told = setting.run(&["doctor", "--json"]).json();
    let found = told["findings"].as_array().unwrap().iter().find(|finding| finding["thing"] == "database").unwrap();
    assert!(found["good"] == true && text(&found["found"]).contains("the next start takes it to"), "{found}");
    setting.run(&["migrate"]).expect(0);
    setting.run(&["keys", "create", "--scope", "admin", "--label", "first"]).expect(0);
    assert!(setting.run(&["keys", "list"]).expect(0).out.contains("first"));
    assert!(!setting.program.data_dir().join("catalog").exists(), "they are not in files");
    let server = setting.program.serve();
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn a_schema_is_migrated_by_hand_where_that_is_set() {
    let Some(schema) = TestSchema::new() else { return };
    let mut setting = setting(&schema);
    setting.program = setting.program.with_variable("AWO_MIGRATE_AT_START", "false");
    for command in [&["serve", "--bind", "127.0.0.1:0"][..], &["list"], &["keys", "list"]] {
        let told = setting.run(command).expect(2);
        assert!(told.err.contains("is at version 0") && told.err.contains("`awo migrate`"), "{told:#?}");
    }
    assert!(setting.run(&["migrate"]).expect(0).out.contains("was made"));
    let again = setting.run(&["migrate", "--json"]).expect(0).json();
    assert_eq!(again["from"], again["to"]);
    assert_eq!(again["schema"], schema.name());
    let server = setting.program.serve();
    let id = setting.create(&server);
    completed(&server, &id);
}

#[test]
fn files_are_taken_over_whole_and_once() {
    let Some(schema) = TestSchema::new() else { return };
    let setting = Setting::new();
    let done = setting.run_order(&["--json"]).expect(0).json();
    let id = text(&done["agent_work_order_id"]);
    setting.run(&["keys", "create", "--scope", "admin", "--label", "moved"]).expect(0);
    let looks: [&[&str]; 4] =
        [&["show", &id, "--json"], &["steps", &id, "--json"], &["logs", &id, "--json"], &["diff", &id]];
    let before = looks.map(|look| setting.run(look).expect(0).out);
    let from = setting.program.data_dir();
    let import = ["state", "import", "--from", from.to_str().unwrap(), "--data-dir", "elsewhere"];
    let told = run(&setting, &schema, &import).expect(0);
    assert!(told.out.contains("imported") && told.out.contains("1 key"), "{told:#?}");
    let again = run(&setting, &schema, &import).expect(0);
    assert!(again.out.contains("as it is here") && again.out.contains("0 keys"), "{again:#?}");
    for (look, before) in looks.iter().zip(before) {
        let there = run(&setting, &schema, &[look, &["--data-dir", "elsewhere"][..]].concat()).expect(0);
        assert_eq!(there.out, before, "{look:?}");
    }
    let exported = run(&setting, &schema, &["state", "export", "--data-dir", "elsewhere"]).expect(0);
    assert!(exported.out.contains(&id));
    let refused = run(&setting, &schema, &["state", "verify", "--data-dir", "elsewhere"]).expect(2);
    assert!(refused.err.contains("PostgreSQL's own tools"), "{refused:#?}");
}

#[test]
fn what_is_tied_to_its_directory_is_not_taken_out_of_it() {
    let Some(schema) = TestSchema::new() else { return };
    let setting = Setting::new();
    setting.agent.hold("classifier");
    let mut server = setting.program.serve();
    let url = setting.remote.url();
    let held = || {
        let made = setting.run(&["create", "--hold", "--repo", &url, "Say hello", "--json"]).expect(0).json();
        text(&made["agent_work_order_id"])
    };
    let (free, unsaved, cut) = (held(), held(), setting.create(&server));
    setting.at_work("classifier", 1);
    server.kill();
    let from = setting.program.data_dir();
    let spills = from.with_file_name(format!("{}.spill", from.file_name().unwrap().to_str().unwrap()));
    std::fs::create_dir_all(&spills).unwrap();
    std::fs::write(spills.join(format!("{unsaved}.spill.json")), "{}").unwrap();
    let import = ["state", "import", "--from", from.to_str().unwrap(), "--data-dir", "elsewhere"];
    let told = run(&setting, &schema, &import).expect(1);
    let says = |id: &str, words: &str| told.out.lines().any(|line| line.contains(id) && line.contains(words));
    assert!(says(&cut, "its checkout is in") && says(&unsaved, "results that were not stored"), "{told:#?}");
    assert!(says(&free, "imported"), "{told:#?}");
    assert_eq!(run(&setting, &schema, &[&import[..], &["--json"]].concat()).expect(1).json()["whole"], false);
    // Who keeps the directory goes on with what is in it.
    let told = run(&setting, &schema, &["state", "import", "--from", from.to_str().unwrap()]).expect(0);
    assert_eq!(told.out.matches("imported").count(), 2, "{told:#?}");
}

#[test]
fn what_runs_is_told_from_the_workers_that_are_there() {
    let Some(schema) = TestSchema::new() else { return };
    let setting = setting(&schema);
    let mut server = setting.program.serve();
    let url = setting.remote.url();
    let held = setting.run(&["create", "--hold", "--repo", &url, "Say hello", "--json"]).expect(0).json();
    let id = text(&held["agent_work_order_id"]);
    let said = || run(&setting, &schema, &["list", "--data-dir", "elsewhere"]).expect(0).err;
    until("a worker is seen, in another directory", || said().is_empty());
    server.kill();
    until("it is missed", || said().contains("no worker is there"));
    let told = run(&setting, &schema, &["cancel", &id]).expect(5);
    assert!(told.err.contains("--server") && !told.err.contains("`awo run`"), "{told:#?}");
    for command in [&["recover"][..], &["recover", "--dry-run"]] {
        let told = run(&setting, &schema, command).expect(2);
        assert!(told.err.contains("`awo worker`"), "{told:#?}");
    }
    let told = run(&setting, &schema, &["worker", "--max-running", "0"]).expect(2);
    assert!(told.err.contains("at least 1"), "{told:#?}");
}

#[test]
fn files_that_are_written_are_not_taken_over() {
    let Some(schema) = TestSchema::new() else { return };
    let setting = Setting::new();
    let server = setting.program.serve();
    let id = setting.create(&server);
    completed(&server, &id);
    let from = setting.program.data_dir();
    let import = ["state", "import", "--from", from.to_str().unwrap(), "--data-dir", "elsewhere"];
    let refused = run(&setting, &schema, &import).expect(5);
    assert!(refused.err.contains("stop it first"), "{refused:#?}");
}

#[test]
fn an_outage_of_the_database_is_survived_by_a_server() {
    if TestSchema::new().is_none() {
        return;
    }
    let cluster = Cluster::start(true).unwrap();
    let schema = TestSchema::at(cluster.url());
    let setting = setting(&schema);
    setting.agent.hold("implementor");
    let server = setting.program.serve();
    let id = setting.create(&server);
    setting.at_work("implementor", 1);
    cluster.crash().unwrap();
    setting.agent.release("implementor");
    until("it works on without the database", || server.log().contains("step_history_save_failed"));
    let refused = server.get(&format!("{ORDERS}/{id}"));
    assert!(refused.status >= 500, "{}", refused.text);
    cluster.start_again().unwrap();
    until("the database is seen again", || server.get(&format!("{ORDERS}/{id}")).status == 200);
    assert_eq!(completed(&server, &id)["steps_completed"], 7);
    assert_eq!(steps(&server, &id).len(), 7, "each result once");
}

#[test]
fn who_follows_an_order_at_another_server_misses_nothing_and_can_cancel_it() {
    let Some(schema) = TestSchema::new() else { return };
    let setting = setting(&schema);
    let runs = setting.program.serve();
    let elsewhere = Setting::with(&variables(&schema).each_ref().map(|(name, value)| (*name, value.as_str())));
    let asked = elsewhere.program.serve();
    let id = setting.create(&runs);
    let mut numbers = Vec::new();
    let told = asked.call("GET", &format!("{ORDERS}/{id}/events"), &[("accept", "text/event-stream")], None).text;
    for line in told.lines().filter_map(|line| line.strip_prefix("id: ")) {
        numbers.push(line.parse::<usize>().unwrap());
    }
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "{told}");
    assert!(told.contains("event: end"), "{told}");
    assert_eq!(completed(&asked, &id), completed(&runs, &id));
    until("figures follow", || asked.get(&format!("{ORDERS}/stats/steps")).json()["total"]["attempts"] == 7);

    setting.agent.hold("implementor");
    let id = setting.create(&runs);
    setting.at_work("implementor", 2);
    assert_eq!(asked.post(&format!("{ORDERS}/{id}/cancel"), &serde_json::json!({})).status, 202);
    assert_eq!(crate::setting::ended(&runs, &id)["status"], "cancelled", "its agent was told to end");
}
