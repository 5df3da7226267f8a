//! Which rule of which Ingress a request falls under (`networking/v1.IngressSpec`).

use object::Value;

/// The rule that a request falls under.
pub(super) struct Match<'a> {
    pub(super) ingress: &'a Value,
    pub(super) backend: &'a Value,
    /// Host and path as the rule has them.
    pub(super) rule: String,
}

/// How well a rule fits; the greatest is taken. Hosts count before paths, then length, then exactness.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    host: u8,
    length: usize,
    is_exact: bool,
}

/// Finds the rule for a host and path; of rules that fit equally well, that of the older Ingress.
pub(super) fn find<'a>(
    ingresses: impl Iterator<Item = &'a Value>,
    host: &str,
    path: &str,
) -> Option<Match<'a>> {
    let mut best: Option<(Rank, &str, Match<'a>)> = None;
    let mut offer = |rank: Rank, found: Match<'a>| {
        let created = found.ingress["metadata"]["creationTimestamp"].str();
        let is_better = best
            .as_ref()
            .is_none_or(|(other, since, _)| rank > *other || (rank == *other && created < *since));
        if is_better {
            best = Some((rank, created, found));
        }
    };
    for ingress in ingresses {
        let mut knows_host = false;
        for rule in ingress["spec"]["rules"].items() {
            let of_rule = rule["host"].str();
            let Some(fit) = host_fits(of_rule, host) else { continue };
            knows_host = true;
            for of_path in rule["http"]["paths"].items() {
                let wanted = of_path["path"].as_str().unwrap_or("/");
                let is_exact = of_path["pathType"] == "Exact";
                if if is_exact { wanted == path } else { has_prefix(path, wanted) } {
                    // Every fitting path counts before any default backend.
                    let rank = Rank { host: fit, length: wanted.len() + 1, is_exact };
                    let shown = if of_rule.is_empty() { "*" } else { of_rule };
                    let rule = format!("{shown}{wanted}");
                    offer(rank, Match { ingress, backend: &of_path["backend"], rule });
                }
            }
        }
        let default = &ingress["spec"]["defaultBackend"];
        if !default.is_null() && (knows_host || ingress["spec"]["rules"].is_empty()) {
            let rank = Rank { host: 0, length: 0, is_exact: knows_host };
            offer(rank, Match { ingress, backend: default, rule: "default backend".to_owned() });
        }
    }
    best.map(|(.., found)| found)
}

/// Tells how well a rule's host fits: itself, a wildcard for one label, any.
fn host_fits(rule: &str, host: &str) -> Option<u8> {
    if rule.is_empty() {
        return Some(1);
    }
    if rule.eq_ignore_ascii_case(host) {
        return Some(3);
    }
    let parent = rule.strip_prefix("*.")?;
    let (label, rest) = host.split_once('.')?;
    (!label.is_empty() && rest.eq_ignore_ascii_case(parent)).then_some(2)
}

/// Tells whether a path begins with another, element by element: `/foo` covers `/foo/bar` and not `/foobar`.
fn has_prefix(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::value;

    fn ingress(name: &str, created: &str, rules: Value) -> Value {
        let metadata = value!({"name": name, "namespace": "shop", "creationTimestamp": created});
        value!({"kind": "Ingress", "metadata": metadata, "spec": {"rules": rules}})
    }

    fn path(path: &str, kind: &str, service: &str) -> Value {
        value!({"path": path, "pathType": kind, "backend": {"service": {"name": service}}})
    }

    fn check(ingresses: &[Value], host: &str, path: &str, expected: Option<&str>) {
        let found = find(ingresses.iter(), host, path);
        let service = found.map(|found| found.backend["service"]["name"].str().to_owned());
        assert_eq!(service.as_deref(), expected, "{host}{path}");
    }

    #[test]
    fn the_rule_that_fits_best_is_taken() {
        let shop = value!([
            {"host": "shop.example", "http": {"paths": [
                path("/", "Prefix", "web"), path("/api", "Prefix", "api"), path("/api", "Exact", "index"),
                path("/api/v2", "Prefix", "next"),
            ]}},
            {"host": "*.example", "http": {"paths": [path("/", "Prefix", "any")]}},
        ]);
        let all = [ingress("front", "2026-01-01T00:00:00Z", shop)];
        check(&all, "shop.example", "/", Some("web"));
        check(&all, "shop.example", "/api", Some("index"));
        check(&all, "shop.example", "/api/orders", Some("api"));
        check(&all, "shop.example", "/apiary", Some("web"));
        check(&all, "SHOP.example", "/api/v2/x", Some("next"));
        check(&all, "other.example", "/api", Some("any"));
        check(&all, "a.b.example", "/", None);
        check(&all, "example", "/", None);
    }

    #[test]
    fn default_backends_come_last_and_the_older_ingress_first() {
        let rules =
            |service: &str| value!([{"host": "a", "http": {"paths": [path("/x", "Prefix", service)]}}]);
        let young = ingress("young", "2026-01-02T00:00:00Z", rules("young"));
        let old = ingress("old", "2026-01-01T00:00:00Z", rules("old"));
        check(&[young.clone(), old.clone()], "a", "/x", Some("old"));
        check(&[young, old.clone()], "a", "/y", None);
        let backend = value!({"service": {"name": "rest"}});
        let own = old.clone().with(&["spec", "defaultBackend"], backend.clone());
        check(std::slice::from_ref(&own), "a", "/y", Some("rest"));
        check(&[own], "b", "/y", None);
        let all =
            value!({"kind": "Ingress", "metadata": {"name": "all"}, "spec": {"defaultBackend": backend}});
        check(&[old, all], "b", "/y", Some("rest"));
    }
}
