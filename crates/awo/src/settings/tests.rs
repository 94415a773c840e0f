//! What the settings say, from flags, variables and files.

use super::*;

fn load_with(file: &str, variables: &[(&str, &str)], flags: &[&str]) -> Result<Settings, String> {
    use clap::Parser as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("awo.toml");
    std::fs::write(&path, file).unwrap();
    let config = path.to_str().unwrap();
    let arguments = [["awo", "list", "--config", config].as_slice(), flags].concat();
    let arguments = crate::cli::Arguments::parse_from(arguments);
    let look = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
    load(&arguments.common, look).map_err(|error| format!("{error:#}"))
}

#[test]
fn streams_leave_connections_for_questions() {
    load_with("[http]\nmax_streams = 2000\nmax_connections = 4002\nmax_connections_per_address = 2001", &[], &[])
        .unwrap();
    for few in ["max_streams = 320", "max_connections = 512", "max_connections_per_address = 256"] {
        assert!(load_with(&format!("[http]\n{few}"), &[], &[]).is_err(), "{few}");
    }
    let error = load_with("[http]\nmax_streams = 700", &[], &[]).unwrap_err();
    assert!(error.contains("http.max_streams is 700, and one address may have 320 connections"), "{error}");
    assert!(load_with("[http]\nmax_connections = 0", &[], &[]).unwrap_err().contains("at least 1"));
}

#[test]
fn flags_beat_variables_beat_the_file_beats_defaults() {
    let file = "data_dir = '/file'\nagent = 'scripted'\nmax_running = 3";
    let variables = [("AWO_DATA_DIR", "/variable"), ("FILE_STATE_DIRECTORY", "/original")];
    let settings = load_with(file, &variables, &["--data-dir", "/flag"]).unwrap();
    assert_eq!(settings.data_dir, Path::new("/flag"));
    let settings = load_with(file, &variables, &[]).unwrap();
    assert_eq!(settings.data_dir, Path::new("/variable"));
    let settings = load_with(file, &variables[1..], &[]).unwrap();
    assert_eq!(settings.data_dir, Path::new("/original"));
    let settings = load_with(file, &[], &[]).unwrap();
    assert_eq!((settings.data_dir.as_path(), settings.max_running), (Path::new("/file"), 3));
    assert_eq!(settings.bind.to_string(), "127.0.0.1:8888");
}

#[test]
fn data_directories_that_share_a_place_outside_have_each_their_own_in_it() {
    let with = |data: &str| {
        load_with(
            "workspaces_dir = '/shared'\nspill_dir = '/spill'\nagents_dir = '/agents'",
            &[("AWO_DATA_DIR", data)],
            &[],
        )
        .unwrap()
    };
    let (first, second) = (with("/first/data"), with("/second/data"));
    assert!(first.workspaces_dir().starts_with("/shared") && first.spill_dir().starts_with("/spill"));
    assert_ne!(first.workspaces_dir(), second.workspaces_dir());
    assert_ne!(first.spill_dir(), second.spill_dir());
    assert_ne!(first.agents_dir(), second.agents_dir());
    assert_eq!(first.workspaces_dir(), with("/first/data").workspaces_dir(), "and the same after a restart");
    let plain = load_with("", &[("AWO_DATA_DIR", "/first/data")], &[]).unwrap();
    assert_eq!(plain.workspaces_dir(), Path::new("/first/data/workspaces"));
    assert_eq!(plain.spill_dir(), Path::new("/first/data.spill"));
}

#[test]
fn the_names_of_the_original_work() {
    let variables = [
        ("CLAUDE_CLI_PATH", "/bin/agent"),
        ("CLAUDE_CLI_MAX_TURNS", "7"),
        ("CLAUDE_CLI_SKIP_PERMISSIONS", "true"),
        ("AGENT_WORK_ORDER_TIMEOUT", "60"),
        ("STATE_STORAGE_TYPE", "memory"),
    ];
    let settings = load_with("", &variables, &[]).unwrap();
    let claude = settings.agent("claude");
    assert_eq!(claude.path.as_deref(), Some(Path::new("/bin/agent")));
    assert_eq!((claude.max_turns, claude.skip_permissions), (Some(7), true));
    assert_eq!((settings.step_timeout(), settings.state), (Duration::from_mins(1), Backend::Memory));
}

#[test]
fn agents_can_be_given_room_on_another_disk() {
    let beside = load_with("data_dir = '/data'", &[], &[]).unwrap();
    let claude = |settings: &Settings| crate::wiring::program_config(settings, "claude", &awo_adapters::Claude);
    assert_eq!(claude(&beside).home_dir, Path::new("/data/agents/homes"));
    let elsewhere = load_with("data_dir = '/data'", &[("AWO_AGENTS_DIR", "/roomy")], &[]).unwrap();
    let (claude, own) = (claude(&elsewhere), elsewhere.agents_dir());
    assert!(own.starts_with("/roomy"));
    assert_eq!((claude.home_dir, claude.files_dir), (own.join("homes"), own.join("files")));
}

#[test]
fn the_files_and_what_is_kept_of_them_can_be_set() {
    let settings = load_with("", &[], &[]).unwrap();
    assert_eq!(settings.file.options().unwrap(), awo_state::FileOptions::default());
    assert!(settings.retention.policy().unwrap().is_off(), "nothing is deleted unless it is asked for");
    let file = "[file]\ndurability = 'os'\nkeep_ended = 7\ncompact_from_bytes = 9\ncompact_percent = 10\n\
        [retention]\nmax_age_days = 2\nmax_orders = 3\nmax_bytes = 4\nevery_minutes = 5";
    assert_eq!(settings.retention.pause().unwrap(), Duration::from_hours(1));
    let variables = [("AWO_FILE_DURABILITY", "interval"), ("AWO_FILE_SYNC_INTERVAL_MS", "250")];
    let settings = load_with(file, &variables, &[]).unwrap();
    let durability = awo_state::Durability::Interval(Duration::from_millis(250));
    let expected = awo_state::FileOptions { durability, keep_ended: 7, compact_from: 9, compact_percent: 10 };
    assert_eq!(settings.file.options().unwrap(), expected);
    let policy = settings.retention.policy().unwrap();
    assert_eq!((policy.max_age, policy.max_orders), (Some(Duration::from_hours(48)), Some(3)));
    assert_eq!((policy.max_bytes, settings.retention.pause().unwrap()), (Some(4), Duration::from_mins(5)));
}

#[test]
fn attempts_and_waits_can_be_set() {
    let settings = load_with("", &[], &[]).unwrap();
    assert_eq!(settings.steps.retry().unwrap(), awo_models::RetryPolicy::default());
    assert_eq!(settings.waiting.policy(), awo_engine::WaitingPolicy::default());
    let file = "[steps]\nmax_attempts = 2\nfirst_pause_seconds = 1\nlongest_pause_seconds = 9\n\
        [steps.attempts]\nimplement = 3\nexecute = 4\n[waiting]\nlongest_seconds = 5\nin_all_seconds = 6\ntimes = 7";
    let settings = load_with(file, &[("AWO_WAITING_LONGEST_SECONDS", "50")], &[]).unwrap();
    let (first_pause, longest_pause) = (Duration::from_secs(1), Duration::from_secs(9));
    let expected = awo_models::RetryPolicy { max_attempts: 2, first_pause, longest_pause };
    assert_eq!(settings.steps.retry().unwrap(), expected);
    let attempts: Vec<_> = settings.steps.attempts().unwrap().into_iter().collect();
    let name = awo_models::StepName::known;
    assert_eq!(attempts, [(name("execute"), 4), (name("implement"), 3)]);
    let (longest, in_all) = (Duration::from_secs(50), Duration::from_secs(6));
    assert_eq!(settings.waiting.policy(), awo_engine::WaitingPolicy { longest, in_all, times: 7 });
}

#[test]
fn it_can_be_set_when_a_step_is_slow() {
    assert_eq!(load_with("", &[], &[]).unwrap().slow.policy().unwrap(), awo_engine::SlowPolicy::default());
    let file = "[slow]\npercent = 150\nleast_samples = 3\nleast_seconds = 4\nafter_seconds = 5";
    let variables = [("AWO_SLOW_PERCENT", "0"), ("AWO_SLOW_AFTER_SECONDS", "900")];
    let (least, bound) = (Duration::from_secs(4), Some(Duration::from_mins(15)));
    let expected = awo_engine::SlowPolicy { percent: 0, least_samples: 3, least, bound };
    assert_eq!(load_with(file, &variables, &[]).unwrap().slow.policy().unwrap(), expected);
}

#[test]
fn each_agent_and_each_step_can_be_set() {
    let file = "[agents.claude]\nmodel = 'opus'\nskip_permissions = true\n\
        [agents.codex]\nargs = ['-c', 'x=1']\nenv = ['AZURE_KEY']\n\
        [agents.quick]\nkind = 'claude'\nmodel = 'haiku'\n\
        [step_agents]\nclassify = 'quick'\nimplement = 'codex'";
    let settings = load_with(file, &[("AWO_CODEX_PATH", "/opt/codex"), ("CLAUDE_CLI_MAX_TURNS", "7")], &[]).unwrap();
    let (claude, codex, quick) = (settings.agent("claude"), settings.agent("codex"), settings.agent("quick"));
    assert_eq!((claude.model.as_deref(), claude.max_turns), (Some("opus"), Some(7)), "file and variable together");
    assert_eq!((codex.path.as_deref(), codex.args.len()), (Some(Path::new("/opt/codex")), 2));
    assert_eq!((kind_of("quick", Some(&quick)), quick.model.as_deref()), (Ok(Kind::Claude), Some("haiku")));
    assert_eq!(settings.used_agents().into_iter().collect::<Vec<_>>(), ["claude", "codex", "quick"]);
    assert!(settings.hindrance("quick").is_some() && settings.hindrance("claude").is_none());
    assert!(settings.hindrance("codex").is_none() && settings.hindrance("scripted").is_none());
    let flags = Agents { skip_permissions: true, ..Agents::default() };
    assert!(settings.with_agents(&flags).hindrance("quick").is_none(), "the flag is for all of them");
}

#[test]
fn bad_settings_are_named() {
    for (file, variables, words) in [
        ("datadir = 'x'", &[][..], "datadir"),
        ("state = 'etcd'", &[], "there are file, memory and postgres"),
        ("", &[("STATE_STORAGE_TYPE", "supabase")], "nothing says where the database is"),
        ("", &[("AGENT_WORK_ORDER_TIMEOUT", "soon")], "step_timeout_seconds"),
        ("max_queued = 1", &[("AWO_MAX_RUNNING", "many")], "(variable AWO_MAX_RUNNING)"),
        ("max_running = 'many'", &[("AWO_MAX_QUEUED", "1")], "awo.toml)"),
        ("bind = '8888'", &[], "127.0.0.1:8888, nor none"),
        ("[http]\ntrusted_proxies = ['proxy.lan']", &[], "http.trusted_proxies"),
        ("[http]\nmax_connections_per_address = 0", &[], "at least 1"),
        ("[tls]\ncertificate = 'x'", &[], "set both"),
        ("step_timeout_seconds = 0", &[], "a step needs time"),
        ("max_running = 0", &[], "at least 1"),
        ("[network]\ndefault = 'vpn'", &[], "there are auto, proxy, off, host"),
        ("[network]\nallowed_hosts = ['https://a.example']", &[], "cannot use host"),
        ("[network]\ntrusted_hosts = ['a.example:0']", &[], "cannot use host"),
        ("[agents.claude]\nhosts = ['a/b']", &[], "cannot use host"),
        ("[file]\ndurability = 'sometimes'", &[], "there are always"),
        ("[file]\ndurability = 'interval'\nsync_interval_ms = 0", &[], "give 1 to 60000 milliseconds"),
        ("", &[("AWO_FILE_SYNC_INTERVAL_MS", "5")], "file.durability = \"interval\""),
        ("[file]\ncompact_percent = 101", &[], "give 0 to 100"),
        ("[file]\nsync = true", &[], "sync"),
        ("", &[("AWO_FILE_KEEP_ENDED", "many")], "(variable AWO_FILE_KEEP_ENDED)"),
        ("[retention]\nmax_orders = 0", &[], "would delete every order"),
        ("[retention]\nevery_minutes = 0", &[], "give 1 or more"),
        ("", &[("AWO_RETENTION_MAX_AGE_DAYS", "-1")], "AWO_RETENTION_MAX_AGE_DAYS"),
        ("[steps]\nmax_attempts = 0", &[], "give 1 to 10"),
        ("", &[("AWO_MAX_ATTEMPTS", "11")], "give 1 to 10"),
        ("[steps]\nfirst_pause_seconds = 400", &[], "the first must not be above the longest"),
        ("[steps.attempts]\nimplment = 2", &[], "there are classify, plan"),
        ("[steps.attempts]\nimplement = 0", &[], "steps.attempts.implement is 0"),
        ("[waiting]\nlongest = 3", &[], "longest"),
        ("[slow]\npercent = 50", &[], "give 100 to 10000 percent"),
        ("[slow]\nleast_samples = 0", &[], "give 1 to 200"),
        ("[slow]\nleast_samples = 201", &[], "give 1 to 200"),
        ("", &[("AWO_SLOW_AFTER_SECONDS", "0")], "leave it out for no bound"),
        ("", &[("AWO_SLOW_PERCENT", "double")], "(variable AWO_SLOW_PERCENT)"),
        ("[", &[], "cannot use the settings"),
        ("[agents.mine]\nmodel = 'x'", &[], "agents.mine has no kind"),
        ("[agents.mine]\nkind = 'cursor'", &[], "there are claude, codex"),
        ("[agents.codex]\nkind = 'claude'", &[], "choose another name"),
        ("[agents.'../x']\nkind = 'claude'", &[], "a letter first"),
        ("[agents.scripted]\nmodel = 'x'", &[], "has no settings"),
        ("[agents.claude]\nmax_turns = 0", &[], "at least one turn"),
        ("[agents.claude]\nturns = 1", &[], "turns"),
        ("", &[("CLAUDE_CLI_MAX_TURNS", "many")], "CLAUDE_CLI_MAX_TURNS"),
        ("[agents.mine]\nkind = 'command'\nprompt = 'stdin'", &[], "name the program"),
        ("[agents.mine]\nkind = 'command'\npath = 'x'", &[], "agents.mine.prompt is missing"),
        ("[agents.mine]\nkind = 'command'\npath = 'x'\nprompt = 'file'", &[], "the prompt goes nowhere"),
        (
            "[agents.mine]\nkind = 'command'\npath = 'x'\nprompt = 'stdin'\nargs = ['{prompt}']",
            &[],
            "{prompt} in the arguments means nothing",
        ),
        (
            "[agents.mine]\nkind = 'command'\npath = 'x'\nprompt = 'stdin'\nlines = { kind = 'type' }",
            &[],
            "result_kind",
        ),
        (
            "[agents.mine]\nkind = 'command'\npath = 'x'\nprompt = 'stdin'\n\
             lines = { kind = 'type', result_kind = 'end' }",
            &[],
            "finds no answer",
        ),
        (
            "[agents.mine]\nkind = 'command'\npath = 'x'\nprompt = 'stdin'\n\
             session_files = [{ below = '../x', ending = '.db' }]",
            &[],
            "below the home",
        ),
        ("[git]\nallowed_hosts = ['https://github.com']", &[], "git.allowed_hosts: cannot use host"),
        ("[git]\ntrusted_hosts = ['a b']", &[], "git.trusted_hosts"),
        ("[agents.codex]\nkeys = ['X']", &[], "agents.codex.keys is for kind"),
        ("[step_agents]\ndeploy = 'claude'", &[], "there is no such step"),
        ("[step_agents]\nplan = 'cursor'", &[], "add a table [agents.cursor]"),
    ] {
        let error = load_with(file, variables, &[]).unwrap_err();
        assert!(error.contains(words), "{file} {variables:?}: {error}");
    }
}
