//! Finding the manifests in a folder.

use super::FILES_MAX;
use crate::{SourceError, Trouble};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Folders are followed no deeper than this.
const DEPTH_MAX: usize = 64;

/// What a folder holds.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// The manifests, in the order of their names.
    pub files: Vec<PathBuf>,
    /// How many files have other names.
    pub skipped: usize,
    /// What could not be looked into.
    pub troubles: Vec<Trouble>,
}

/// Finds the manifests in a folder and in the folders within, in the order of their names.
pub(super) fn walk(folder: &Path) -> Result<Walked, SourceError> {
    let mut walk = Walk { found: Walked::default(), visited: BTreeSet::new(), root: folder };
    walk.folder(folder, DEPTH_MAX)?;
    Ok(walk.found)
}

struct Walk<'a> {
    found: Walked,
    /// The true names of the folders looked into, for links may lead in circles.
    visited: BTreeSet<PathBuf>,
    root: &'a Path,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), SourceError> {
        if std::fs::canonicalize(folder).is_ok_and(|true_name| !self.visited.insert(true_name)) {
            return Ok(());
        }
        if depth == 0 {
            self.trouble(folder, format!("folders lie deeper than the limit of {DEPTH_MAX}"));
            return Ok(());
        }
        let mut entries = Vec::new();
        match std::fs::read_dir(folder) {
            Ok(read) => {
                for entry in read {
                    match entry {
                        Ok(entry) => entries.push(entry.path()),
                        Err(error) => self.trouble(folder, format!("could not be read: {error}")),
                    }
                }
            }
            Err(error) => self.trouble(folder, format!("could not be read: {error}")),
        }
        entries.sort();
        for entry in entries {
            self.entry(&entry, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, depth: usize) -> Result<(), SourceError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            return Ok(());
        }
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return self.folder(path, depth - 1),
            Ok(_) if !is_manifest(path) => self.found.skipped += 1,
            Ok(_) => self.found.files.push(path.to_owned()),
            Err(_) if !is_manifest(path) => self.found.skipped += 1,
            Err(error) => self.trouble(path, format!("could not be read: {error}")),
        }
        if self.found.files.len() > FILES_MAX {
            let (path, what) = (self.root.to_owned(), "more files".to_owned());
            return Err(SourceError::TooLarge { path, what, limit: FILES_MAX as u64 });
        }
        Ok(())
    }

    fn trouble(&mut self, path: &Path, message: String) {
        let file = path.display().to_string();
        self.found.troubles.push(Trouble { file, message, ..Trouble::default() });
    }
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["json", "yaml", "yml"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}
