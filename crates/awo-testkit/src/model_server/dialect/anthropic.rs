//! Owns Anthropic Messages.

use serde_json::{Value, json};

use super::super::reply::{Reply, Stream, pieces};
use super::super::step::Step;
use super::{Conversation, Talk, list, text, words};

/// Characters of a piece of a tool's input.
const PIECE_OF_INPUT: usize = 40;

pub(super) fn read(path: &str, body: &Value) -> Talk {
    let mut conversation = Conversation::default();
    for message in list(body, "messages") {
        match text(message, "role") {
            "assistant" => conversation.model(),
            "user" => conversation.user(words(&message["content"])),
            _ => {}
        }
    }
    Talk {
        prompt: conversation.prompt,
        depth: conversation.depth,
        system: words(&body["system"]),
        model: text(body, "model").to_owned(),
        streamed: body["stream"] == true,
        counts: path.ends_with("/count_tokens"),
    }
}

pub(super) fn reply(talk: &Talk, step: &Step, number: usize) -> Reply {
    if talk.counts {
        return Reply::Whole(json!({"input_tokens": step.usage.input_tokens}));
    }
    let message = message(talk, step, number);
    if !talk.streamed {
        return Reply::Whole(message);
    }
    let mut stream = Stream::default();
    let mut begun = message.clone();
    begun["content"] = json!([]);
    begun["stop_reason"] = Value::Null;
    begun["usage"]["output_tokens"] = 1.into();
    stream.event("message_start", json!({"message": begun}));
    stream.event("ping", json!({}));
    for (index, block) in list(&message, "content").enumerate() {
        tell(&mut stream, step, index, block);
    }
    let end = json!({"stop_reason": message["stop_reason"], "stop_sequence": null});
    stream.event("message_delta", json!({"delta": end, "usage": message["usage"]}));
    stream.event("message_stop", json!({}));
    Reply::Stream(stream)
}

fn message(talk: &Talk, step: &Step, number: usize) -> Value {
    let thinking = step.thinking.iter().map(|text| json!({"type": "thinking", "thinking": text, "signature": "c2ln"}));
    let said = step.said().map(|text| json!({"type": "text", "text": text}));
    let tools = step.tools.iter().enumerate().map(|(index, tool)| {
        json!({"type": "tool_use", "id": format!("toolu_{number}_{index}"), "name": tool.name, "input": tool.input})
    });
    let content: Vec<Value> = thinking.chain(said).chain(tools).collect();
    let usual = if step.tools.is_empty() { "end_turn" } else { "tool_use" };
    let usage = &step.usage;
    json!({
        "id": format!("msg_{number}"), "type": "message", "role": "assistant", "model": talk.model, "content": content,
        "stop_reason": step.stop_reason.as_deref().unwrap_or(usual), "stop_sequence": null,
        "usage": {
            "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens,
            "cache_read_input_tokens": usage.cache_read_input_tokens,
            "cache_creation_input_tokens": usage.cache_creation_input_tokens,
        },
    })
}

/// A block of content begins empty, and grows.
fn tell(stream: &mut Stream, step: &Step, index: usize, block: &Value) {
    let mut empty = block.clone();
    match text(block, "type") {
        "text" => empty["text"] = "".into(),
        "thinking" => {
            empty["thinking"] = "".into();
            empty["signature"] = "".into();
        }
        _ => empty["input"] = json!({}),
    }
    stream.event("content_block_start", json!({"index": index, "content_block": empty}));
    let grow = |stream: &mut Stream, delta: Value| {
        stream.event("content_block_delta", json!({"index": index, "delta": delta}));
    };
    match text(block, "type") {
        "text" => stream.text(step, text(block, "text"), |stream, piece| {
            grow(stream, json!({"type": "text_delta", "text": piece}));
        }),
        "thinking" => {
            grow(stream, json!({"type": "thinking_delta", "thinking": block["thinking"]}));
            grow(stream, json!({"type": "signature_delta", "signature": block["signature"]}));
        }
        _ => {
            for piece in pieces(&block["input"].to_string(), PIECE_OF_INPUT) {
                grow(stream, json!({"type": "input_json_delta", "partial_json": piece}));
            }
        }
    }
    stream.event("content_block_stop", json!({"index": index}));
}
