//! The server as its clients see it.

mod real_agents;

use std::time::Duration;

use serde_json::{Value, json};

use super::{Hang, ModelServer, Progress, Script, Step};
use crate::http::{Answer, call};
use crate::until;

const MESSAGES: &str = "/v1/messages?beta=true";
const RESPONSES: &str = "/v1/responses";
const CHAT: &str = "/v1/chat/completions";
const GEMINI: &str = "/v1beta/models/gemini-x:generateContent";
const GEMINI_STREAM: &str = "/v1beta/models/gemini-x:streamGenerateContent?alt=sse";

fn post(server: &ModelServer, path: &str, body: &Value) -> Answer {
    call(&server.address(), "POST", path, &[("x-api-key", "sk-canary")], Some(body.to_string().as_bytes())).unwrap()
}

/// A request of a user without history, in the dialect of a path.
fn asking(path: &str, prompt: &str, streamed: bool) -> Value {
    match path {
        RESPONSES => json!({"model": "m", "stream": streamed, "input": [
            {"role": "user", "content": [{"type": "input_text", "text": prompt}]},
        ]}),
        GEMINI | GEMINI_STREAM => json!({"contents": [{"role": "user", "parts": [{"text": prompt}]}]}),
        _ => json!({"model": "m", "stream": streamed, "messages": [{"role": "user", "content": prompt}]}),
    }
}

/// The data of a stream's events.
fn events(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.header("content-type"), Some("text/event-stream"), "{}", answer.text);
    let data = answer.text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn joined(events: &[Value], pointer: &str) -> String {
    events.iter().filter_map(|event| event.pointer(pointer)?.as_str()).collect()
}

#[test]
fn the_first_rule_that_fits_is_taken_and_its_steps_follow_the_turns_of_the_model() {
    let script = Script::answering("default")
        .on("^Write\n", [Step::using("Write", json!({"file_path": "a"})), Step::saying("second"), Step::saying("last")])
        .on("^Write", [Step::saying("another rule")]);
    let server = ModelServer::start(script);
    let said = |messages: Value| {
        let answer = post(&server, MESSAGES, &json!({"model": "m", "messages": messages})).json();
        answer["content"][0]["text"].as_str().or(answer["content"][0]["name"].as_str()).unwrap().to_owned()
    };
    let user = |content: Value| json!({"role": "user", "content": content});
    let model = || json!({"role": "assistant", "content": [{"type": "text", "text": "turn"}]});
    let result = || user(json!([{"type": "tool_result", "tool_use_id": "toolu_0_0", "content": "fine"}]));
    let write = || user("Write\nnow".into());
    assert_eq!(said(json!([write()])), "Write");
    assert_eq!(said(json!([write(), model(), result()])), "second");
    assert_eq!(said(json!([write(), model(), result(), model(), result()])), "last");
    assert_eq!(said(json!([write(), model(), result(), model(), result(), model(), result()])), "last", "repeated");
    assert_eq!(said(json!([write(), model(), write()])), "Write", "a new prompt begins anew");
    assert_eq!(said(json!([user("Writers".into())])), "another rule");
    assert_eq!(said(json!([user("Write".into()), model(), user("Read".into())])), "default");
    let added = json!([{"type": "text", "text": " <system-reminder>Read</system-reminder>"}, {"type": "text", "text": "Write\nit"}]);
    assert_eq!(said(json!([user(added)])), "Write", "what programs add is no prompt");
}

#[test]
fn every_dialect_streams_text_and_calls_of_tools() {
    let text = "A text that is told in several pieces, so that they can be joined.";
    let step = Step::saying(text).after_thinking("hm").and_using("run", json!({"command": "true"}));
    let server = ModelServer::start(Script::of([step]));
    for (path, pointer) in [
        (MESSAGES, "/delta/text"),
        (RESPONSES, "/delta"),
        (CHAT, "/choices/0/delta/content"),
        (GEMINI_STREAM, "/candidates/0/content/parts/0/text"),
    ] {
        let events = events(&post(&server, path, &asking(path, "x", true)));
        let told = joined(&events, pointer);
        assert!(told.contains(text), "{path}: {told}");
        assert!(events.iter().filter(|event| event.pointer(pointer).is_some()).count() > 3, "{path}: in pieces");
        let whole = serde_json::to_string(&events).unwrap();
        assert!(whole.contains(r#""name":"run""#) && whole.contains("command"), "{path}: {whole}");
    }
}

#[test]
fn every_dialect_answers_whole_where_no_stream_is_wanted() {
    let server = ModelServer::start(Script::of([Step::saying("fine").and_using("run", json!({"command": "true"}))]));
    let answer = |path| post(&server, path, &asking(path, "x", false)).json();
    let messages = answer(MESSAGES);
    assert_eq!((&messages["content"][0]["text"], &messages["stop_reason"]), (&"fine".into(), &"tool_use".into()));
    assert_eq!(messages["content"][1]["input"], json!({"command": "true"}));
    let responses = answer(RESPONSES);
    assert_eq!(responses["output"][0]["content"][0]["text"], "fine");
    assert_eq!(responses["output"][1]["arguments"], r#"{"command":"true"}"#);
    let chat = answer(CHAT);
    assert_eq!(chat["choices"][0]["message"]["content"], "fine");
    assert_eq!(chat["choices"][0]["finish_reason"], "tool_calls");
    let gemini = answer(GEMINI);
    assert_eq!(gemini["candidates"][0]["content"]["parts"][0]["text"], "fine");
    assert_eq!(gemini["candidates"][0]["content"]["parts"][1]["functionCall"]["name"], "run");
    let models: Vec<_> = server.requests().into_iter().map(|request| request.model).collect();
    assert_eq!(models, ["m", "m", "m", "gemini-x"]);
}

#[test]
fn turns_of_the_model_are_counted_in_every_dialect() {
    let server = ModelServer::start(Script::of([Step::saying("first"), Step::saying("second")]));
    let tool_called = [
        (
            RESPONSES,
            json!({"model": "m", "input": [
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]},
                {"type": "reasoning"}, {"type": "function_call", "call_id": "c"},
                {"type": "function_call_output", "call_id": "c", "output": "fine"},
            ]}),
        ),
        (
            CHAT,
            json!({"model": "m", "messages": [
                {"role": "system", "content": "s"}, {"role": "user", "content": "x"},
                {"role": "assistant", "tool_calls": []}, {"role": "tool", "content": "fine"},
            ]}),
        ),
        (
            GEMINI,
            json!({"contents": [
                {"role": "user", "parts": [{"text": "x"}]}, {"role": "model", "parts": []},
                {"role": "user", "parts": [{"functionResponse": {}}]},
            ]}),
        ),
    ];
    for (path, body) in tool_called {
        let answer = post(&server, path, &body).text;
        assert!(answer.contains("second") && !answer.contains("first"), "{path}: {answer}");
    }
}

#[test]
fn errors_are_put_in_the_words_of_the_dialect_and_pass_after_as_many_calls_as_the_script_says() {
    let step = Step::failing(429, "too many").with_header("retry-after", "1").until_call(5, "fine");
    let server = ModelServer::start(Script::of([step]));
    for (path, pointer, kind) in [
        (MESSAGES, "/error/type", "rate_limit_error"),
        (RESPONSES, "/error/type", "rate_limit_error"),
        (CHAT, "/error/type", "rate_limit_error"),
        (GEMINI, "/error/status", "RESOURCE_EXHAUSTED"),
    ] {
        let answer = post(&server, path, &asking(path, "x", true));
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
        assert_eq!(answer.json().pointer(pointer).unwrap(), kind);
        assert_eq!(answer.json()["error"]["message"], "too many");
    }
    let statuses = [0, 0].map(|_| post(&server, MESSAGES, &asking(MESSAGES, "x", false)).status);
    assert_eq!(statuses, [429, 200]);
    assert_eq!(post(&server, "/v1/other", &Value::Null).status, 404);
    assert_eq!(call(&server.address(), "HEAD", "/", &[], None).map_or(404, |answer| answer.status), 404);
}

#[test]
fn a_stream_breaks_halfway_through_its_text() {
    let long = "One two three four five six seven eight nine ten.";
    let server = ModelServer::start(
        Script::of([Step::saying(long).cut()])
            .on("error", [Step::saying(long).with_stream_error("overloaded_error", "busy")]),
    );
    let cut = events(&post(&server, MESSAGES, &asking(MESSAGES, "x", true)));
    let told = joined(&cut, "/delta/text");
    assert!(!told.is_empty() && long.starts_with(&told) && told != long, "{told}");
    let broken = events(&post(&server, MESSAGES, &asking(MESSAGES, "error", true)));
    assert_eq!(broken.last().unwrap()["error"]["type"], "overloaded_error");
    assert!(broken.iter().all(|event| event["type"] != "message_stop"), "{broken:#?}");
}

#[test]
fn who_hangs_and_who_left_is_seen() {
    let server =
        ModelServer::start(Script::of([Step::hanging(Hang::Request)]).on("stream", [Step::hanging(Hang::Stream)]));
    for prompt in ["request", "stream"] {
        let mut client = std::net::TcpStream::connect(server.address().trim_start_matches("http://")).unwrap();
        let body = asking(MESSAGES, prompt, true).to_string();
        let head = format!("POST {MESSAGES} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
        std::io::Write::write_all(&mut client, format!("{head}{body}").as_bytes()).unwrap();
        until("it hangs", || server.hangs());
        drop(client);
        until("the client is seen to leave", || server.requests().last().unwrap().progress == Progress::Left);
    }
    let statuses: Vec<_> = server.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [None, Some(200)]);
}

#[test]
fn requests_are_remembered_without_keys() {
    let server = ModelServer::start(Script::answering("fine"));
    post(&server, MESSAGES, &asking(MESSAGES, "What is this?", false));
    let [request] = &server.requests()[..] else { panic!("one request: {:?}", server.requests()) };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", MESSAGES));
    assert_eq!((request.prompt.as_str(), request.streamed, request.status), ("What is this?", false, Some(200)));
    assert_eq!((request.step.clone(), request.progress), (Some(("default".to_owned(), 0)), Progress::Answered));
    assert!(request.headers.contains(&("x-api-key".to_owned(), "(a key)".to_owned())), "{:?}", request.headers);
    assert!(!format!("{server:?}").contains("sk-canary"));
}

#[test]
fn dropping_it_hangs_up_and_frees_the_port() {
    let server = ModelServer::start(Script::of([Step::hanging(Hang::Request)]));
    let address = server.address();
    let body = asking(MESSAGES, "x", true).to_string();
    let client = std::thread::spawn({
        let address = address.clone();
        move || call(&address, "POST", MESSAGES, &[], Some(body.as_bytes())).map(|answer| answer.status)
    });
    until("it hangs", || server.hangs());
    drop(server);
    client.join().unwrap().unwrap_err();
    call(&address, "GET", "/", &[], None).unwrap_err();
}

#[test]
fn scripts_are_read_from_json_and_slips_in_them_are_refused() {
    let script = Script::from_json(
        r#"{"rules": [
            {"name": "slow", "match": "^Slow", "model": "big", "steps": [
                {"text": "slowly", "delay": 0.01, "chunk_chars": 2, "chunk_delay": 0.001, "usage": {"input_tokens": 7}}]},
            {"match": "Fail", "steps": [{"error": {"status": 529, "message": "busy", "times": 1}, "text": "fine"}]}],
            "default": [{"tools": [{"name": "Bash", "input": {"command": "true"}}]}]}"#,
    );
    let server = ModelServer::start(script.unwrap());
    let ask = |model: &str, prompt: &str| {
        let answer =
            post(&server, MESSAGES, &json!({"model": model, "messages": [{"role": "user", "content": prompt}]}));
        (answer.status, answer.json())
    };
    let (_, slow) = ask("a-big-one", "Slowly");
    assert_eq!((&slow["content"][0]["text"], &slow["usage"]["input_tokens"]), (&"slowly".into(), &7.into()));
    assert_eq!(ask("small", "Slowly").1["content"][0]["name"], "Bash");
    assert_eq!((ask("m", "Fail").0, ask("m", "Fail").0), (529, 200));
    let step = server.requests()[0].step.clone();
    assert_eq!(step, Some(("slow".to_owned(), 0)));

    for slip in [r#"{"rule": []}"#, r#"{"rules": [{"match": "(", "steps": []}]}"#, r#"{"default": [{"txt": "x"}]}"#] {
        Script::from_json(slip).unwrap_err();
    }
    let pauses = Step::saying("x").after(Duration::from_millis(1)).in_pieces(1, Duration::from_millis(1));
    let server = ModelServer::start(Script::of([pauses.with_stop_reason("max_tokens")]));
    let events = events(&post(&server, MESSAGES, &asking(MESSAGES, "x", true)));
    assert_eq!(joined(&events, "/delta/stop_reason"), "max_tokens");
}
