//! Keys of a server that others can reach: without one it does not start; with one it answers, until that is revoked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use awo_testkit::Server;
use serde_json::json;

use crate::setting::{ORDERS, Setting, program, text};

fn key(setting: &Setting, scope: &str) -> String {
    let made = setting.run(&["keys", "create", "--scope", scope, "--label", "test", "--json"]).expect(0).json();
    text(&made["key"])
}

fn status(server: &Server, path: &str, key: Option<&str>) -> u16 {
    let shown = key.map(|key| format!("Bearer {key}"));
    let headers: Vec<_> = shown.iter().map(|shown| ("authorization", shown.as_str())).collect();
    server.call("GET", path, &headers, None).status
}

#[test]
fn a_server_that_others_can_reach_does_not_start_without_a_key() {
    let program = program();
    for bind in ["0.0.0.0:0", "[::]:0", "[::ffff:127.0.0.1]:0"] {
        let told = crate::setting::Told::from(program.run(["serve", "--bind", bind])).expect(2);
        assert!(told.err.contains("awo keys create --scope"), "{told:?}");
    }
    let loopback = program.command(["serve", "--bind", "0.0.0.0:0"]).env("AWO_AUTH", "loopback").output().unwrap();
    let told = crate::setting::Told::from(loopback).expect(2);
    assert!(told.err.contains("use 127.0.0.1"), "{told:?}");
}

#[test]
fn a_key_is_good_at_once_and_ends_at_once_with_its_streams() {
    let mut setting = Setting::with(&[("AWO_AUTH", "key")]);
    // It is asked with the new key until it knows it.
    let file = setting.program.place().join("awo.toml");
    std::fs::write(&file, "[http]\nfailures_per_minute = 30000\n").unwrap();
    setting.program = setting.program.with_variable("AWO_CONFIG", &file);
    let reader = key(&setting, "orders:read");
    let server = setting.program.serve();
    assert_eq!(status(&server, ORDERS, None), 401);
    assert_eq!(status(&server, ORDERS, Some(&reader)), 200);
    let admin = key(&setting, "admin");
    awo_testkit::until("the server knows the new key", || status(&server, ORDERS, Some(&admin)) == 200);

    let host = server.address().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&host).unwrap();
    let head = format!(
        "GET {ORDERS}/events HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\
         Authorization: Bearer {reader}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = BufReader::new(stream);
    let mut line = String::new();
    answer.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 200"), "{line}");
    let id = reader.split('_').nth(1).unwrap();
    setting.run(&["keys", "revoke", id]).expect(0);
    answer.read_to_string(&mut line).unwrap(); // it ends
    assert_eq!(status(&server, ORDERS, Some(&reader)), 401);
    assert_eq!(status(&server, ORDERS, Some(&admin)), 200, "the other goes on");

    // Commands show the key of their user; what they do is recorded under its id.
    let nobody = setting.run(&["list"]).expect(2);
    assert!(nobody.err.contains("asks for a key"), "{nobody:?}");
    let with_key = |arguments: &[&str]| {
        let output = setting.program.command(arguments).env("AWO_API_KEY", &admin).output().unwrap();
        crate::setting::Told::from(output)
    };
    with_key(&["list"]).expect(0);
    let printed = with_key(&["login-link"]).expect(0);
    assert!(printed.out.starts_with(&format!("{}/login?link=", server.address())), "{printed:?}");
    let trail = setting.run(&["audit", "--json"]).expect(0);
    let entry: serde_json::Value = serde_json::from_str(trail.out.lines().last().unwrap()).unwrap();
    assert_eq!((&entry["what"], &entry["result"]), (&json!("create_login_link"), &json!("201")));
    assert_eq!(entry["who"], admin.split('_').nth(1).unwrap());
    for secret in [&reader, &admin] {
        let secret = secret.rsplit('_').next().unwrap();
        assert!(!server.log().contains(secret));
        let stored = std::fs::read_to_string(setting.program.data_dir().join("catalog/keys.json")).unwrap();
        assert!(!stored.contains(secret));
    }
    let listed = setting.run(&["keys", "list"]).expect(0);
    assert!(listed.out.contains(&format!("{id}  revoked")), "{listed:?}");
}

#[test]
fn when_a_key_was_used_is_written_at_the_latest_when_the_server_ends() {
    let setting = Setting::with(&[("AWO_AUTH", "key")]);
    let (used, unused) = (key(&setting, "orders:read"), key(&setting, "admin"));
    let mut server = setting.program.serve();
    assert_eq!(status(&server, ORDERS, Some(&used)), 200);
    server.terminate();
    server.ended();
    let stored = setting.run(&["keys", "list", "--json"]).expect(0).json();
    let last_use = |key: &str| {
        let id = key.split('_').nth(1).unwrap();
        stored.as_array().unwrap().iter().find(|stored| stored["id"] == id).unwrap()["last_used_at"].clone()
    };
    assert!(last_use(&used).is_string() && last_use(&unused).is_null(), "{stored:#}");
}

#[test]
fn keys_that_are_made_at_once_are_all_there() {
    let setting = Setting::new();
    let arguments = ["keys", "create", "--scope", "orders:read", "--label", "test", "--json"];
    let makers = std::iter::repeat_with(|| {
        let mut command = setting.program.command(arguments);
        command.stdout(std::process::Stdio::piped()).spawn().unwrap()
    });
    let makers: Vec<_> = makers.take(24).collect();
    let mut made: Vec<_> = makers
        .into_iter()
        .map(|maker| {
            let told = crate::setting::Told::from(maker.wait_with_output().unwrap()).expect(0);
            text(&told.json()["id"])
        })
        .collect();
    let stored = setting.run(&["keys", "list", "--json"]).expect(0).json();
    let mut listed: Vec<_> = stored.as_array().unwrap().iter().map(|key| text(&key["id"])).collect();
    made.sort();
    listed.sort();
    assert_eq!(listed, made);
}

#[test]
fn a_public_address_is_answered_to_and_its_sessions_are_for_tls_only() {
    let setting = Setting::with(&[("AWO_AUTH", "key"), ("AWO_PUBLIC_URL", "https://awo.example")]);
    let admin = key(&setting, "admin");
    let server = setting.program.serve();
    let ask = |method: &str, path: &str, host: &str, more: &str| {
        let mut stream = TcpStream::connect(server.address().trim_start_matches("http://")).unwrap();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let shown = format!("Authorization: Bearer {admin}\r\n");
    assert!(ask("GET", ORDERS, "evil.example", &shown).starts_with("HTTP/1.1 421"));
    assert!(ask("GET", ORDERS, "awo.example", &shown).starts_with("HTTP/1.1 200"));
    let link = ask("POST", "/login-links", "awo.example", &shown);
    let (_, link) = link.split_once("\"https://awo.example/login?link=").unwrap();
    let entered = ask("GET", &format!("/login?link={}", link.split('"').next().unwrap()), "awo.example", "");
    let (_, cookie) = entered.split_once("set-cookie: ").unwrap();
    let (cookie, properties) = cookie.lines().next().unwrap().split_once("; ").unwrap();
    assert!(properties.contains("HttpOnly; SameSite=Strict; Secure"), "{properties}");
    let page = format!("Cookie: {cookie}\r\nOrigin: https://awo.example\r\n");
    assert!(ask("POST", "/logout", "awo.example", &page).starts_with("HTTP/1.1 204"));
    assert!(ask("GET", ORDERS, "awo.example", &page).starts_with("HTTP/1.1 401"));
}
