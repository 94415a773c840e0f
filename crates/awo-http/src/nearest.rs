//! Finds what somebody probably meant.

/// The known name nearest to a wrong one, if one is near.
pub(crate) fn nearest<'n>(wrong: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    if wrong.len() > 64 {
        return None; // comparing costs the product of the lengths, and no name is that long
    }
    let distances = known.into_iter().map(|name| (strsim::damerau_levenshtein(wrong, name), name));
    let (distance, name) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= name.len().div_ceil(3)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_named() {
        let known = ["repository_url", "user_request", "limits"];
        assert_eq!(nearest("webhook", known), None);
        assert_eq!(nearest("repositry_url", known), Some("repository_url"));
        assert_eq!(nearest("limit", known), Some("limits"));
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), known), None);
    }
}
