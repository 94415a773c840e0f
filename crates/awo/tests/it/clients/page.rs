//! Owns how a page of the documentation is taken apart into what can be run.

/// What stands between three backquotes.
pub(super) struct Block {
    /// The nearest heading above it.
    pub(super) section: String,
    /// What is named beside the backquotes; empty for what is not code.
    pub(super) language: String,
    /// The lines between them.
    pub(super) text: String,
}

/// The blocks of a page.
pub(super) fn blocks(page: &str) -> Vec<Block> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    let text = std::fs::read_to_string(format!("{path}{page}")).unwrap();
    let (mut blocks, mut section, mut open) = (Vec::new(), String::new(), None::<Block>);
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                let (section, language) = (section.clone(), language.to_owned());
                open = Some(Block { section, language, text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text.extend([line, "\n"]),
            (None, None) => {
                if let Some(heading) = line.strip_prefix('#') {
                    heading.trim_start_matches('#').trim().clone_into(&mut section);
                }
            }
        }
    }
    assert!(open.is_none(), "a block of {page} has no end");
    blocks
}
