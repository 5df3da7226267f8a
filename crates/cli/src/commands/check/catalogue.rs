//! `seaworthy check --list`: what there is to run, and what can be set.

use crate::failure::Failure;
use crate::output::Format;
use checks::{Check, Setting};
use serde_json::{Value, json};
use std::fmt::Write;

/// Lists checks, as text or as JSON.
pub(super) fn list(checks: &[&Check], format: Format) -> Result<String, Failure> {
    match format {
        Format::Text => Ok(text(checks)),
        Format::Json => {
            let list: Vec<Value> = checks.iter().map(|check| entry(check)).collect();
            Ok(format!("{:#}\n", json!({ "checks": list })))
        }
        Format::Junit | Format::Html => Err(Failure::usage("a list of checks is text or json")),
    }
}

fn text(checks: &[&Check]) -> String {
    let mut text = String::new();
    for check in checks {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} ({})\n  {}", check.name, check.layer.as_str(), check.description);
        let _ = writeln!(text, "  reads {}", check.reads.join(", "));
        for parameter in check.parameters {
            let name = format!("{}.{}", check.name, parameter.name);
            let _ =
                writeln!(text, "  {name}={}\n      {}", setting(parameter.default), parameter.description);
        }
        let codes: Vec<&str> = check.codes.iter().map(|code| code.name).collect();
        let _ = writeln!(text, "  finds {}\n", codes.join(", "));
    }
    text
}

fn entry(check: &Check) -> Value {
    let parameters: Vec<Value> = check
        .parameters
        .iter()
        .map(|parameter| {
            let default = setting(parameter.default);
            json!({"name": parameter.name, "default": default, "description": parameter.description})
        })
        .collect();
    let codes: Vec<Value> =
        check.codes.iter().map(|code| json!({"name": code.name, "meaning": code.meaning})).collect();
    json!({
        "name": check.name,
        "layer": check.layer.as_str(),
        "description": check.description,
        "reads": check.reads,
        "parameters": parameters,
        "codes": codes,
    })
}

/// Writes a default as it would be given.
fn setting(setting: Setting) -> String {
    let Setting::Duration(duration) = setting else {
        let Setting::Count(count) = setting else { return String::new() };
        return count.to_string();
    };
    let seconds = duration.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let fits = units.iter().find(|(unit, _)| seconds >= *unit && seconds % unit == 0);
    fits.map_or(format!("{seconds}s"), |(unit, letter)| format!("{}{letter}", seconds / unit))
}
