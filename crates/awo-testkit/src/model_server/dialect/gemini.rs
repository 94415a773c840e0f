//! Owns the `generateContent` of Gemini.

use serde_json::{Value, json};

use super::super::reply::{Reply, Stream};
use super::super::step::Step;
use super::{Conversation, Talk, list, text, words};

/// The model and the verb of a path such as `/v1beta/models/M:generateContent`.
pub(super) fn model_and_verb(path: &str) -> Option<(&str, &str)> {
    let (_, last) = path.rsplit_once("/models/")?;
    let (model, verb) = last.split_once(':')?;
    let known = ["generateContent", "streamGenerateContent", "countTokens"].contains(&verb);
    (known && !model.contains('/')).then_some((model, verb))
}

pub(super) fn read(path: &str, body: &Value) -> Talk {
    let (model, verb) = model_and_verb(path).unwrap_or_default();
    let mut conversation = Conversation::default();
    for content in list(body, "contents") {
        match text(content, "role") {
            "model" => conversation.model(),
            _ => conversation.user(words(&content["parts"])),
        }
    }
    Talk {
        prompt: conversation.prompt,
        depth: conversation.depth,
        system: words(&body["systemInstruction"]["parts"]),
        model: model.to_owned(),
        streamed: verb == "streamGenerateContent",
        counts: verb == "countTokens",
    }
}

pub(super) fn reply(talk: &Talk, step: &Step, number: usize) -> Reply {
    let tokens = &step.usage;
    if talk.counts {
        return Reply::Whole(json!({"totalTokens": tokens.input_tokens}));
    }
    let finish = step.stop_reason.as_deref().unwrap_or("STOP");
    let body = |parts: Value, finish: Option<&str>| {
        let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": parts}});
        if let Some(finish) = finish {
            candidate["finishReason"] = finish.into();
        }
        json!({
            "candidates": [candidate], "modelVersion": talk.model, "responseId": format!("resp-{number}"),
            "usageMetadata": {
                "promptTokenCount": tokens.input_tokens, "candidatesTokenCount": tokens.output_tokens,
                "totalTokenCount": tokens.input_tokens + tokens.output_tokens,
                "cachedContentTokenCount": tokens.cache_read_input_tokens,
            },
        })
    };
    let thinking = step.thinking.iter().map(|text| json!({"text": text, "thought": true}));
    let calls = step.tools.iter().enumerate().map(|(index, tool)| {
        let call = json!({"id": format!("call_{number}_{index}"), "name": tool.name, "args": tool.input});
        json!({"functionCall": call, "thoughtSignature": "c2ln"})
    });
    if !talk.streamed {
        let said = step.said().map(|text| json!({"text": text}));
        let parts: Vec<Value> = thinking.chain(said).chain(calls).collect();
        return Reply::Whole(body(parts.into(), Some(finish)));
    }
    let mut stream = Stream::default();
    for thought in thinking {
        stream.data(&body(json!([thought]), None).to_string());
    }
    if let Some(said) = step.said() {
        stream.text(step, said, |stream, piece| {
            stream.data(&body(json!([{"text": piece}]), None).to_string());
        });
    }
    stream.data(&body(calls.collect(), Some(finish)).to_string());
    Reply::Stream(stream)
}
