//! Just enough of Rust's grammar to tell code from comments and literals, and to find functions and their bodies.
//!
//! This is no parser: it knows tokens and braces. That suffices for rules that look for names, and it cannot fail.

/// Replaces comments and the insides of string and character literals by blanks, keeping every line and column.
pub(crate) fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => line_end(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' if !follows_name(bytes, at) => match raw_string_end(bytes, at) {
                Some(end) => end,
                None => skip(&mut at),
            },
            b'\'' => match char_end(bytes, at) {
                Some(end) => end,
                None => skip(&mut at),
            },
            _ => skip(&mut at),
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at);
    }
    String::from_utf8(out).expect("whole literals and comments were replaced by ASCII")
}

/// Steps over one byte that stays as it is.
fn skip(at: &mut usize) -> usize {
    *at += 1;
    *at
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| from + length)
}

fn block_comment_end(bytes: &[u8], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0);
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'/', Some(b'*')) => {
                depth += 1;
                at += 2;
            }
            (b'*', Some(b'/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Gives the end of `r"…"` or `r#"…"#` that starts at `from`, `None` if none does.
fn raw_string_end(bytes: &[u8], from: usize) -> Option<usize> {
    let hashes = bytes[from + 1..].iter().take_while(|byte| **byte == b'#').count();
    let open = from + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let length = bytes[open + 1..].windows(close.len()).position(|window| window == close);
    Some(length.map_or(bytes.len(), |length| open + 1 + length + close.len()))
}

/// Tells whether the byte before `at` belongs to a name; the `b` of `br"…"` does not count.
fn follows_name(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| bytes[before]) else { return false };
    if before == b'b' {
        return at >= 2 && is_name(bytes[at - 2]);
    }
    is_name(before)
}

/// Gives the end of the character literal at `from`, `None` for a lifetime.
fn char_end(bytes: &[u8], from: usize) -> Option<usize> {
    if bytes.get(from + 1) == Some(&b'\\') {
        let rest = bytes.get(from + 3..)?;
        return rest.iter().position(|byte| *byte == b'\'').map(|length| from + 3 + length + 1);
    }
    // One character of one to four bytes; a lifetime has no quote after its first character.
    let text = std::str::from_utf8(&bytes[from + 1..(from + 5).min(bytes.len())]);
    let width = match text {
        Ok(text) => text.chars().next()?.len_utf8(),
        Err(error) if error.valid_up_to() > 0 => {
            std::str::from_utf8(&bytes[from + 1..from + 1 + error.valid_up_to()])
                .ok()?
                .chars()
                .next()?
                .len_utf8()
        }
        Err(_) => return None,
    };
    (bytes.get(from + 1 + width) == Some(&b'\'')).then_some(from + width + 2)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Finds `name` in blanked code where it is not a part of a longer name or path segment.
pub(crate) fn find_name(code: &str, name: &str) -> Vec<usize> {
    let bytes = code.as_bytes();
    let borders = |at: usize| {
        let before = at.checked_sub(1).map(|before| bytes[before]);
        let after = bytes.get(at + name.len());
        let starts = !name.as_bytes().first().copied().is_some_and(is_name) || !before.is_some_and(is_name);
        let ends =
            !name.as_bytes().last().copied().is_some_and(is_name) || !after.copied().is_some_and(is_name);
        starts && ends
    };
    code.match_indices(name).map(|(at, _)| at).filter(|at| borders(*at)).collect()
}

/// Gives the line, counted from one, in which the byte `at` stands.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Gives the position after the bracket that closes the one at `open` in blanked code.
pub(crate) fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, byte) in code.as_bytes()[open..].iter().enumerate() {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return open + offset + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// Blanks every item under `#[cfg(test)]` in blanked code, for rules about what is shipped.
pub(crate) fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(start) = out.find("#[cfg(test)]") {
        let rest = &out[start..];
        let end = match (rest.find('{'), rest.find(';')) {
            (Some(open), Some(semicolon)) if semicolon < open => start + semicolon + 1,
            (Some(open), _) => closing(&out, start + open),
            (None, Some(semicolon)) => start + semicolon + 1,
            (None, None) => out.len(),
        };
        let blanks: String = out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(start..end, &blanks);
    }
    out
}

/// A function found in blanked code.
pub(crate) struct Function<'a> {
    /// Its name.
    pub name: &'a str,
    /// The attributes before it, as written.
    pub attributes: &'a str,
    /// What stands between its braces, and its signature before them.
    pub text: &'a str,
    /// Where its `fn` stands.
    pub at: usize,
}

/// Finds every function with a body, nested ones too.
pub(crate) fn functions(code: &str) -> Vec<Function<'_>> {
    let mut found = Vec::new();
    for at in find_name(code, "fn") {
        let rest = code[at + 2..].trim_start();
        let name_at = code.len() - rest.len();
        let length = rest.bytes().take_while(|byte| is_name(*byte)).count();
        let Some(open) = code[name_at..].find(['{', ';']).map(|offset| name_at + offset) else { continue };
        if length == 0 || code.as_bytes()[open] == b';' {
            continue;
        }
        found.push(Function {
            name: &code[name_at..name_at + length],
            attributes: attributes_before(code, at),
            text: &code[at..closing(code, open)],
            at,
        });
    }
    found
}

/// Gives what stands between the end of the item before a function and its `fn`: visibility and attributes.
fn attributes_before(code: &str, at: usize) -> &str {
    let start = code[..at].rfind(['}', ';', '{']).map_or(0, |before| before + 1);
    &code[start..at]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_comments_and_literals_and_nothing_else() {
        let text = "let a = \"x // \\\" y\"; // todo!\nlet b = 'c'; fn f<'a>(x: &'a str) {} /* a /* b */ c */ r#\"q\"#";
        let code = blank(text);
        assert_eq!(code.len(), text.len());
        assert!(code.contains("fn f<'a>(x: &'a str) {}"), "{code}");
        for gone in ["todo", "x //", "'c'", "/*", " c ", "q"] {
            assert!(!code.contains(gone), "{gone:?} is left in {code:?}");
        }
    }

    #[test]
    fn literals_of_every_kind_end_where_they_end() {
        for text in [r"'\''", r"'\\'", r"'\u{1F600}'", "'é'", "b'x'", r##"br#"a"b"#"##, r#""\\""#, "'('"] {
            let code = blank(&format!("{text} end"));
            assert!(code.ends_with(" end"), "{text}: {code:?}");
            assert!(!code.contains('('), "{text}: {code:?}");
        }
    }

    #[test]
    fn names_are_found_whole() {
        assert_eq!(find_name("MyHashMap HashMap<u8> HashMaps", "HashMap"), [10]);
        assert_eq!(find_name("crand::x rand::y", "rand::"), [9]);
    }

    #[test]
    fn tests_are_not_what_is_shipped() {
        let code = "use a;\n#[cfg(test)]\nmod tests { fn x() { y } }\n#[cfg(test)]\nmod far;\nfn z() {}";
        let shipped = without_tests(code);
        assert!(shipped.contains("use a;") && shipped.contains("fn z()"), "{shipped}");
        assert!(!shipped.contains("fn x") && !shipped.contains("far"), "{shipped}");
        assert_eq!(shipped.lines().count(), code.lines().count());
    }

    #[test]
    fn functions_have_names_attributes_and_bodies() {
        let code = "struct A;\n#[test]\nfn one() { two(); }\ntrait T { fn none(&self); }\n";
        let found = functions(code);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name, "one");
        assert!(found[0].attributes.contains("#[test]"));
        assert!(found[0].text.ends_with("{ two(); }"), "{}", found[0].text);
    }
}
