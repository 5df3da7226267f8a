//! The committed files that the rules look at.

use super::rust_text;
use crate::{Failure, steps};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The files of the working tree that git knows or would add, and the dependencies cargo resolves for it.
pub(crate) struct Repo {
    root: PathBuf,
    files: BTreeMap<String, File>,
    metadata: OnceLock<Result<serde_json::Value, Failure>>,
}

/// One text file.
pub(crate) struct File {
    /// What it holds.
    pub text: String,
    /// The same text with comments and literals blanked out, for Rust files; made when first asked for.
    code: OnceLock<String>,
}

impl File {
    /// Gives the text with comments and the insides of literals replaced by blanks; lines and columns stay.
    pub(crate) fn code(&self) -> &str {
        self.code.get_or_init(|| rust_text::blank(&self.text))
    }
}

impl Repo {
    /// Reads the working tree at `root`; what is ignored by git and what is no text is left out.
    pub(crate) fn open(root: &Path) -> Result<Self, Failure> {
        // A clone made by another user is refused by git unless it is told that this is meant.
        let listed = steps::capture(Command::new("git").current_dir(root).args([
            "-c",
            "safe.directory=*",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))?;
        let mut files = BTreeMap::new();
        for path in listed.split('\0').filter(|path| !path.is_empty()) {
            // A file may be deleted and not yet committed as such.
            let Ok(bytes) = std::fs::read(root.join(path)) else { continue };
            if let Ok(text) = String::from_utf8(bytes) {
                files.insert(path.to_owned(), File { text, code: OnceLock::new() });
            }
        }
        Ok(Self { root: root.to_owned(), files, metadata: OnceLock::new() })
    }

    /// Gives the root of the tree.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Gives all files by their path from the root, with slashes.
    pub(crate) fn files(&self) -> &BTreeMap<String, File> {
        &self.files
    }

    /// Gives the text of one file, if it is there.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(|file| file.text.as_str())
    }

    /// Gives the files below `folder` (which ends in a slash) whose path ends in `suffix`.
    pub(crate) fn under<'a>(
        &'a self,
        folder: &'a str,
        suffix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a File)> + 'a {
        self.files
            .iter()
            .filter(move |(path, _)| path.starts_with(folder) && path.ends_with(suffix))
            .map(|(path, file)| (path.as_str(), file))
    }

    /// Gives all Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &File)> {
        self.under("", ".rs")
    }

    /// Gives the names of the folders under `crates/` that hold a manifest, sorted.
    pub(crate) fn crates(&self) -> Vec<&str> {
        self.files
            .keys()
            .filter_map(|path| path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml"))
            .filter(|name| !name.contains('/'))
            .collect()
    }

    /// Gives what `cargo metadata` says about the workspace and every package it resolves to on this platform.
    pub(crate) fn metadata(&self) -> Result<&serde_json::Value, &Failure> {
        self.metadata.get_or_init(|| read_metadata(&self.root)).as_ref()
    }
}

fn read_metadata(root: &Path) -> Result<serde_json::Value, Failure> {
    let about = steps::capture(Command::new("rustc").arg("-vV"))?;
    let host =
        about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or("x86_64-unknown-linux-gnu");
    let json = steps::capture(Command::new(crate::cargo()).current_dir(root).args([
        "metadata",
        "--locked",
        "--format-version",
        "1",
        "--filter-platform",
        host,
    ]))?;
    serde_json::from_str(&json)
        .map_err(|error| Failure::new(format!("cargo metadata gave no JSON: {error}"), ""))
}

#[cfg(test)]
impl Repo {
    /// Makes a tree of the given files, for tests of rules.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |text: &str| File { text: text.to_owned(), code: OnceLock::new() };
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), file(text))).collect();
        Self { root: PathBuf::from("nowhere"), files, metadata: OnceLock::new() }
    }

    /// Pretends that cargo resolves the workspace to this.
    pub(crate) fn resolving_to(self, metadata: serde_json::Value) -> Self {
        assert!(self.metadata.set(Ok(metadata)).is_ok(), "the metadata was set before");
        self
    }
}
