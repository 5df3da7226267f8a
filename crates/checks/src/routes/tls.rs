//! Certificates of routes: the Secret, what it holds, until when and for which hosts.

use std::collections::BTreeMap;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use object::{ObjectExt, Value};
use report::{Evidence, ObjectRef, Outcome};

use super::certificate::{self, Certificate, Unreadable};
use super::{EXPIRY_WARN, ISSUE_GRACE, Place, Problem, Problems};
use crate::look::{Look, Lookup};
use crate::words::{listed, span};

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";

/// One use of a Secret by an Ingress.
struct Use<'a> {
    ingress: &'a Value,
    hosts: Vec<&'a str>,
    pointer: String,
}

pub(super) fn judge<'a>(look: &mut Look<'a>, ingresses: &[&'a Value], problems: &mut Problems<'a>) {
    let mut uses: BTreeMap<(&str, &str), Vec<Use<'a>>> = BTreeMap::new();
    for ingress in ingresses {
        for (index, tls) in ingress["spec"]["tls"].items().iter().enumerate() {
            let secret = tls["secretName"].str();
            // Without a Secret the controller's own certificate is served.
            if !secret.is_empty() {
                let hosts = tls["hosts"].items().iter().map(Value::str).collect();
                let pointer = format!("/spec/tls/{index}/secretName");
                uses.entry((ingress.namespace(), secret)).or_default().push(Use { ingress, hosts, pointer });
            }
        }
    }
    for ((namespace, secret), uses) in uses {
        let Some(problem) = of_secret(look, namespace, secret, &uses) else { continue };
        for of_ingress in uses {
            let hosts =
                if of_ingress.hosts.is_empty() { "every host".to_owned() } else { listed(&of_ingress.hosts) };
            let evidence = Evidence::new(of_ingress.pointer, secret);
            let place = Place { ingress: of_ingress.ingress, route: format!("TLS of {hosts}"), evidence };
            problems.add(problem.clone(), place);
        }
    }
}

fn of_secret(look: &mut Look<'_>, namespace: &str, name: &str, uses: &[Use<'_>]) -> Option<Problem> {
    let so = || format!("whether the certificate in Secret {namespace}/{name} holds is unknown");
    let secret = match look.get("secrets", namespace, name, so) {
        Lookup::Unknown => return None,
        Lookup::Absent => return Some(missing(look, namespace, name, uses)),
        Lookup::Found(secret) => secret,
    };
    let object = ObjectRef::of(secret);
    let problem = |code, outcome, title: String| {
        Problem::new(code, outcome, object.to_string(), title)
            .because("browsers are shown the controller's own certificate, or the connection fails")
            .behind(object.clone())
    };
    let invalid = |title: String, evidence: Evidence| {
        problem("ROUTE_TLS_INVALID", Outcome::Fail, title)
            .evidence(evidence.on(object.clone()))
            .remedy(format!("kubectl -n {namespace} get secret {name} -o jsonpath='{{.data.tls\\.crt}}' | base64 -d | openssl x509 -noout -text"))
            .remedy("put a certificate and its key into the Secret, or have an issuer do it")
    };
    for key in [CERTIFICATE, KEY] {
        if content(secret, key) == Content::Absent {
            let evidence = Evidence::new(format!("/data/{key}"), "absent").expected("PEM");
            let kind = secret["type"].as_str().filter(|kind| *kind != "kubernetes.io/tls");
            let kind = kind.map_or(String::new(), |kind| format!("; it is of type {kind}"));
            return Some(invalid(format!("Secret {name} has no {key}{kind}"), evidence));
        }
    }
    let (crt, key) = (content(secret, CERTIFICATE), content(secret, KEY));
    if crt.is_masked()
        || matches!((&crt, &key), (Content::Text(a), Content::Text(b)) if a == b && !a.is_empty())
    {
        look.error(format!("Secret {namespace}/{name} was masked where these objects were taken; {}", so()));
        return None;
    }
    let text = match &crt {
        Content::Text(text) => text.as_str(),
        _ => {
            let evidence = Evidence::new(format!("/data/{CERTIFICATE}"), "not base64").expected("PEM");
            return Some(invalid(format!("Secret {name} holds no certificate"), evidence));
        }
    };
    let certificate = match certificate::read(text) {
        Ok(certificate) => certificate,
        Err(Unreadable::NoBlock) => {
            let evidence = Evidence::new(format!("/data/{CERTIFICATE}"), "no PEM block CERTIFICATE");
            return Some(invalid(format!("Secret {name} holds no certificate"), evidence.expected("PEM")));
        }
        Err(Unreadable::NotX509(error)) => {
            let evidence =
                Evidence::new(format!("/data/{CERTIFICATE}"), error).expected("an X.509 certificate");
            return Some(invalid(format!("the certificate in Secret {name} cannot be read"), evidence));
        }
    };
    if !key.is_masked() && !key.is_private_key() {
        let evidence = Evidence::new(format!("/data/{KEY}"), "no PEM block PRIVATE KEY").expected("PEM");
        return Some(invalid(format!("Secret {name} holds no private key"), evidence));
    }
    of_certificate(look, &certificate, uses, &object, problem).or_else(|| of_type(&object, secret, problem))
}

fn of_certificate(
    look: &Look<'_>,
    certificate: &Certificate,
    uses: &[Use<'_>],
    secret: &ObjectRef,
    problem: impl Fn(&'static str, Outcome, String) -> Problem,
) -> Option<Problem> {
    let (now, name) = (look.now(), &secret.name);
    let (from, until) = (certificate.not_before, certificate.not_after);
    let validity = Evidence::new("/data/tls.crt", format!("valid {from} to {until}")).on(secret.clone());
    let renew = "renew it; if an issuer should have done so, look at its Certificate and orders";
    if now >= until {
        let title = format!("the certificate in Secret {name} expired {} ago", span(now.since(until)));
        return Some(
            problem("ROUTE_TLS_EXPIRED", Outcome::Fail, title)
                .evidence(validity.expected(format!("valid at {now}")))
                .remedy(renew),
        );
    }
    if now < from {
        let title = format!("the certificate in Secret {name} is not valid before {from}");
        return Some(
            problem("ROUTE_TLS_NOT_YET_VALID", Outcome::Fail, title)
                .evidence(validity)
                .remedy("compare the clocks of the issuer and the cluster"),
        );
    }
    if let Some(names) = &certificate.names {
        let hosts = uses.iter().flat_map(|of_ingress| &of_ingress.hosts);
        let uncovered: Vec<&str> = hosts.copied().filter(|host| !certificate::covers(names, host)).collect();
        if !uncovered.is_empty() {
            let held = if names.is_empty() { "no DNS name".to_owned() } else { listed(names) };
            let title = format!("the certificate in Secret {name} does not hold for {}", listed(&uncovered));
            let evidence = Evidence::new("/data/tls.crt", format!("holds for {held}"))
                .expected(listed(&uncovered))
                .on(secret.clone());
            return Some(
                problem("ROUTE_TLS_HOST_MISMATCH", Outcome::Fail, title)
                    .evidence(evidence)
                    .remedy("have it issued for these hosts too"),
            );
        }
    }
    // A certificate that lives for days is not late weeks before its end.
    let left = until.since(now);
    let third = until.since(from) / 3;
    let warn: Duration = look.duration(&EXPIRY_WARN).min(third);
    (left < warn).then(|| {
        let title = format!("the certificate in Secret {name} expires in {}", span(left));
        problem("ROUTE_TLS_EXPIRES_SOON", Outcome::Warn, title).evidence(validity).remedy(renew)
    })
}

fn of_type(
    object: &ObjectRef,
    secret: &Value,
    problem: impl Fn(&'static str, Outcome, String) -> Problem,
) -> Option<Problem> {
    let kind = secret["type"].as_str().unwrap_or("Opaque");
    (kind != "kubernetes.io/tls").then(|| {
        let title = format!("Secret {} is of type {kind}, not kubernetes.io/tls", secret.name());
        problem("ROUTE_TLS_TYPE", Outcome::Warn, title)
            .evidence(Evidence::new("/type", kind).expected("kubernetes.io/tls").on(object.clone()))
            .because("some Ingress controllers refuse it, and nothing makes sure that both keys stay")
            .remedy("make the Secret anew with type kubernetes.io/tls; a Secret's type cannot be changed")
    })
}

fn missing(look: &Look<'_>, namespace: &str, name: &str, uses: &[Use<'_>]) -> Problem {
    let object = ObjectRef::new("v1", "Secret", namespace, name);
    let has_issuer = |of_ingress: &Use<'_>| {
        let annotations = of_ingress.ingress["metadata"]["annotations"].entries();
        annotations.map(|(key, _)| key.as_str()).any(|key| key.starts_with("cert-manager.io/"))
    };
    let is_young = |of_ingress: &Use<'_>| look.view().age(of_ingress.ingress) < look.duration(&ISSUE_GRACE);
    let is_being_issued = uses.iter().all(|of_ingress| has_issuer(of_ingress) && is_young(of_ingress));
    let outcome = if is_being_issued { Outcome::Warn } else { Outcome::Fail };
    let title = format!("Secret {name} does not exist");
    Problem::new("ROUTE_TLS_SECRET_MISSING", outcome, object.to_string(), title)
        .evidence(Evidence::new("", "absent").expected("present").on(object.clone()))
        .because("browsers are shown the controller's own certificate, or the connection fails")
        .remedy(format!("kubectl -n {namespace} get secrets --field-selector type=kubernetes.io/tls"))
        .remedy("make the Secret in the Ingress's own namespace; one of another namespace does not count")
        .behind(object)
}

/// What a key of a Secret holds.
#[derive(PartialEq, Eq)]
enum Content {
    Absent,
    /// Not base64, so not from an API server as it stood.
    Garbled(String),
    Text(String),
}

impl Content {
    /// Tells whether somebody put a placeholder where the value was.
    fn is_masked(&self) -> bool {
        match self {
            Self::Absent => false,
            Self::Garbled(text) => is_placeholder(text) || text.contains(['*', '<', '[']),
            Self::Text(text) => is_placeholder(text),
        }
    }

    fn is_private_key(&self) -> bool {
        matches!(self, Self::Text(text) if certificate::holds_private_key(text))
    }
}

/// Placeholders that tools which copy clusters put where values were.
fn is_placeholder(text: &str) -> bool {
    const WORDS: [&str; 8] =
        ["redacted", "replaced", "masked", "removed", "anonymi", "omitted", "hidden", "scrubbed"];
    let lower = text.trim().to_ascii_lowercase();
    let is_one_character = lower.len() >= 3 && lower.bytes().all(|byte| Some(byte) == lower.bytes().next());
    !lower.contains("-----begin ") && (is_one_character || WORDS.iter().any(|word| lower.contains(word)))
}

fn content(secret: &Value, key: &str) -> Content {
    if let Some(text) = secret["stringData"][key].as_str() {
        return Content::Text(text.to_owned());
    }
    let Some(encoded) = secret["data"][key].as_str() else { return Content::Absent };
    let compact: String = encoded.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    match Base64::decode_vec(&compact) {
        Ok(bytes) => Content::Text(String::from_utf8_lossy(&bytes).into_owned()),
        Err(_) => Content::Garbled(encoded.to_owned()),
    }
}
