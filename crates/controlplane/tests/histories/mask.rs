//! Paths that only defaults and admission of a later issue set: one line each, `path-pattern  # reason`.
//!
//! A `*` stands for one step of a path; a pattern covers everything below it.

use std::path::Path;

struct Entry {
    pattern: Vec<String>,
    text: String,
    used: bool,
}

pub struct Mask(Vec<Entry>);

impl Mask {
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("the mask is there");
        let entries =
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(
                |line| {
                    let (pattern, reason) =
                        line.split_once(" # ").expect("a mask entry gives its reason after ` # `");
                    assert!(!reason.trim().is_empty(), "a mask entry gives its reason: {line}");
                    let pattern = pattern.trim();
                    Entry {
                        pattern: pattern.split('/').map(str::to_owned).collect(),
                        text: pattern.to_owned(),
                        used: false,
                    }
                },
            );
        Self(entries.collect())
    }

    /// Tells whether a difference at a path is masked.
    pub fn covers(&mut self, path: &str) -> bool {
        let steps: Vec<&str> = path.split('/').collect();
        let covers = |pattern: &[String]| {
            pattern.len() <= steps.len()
                && pattern.iter().zip(&steps).all(|(want, step)| want == "*" || want == step)
        };
        let found = self.0.iter_mut().find(|entry| covers(&entry.pattern));
        found.map(|entry| entry.used = true).is_some()
    }

    pub fn unused(&self) -> Vec<String> {
        self.0.iter().filter(|entry| !entry.used).map(|entry| entry.text.clone()).collect()
    }
}
