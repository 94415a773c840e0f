//! Owns the Responses of OpenAI.

use serde_json::{Value, json};

use super::super::reply::{Reply, Stream};
use super::super::step::Step;
use super::{Conversation, Talk, list, text, words};

/// Items that the model made, besides its messages.
const BY_THE_MODEL: [&str; 5] =
    ["reasoning", "function_call", "custom_tool_call", "local_shell_call", "web_search_call"];

pub(super) fn read(body: &Value) -> Talk {
    let mut conversation = Conversation::default();
    if let Some(prompt) = body["input"].as_str() {
        conversation.user(prompt.to_owned());
    }
    // The items of one turn stand one after the other.
    let mut in_turn = false;
    for item in list(body, "input") {
        let is_message = matches!(text(item, "type"), "" | "message");
        let by_the_model = BY_THE_MODEL.contains(&text(item, "type"));
        if by_the_model || (is_message && text(item, "role") == "assistant") {
            if !in_turn {
                conversation.model();
            }
            in_turn = true;
            continue;
        }
        in_turn = false;
        if is_message && text(item, "role") == "user" {
            conversation.user(words(&item["content"]));
        }
    }
    Talk {
        prompt: conversation.prompt,
        depth: conversation.depth,
        system: text(body, "instructions").to_owned(),
        model: text(body, "model").to_owned(),
        streamed: body["stream"] == true,
        counts: false,
    }
}

pub(super) fn reply(talk: &Talk, step: &Step, number: usize) -> Reply {
    let output = output(step, number);
    let usage = &step.usage;
    let response = json!({
        "id": format!("resp_{number}"), "object": "response", "created_at": 0, "status": "completed",
        "model": talk.model, "output": output, "error": null,
        "usage": {
            "input_tokens": usage.input_tokens,
            "input_tokens_details": {"cached_tokens": usage.cache_read_input_tokens},
            "output_tokens": usage.output_tokens, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage.input_tokens + usage.output_tokens,
        },
    });
    if !talk.streamed {
        return Reply::Whole(response);
    }
    let mut stream = Stream::default();
    let mut begun = response.clone();
    begun["status"] = "in_progress".into();
    begun["output"] = json!([]);
    begun["usage"] = Value::Null;
    stream.event("response.created", json!({"response": begun}));
    for (index, item) in output.iter().enumerate() {
        tell(&mut stream, step, index, item);
    }
    stream.event("response.completed", json!({"response": response}));
    Reply::Stream(stream)
}

fn output(step: &Step, number: usize) -> Vec<Value> {
    let thinking = step.thinking.iter().map(|text| {
        let summary = json!([{"type": "summary_text", "text": text}]);
        json!({"type": "reasoning", "id": format!("rs_{number}"), "encrypted_content": null, "summary": summary})
    });
    let said = step.said().map(|text| {
        let content = json!([{"type": "output_text", "text": text, "annotations": []}]);
        let id = format!("msg_{number}");
        json!({"type": "message", "id": id, "role": "assistant", "status": "completed", "content": content})
    });
    let tools = step.tools.iter().enumerate().map(|(index, tool)| {
        let (id, call) = (format!("fc_{number}_{index}"), format!("call_{number}_{index}"));
        match &tool.input {
            // A tool with free words, such as a patch.
            Value::String(input) => json!({
                "type": "custom_tool_call", "id": id, "call_id": call, "name": tool.name, "status": "completed",
                "input": input,
            }),
            input => json!({
                "type": "function_call", "id": id, "call_id": call, "name": tool.name, "status": "completed",
                "arguments": input.to_string(),
            }),
        }
    });
    thinking.chain(said).chain(tools).collect()
}

/// An item begins empty, grows, and is told whole at its end.
fn tell(stream: &mut Stream, step: &Step, index: usize, item: &Value) {
    let mut empty = item.clone();
    let grown = |more: Value| {
        let mut event = json!({"output_index": index, "item_id": item["id"]});
        if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
            event.extend(more);
        }
        event
    };
    match text(item, "type") {
        "message" => {
            empty["content"] = json!([]);
            empty["status"] = "in_progress".into();
            stream.event("response.output_item.added", json!({"output_index": index, "item": empty}));
            let part = &item["content"][0];
            let mut empty_part = part.clone();
            empty_part["text"] = "".into();
            stream.event("response.content_part.added", grown(json!({"content_index": 0, "part": empty_part})));
            stream.text(step, text(part, "text"), |stream, piece| {
                stream.event("response.output_text.delta", grown(json!({"content_index": 0, "delta": piece})));
            });
            stream.event("response.output_text.done", grown(json!({"content_index": 0, "text": part["text"]})));
            stream.event("response.content_part.done", grown(json!({"content_index": 0, "part": part})));
        }
        "function_call" => {
            empty["arguments"] = "".into();
            empty["status"] = "in_progress".into();
            stream.event("response.output_item.added", json!({"output_index": index, "item": empty}));
            stream.event("response.function_call_arguments.delta", grown(json!({"delta": item["arguments"]})));
            stream.event("response.function_call_arguments.done", grown(json!({"arguments": item["arguments"]})));
        }
        _ => stream.event("response.output_item.added", json!({"output_index": index, "item": item})),
    }
    stream.event("response.output_item.done", json!({"output_index": index, "item": item}));
}
