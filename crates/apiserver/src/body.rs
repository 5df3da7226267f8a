//! From the bytes of a body to its tree: media types, and what is no JSON or YAML.

use crate::request::{PatchType, Request, Verb};
use crate::server::Server;
use crate::status::Refusal;
use object::json::{self, JsonError, Limits};
use object::{Value, value, yaml};

/// The largest body, in bytes: upstream's limit for everything but some uploads.
pub const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// The deepest nesting of a body.
const DEPTH_MAX: usize = 128;

impl Server {
    /// Reads the body of a request that came over HTTP.
    ///
    /// Bodies of reads are ignored, as are those of deletions if they are empty.
    ///
    /// # Errors
    /// With status 413 when it is too large, 415 when its media type is not understood, 400 when it is malformed.
    pub fn with_body(
        &self,
        mut request: Request,
        content_type: &str,
        bytes: &[u8],
    ) -> Result<Request, Refusal> {
        let deletes = matches!(request.verb, Verb::Delete | Verb::DeleteCollection);
        let reads = matches!(request.verb, Verb::Get | Verb::List | Verb::Watch);
        if reads || (deletes && bytes.is_empty()) {
            return Ok(request);
        }
        if bytes.len() > BODY_BYTES_MAX {
            let message = format!("Request entity too large: limit is {BODY_BYTES_MAX}");
            return Err(Refusal::new(413, "RequestEntityTooLarge", message).with_details(value!({})));
        }
        let media_type = content_type.split(';').next().unwrap_or("").trim();
        let is_yaml = if request.verb == Verb::Patch {
            request.patch_type = PatchType::from_media_type(media_type);
            request.patch_type.ok_or_else(Refusal::unsupported_patch_type)? == PatchType::Apply
        } else {
            is_yaml(media_type)?
        };
        let body = if is_yaml { read_yaml(bytes) } else { read_json(bytes) };
        let body = body.map_err(|why| self.unreadable(&request, &why, bytes))?;
        if deletes {
            request.options.read_delete_body(&body);
        }
        request.body = Some(body);
        Ok(request)
    }

    fn unreadable(&self, request: &Request, why: &str, bytes: &[u8]) -> Refusal {
        let resource = self.resource(&request.group, &request.version, &request.resource);
        let kind = resource.map_or("", |resource| &resource.kind);
        let shown = String::from_utf8_lossy(bytes);
        let shown = if shown.is_empty() { "<empty>" } else { &shown };
        Refusal::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse \
             error: {why} ({shown})"
        ))
    }
}

fn is_yaml(media_type: &str) -> Result<bool, Refusal> {
    match media_type {
        "" | "application/json" => Ok(false),
        "application/yaml" => Ok(true),
        _ => Err(Refusal::new(
            415,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: application/json, \
             application/yaml, application/vnd.kubernetes.protobuf",
        )),
    }
}

fn read_json(bytes: &[u8]) -> Result<Value, String> {
    let limits = Limits { bytes_max: BODY_BYTES_MAX, depth_max: DEPTH_MAX };
    json::parse_within(bytes, limits).map_err(|error| match &error {
        JsonError::Syntax(syntax) if syntax.is_eof() => "unexpected end of JSON input".to_owned(),
        other => other.to_string(),
    })
}

fn read_yaml(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    yaml::parse(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::GroupVersionResource;
    use schema::KubernetesVersion;

    fn check(content_type: &str, bytes: &[u8], expected: Result<Value, (u16, &str)>) {
        let request = Request::new(Verb::Create, &GroupVersionResource::new("", "v1", "configmaps"), "a");
        let read = Server::new(KubernetesVersion::V1_36).with_body(request, content_type, bytes);
        let read = read.map(|request| request.body.unwrap_or_default());
        let read = read.map_err(|refusal| (refusal.code(), refusal.to_status()["message"].str().to_owned()));
        assert_eq!(read, expected.map_err(|(code, message)| (code, message.to_owned())), "{content_type}");
    }

    #[test]
    fn bodies_are_read_or_refused() {
        check("", b"{\"a\": 1}", Ok(value!({"a": 1})));
        check("application/json; charset=utf-8", b"{\"a\": 1}", Ok(value!({"a": 1})));
        check("application/yaml", b"a: 1\n", Ok(value!({"a": 1})));
        check(
            "text/plain",
            b"x",
            Err((
                415,
                "the body of the request was in an unknown format - accepted media types include: application/json, \
                 application/yaml, application/vnd.kubernetes.protobuf",
            )),
        );
        check(
            "",
            b"",
            Err((
                400,
                "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json \
                 parse error: unexpected end of JSON input (<empty>)",
            )),
        );
        let large = vec![b' '; BODY_BYTES_MAX + 1];
        check("", &large, Err((413, "Request entity too large: limit is 3145728")));
        let mut deep = vec![b'['; DEPTH_MAX + 1];
        deep.extend(vec![b']'; DEPTH_MAX + 1]);
        let request = Request::new(Verb::Create, &GroupVersionResource::new("", "v1", "configmaps"), "a");
        assert!(Server::new(KubernetesVersion::V1_36).with_body(request, "", &deep).is_err());
    }
}
