//! Owns what a script may do to files: only inside its checkout, and over no link.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt as _, lchown};
use std::path::{Component, Path, PathBuf};

use super::Action;

/// Does an action that is about files.
pub(super) fn apply(root: &Path, action: &Action) -> Result<(), String> {
    match action {
        Action::Write(files) => files
            .iter()
            .try_for_each(|(path, content)| write(root, path, content, OpenOptions::new().write(true).truncate(true))),
        Action::Append(files) => {
            files.iter().try_for_each(|(path, content)| write(root, path, content, OpenOptions::new().append(true)))
        }
        Action::Remove(path) => {
            let file = inside(root, path)?;
            match fs::remove_file(file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => refused(path, &error.to_string()),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn write(root: &Path, path: &str, content: &str, options: &mut OpenOptions) -> Result<(), String> {
    let file = inside(root, path)?;
    let written = file
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| options.create(true).open(&file))
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .and_then(|()| share(root, &file));
    written.or_else(|error| refused(path, &error.to_string()))
}

/// Gives a file, and the directories above it, to whom the checkout belongs: git there is not always run by ourselves.
fn share(root: &Path, file: &Path) -> std::io::Result<()> {
    let owner = fs::symlink_metadata(root)?;
    if owner.uid() == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    let made = file.ancestors().take_while(|above| *above != root);
    made.into_iter().try_for_each(|made| lchown(made, Some(owner.uid()), Some(owner.gid())))
}

/// The path inside the checkout, if nothing on its way leads elsewhere.
fn inside(root: &Path, path: &str) -> Result<PathBuf, String> {
    let mut place = root.to_owned();
    for component in Path::new(path).components() {
        let Component::Normal(name) = component else {
            return refused(path, "it is not relative to the checkout, or leaves it");
        };
        if name == ".git" {
            return refused(path, "it is inside .git");
        }
        place.push(name);
        if place.is_symlink() {
            return refused(path, "it leads over a symbolic link");
        }
    }
    if place == root {
        return refused(path, "it is empty");
    }
    Ok(place)
}

fn refused<T>(path: &str, reason: &str) -> Result<T, String> {
    Err(format!("the scripted agent cannot change {path:?}: {reason}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_path_leaves_the_checkout() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("checkout");
        let outside = directory.path().join("outside");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::create_dir(&outside).unwrap();
        symlink(&outside, root.join("link")).unwrap();
        symlink(outside.join("file"), root.join("sub/file")).unwrap();
        for path in ["", ".", "/etc/x", "../x", "a/../../x", "link/x", "sub/file", ".git/hooks/x", "sub/.git/x"] {
            for action in [
                Action::Write([(path.to_owned(), "x".to_owned())].into()),
                Action::Append([(path.to_owned(), "x".to_owned())].into()),
                Action::Remove(path.to_owned()),
            ] {
                assert!(apply(&root, &action).is_err(), "{action:?}");
            }
        }
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}
