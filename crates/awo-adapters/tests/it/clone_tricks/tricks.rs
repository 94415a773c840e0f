//! Owns what a hostile repository tries on whoever clones it: each trick, and how an order of it is to end.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;

use super::hostile::{FILE, Hostile, LINK, MODULE, TREE};

/// A repository that is not meant well.
pub(super) struct Trick {
    pub(super) name: &'static str,
    pub(super) plant: fn(&Hostile),
    pub(super) ends: Ends,
    /// Commands that succeed if the trick works on a git that allows what it needs. `$REMOTE` is the repository, `$MARKER` a
    /// program that makes the file `$RAN`.
    pub(super) live: Option<&'static str>,
}

/// What becomes of an order.
pub(super) enum Ends {
    /// It gets a checkout, and its work gets out.
    Clean,
    /// It fails; the message says this.
    Refused(&'static str),
}

const CLONES_ALL: &str = "git clone -q --recurse-submodules \"$REMOTE\" clone 2>/dev/null || :; test -e \"$RAN\"";

const fn clean(name: &'static str, plant: fn(&Hostile)) -> Trick {
    Trick { name, plant, ends: Ends::Clean, live: None }
}

const fn refused(name: &'static str, plant: fn(&Hostile), words: &'static str) -> Trick {
    Trick { name, plant, ends: Ends::Refused(words), live: None }
}

const fn live(trick: Trick, commands: &'static str) -> Trick {
    Trick { live: Some(commands), ..trick }
}

/// What is said of submodules.
pub(super) const SUBMODULES: &[Trick] = &[
    live(
        clean("a submodule behind a program", |it| {
            it.submodule(&format!("[submodule \"x\"]\n\tpath = x\n\turl = ext::{} quit\n", it.marker()));
        }),
        CLONES_ALL,
    ),
    refused(
        "a submodule whose address is an option",
        |it| it.submodule("[submodule \"x\"]\n\tpath = x\n\turl = -u./marker\n"),
        "gitmodulesUrl",
    ),
    refused(
        "a submodule whose path is an option",
        |it| it.submodule("[submodule \"x\"]\n\tpath = --help\n\turl = ./x\n"),
        "gitmodulesPath",
    ),
    refused(
        "a submodule whose name leads out",
        |it| it.submodule("[submodule \"../../hooks\"]\n\tpath = x\n\turl = ./x\n"),
        "gitmodulesName",
    ),
    refused(
        "a submodule that is updated by a program",
        |it| it.submodule(&format!("[submodule \"x\"]\n\tpath = x\n\turl = ./x\n\tupdate = !{}\n", it.marker())),
        "gitmodulesUpdate",
    ),
    refused(
        "a submodule with a line break in its address",
        |it| it.submodule("[submodule \"x\"]\n\tpath = x\n\turl = \"https://example.org%0ahost=evil.example.org/x\"\n"),
        "gitmodulesUrl",
    ),
    clean("a submodule whose path ends with a carriage return", |it| {
        it.submodule("[submodule \"x\"]\n\tpath = \"x\r\"\n\turl = ./x\n");
    }),
    refused(
        "a list of submodules that is a link",
        |it| {
            let target = it.blob(b"README.md");
            it.commit_tree(&[(LINK, b".gitmodules", &target)]);
        },
        "gitmodulesSymlink",
    ),
    clean("a submodule that is nowhere", |it| {
        it.commit_tree(&[(MODULE, b"nowhere", &"1".repeat(40))]);
    }),
];

/// Names in trees.
pub(super) const NAMES: &[Trick] = &[
    refused("a directory .git", |it| it.directory_named(b".git"), "hasDotgit"),
    refused("a directory .GIT", |it| it.directory_named(b".GIT"), "hasDotgit"),
    refused("a directory git~1", |it| it.directory_named(b"git~1"), "hasDotgit"),
    refused(
        "a directory .git with something invisible",
        |it| it.directory_named(".g\u{200c}it".as_bytes()),
        "hasDotgit",
    ),
    refused("a directory .git with a space behind", |it| it.directory_named(b".git "), "hasDotgit"),
    refused("a directory ..", |it| it.directory_named(b".."), "hasDotdot"),
    refused("a directory .", |it| it.directory_named(b"."), "hasDot"),
    refused("a name with slashes that leads out", |it| it.directory_named(b"a/../../b"), "fullPathname"),
    refused("a name with a slash", |it| it.directory_named(b"a/b"), "fullPathname"),
    refused("a name that is a path", |it| it.directory_named(b"/tmp/a"), "fullPathname"),
    refused(
        "a directory .git further down",
        |it| {
            let inner = it.tree(&[(TREE, b".git", &it.config())]);
            it.commit_tree(&[(TREE, b"deep", &inner)]);
        },
        "hasDotgit",
    ),
    refused(
        "a link and a directory of one name",
        |it| {
            let (link, below) = (it.link_out(), it.tree(&[(FILE, b"planted", &it.blob(b"1"))]));
            it.commit_tree(&[(LINK, b"a", &link), (TREE, b"a", &below)]);
        },
        "duplicateEntries",
    ),
    clean("a link and a directory of one name but for its case", |it| {
        let (link, below) = (it.link_out(), it.tree(&[(FILE, b"planted", &it.blob(b"1"))]));
        it.commit_tree(&[(LINK, b"A", &link), (TREE, b"a", &below)]);
    }),
    clean("links out of the checkout and into its .git", |it| {
        let (out, into) = (it.link_out(), it.blob(b".git/hooks"));
        it.commit_tree(&[(LINK, b"hooks", &into), (LINK, b"out", &out)]);
    }),
    clean("a list of attributes and one of ignored files that are links out", |it| {
        let target = it.blob(it.outside().join("precious").as_os_str().as_encoded_bytes());
        it.commit_tree(&[(LINK, b".gitattributes", &target), (LINK, b".gitignore", &target)]);
    }),
    clean("a program that is to run as its owner", |it| {
        let program = it.blob(b"#!/bin/sh\n");
        it.commit_tree(&[("104755", b"program", &program)]);
    }),
    refused("a name of 4,096 bytes", |it| it.directory_named(&[b'x'; 4096]), "a name of 4096 bytes"),
    clean("a name of 255 bytes", |it| it.directory_named(&[b'x'; 255])),
    refused("10,000 directories in one another", |it| it.deep(10_000), ""),
    clean("1,500 directories in one another", |it| it.deep(1_500)),
];

/// Attributes of files.
pub(super) const ATTRIBUTES: &[Trick] = &[
    live(
        clean("files that go through a program", |it| it.attributes("* filter=evil diff=evil merge=evil ident\n")),
        "git clone -q \"$REMOTE\" clone || :; test -e \"$RAN\"",
    ),
    live(
        clean("files that are kept elsewhere", |it| it.attributes("* filter=lfs diff=lfs merge=lfs -text\n")),
        "git clone -q \"$REMOTE\" clone || :; test -e \"$RAN\"",
    ),
    refused(
        "files in an encoding that is none",
        |it| it.attributes("file working-tree-encoding=nonsense\n"),
        "failed to encode",
    ),
    clean("files in another encoding", |it| it.attributes("file working-tree-encoding=UTF-16 eol=crlf\n")),
    refused(
        "attributes in a line without end",
        |it| it.attributes(&format!("{}\n", "x ".repeat(2_000_000))),
        "gitattributes",
    ),
];

/// What the repository has beside its objects.
pub(super) const BESIDE: &[Trick] = &[
    clean("objects that lie elsewhere", |it| {
        let elsewhere = it.place().join("elsewhere.git");
        it.shell(&format!(
            "git clone -q --bare . '{0}'; rm -rf objects/??; echo '{0}/objects' > objects/info/alternates",
            elsewhere.display()
        ));
    }),
    live(
        refused(
            "objects that a program would bring",
            |it| {
                let missing = it.blob(b"missing");
                it.commit_tree(&[(FILE, b"missing", &missing)]);
                it.shell(&format!(
                "rm -f objects/{}/{}; git config core.repositoryFormatVersion 1; git config extensions.partialClone x
                 git config remote.x.promisor true; git config remote.x.url /nowhere; git config remote.x.uploadpack '{}'",
                &missing[..2],
                &missing[2..],
                it.marker()
            ));
            },
            "repository corruption",
        ),
        "git -C \"$REMOTE\" rev-list --objects main >/dev/null 2>&1 || :; git -C \"$REMOTE\" cat-file -p main:missing 2>/dev/null || :; test -e \"$RAN\"",
    ),
    live(
        clean("a program that makes its packs", |it| {
            it.shell(&format!("git config uploadpack.packObjectsHook '{}'", it.marker()));
        }),
        "cp \"$REMOTE/config\" settings; GIT_CONFIG_GLOBAL=\"$PWD/settings\" git clone -q \"file://$REMOTE\" clone 2>/dev/null || :; test -e \"$RAN\"",
    ),
    live(
        clean("a bundle to begin with", |it| {
            it.shell(
                "git bundle create -q bundle main; git config uploadpack.advertiseBundleURIs true
                git config bundle.version 1; git config bundle.mode all; git config bundle.x.uri \"$PWD/bundle\"",
            );
        }),
        "git clone -q \"file://$REMOTE\" clone; git -C clone for-each-ref | grep -q refs/bundles/",
    ),
    clean("commits that stand for others", |it| {
        it.shell("main=$(git rev-parse main); git replace $main $(git commit-tree -m other $(git mktree </dev/null))");
    }),
    clean("a history that is grafted", |it| {
        it.shell("git rev-parse main > info/grafts");
    }),
    refused("a history that is cut by nonsense", |it| it.shell("echo nonsense > shallow"), "shallow"),
];

/// Names of refs.
pub(super) const REFS: &[Trick] = &[
    refused("a head without a branch", |it| it.shell("git symbolic-ref HEAD refs/heads/nowhere"), "no default branch"),
    refused(
        "a head outside of the branches",
        |it| {
            it.shell("git update-ref refs/hidden/x main; git symbolic-ref HEAD refs/hidden/x");
        },
        "no default branch",
    ),
    refused(
        "a head that is no branch",
        |it| it.shell("git rev-parse main > HEAD.new; mv HEAD.new HEAD"),
        "no default branch",
    ),
    refused(
        "a head that leads out",
        |it| fs::write(it.remote().join("HEAD"), "ref: refs/heads/../../../x\n").unwrap(),
        "",
    ),
    refused(
        "a head that is a link out",
        |it| {
            fs::remove_file(it.remote().join("HEAD")).unwrap();
            symlink(it.outside().join("precious"), it.remote().join("HEAD")).unwrap();
        },
        "",
    ),
    refused("a branch that is an option", |it| it.branch(b"--upload-pack=x"), "begins with a dash"),
    clean("a branch of two commands", |it| it.branch(b"x;touch${IFS}y")),
    refused("a branch that colours the terminal", |it| it.branch(b"x\x1b[31m"), "default branch"),
    refused("a branch that is no text", |it| it.branch(b"x\xff"), "cannot use base branch"),
    refused("a branch whose name is a state of another", |it| it.branch(b"@{-1}"), "default branch"),
];

/// Trees that are too large, and odd commits.
pub(super) const OBJECTS: &[Trick] = &[
    refused(
        "a tree of 10,000,000,000 files",
        |it| {
            let mut tree = it.tree(&[(FILE, b"f", &it.blob(b"1"))]);
            for _ in 0..10 {
                let names: Vec<Vec<u8>> = (0..10).map(|n| format!("d{n}").into_bytes()).collect();
                tree = it.tree(&names.iter().map(|name| (TREE, &**name, &*tree)).collect::<Vec<_>>());
            }
            it.commit_tree(&[(TREE, b"many", &tree)]);
        },
        "more than 4000000 files",
    ),
    refused(
        "a file of 16 MiB, a million times",
        |it| {
            let large = it.blob(&vec![0; 16 << 20]);
            let names: Vec<Vec<u8>> = (0..1000).map(|n| format!("{n:04}").into_bytes()).collect();
            let files = it.tree(&names.iter().map(|name| (FILE, &**name, &*large)).collect::<Vec<_>>());
            let all = it.tree(&names.iter().map(|name| (TREE, &**name, &*files)).collect::<Vec<_>>());
            it.commit_tree(&[(TREE, b"large", &all)]);
        },
        "make room",
    ),
    refused("a commit of a time beyond all", |it| it.commit_dated("99999999999999999999999 +0000"), "badDateOverflow"),
    refused("a commit of a time that is none", |it| it.commit_dated("tomorrow +0000"), "badDate"),
    refused("a commit of a zone that is none", |it| it.commit_dated("0 east"), "badTimezone"),
    clean("a commit whose message talks to the terminal", |it| {
        let mut message = String::new();
        for n in 0..200 {
            let _ = write!(message, "\x1b]0;{n}\x07\u{202e}");
        }
        it.commit_raw(&it.tree(&[(FILE, b"file", &it.blob(b"1"))]), "0 +0000", &message);
    }),
];
