//! The Kubernetes releases the tables hold.

/// A minor release of Kubernetes that the tables hold, written `1.36`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KubernetesVersion(u8);

/// Says why a text is not a release that the tables hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// The text is not of the form `1.36`, `v1.36` or `v1.36.3`.
    #[error("{0:?} is not a Kubernetes version such as 1.36")]
    Malformed(String),
    /// The release is older or newer than those of the tables.
    #[error("Kubernetes 1.{0} is not known, only {first} to {last}", first = KubernetesVersion::OLDEST, last = KubernetesVersion::LATEST)]
    Unknown(u32),
}

impl KubernetesVersion {
    /// Kubernetes 1.33.
    pub const V1_33: Self = Self(33);
    /// Kubernetes 1.34.
    pub const V1_34: Self = Self(34);
    /// Kubernetes 1.35.
    pub const V1_35: Self = Self(35);
    /// Kubernetes 1.36.
    pub const V1_36: Self = Self(36);
    /// Kubernetes 1.37.
    pub const V1_37: Self = Self(37);
    /// Every release of the tables, oldest first.
    pub const ALL: [Self; 5] = [Self::V1_33, Self::V1_34, Self::V1_35, Self::V1_36, Self::V1_37];
    /// The oldest release of the tables.
    pub const OLDEST: Self = Self::ALL[0];
    /// The newest release of the tables.
    pub const LATEST: Self = Self::ALL[Self::ALL.len() - 1];

    /// Parses `1.36`, `v1.36` or, whatever the patch and build, `v1.36.3-gke.1`.
    ///
    /// # Errors
    /// When the text is no version or the tables do not hold the release.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let malformed = || VersionError::Malformed(text.to_owned());
        let mut parts = text.strip_prefix('v').unwrap_or(text).splitn(3, '.');
        let (major, minor) = (parts.next(), parts.next().ok_or_else(malformed)?);
        // Some vendors answer `36+` as the minor version.
        let digits = minor.strip_suffix('+').unwrap_or(minor);
        if major != Some("1") || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(malformed());
        }
        let minor: u32 = digits.parse().map_err(|_| malformed())?;
        Self::ALL.into_iter().find(|known| u32::from(known.0) == minor).ok_or(VersionError::Unknown(minor))
    }

    /// Gives the minor number, 36 for 1.36.
    pub fn minor(self) -> u8 {
        self.0
    }

    /// Gives the release after this one, unless it is the newest of the tables.
    pub fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.0 == self.0 + 1)
    }
}

impl std::fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

impl std::str::FromStr for KubernetesVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        Self::parse(text)
    }
}

/// A set of releases, read from `33-37` or `33,35-37`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReleaseSet(u64);

impl ReleaseSet {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut set = 0;
        for range in text.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last) = (first.parse::<u8>().ok()?, last.parse::<u8>().ok()?);
            (first..=last).try_for_each(|minor| {
                set |= 1_u64.checked_shl(minor.into())?;
                Some(())
            })?;
        }
        Some(Self(set))
    }

    pub(crate) fn contains(self, version: KubernetesVersion) -> bool {
        self.0 & (1 << version.0) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_servers_and_people_write_them() {
        for text in ["1.36", "v1.36", "v1.36.3", "1.36+", "v1.36.3-gke.1020"] {
            assert_eq!(KubernetesVersion::parse(text), Ok(KubernetesVersion::V1_36), "{text}");
        }
        for text in ["", "1", "2.36", "1.", "1.x", "36", "1.-36"] {
            assert!(matches!(KubernetesVersion::parse(text), Err(VersionError::Malformed(_))), "{text}");
        }
        let error = KubernetesVersion::parse("1.32").expect_err("too old");
        assert_eq!(error.to_string(), "Kubernetes 1.32 is not known, only 1.33 to 1.37");
    }

    #[test]
    fn release_sets_may_have_gaps() {
        let set = ReleaseSet::parse("33,35-36").expect("a set");
        let held: Vec<_> =
            KubernetesVersion::ALL.into_iter().filter(|version| set.contains(*version)).collect();
        assert_eq!(held, [KubernetesVersion::V1_33, KubernetesVersion::V1_35, KubernetesVersion::V1_36]);
        assert_eq!(ReleaseSet::parse("33-"), None);
        assert_eq!(ReleaseSet::parse("99"), None);
    }
}
