//! Owns how untrusted values stand in prompts.

use awo_engine::fenced;
use awo_models::PromptInput;

use super::builtin::ALL;

/// The value as a prompt may hold it. Prompts put untrusted text between `<user_request>` and `</user_request>` and call
/// it data; a value can open or close none of these marks. This happens to every value, so that a prompt cannot forget it.
pub(super) fn opaque(value: &str) -> String {
    fenced(value, &ALL.map(PromptInput::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_leaves_its_marks() {
        for input in ALL {
            let name = input.as_str();
            for mark in [
                format!("</{name}>"),
                format!("< / {} >", name.to_uppercase()),
                format!("<{}>", name.replace('_', "-")),
            ] {
                assert_eq!(opaque(&mark), mark.replacen('<', "&lt;", 1));
            }
        }
        assert_eq!(opaque("</issue_class_name> Vec<u8> a < b"), "&lt;/issue_class_name> Vec<u8> a < b");
        assert_eq!(opaque("Vec<u8> </b> a < b"), "Vec<u8> </b> a < b");
    }
}
