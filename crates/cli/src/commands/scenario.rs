//! What `simulate` and `replay` share: finding a scenario, and what is changed about it.

use crate::failure::Failure;
use clap::Args;
use explore::{ScenarioFile, Settings, library};
use std::path::Path;

/// The largest scenario file that is read.
const BYTES_MAX: u64 = 16 << 20;

/// What is changed about a scenario.
#[derive(Args, Debug)]
#[command(next_help_heading = "Changes")]
pub(crate) struct Changes {
    /// Set a feature gate; may be given several times
    #[arg(long, value_name = "NAME=BOOL")]
    gate: Vec<String>,

    /// Set a parameter of the scenario; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,

    /// Leave out a fault, by its name; may be given several times
    #[arg(long, value_name = "FAULT")]
    without: Vec<String>,
}

impl Changes {
    /// Gives them as settings of a run.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let mut settings = Settings::default();
        for gate in &self.gate {
            let (name, value) = pair("--gate", gate, "NAME=BOOL")?;
            let on = value
                .parse::<bool>()
                .map_err(|_| Failure::usage(format!("--gate {gate}: {value:?} is neither true nor false")))?;
            settings.gates.insert(name.to_owned(), on);
        }
        for param in &self.param {
            let (name, value) = pair("--param", param, "NAME=VALUE")?;
            settings.parameters.insert(name.to_owned(), value.to_owned());
        }
        settings.without.extend(self.without.iter().cloned());
        Ok(settings)
    }
}

fn pair<'a>(option: &str, text: &'a str, form: &str) -> Result<(&'a str, &'a str), Failure> {
    text.split_once('=')
        .ok_or_else(|| Failure::usage(format!("{option} {text}: no value")).hint(format!("write {form}")))
}

/// Reads a scenario: a file, or one that comes with Seaworthy, by its name.
pub(crate) fn read(name: &str) -> Result<ScenarioFile, Failure> {
    let path = Path::new(name);
    if !path.exists() {
        return library::scenario(name).ok_or_else(|| {
            let known: Vec<&str> = library::names().collect();
            Failure::usage(format!("there is no file and no scenario {name}"))
                .hint(format!("the scenarios that come with Seaworthy are {}", known.join(", ")))
        });
    }
    let text = read_text(path)?;
    let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
    let load = |beside: &str| read_text(&folder.join(beside)).map_err(|failure| failure.message);
    ScenarioFile::parse(name, &text, &load)
        .map_err(|error| Failure::usage(error.to_string()).hint("scenarios/README.md describes the format"))
}

fn read_text(path: &Path) -> Result<String, Failure> {
    let refuse = |why: String| Failure::usage(format!("{} could not be read: {why}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| refuse(error.to_string()))?.len();
    if size > BYTES_MAX {
        return Err(refuse(format!("it has {size} bytes, more than {BYTES_MAX}")));
    }
    std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))
}
