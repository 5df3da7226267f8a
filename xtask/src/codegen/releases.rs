//! The releases of Kubernetes that are read, and sets of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::{MODULES, Module, Outcome};

/// One release of `k8s.io/kubernetes`, unpacked in Go's module cache.
pub struct Release {
    /// The minor version, 36 for 1.36.
    pub minor: u8,
    dir: PathBuf,
}

impl Release {
    /// Has Go fetch the module or find it in its cache, and compares its sum with the one that is known.
    pub fn fetch(module: &Module) -> Outcome<Self> {
        let version = module.version;
        let answer = Command::new("go")
            .args(["mod", "download", "-json", &format!("k8s.io/kubernetes@{version}")])
            .env("GOFLAGS", "-mod=mod")
            .env("GOTOOLCHAIN", "local")
            .current_dir(std::env::temp_dir())
            .output()
            .map_err(|error| format!("codegen needs Go: {error}"))?;
        let text = String::from_utf8_lossy(&answer.stdout);
        let json: Value = serde_json::from_str(&text).map_err(|error| {
            format!("go mod download {version}: {error}: {}", String::from_utf8_lossy(&answer.stderr))
        })?;
        let Some(dir) = json["Dir"].as_str().filter(|_| answer.status.success()) else {
            return Err(format!("go mod download {version}: {}", json["Error"]));
        };
        if json["Sum"] != module.sum {
            return Err(format!("{version} has the sum {}, not {}", json["Sum"], module.sum));
        }
        Ok(Self { minor: module.minor, dir: PathBuf::from(dir) })
    }

    /// Reads a file of the module as text.
    pub fn text(&self, path: &str) -> Outcome<String> {
        std::fs::read_to_string(self.dir.join(path))
            .map_err(|error| format!("1.{} {path}: {error}", self.minor))
    }

    /// Reads a file of the module as JSON.
    pub fn json(&self, path: &str) -> Outcome<Value> {
        serde_json::from_str(&self.text(path)?).map_err(|error| format!("1.{} {path}: {error}", self.minor))
    }

    /// Lists the names of the files of a folder of the module, sorted.
    pub fn files(&self, folder: &str) -> Outcome<Vec<String>> {
        let fault = |error: std::io::Error| format!("1.{} {folder}: {error}", self.minor);
        let entries = std::fs::read_dir(self.dir.join(folder)).map_err(fault)?;
        let mut names = entries
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()).map_err(fault))
            .collect::<Outcome<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }
}

/// A set of releases, written as ranges of minors: `33-37`, `33,35-37`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReleaseSet(u64);

impl ReleaseSet {
    /// Adds a release by its minor.
    pub fn insert(&mut self, minor: u8) {
        self.0 |= 1 << minor;
    }

    /// Gives the releases that are in both sets, if any.
    pub fn and(self, other: Self) -> Option<Self> {
        (self.0 & other.0 != 0).then_some(Self(self.0 & other.0))
    }
}

impl std::fmt::Display for ReleaseSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let has = |minor: u8| self.0 & (1 << minor) != 0;
        let mut separator = "";
        let mut minor = MODULES[0].minor;
        while minor <= MODULES[MODULES.len() - 1].minor {
            if has(minor) {
                let first = minor;
                while has(minor + 1) {
                    minor += 1;
                }
                write!(f, "{separator}{first}")?;
                if minor > first {
                    write!(f, "-{minor}")?;
                }
                separator = ",";
            }
            minor += 1;
        }
        Ok(())
    }
}

/// Lines and the releases that have them, in the order of the lines' text.
#[derive(Default)]
pub struct Variants(BTreeMap<String, ReleaseSet>);

impl Variants {
    /// Notes that a release has this line.
    pub fn note(&mut self, minor: u8, line: String) {
        self.0.entry(line).or_default().insert(minor);
    }

    /// Gives the releases that have any of the lines.
    pub fn releases(&self) -> ReleaseSet {
        ReleaseSet(self.0.values().fold(0, |all, set| all | set.0))
    }

    /// Lists each line with the releases that have it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, ReleaseSet)> {
        self.0.iter().map(|(line, releases)| (line.as_str(), *releases))
    }
}
