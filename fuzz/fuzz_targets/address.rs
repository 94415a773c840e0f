//! Any text as the address of a repository: nothing panics, what is taken is taken again as it is shown, and nothing that
//! is taken would be an option of git.
#![no_main]

use awo_adapters::{AddressPolicy, RepositoryAddress};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let open = AddressPolicy { allow_local: true, ..AddressPolicy::default() };
    for policy in [open, AddressPolicy::default()] {
        let Ok(address) = RepositoryAddress::parse(text, &policy) else { continue };
        let shown = address.to_string();
        assert!(!shown.starts_with('-') && !shown.contains(char::is_control), "{shown:?}");
        let again = RepositoryAddress::parse(&shown, &policy);
        assert_eq!(again.as_ref(), Ok(&address), "{text:?} is taken, and shown as {shown:?}");
    }
});
