//! What can be set about checks: thresholds and graces, each with its default.

use std::collections::BTreeMap;
use std::time::Duration;

use object::GoDuration;

/// One thing that can be set about a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The name within its check, as in `not-ready-grace`.
    pub name: &'static str,
    /// What holds unless set.
    pub default: Setting,
    /// What it means, in one sentence.
    pub description: &'static str,
}

/// The value of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A span of time.
    Duration(Duration),
    /// A count.
    Count(u64),
}

impl Parameter {
    /// Declares a span of time in seconds.
    pub(crate) const fn seconds(name: &'static str, seconds: u64, description: &'static str) -> Self {
        Self { name, default: Setting::Duration(Duration::from_secs(seconds)), description }
    }

    /// Declares a count.
    pub(crate) const fn count(name: &'static str, count: u64, description: &'static str) -> Self {
        Self { name, default: Setting::Count(count), description }
    }
}

/// Why a parameter could not be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// No check has a parameter of this name.
    #[error("no parameter {0:?}; a name is CHECK.PARAMETER, as in pod-health.not-ready-grace")]
    Unknown(String),
    /// The text is no value of the parameter's kind.
    #[error("parameter {name}: {value:?} is no {wanted}")]
    Value {
        /// The parameter, with its check.
        name: String,
        /// The text given.
        value: String,
        /// What would be understood.
        wanted: &'static str,
    },
}

/// The parameters of all checks; what is not set has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    changed: BTreeMap<(&'static str, &'static str), Setting>,
}

impl Parameters {
    /// Sets one from text: `pod-health.not-ready-grace` to `20m`, `volume-attachment.unused-fail` to `14d`.
    ///
    /// # Errors
    /// When there is no such parameter, or the text is no value of its kind.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), ParameterError> {
        let unknown = || ParameterError::Unknown(name.to_owned());
        let (check, parameter) = name.split_once('.').ok_or_else(unknown)?;
        let check = crate::find(check).ok_or_else(unknown)?;
        let parameter = check.parameters.iter().find(|known| known.name == parameter).ok_or_else(unknown)?;
        let wrong = |wanted| ParameterError::Value { name: name.to_owned(), value: value.to_owned(), wanted };
        let setting = match parameter.default {
            Setting::Duration(_) => parse_duration(value)
                .map(Setting::Duration)
                .ok_or_else(|| wrong("duration, such as 90s, 15m, 24h or 7d"))?,
            Setting::Count(_) => value.parse().map(Setting::Count).map_err(|_| wrong("count, such as 5"))?,
        };
        self.changed.insert((check.name, parameter.name), setting);
        Ok(())
    }

    pub(crate) fn get(&self, check: &'static str, parameter: &Parameter) -> Setting {
        self.changed.get(&(check, parameter.name)).copied().unwrap_or(parameter.default)
    }
}

/// Reads a duration of Go, or whole days, which Go does not know.
fn parse_duration(text: &str) -> Option<Duration> {
    if let Some(days) = text.strip_suffix('d') {
        return Some(Duration::from_secs(days.parse::<u64>().ok()?.checked_mul(86_400)?));
    }
    let duration = GoDuration::parse(text).ok()?;
    (duration.as_nanos() >= 0).then(|| duration.to_std())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_what_exists_and_refuses_the_rest() {
        let mut parameters = Parameters::default();
        parameters.set("pod-health.not-ready-grace", "1h30m").unwrap();
        parameters.set("volume-attachment.unused-fail", "14d").unwrap();
        parameters.set("pod-health.restarts-fail", "9").unwrap();
        for (name, value) in [
            ("not-ready-grace", "1h"),
            ("pod-health.nothing", "1h"),
            ("pod-health.not-ready-grace", "soon"),
            ("pod-health.not-ready-grace", "-1h"),
            ("pod-health.restarts-fail", "many"),
            ("volume-attachment.unused-fail", "d"),
        ] {
            assert!(parameters.set(name, value).is_err(), "{name}={value}");
        }
        assert_eq!(parameters.changed.len(), 3);
    }
}
