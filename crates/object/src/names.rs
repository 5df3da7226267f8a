//! The syntax of names and labels, with the messages the API server gives for what breaks it.
//!
//! Upstream: `k8s.io/apimachinery/pkg/util/validation`. Each function gives one message per broken rule, none for a
//! good text; the messages carry no field path.

const QUALIFIED_LENGTH_MAX: usize = 63;
const LABEL_LENGTH_MAX: usize = 63;
const SUBDOMAIN_LENGTH_MAX: usize = 253;

const QUALIFIED_PATTERN: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const QUALIFIED_RULE: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/// Checks a label key: a name of at most 63 characters after an optional DNS subdomain and a slash.
pub fn qualified_name_errors(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let name = match text.split('/').collect::<Vec<_>>()[..] {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                errors.push("prefix part must be non-empty".to_owned());
            } else {
                errors.extend(
                    subdomain_errors(prefix, "bytes").into_iter().map(|error| format!("prefix part {error}")),
                );
            }
            name
        }
        _ => {
            let rule = described(QUALIFIED_RULE, &["MyName", "my.name", "123-abc"], QUALIFIED_PATTERN);
            let prefix = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a valid label key {rule} {prefix}")];
        }
    };
    if name.is_empty() {
        errors.push("name part must be non-empty".to_owned());
    } else if name.len() > QUALIFIED_LENGTH_MAX {
        errors.push(format!("name part {}", too_long(QUALIFIED_LENGTH_MAX, "bytes")));
    }
    if !is_word(name) {
        let rule = described(QUALIFIED_RULE, &["MyName", "my.name", "123-abc"], QUALIFIED_PATTERN);
        errors.push(format!("name part {rule}"));
    }
    errors
}

/// Checks a label value: empty, or at most 63 characters of the alphabet of names.
pub fn label_value_errors(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > LABEL_LENGTH_MAX {
        errors.push(too_long(LABEL_LENGTH_MAX, "bytes"));
    }
    if !text.is_empty() && !is_word(text) {
        errors.push(described(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
             start and end with an alphanumeric character",
            &["MyValue", "my_value", "12345"],
            &format!("({QUALIFIED_PATTERN})?"),
        ));
    }
    errors
}

/// Checks a DNS label of RFC 1123 in lower case: the names of namespaces, services and containers.
pub fn dns1123_label_errors(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > LABEL_LENGTH_MAX {
        errors.push(too_long(LABEL_LENGTH_MAX, "characters"));
    }
    if is_subdomain(text) && text.contains('.') {
        errors.push("must not contain dots".to_owned());
    } else if !is_dns_label(text) {
        errors.push(described(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and \
             end with an alphanumeric character",
            &["my-name", "123-abc"],
            "[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        ));
    }
    errors
}

/// Checks a DNS label of RFC 1035, which begins with a letter: the names of services up to Kubernetes 1.33.
pub fn dns1035_label_errors(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > LABEL_LENGTH_MAX {
        errors.push(too_long(LABEL_LENGTH_MAX, "characters"));
    }
    if !is_dns_label(text) || !text.starts_with(|letter: char| letter.is_ascii_lowercase()) {
        errors.push(described(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
             character, and end with an alphanumeric character",
            &["my-name", "abc-123"],
            "[a-z]([-a-z0-9]*[a-z0-9])?",
        ));
    }
    errors
}

/// Checks a DNS subdomain of RFC 1123 in lower case: the names of most objects.
pub fn dns1123_subdomain_errors(text: &str) -> Vec<String> {
    subdomain_errors(text, "characters")
}

/// Upstream counts in `bytes` where it checks label keys and in `characters` elsewhere; it means bytes in both.
fn subdomain_errors(text: &str, unit: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > SUBDOMAIN_LENGTH_MAX {
        errors.push(too_long(SUBDOMAIN_LENGTH_MAX, unit));
    }
    if !is_subdomain(text) {
        errors.push(described(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
             start and end with an alphanumeric character",
            &["example.com"],
            r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
        ));
    }
    errors
}

fn too_long(length_max: usize, unit: &str) -> String {
    format!("must be no more than {length_max} {unit}")
}

/// Writes a rule with its examples and its regular expression the way upstream's `RegexError` does, odd blanks
/// included.
fn described(rule: &str, examples: &[&str], pattern: &str) -> String {
    let quoted: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{rule} (e.g. {}regex used for validation is '{pattern}')", quoted.join(" or "))
}

fn is_word(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.iter().all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_dns_label)
}

fn is_dns_label(text: &str) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    [bytes.first(), bytes.last()].iter().all(|end| end.is_some_and(alphanumeric))
        && bytes.iter().all(|byte| alphanumeric(byte) || *byte == b'-')
}
