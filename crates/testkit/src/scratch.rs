//! A folder of a test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A folder that belongs to one test and is removed with this value, unless the test is failing.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes an empty folder.
    ///
    /// # Panics
    ///
    /// Panics if the folder for temporary files cannot be written.
    #[expect(clippy::new_without_default, reason = "making a folder is no default")]
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("seaworthy-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // What an earlier process of the same number left behind is not this test's.
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path)
            .unwrap_or_else(|error| panic!("{} cannot be made: {error}", path.display()));
        // Where the temporary folder is a link, programs report the place it leads to.
        let path = path.canonicalize().unwrap_or(path);
        Self { path }
    }

    /// Gives where the folder is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file below the folder, making the folders on the way, and gives its path.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(name);
        let written =
            path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, content));
        written.unwrap_or_else(|error| panic!("{} cannot be written: {error}", path.display()));
        path
    }
}

#[expect(clippy::print_stderr, reason = "a failing test tells its reader where to look")]
impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Who looks into the failure finds the files as they were.
            eprintln!("the test's files are kept in {}", self.path.display());
        } else {
            drop(fs::remove_dir_all(&self.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_apart_and_vanish() {
        let (one, two) = (Scratch::new(), Scratch::new());
        let file = one.write("deep/down/a.txt", "x");
        assert_eq!(fs::read_to_string(&file).unwrap(), "x");
        assert!(fs::read_dir(two.path()).unwrap().next().is_none());
        drop(one);
        assert!(!file.exists());
    }
}
