//! Owns the knowledge where a program's secrets are: in its environment and in its login.

use std::ffi::OsString;

use awo_engine::ports::AgentReport;
use serde_json::Value;

use crate::Secrets;

/// Shorter strings of a login are kinds and names, not keys.
const SHORTEST_OF_LOGIN: usize = 16;

/// The secrets of an environment: keys and tokens, the logins in addresses of proxies and servers, and what is in
/// configurations.
pub(super) fn of_environment(env: &[(OsString, OsString)]) -> Secrets {
    let mut secrets = Secrets::default();
    for (name, value) in env {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
            continue;
        };
        if names_a_secret(name) {
            secrets.add(name, value);
        } else if value.contains("://") || name.to_ascii_lowercase().ends_with("_proxy") {
            secrets.add_login_of_url(name, value);
        }
        // A whole configuration may be in a variable, with keys in it.
        if value.trim_start().starts_with('{')
            && let Ok(configuration) = serde_json::from_str(value)
        {
            add_login(&mut secrets, &configuration);
        }
    }
    secrets
}

/// Adds the secrets of a login file: long strings under names of keys and tokens, however deep.
pub(super) fn add_login(secrets: &mut Secrets, login: &Value) {
    add(secrets, None, login);
}

fn add(secrets: &mut Secrets, secret: Option<&str>, value: &Value) {
    match (value, secret) {
        (Value::Object(fields), _) => {
            for (name, value) in fields {
                add(secrets, secret.or(names_a_login(name).then_some(name)), value);
            }
        }
        (Value::Array(values), _) => values.iter().for_each(|value| add(secrets, secret, value)),
        (Value::String(text), Some(name)) if text.len() >= SHORTEST_OF_LOGIN => secrets.add(name, text),
        _ => {}
    }
}

fn names_a_login(name: &str) -> bool {
    // So some programs call their two tokens.
    names_a_secret(name) || ["access", "refresh"].contains(&name)
}

fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["key", "token", "secret", "password"].iter().any(|word| name.contains(word))
}

/// The report with every secret replaced by its name. Output was cleaned when it came; here it is decoded.
pub(super) fn cleaned(report: AgentReport, secrets: &Secrets) -> AgentReport {
    let clean = |text: &str| secrets.redact(text);
    AgentReport {
        answer: match report.answer {
            Ok(answer) => Ok(clean(&answer).into()),
            Err(mut failure) => {
                failure.message = clean(&failure.message).into();
                Err(failure)
            }
        },
        session_id: report.session_id.map(|id| clean(&id).into()),
        usage: report.usage.map(|mut usage| {
            usage.model = usage.model.map(|model| clean(&model));
            usage.agent_version = usage.agent_version.map(|version| clean(&version));
            usage
        }),
        files: report.files,
        warnings: report.warnings,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tokens_and_logins_of_the_environment_are_secrets() {
        let secrets = of_environment(&[
            ("ANTHROPIC_API_KEY".into(), "sk-canary-1".into()),
            ("HTTPS_PROXY".into(), "http://me:pass-word@proxy:1".into()),
            ("no_proxy".into(), "localhost".into()),
            ("ANTHROPIC_BASE_URL".into(), "https://you:open-sesame@models.example".into()),
            ("SHORT_TOKEN".into(), "the".into()),
            ("LANG".into(), "C.UTF-8-long".into()),
            ("CONFIG_CONTENT".into(), r#"{"options":{"apiKey":"canary-of-a-provider","url":"http://plain"}}"#.into()),
        ]);
        assert_eq!(secrets.redact("canary-of-a-provider at http://plain"), "[apiKey] at http://plain");
        assert_eq!(
            secrets.redact("the key sk-canary-1 in C.UTF-8-long on localhost, pass-word, open-sesame"),
            "the key [ANTHROPIC_API_KEY] in C.UTF-8-long on localhost, [HTTPS_PROXY], [ANTHROPIC_BASE_URL]"
        );
    }

    #[test]
    fn long_strings_under_names_of_keys_are_secrets_of_a_login() {
        let mut secrets = Secrets::default();
        add_login(
            &mut secrets,
            &serde_json::json!({"claudeAiOauth": {
                "accessToken": "sk-ant-oat-canary-1", "refreshToken": "sk-ant-ort-canary-2",
                "scopes": ["user:sessions:claude_code"], "subscriptionType": "max",
                "tokens": [{"of": "somebody-else-entirely", "kind": "short"}],
            }, "provider": {"access": "canary-access-0001", "refresh": "canary-refresh-0001", "accessible": "for-everybody-here"}}),
        );
        assert_eq!(
            secrets.redact(
                "sk-ant-oat-canary-1 sk-ant-ort-canary-2 user:sessions:claude_code max somebody-else-entirely short \
                 canary-access-0001 canary-refresh-0001 for-everybody-here"
            ),
            "[accessToken] [refreshToken] user:sessions:claude_code max [tokens] short [access] [refresh] for-everybody-here"
        );
    }
}
