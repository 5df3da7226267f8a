//! Certificates: as much of X.509 as tells until when one holds and for which names.

use base64ct::{Base64, Encoding};
use object::Time;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

const BEGIN: &str = "-----BEGIN ";

/// What is known of a certificate.
pub(super) struct Certificate {
    pub(super) not_before: Time,
    pub(super) not_after: Time,
    /// The DNS names it holds for; nothing if they could not be read.
    pub(super) names: Option<Vec<String>>,
}

/// Why there is no certificate to judge.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// There is no PEM block of a certificate.
    NoBlock,
    /// The block is no certificate.
    NotX509(String),
}

/// Reads the first certificate of a PEM text, which is the one that is served.
pub(super) fn read(pem: &str) -> Result<Certificate, Unreadable> {
    let der = block(pem, |label| label == "CERTIFICATE").ok_or(Unreadable::NoBlock)?;
    let parsed =
        CertificateInner::<Raw>::from_der(&der).map_err(|error| Unreadable::NotX509(error.to_string()))?;
    let body = parsed.tbs_certificate();
    let time = |time: x509_cert::time::Time| {
        Time::from_unix_seconds(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX))
    };
    let validity = body.validity();
    Ok(Certificate {
        not_before: time(validity.not_before),
        not_after: time(validity.not_after),
        names: names(body),
    })
}

/// Tells whether a PEM text holds a private key of any kind.
pub(super) fn holds_private_key(pem: &str) -> bool {
    block(pem, |label| label.ends_with("PRIVATE KEY")).is_some()
}

/// Tells whether one of the names covers a host: a wildcard stands for exactly one label (RFC 6125).
pub(super) fn covers(names: &[String], host: &str) -> bool {
    names.iter().any(|name| {
        if name.eq_ignore_ascii_case(host) {
            return true;
        }
        let Some(parent) = name.strip_prefix("*.") else { return false };
        host.split_once('.').is_some_and(|(label, rest)| {
            !label.is_empty() && label != "*" && rest.eq_ignore_ascii_case(parent)
        })
    })
}

fn names(body: &x509_cert::certificate::TbsCertificateInner<Raw>) -> Option<Vec<String>> {
    let alternatives = body.get_extension::<SubjectAltName>().ok()?;
    if let Some((_, SubjectAltName(names))) = alternatives {
        let dns = names.iter().filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
            _ => None,
        });
        return Some(dns.collect());
    }
    // Clients look at alternative names only; the common name has not counted for years (RFC 9110, 4.3.4).
    Some(Vec::new())
}

/// Gives the contents of the first PEM block with a wanted label (RFC 7468).
fn block(pem: &str, is_wanted: impl Fn(&str) -> bool) -> Option<Vec<u8>> {
    let mut rest = pem;
    while let Some(start) = rest.find(BEGIN) {
        rest = &rest[start + BEGIN.len()..];
        let (label, after) = rest.split_once("-----")?;
        let Some(end) = after.find(&format!("-----END {label}-----")) else { continue };
        if is_wanted(label) {
            // Old forms of keys carry headers before an empty line.
            let body = &after[..end];
            let body = body.split_once("\n\n").map_or(body, |(_, body)| body);
            let text: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            return Base64::decode_vec(&text).ok().filter(|bytes| !bytes.is_empty());
        }
        rest = after;
    }
    None
}
