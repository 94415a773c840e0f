//! `awo state`: what is stored is checked, mended, moved and cleared up.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::setting::{Setting, Told, text};

/// A program with one order that completed; its id.
fn completed() -> (Setting, String) {
    let setting = Setting::new();
    let order = setting.run_order(&["--json"]).expect(0).json();
    (setting, text(&order["agent_work_order_id"]))
}

pub(crate) fn journal(setting: &Setting, id: &str) -> PathBuf {
    setting.program.data_dir().join("orders").join(&id[id.len() - 2..]).join(format!("{id}.awoj"))
}

fn artifacts(setting: &Setting, id: &str) -> PathBuf {
    setting.program.data_dir().join("artifacts").join(&id[id.len() - 2..]).join(id)
}

/// Damages the n-th record of a journal, from 1; where it begins.
pub(crate) fn damage(path: &Path, record: usize) -> usize {
    let mut bytes = fs::read(path).unwrap();
    let begins = bytes.split_inclusive(|b| *b == b'\n').take(record - 1).map(<[u8]>::len).sum::<usize>();
    bytes[begins + 60] ^= 1;
    fs::write(path, bytes).unwrap();
    begins
}

fn of_kind<'v>(told: &'v Value, kind: &str) -> Vec<&'v Value> {
    told["findings"].as_array().unwrap().iter().filter(|finding| finding["kind"] == kind).collect()
}

fn show(setting: &Setting, id: &str) -> Value {
    setting.run(&["show", id, "--json"]).expect(0).json()
}

#[test]
fn a_sound_directory_is_found_sound_also_beside_a_server() {
    let (setting, _) = completed();
    let told = setting.run(&["state", "verify"]).expect(0);
    assert!(told.out.contains("1 sound order") && told.out.contains("nothing is wrong"), "{told:?}");
    let server = setting.program.serve();
    let told = setting.run(&["state", "verify", "--json"]).expect(0).json();
    assert_eq!((&told["good"], &told["orders"]), (&true.into(), &1.into()));
    assert!(text(&told["server"]).contains(server.address()), "{told:#}");
    let refused = setting.run(&["state", "verify", "--repair"]).expect(5);
    assert!(refused.err.contains("is in use by awo serve"), "{refused:?}");
    drop(server);
    let nothing = setting.run(&["state", "verify", "--data-dir", "never-used"]).expect(0);
    assert!(nothing.out.contains("0 sound orders"), "{nothing:?}");
    let memory = Told::from(setting.program.command(["state", "verify"]).env("AWO_STATE", "memory").output().unwrap());
    assert!(memory.expect(2).err.contains("orders in memory end with their server"));
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_mended_on_request() {
    let (setting, id) = completed();
    let path = journal(&setting, &id);
    let begins = damage(&path, 4);
    let damaged = fs::read(&path).unwrap();
    let left_over = path.with_file_name(".x.awoj.writing");
    fs::write(&left_over, "x").unwrap();
    let stranger = "wo-018bcfe5680177078707070707070001";
    fs::create_dir_all(artifacts(&setting, stranger)).unwrap();
    fs::write(artifacts(&setting, stranger).join("note.txt"), "mine").unwrap();

    let told = setting.run(&["state", "verify", "--json"]).expect(1).json();
    let wrong = of_kind(&told, "damaged")[0];
    assert_eq!((&wrong["order"], &wrong["record"], &wrong["byte"]), (&id.clone().into(), &4.into(), &begins.into()));
    assert_eq!(of_kind(&told, "left_over").len(), 1);
    assert_eq!(of_kind(&told, "artifacts_without_order")[0]["order"], stranger);
    let told = setting.run(&["state", "verify"]).expect(1);
    let place = format!("{}, record 4 (at byte {begins}): its checksum does not fit", path.display());
    assert!(told.out.contains(&place) && told.out.contains("3 things wrong"), "{}", told.out);
    assert_eq!(fs::read(&path).unwrap(), damaged, "only looked at");
    let listed = setting.run(&["list"]).expect(0);
    assert!(listed.err.contains(&id) && listed.err.contains("awo state verify"), "{listed:?}");
    let asked = setting.run(&["steps", &id]).expect(1);
    assert!(asked.err.contains("`awo state verify` says what is wrong"), "{asked:?}");
    assert!(left_over.exists());

    let told = setting.run(&["state", "verify", "--repair"]).expect(1);
    assert!(told.out.contains(&format!("✔ restored {id} up to record 3")), "{}", told.out);
    assert!(told.out.contains("1 thing wrong"), "only the artifacts of no order: {}", told.out);
    assert!(!left_over.exists());
    assert_eq!(fs::read(path.with_file_name(format!("{id}.awoj.damaged-1"))).unwrap(), damaged);
    let order = show(&setting, &id);
    assert_eq!((&order["status"], &order["error_code"]), (&"failed".into(), &"results_lost".into()));
    let message = text(&order["error_message"]);
    assert!(
        message.contains("restored up to record 3 by awo state verify --repair; later results are lost"),
        "{message}"
    );
    setting.run(&["state", "gc"]).expect(0);
    let told = setting.run(&["state", "verify", "--json"]).expect(0).json();
    assert_eq!(of_kind(&told, "kept_aside").len(), 1, "which is no fault: {told:#}");
    // It does not go on by itself, and can be tried again.
    let server = setting.program.serve();
    assert_eq!(show(&setting, &id)["status"], "failed");
    assert_eq!(server.get("/health").json()["status"], "healthy");
}

#[test]
fn a_cut_end_and_a_missing_artifact_are_found() {
    let (setting, id) = completed();
    let path = journal(&setting, &id);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    let kept: Vec<_> = fs::read_dir(artifacts(&setting, &id)).unwrap().map(|entry| entry.unwrap().path()).collect();
    let transcript = kept.iter().find(|path| path.to_str().unwrap().ends_with("transcript.jsonl")).unwrap();
    fs::remove_file(transcript).unwrap();
    let told = setting.run(&["state", "verify", "--json"]).expect(1).json();
    assert_eq!(of_kind(&told, "torn_tail").len(), 1, "{told:#}");
    let missing = of_kind(&told, "artifact_missing");
    let name = transcript.file_name().unwrap().to_str().unwrap();
    assert!(missing.iter().any(|finding| text(&finding["message"]).contains(name)), "{told:#}");
    let told = setting.run(&["state", "verify", "--repair", "--json"]).expect(1).json();
    assert_eq!(told["repaired"].as_array().unwrap().len(), 1, "{told:#}");
    assert!(of_kind(&told, "torn_tail").is_empty() && !of_kind(&told, "artifact_missing").is_empty(), "{told:#}");
}

#[test]
fn an_export_imports_equal_once() {
    let (setting, id) = completed();
    let other = Setting::new();
    let file = setting.program.place().join("orders.jsonl");
    let path = file.to_str().unwrap();
    let server = setting.program.serve(); // exporting goes beside a server
    let told = setting.run(&["state", "export", "--out", path]).expect(0);
    assert!(told.out.contains("1 order in") && told.out.contains("artifacts are not in it"), "{told:?}");
    assert_eq!(setting.run(&["state", "export", &id[27..]]).expect(0).out, fs::read_to_string(&file).unwrap());
    assert!(setting.run(&["state", "export", "deadbeef"]).expect(4).err.contains("no order ends with"));
    let seen = show(&setting, &id);
    let steps = setting.run(&["steps", &id, "--json"]).expect(0).json();
    drop(server);

    let told = other.run(&["state", "import", path]).expect(0);
    assert!(told.out.contains(&format!("imported  {id}")), "{told:?}");
    assert_eq!(show(&other, &id), seen);
    assert_eq!(other.run(&["steps", &id, "--json"]).expect(0).json(), steps);
    let again = other.run(&["state", "import", path, "--json"]).expect(0).json();
    assert_eq!((&again["orders"][0]["outcome"], &again["whole"]), (&"exists".into(), &true.into()));
    let exported = other.run(&["state", "export"]).expect(0).out;
    assert_eq!(exported, fs::read_to_string(&file).unwrap());
    let piped = Setting::new();
    let mut import = piped.program.command(["state", "import"]);
    assert!(import.stdin(fs::File::open(&file).unwrap()).status().unwrap().success());
    assert_eq!(show(&piped, &id), seen, "without a name it reads the standard input");
    let _server = other.program.serve();
    assert!(other.run(&["state", "import", path]).expect(5).err.contains("is in use by"));
}

#[test]
fn what_was_cut_or_changed_on_its_way_is_noticed() {
    let (setting, id) = completed();
    let other = Setting::new();
    let whole = setting.run(&["state", "export"]).expect(0).out;
    let lines: Vec<_> = whole.lines().collect();
    let file = setting.program.place().join("orders.jsonl");
    let import = |content: &str| {
        fs::write(&file, content).unwrap();
        other.run(&["state", "import", file.to_str().unwrap()])
    };
    assert!(import("").expect(2).err.contains("not what `awo state export` writes"));
    let newer = import(&whole.replace("awo-orders-1", "awo-orders-2")).expect(2);
    assert!(newer.err.contains("this version reads awo-orders-1"), "{newer:?}");
    let changed = import(&whole.replacen("\"success\":true", "\"success\":false", 1)).expect(1);
    assert!(
        changed.out.contains(&format!("refused   {id}")) && changed.out.contains("does not fit itself"),
        "{changed:?}"
    );
    let half = import(&whole[..whole.len() / 2]).expect(1);
    assert!(half.out.contains("line 2") && half.err.contains("the last line is missing"), "{half:?}");
    other.run(&["show", &id]).expect(4);
    let fewer = import(&format!("{}\n{}\n", lines[0], lines[2])).expect(1);
    assert!(fewer.err.contains("1 orders were exported, and 0 are here"), "{fewer:?}");
    let cut = import(&format!("{}\n{}\n", lines[0], lines[1])).expect(1);
    assert!(cut.out.contains("imported") && cut.err.contains("the last line is missing"), "{cut:?}");
    assert_eq!(import(&whole).expect(0).err, "");
}

#[test]
fn clearing_up_takes_what_is_beyond_the_limits_and_what_belongs_to_nothing() {
    let (setting, first) = completed();
    let second = text(&setting.run_order(&["--json"]).expect(0).json()["agent_work_order_id"]);
    let orphan = "wo-018bcfe5680177078707070707070001";
    let workspace = setting.program.data_dir().join("workspaces").join(orphan);
    fs::create_dir_all(&workspace).unwrap();
    fs::write(workspace.join("file"), vec![0; 5_000]).unwrap();
    let damaged = "wo-018bcfe5680177078707070707070002";
    let path = journal(&setting, damaged);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "not a journal\n").unwrap();
    fs::create_dir_all(artifacts(&setting, damaged)).unwrap();
    fs::write(artifacts(&setting, damaged).join("note.txt"), "mine").unwrap();

    let gc = |arguments: &[&str]| {
        let mut command = setting.program.command([&["state", "gc"], arguments].concat());
        Told::from(command.env("AWO_RETENTION_MAX_ORDERS", "1").output().unwrap())
    };
    let would = gc(&["--dry-run", "--json"]).expect(0).json();
    assert_eq!((would["orders"].as_array().unwrap().len(), &would["orders"][0]["order"]), (1, &first.clone().into()));
    assert_eq!((&would["orphans"][0]["what"], &would["orphans"][0]["bytes"]), (&"workspace".into(), &5_000.into()));
    assert!(journal(&setting, &first).exists() && workspace.exists(), "only said");
    let server = setting.program.serve();
    let refused = gc(&[]).expect(5);
    assert!(refused.err.contains("a server does this by itself"), "{refused:?}");
    drop(server);
    let told = gc(&[]).expect(0);
    assert!(told.out.contains(&first) && told.out.contains("1 order and 1 leftover deleted"), "{told:?}");
    assert!(!journal(&setting, &first).exists() && !artifacts(&setting, &first).exists() && !workspace.exists());
    assert!(journal(&setting, &second).exists() && artifacts(&setting, &second).exists());
    assert!(path.exists() && artifacts(&setting, damaged).exists(), "what is damaged stays");
    assert!(gc(&[]).expect(0).out.contains("0 orders and 0 leftovers deleted"));
}

#[test]
fn a_server_deletes_what_is_beyond_its_limits_and_nothing_without_one() {
    let (setting, first) = completed();
    let second = text(&setting.run_order(&["--json"]).expect(0).json()["agent_work_order_id"]);
    drop(setting.program.serve());
    assert!(journal(&setting, &first).exists(), "without a limit nothing is deleted");
    let file = setting.program.place().join("awo.toml");
    fs::write(&file, "[retention]\nmax_orders = 1\n").unwrap();
    let server = setting.program.serve_with(["--config", file.to_str().unwrap()]);
    let first_answer = || server.get(&format!("/agent-work-orders/{first}")).status;
    awo_testkit::until("the first is gone", || first_answer() == 404);
    assert!(!journal(&setting, &first).exists());
    assert_eq!(server.get(&format!("/agent-work-orders/{second}")).status, 200);
}
