//! Servers at sockets of this machine, and with TLS.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use awo_testkit::{Program, TestCertificate, until};

use crate::setting::{Setting, Told, program};

fn run(program: &Program, arguments: &[&str]) -> Told {
    Told::from(program.run(arguments))
}

fn place(program: &Program, name: &str) -> (PathBuf, String) {
    let path = program.place().join(name);
    let address = format!("unix:{}", path.display());
    (path, address)
}

#[test]
fn commands_reach_a_server_that_has_a_socket_only() {
    let setting = Setting::new();
    let (path, address) = place(&setting.program, "awo.sock");
    let socket = path.to_str().unwrap();
    let mut server = setting.program.serve_on("none", ["--socket", socket]);
    assert_eq!(server.address(), address);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let remote = setting.remote.url();
    let created = setting.run(&["create", "--repo", &remote, "--json", "Say hello"]).expect(0).json();
    let id = crate::setting::text(&created["agent_work_order_id"]);
    setting.run(&["steps", &id, "--watch"]).expect(0);

    // From elsewhere: by its address, and by nothing else.
    let other = program();
    assert!(run(&other, &["--server", &address, "show", &id]).expect(0).out.contains("completed"));
    let nobody = run(&other, &["--server", "unix:/nonexistent/awo.sock", "list"]).expect(5);
    assert!(nobody.err.contains("cannot reach the server at unix:/nonexistent/awo.sock"), "{nobody:?}");
    run(&other, &["--server", "somewhere", "list"]).expect(2);
    let taken = run(&other, &["serve", "--bind", "none", "--socket", socket]).expect(5);
    assert!(taken.err.contains("a server listens on the socket"), "{taken:?}");
    let nowhere = run(&other, &["serve", "--bind", "none"]).expect(2);
    assert!(nowhere.err.contains("--socket"), "{nowhere:?}");

    server.terminate();
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    assert!(!path.exists(), "it is gone with its server");
}

#[test]
fn the_socket_of_a_killed_server_is_replaced() {
    let program = program();
    let (path, address) = place(&program, "awo.sock");
    let socket = path.to_str().unwrap();
    let mut server = program.serve_with(["--socket", socket]);
    assert!(server.address().starts_with("http://127.0.0.1:"), "a port is there, too");
    run(&program, &["--server", &address, "list"]).expect(0);
    server.kill();
    assert!(path.exists());
    run(&program, &["--server", &address, "list"]).expect(5);
    let _again = program.serve_with(["--socket", socket]);
    run(&program, &["--server", &address, "list"]).expect(0);
}

#[test]
fn keys_are_asked_for_at_the_socket_too() {
    let setting = Setting::with(&[("AWO_AUTH", "key")]);
    let key = setting.run(&["keys", "create", "--scope", "orders:read", "--json"]).expect(0).json();
    let (path, _) = place(&setting.program, "awo.sock");
    let _server = setting.program.serve_on("none", ["--socket", path.to_str().unwrap()]);
    assert!(setting.run(&["list"]).expect(2).err.contains("asks for a key"));
    let key = crate::setting::text(&key["key"]);
    Told::from(setting.program.command(["list"]).env("AWO_API_KEY", key).output().unwrap()).expect(0);
}

fn copy(from: &Path, to: &Path) {
    let text = std::fs::read(from).unwrap();
    std::fs::write(to, text).unwrap();
}

#[test]
fn a_certificate_that_is_renewed_is_shown_without_a_restart() {
    let (usual, renewed) = (TestCertificate::usual(), TestCertificate::renewed());
    let program = program();
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| program.place().join(name));
    copy(&usual.certificate, &certificate);
    copy(&usual.key, &key);
    let program = program.with_variable("AWO_TLS_CERTIFICATE", &certificate).with_variable("AWO_TLS_KEY", &key);
    let mut server = program.serve();
    assert!(server.address().starts_with("unix:"), "commands have no certificates: {}", server.address());
    run(&program, &["list"]).expect(0);
    copy(&renewed.certificate, &certificate);
    until("half of it is noticed", || server.log().contains("certificate_not_usable"));
    copy(&renewed.key, &key);
    until("the whole is noticed", || server.log().contains("certificate_renewed"));
    server.terminate();
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_at_the_start() {
    let (usual, renewed) = (TestCertificate::usual(), TestCertificate::renewed());
    let (missing, certificate) = (PathBuf::from("/nonexistent.pem"), usual.certificate.clone());
    for (certificate, key, words) in [
        (&missing, &usual.key, "cannot read tls.certificate /nonexistent.pem"),
        (&certificate, &missing, "cannot read tls.key /nonexistent.pem"),
        (&usual.key, &usual.key, "the certificate is not one"),
        (&certificate, &certificate, "the key is not one"),
        (&certificate, &renewed.key, "cannot be used together"),
    ] {
        let program = program().with_variable("AWO_TLS_CERTIFICATE", certificate).with_variable("AWO_TLS_KEY", key);
        let told = run(&program, &["serve", "--bind", "127.0.0.1:0"]).expect(2);
        assert!(told.err.contains(words) && told.out.is_empty(), "{told:?}");
    }
}
