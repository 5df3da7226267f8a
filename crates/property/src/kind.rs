//! When a property must hold.

use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// When a property must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// After every commit.
    Always,
    /// At the latest this long after the faults have stopped.
    Eventually {
        /// The time it may take.
        within: Duration,
    },
    /// At least once.
    Sometimes,
    /// After no commit.
    Never,
}

/// The kinds without their times, as scenario files name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KindName {
    /// [`Kind::Always`]
    Always,
    /// [`Kind::Eventually`]
    Eventually,
    /// [`Kind::Sometimes`]
    Sometimes,
    /// [`Kind::Never`]
    Never,
}

/// A text names no kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no kind of property: always, eventually, sometimes or never")]
pub struct UnknownKind(
    /// The text.
    pub String,
);

impl KindName {
    /// Parses a name.
    ///
    /// # Errors
    /// [`UnknownKind`] when it is none.
    pub fn parse(text: &str) -> Result<Self, UnknownKind> {
        match text {
            "always" => Ok(Self::Always),
            "eventually" => Ok(Self::Eventually),
            "sometimes" => Ok(Self::Sometimes),
            "never" => Ok(Self::Never),
            other => Err(UnknownKind(other.to_owned())),
        }
    }

    /// Gives the kind; `within` is used by [`KindName::Eventually`] only.
    pub fn with(self, within: Duration) -> Kind {
        match self {
            Self::Always => Kind::Always,
            Self::Eventually => Kind::Eventually { within },
            Self::Sometimes => Kind::Sometimes,
            Self::Never => Kind::Never,
        }
    }
}

impl Kind {
    /// Gives the name.
    pub fn name(self) -> KindName {
        match self {
            Self::Always => KindName::Always,
            Self::Eventually { .. } => KindName::Eventually,
            Self::Sometimes => KindName::Sometimes,
            Self::Never => KindName::Never,
        }
    }
}

impl fmt::Display for KindName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Always => "always",
            Self::Eventually => "eventually",
            Self::Sometimes => "sometimes",
            Self::Never => "never",
        })
    }
}
