//! From a method and a path to a [`Request`].

use crate::options::Options;
use crate::request::{PatchType, Request, Verb};
use crate::response::Response;
use crate::status::Refusal;
use object::{Text, Value};

/// The longest path with query that is read, in bytes.
const PATH_BYTES_MAX: usize = 64 * 1024;

impl Request {
    /// Takes apart what came over HTTP; `path_and_query` is still percent-encoded.
    ///
    /// `content_type` may be `""`, which means JSON. The user and the user agent are left empty.
    ///
    /// # Errors
    /// With the answer to give: 404 in plain text for a path that is none of a resource, 405 for a method that makes
    /// no sense there.
    pub fn parse(
        method: &str,
        path_and_query: &str,
        content_type: &str,
        body: Option<Value>,
    ) -> Result<Self, Response> {
        if path_and_query.len() > PATH_BYTES_MAX {
            return Err(Response::text(414, "request URI too long\n"));
        }
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let place = Place::parse(path).ok_or_else(|| Response::text(404, "404 page not found\n"))?;
        let mut options = Options::default();
        let mut is_watch = false;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, text) = (decoded(name, true), decoded(text, true));
            match name.as_str() {
                "watch" => is_watch = !matches!(text.as_str(), "false" | "0"),
                _ => options.set_query(&name, &text)?,
            }
        }
        let verb = match (method, place.name.is_empty()) {
            ("GET" | "HEAD", false) => Verb::Get,
            ("GET" | "HEAD", true) if is_watch => Verb::Watch,
            ("GET" | "HEAD", true) => Verb::List,
            ("POST", true) => Verb::Create,
            ("POST", false) if !place.subresource.is_empty() => Verb::Create,
            ("PUT", false) => Verb::Update,
            ("PATCH", false) => Verb::Patch,
            ("DELETE", false) => Verb::Delete,
            ("DELETE", true) => Verb::DeleteCollection,
            _ => return Err(Refusal::method_not_allowed().into()),
        };
        if let (Verb::Delete | Verb::DeleteCollection, Some(body)) = (verb, &body) {
            options.read_delete_body(body);
        }
        let media_type = content_type.split(';').next().unwrap_or("").trim();
        Ok(Self {
            verb,
            group: place.group,
            version: place.version,
            resource: place.resource,
            namespace: place.namespace,
            name: place.name,
            subresource: place.subresource,
            options,
            body,
            patch_type: if verb == Verb::Patch { PatchType::from_media_type(media_type) } else { None },
            user_agent: "".into(),
            user: "".into(),
        })
    }
}

/// What a path names.
struct Place {
    group: Text,
    version: Text,
    namespace: Text,
    resource: Text,
    name: Text,
    subresource: Text,
}

impl Place {
    /// Reads a path below `/api/VERSION` or `/apis/GROUP/VERSION`.
    fn parse(path: &str) -> Option<Self> {
        let parts: Vec<String> =
            path.strip_prefix('/')?.split('/').map(|part| decoded(part, false)).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (group, version, rest) = match &parts[..] {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            // `status` and `finalize` are sub-resources of the namespace itself, not resources within it.
            ["namespaces", name, "status" | "finalize"] if group.is_empty() && !name.is_empty() => ("", rest),
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            _ => ("", rest),
        };
        let (resource, name, subresource) = match rest {
            [resource] => (*resource, "", String::new()),
            [resource, name, sub @ ..] if !name.is_empty() => (*resource, *name, sub.join("/")),
            _ => return None,
        };
        let complete = !version.is_empty() && !resource.is_empty();
        complete.then(|| Self {
            group: group.into(),
            version: version.into(),
            namespace: namespace.into(),
            resource: resource.into(),
            name: name.into(),
            subresource: subresource.into(),
        })
    }
}

/// Undoes percent-encoding; in a query a plus sign is a blank. What is no valid escape stands for itself.
fn decoded(text: &str, in_query: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |at: usize| tail.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            (byte, _, _) => {
                bytes.push(if in_query && *byte == b'+' { b' ' } else { *byte });
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, path: &str, expected: &str) {
        let shown = match Request::parse(method, path, "", None) {
            Ok(r) => format!(
                "{} {}/{} ns={} {} name={} sub={}",
                r.verb.as_str(),
                r.group,
                r.version,
                r.namespace,
                r.resource,
                r.name,
                r.subresource
            ),
            Err(response) => format!("{}", response.code),
        };
        assert_eq!(shown, expected, "{method} {path}");
    }

    #[test]
    fn paths_name_resources() {
        check("GET", "/api/v1/pods", "list /v1 ns= pods name= sub=");
        check("GET", "/api/v1/pods?watch=1", "watch /v1 ns= pods name= sub=");
        check("GET", "/api/v1/pods?watch=false", "list /v1 ns= pods name= sub=");
        check("GET", "/api/v1/namespaces", "list /v1 ns= namespaces name= sub=");
        check("GET", "/api/v1/namespaces/a", "get /v1 ns= namespaces name=a sub=");
        check("PUT", "/api/v1/namespaces/a/finalize", "update /v1 ns= namespaces name=a sub=finalize");
        check("PUT", "/api/v1/namespaces/a/status", "update /v1 ns= namespaces name=a sub=status");
        check("POST", "/api/v1/namespaces/a/pods", "create /v1 ns=a pods name= sub=");
        check("POST", "/api/v1/namespaces/a/pods/p/eviction", "create /v1 ns=a pods name=p sub=eviction");
        check(
            "PATCH",
            "/apis/apps/v1/namespaces/a/deployments/d/scale",
            "patch apps/v1 ns=a deployments name=d sub=scale",
        );
        check("DELETE", "/apis/batch/v1/namespaces/a/jobs", "deletecollection batch/v1 ns=a jobs name= sub=");
        check("DELETE", "/api/v1/nodes/n%2D1", "delete /v1 ns= nodes name=n-1 sub=");
    }

    #[test]
    fn what_names_no_resource_is_refused() {
        for path in ["/", "/healthz", "/api", "/api/v1", "/apis/apps/v1", "/api/v1/pods/"] {
            check("GET", path, "404");
        }
        check("PUT", "/api/v1/namespaces/a/configmaps", "405");
        check("POST", "/api/v1/namespaces/a/configmaps/c", "405");
        check("BREW", "/api/v1/pods", "405");
    }

    #[test]
    fn queries_become_options() {
        let path =
            "/api/v1/pods?labelSelector=a%20in%20(b),c&limit=5&dryRun=All&propagationPolicy=Orphan&x=y&watch";
        let options = Request::parse("GET", path, "", None).expect("a good path").options;
        assert_eq!(&*options.label_selector, "a in (b),c");
        assert_eq!((options.limit, options.is_dry_run()), (5, true));
        assert_eq!(options.propagation_policy.as_deref(), Some("Orphan"));
        assert_eq!(Request::parse("GET", "/api/v1/pods?limit=x", "", None).expect_err("no number").code, 400);
    }
}
