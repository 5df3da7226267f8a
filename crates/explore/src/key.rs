//! The key of a run: one word that gives the same run again.
//!
//! ```text
//! k8s-129795~1f0c2ab9@17+gate.StaleControllerConsistencyReplicaSet=true+set.lag=22m:9f86d081884c7d65
//! scenario   digest   seed …what was changed about it…                            hash of the trace
//! ```

use crate::scenario::{ScenarioFile, Settings};
use serde::{Serialize, Serializer};
use sim::Override;
use std::fmt;

/// The longest key that is read.
const LENGTH_MAX: usize = 1 << 20;

/// Names a run: scenario, seed, what was changed, and the hash that must come out.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The scenario's name.
    pub scenario: String,
    /// The digest of the scenario's text, so that a changed scenario is noticed.
    pub digest: Option<u32>,
    /// The seed.
    pub seed: u64,
    /// What was changed about the scenario.
    pub settings: Settings,
    /// The hash of the trace.
    pub trace_hash: Option<u64>,
}

/// A text is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no replay key: {why}")]
pub struct KeyError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl Key {
    /// Makes the key of a run whose hash is not known yet.
    pub fn new(file: &ScenarioFile, seed: u64, settings: &Settings) -> Self {
        let digest = Some((file.digest() >> 32) as u32);
        Self { scenario: file.name().to_owned(), digest, seed, settings: settings.clone(), trace_hash: None }
    }

    /// Tells whether the scenario is the one that the key was made with.
    pub fn is_of(&self, file: &ScenarioFile) -> bool {
        self.scenario == file.name()
            && self.digest.is_none_or(|digest| digest == (file.digest() >> 32) as u32)
    }

    /// Reads a key.
    ///
    /// # Errors
    /// [`KeyError`] when it is none.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        read(text).map_err(|why| KeyError { text: text.chars().take(200).collect(), why })
    }
}

fn read(text: &str) -> Result<Key, String> {
    if text.len() > LENGTH_MAX {
        return Err("it is too long".to_owned());
    }
    let (rest, trace_hash) = match text.split_once(':') {
        Some((rest, hash)) => (rest, Some(hexadecimal(hash, 16)?)),
        None => (text, None),
    };
    let (name, rest) = rest.split_once('@').ok_or("a key looks like scenario@seed")?;
    let (name, digest) = match name.split_once('~') {
        Some((name, digest)) => (name, Some(hexadecimal(digest, 8)? as u32)),
        None => (name, None),
    };
    if name.is_empty() {
        return Err("the scenario is missing".to_owned());
    }
    let mut parts = rest.split('+');
    let seed = parts.next().unwrap_or_default();
    let seed = seed.parse().map_err(|_| format!("{seed:?} is no seed"))?;
    let mut settings = Settings::default();
    for part in parts {
        read_part(part, &mut settings)?;
    }
    Ok(Key { scenario: unescape(name)?, digest, seed, settings, trace_hash })
}

fn hexadecimal(text: &str, digits: usize) -> Result<u64, String> {
    let number = u64::from_str_radix(text, 16).ok().filter(|_| text.len() == digits);
    number.ok_or_else(|| format!("{text:?} is no hexadecimal number of {digits} digits"))
}

fn read_part(part: &str, settings: &mut Settings) -> Result<(), String> {
    let (word, rest) = part.split_once('.').ok_or_else(|| format!("{part:?} says nothing"))?;
    let (name, value) = rest.split_once('=').unwrap_or((rest, ""));
    let name = unescape(name)?;
    match word {
        "gate" => {
            let on = value.parse().map_err(|_| format!("gate {name} is true or false, not {value:?}"))?;
            settings.gates.insert(name, on);
        }
        "set" => {
            settings.parameters.insert(name, unescape(value)?);
        }
        "without" => {
            settings.without.insert(name);
        }
        "choice" => {
            let (site, entity, occurrence) = split_choice(rest)?;
            let value = value.parse().map_err(|_| format!("{value:?} is no choice"))?;
            settings.overrides.push(Override::new(site, entity, occurrence, value));
        }
        "mutant" => match name.as_str() {
            "expectations-never-expire" => settings.mutants.expectations_never_expire = true,
            "one-lag-for-all-informers" => settings.mutants.one_lag_for_all_informers = true,
            _ => return Err(format!("there is no mutant {name:?}")),
        },
        _ => return Err(format!("{word:?} is none of gate, set, without, choice, mutant")),
    }
    Ok(())
}

/// Takes `site/entity/occurrence=value` apart.
fn split_choice(text: &str) -> Result<(String, String, u64), String> {
    let names = text.split_once('=').map_or(text, |(names, _)| names);
    let [site, entity, occurrence] = names.split('/').collect::<Vec<_>>()[..] else {
        return Err(format!("{text:?} is no choice: site/entity/occurrence=value"));
    };
    let occurrence = occurrence.parse().map_err(|_| format!("{occurrence:?} is no number"))?;
    Ok((unescape(site)?, unescape(entity)?, occurrence))
}

/// Writes what could be taken for a part of the key's own syntax, or needs quotes in a shell, as `%` and two digits.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b',') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02x}"));
        }
    }
    escaped
}

fn unescape(text: &str) -> Result<String, String> {
    let wrong = || format!("{text:?} is not escaped properly");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or_else(wrong)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&escape(&self.scenario))?;
        if let Some(digest) = self.digest {
            write!(out, "~{digest:08x}")?;
        }
        write!(out, "@{}", self.seed)?;
        let Settings { parameters, gates, without, overrides, mutants } = &self.settings;
        for (name, on) in gates {
            write!(out, "+gate.{}={on}", escape(name))?;
        }
        for (name, value) in parameters {
            write!(out, "+set.{}={}", escape(name), escape(value))?;
        }
        for fault in without {
            write!(out, "+without.{}", escape(fault))?;
        }
        for Override { site, entity, occurrence, value } in overrides {
            write!(out, "+choice.{}/{}/{occurrence}={value}", escape(site), escape(entity))?;
        }
        if mutants.expectations_never_expire {
            out.write_str("+mutant.expectations-never-expire")?;
        }
        if mutants.one_lag_for_all_informers {
            out.write_str("+mutant.one-lag-for-all-informers")?;
        }
        self.trace_hash.map_or(Ok(()), |hash| write!(out, ":{hash:016x}"))
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) {
        assert_eq!(Key::parse(text).map(|key| key.to_string()).as_deref(), Ok(text));
    }

    fn refuse(text: &str, why: &str) {
        assert_eq!(Key::parse(text).map_err(|error| error.why), Err(why.to_owned()));
    }

    #[test]
    fn keys_read_as_they_were_written() {
        check("k8s-129795@17");
        check("k8s-129795~0123abcd@17:00000000000000ff");
        check("a@1+gate.Some=true+set.lag=12m+set.who=a%2fb%20%25+without.storm%2f3");
        check("a@1+choice.latency/kcm-0-%3eapi-0%20x/12=34+mutant.expectations-never-expire");
        check("a@18446744073709551615+mutant.one-lag-for-all-informers");
    }

    #[test]
    fn what_is_no_key_is_told_why() {
        refuse("k8s-129795", "a key looks like scenario@seed");
        refuse("@1", "the scenario is missing");
        refuse("a@x", "\"x\" is no seed");
        refuse("a@1:12", "\"12\" is no hexadecimal number of 16 digits");
        refuse("a@1+gate.A=maybe", "gate A is true or false, not \"maybe\"");
        refuse("a@1+swap.A=1", "\"swap\" is none of gate, set, without, choice, mutant");
        refuse("a@1+choice.site=1", "\"site=1\" is no choice: site/entity/occurrence=value");
        refuse("a@1+set.a=%zz", "\"%zz\" is not escaped properly");
    }
}
