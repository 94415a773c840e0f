//! Owns the Chat Completions of OpenAI.

use serde_json::{Value, json};

use super::super::reply::{Reply, Stream};
use super::super::step::Step;
use super::{Conversation, Talk, list, text, words};

pub(super) fn read(body: &Value) -> Talk {
    let mut conversation = Conversation::default();
    let mut system = String::new();
    for message in list(body, "messages") {
        match text(message, "role") {
            "assistant" => conversation.model(),
            "system" => system.push_str(&words(&message["content"])),
            "user" => conversation.user(words(&message["content"])),
            _ => {}
        }
    }
    Talk {
        prompt: conversation.prompt,
        depth: conversation.depth,
        system,
        model: text(body, "model").to_owned(),
        streamed: body["stream"] == true,
        counts: false,
    }
}

pub(super) fn reply(talk: &Talk, step: &Step, number: usize) -> Reply {
    let calls: Vec<Value> = step.tools.iter().enumerate().map(|(index, tool)| call(tool, number, index)).collect();
    let tokens = &step.usage;
    let usage = json!({
        "prompt_tokens": tokens.input_tokens, "completion_tokens": tokens.output_tokens,
        "total_tokens": tokens.input_tokens + tokens.output_tokens,
        "prompt_tokens_details": {"cached_tokens": tokens.cache_read_input_tokens},
    });
    let usual = if calls.is_empty() { "stop" } else { "tool_calls" };
    let finish = step.stop_reason.as_deref().unwrap_or(usual);
    let answer = |object: &str, choice: Value, usage: &Value| {
        json!({
            "id": format!("chatcmpl-{number}"), "created": 0, "model": talk.model, "object": object,
            "choices": [choice], "usage": usage,
        })
    };
    if !talk.streamed {
        let mut message = json!({"role": "assistant", "content": step.said()});
        if !calls.is_empty() {
            message["tool_calls"] = calls.into();
        }
        let choice = json!({"index": 0, "message": message, "finish_reason": finish});
        return Reply::Whole(answer("chat.completion", choice, &usage));
    }
    let chunk = |delta: Value, finish: Option<&str>, usage: &Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        answer("chat.completion.chunk", choice, usage).to_string()
    };
    let mut stream = Stream::default();
    stream.data(&chunk(json!({"role": "assistant", "content": ""}), None, &Value::Null));
    if let Some(said) = step.said() {
        stream.text(step, said, |stream, piece| {
            stream.data(&chunk(json!({"content": piece}), None, &Value::Null));
        });
    }
    if !calls.is_empty() {
        stream.data(&chunk(json!({"tool_calls": calls}), None, &Value::Null));
    }
    stream.data(&chunk(json!({}), Some(finish), &usage));
    stream.data("[DONE]");
    Reply::Stream(stream)
}

fn call(tool: &super::super::step::ToolCall, number: usize, index: usize) -> Value {
    json!({
        "index": index, "id": format!("call_{number}_{index}"), "type": "function",
        "function": {"name": tool.name, "arguments": tool.input.to_string()},
    })
}
