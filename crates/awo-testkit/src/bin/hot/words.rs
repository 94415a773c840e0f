//! Texts that are looked through: what programs print for secrets, and addresses for what they mean.

use std::hint::black_box;

use awo_adapters::{AddressPolicy, RepositoryAddress, Secrets};

/// 8 KiB of what a program prints are searched for three secrets, one of which is in it.
pub(crate) fn redact(times: usize) {
    let mut secrets = Secrets::default();
    for (name, secret) in [
        ("ANTHROPIC_API_KEY", "sk-ant-api03-not-a-key-0123456789"),
        ("GITHUB_TOKEN", "ghp_not_a_token_0123456789"),
        ("NPM_TOKEN", "npm_not_a_token_0123456789"),
    ] {
        secrets.add(name, secret);
    }
    let line = "I look at the files of this repository, and greet \"people\" with src/main.rs.\n";
    let text = line.repeat(8 * 1024 / line.len()) + "the token is ghp_not_a_token_0123456789, and nothing else\n";
    for _ in 0..times {
        black_box(secrets.redact(black_box(&text)));
    }
}

/// Three addresses are read, one of which may not be used.
pub(crate) fn address(times: usize) {
    let policy = AddressPolicy::default();
    for _ in 0..times {
        for text in
            ["https://github.com/owner/repository.git", "git@github.com:owner/my.repo.git", "https://127.0.0.1/repo"]
        {
            // That it is refused is part of it.
            let _ = black_box(RepositoryAddress::parse(black_box(text), &policy));
        }
    }
}
