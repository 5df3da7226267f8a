//! YAML files: documents between `---` lines.

use crate::gather::{Document, Fault, File};
use object::yaml::{Limits, NODES_MAX, parse_documents};

/// A text has no more nodes than bytes; only aliases could make more of them.
const NODES_PER_BYTE_MAX: usize = 1;

/// Tells whether a text can be read as a whole.
pub(super) fn is_well_formed(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| parse_documents(text, limits(text)).is_ok())
}

/// Reads all documents; of a broken text, all documents but the broken ones.
pub(super) fn read(bytes: &[u8], file: &mut File<'_>) {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let before = &bytes[..error.valid_up_to()];
            let line = 1 + memchr::memchr_iter(b'\n', before).count();
            return file.broken(Fault { line, column: 0, message: "the text is not UTF-8".to_owned() }, &[]);
        }
    };
    let limits = limits(text);
    if let Ok(documents) = parse_documents(text, limits) {
        for document in documents {
            file.add(Document::whole(document.value, document.line));
        }
        return;
    }
    for chunk in chunks(text) {
        match parse_documents(chunk.text, limits) {
            Ok(documents) => {
                for document in documents {
                    file.add(Document::whole(document.value, document.line + chunk.lines_before));
                }
            }
            Err(error) => {
                let line = error.line + chunk.lines_before;
                let fault = Fault { line, column: error.column, message: error.message };
                file.broken(fault, &[named_kind(chunk.text)]);
            }
        }
    }
}

fn limits(text: &str) -> Limits {
    let nodes_max = NODES_MAX.max(text.len().saturating_mul(NODES_PER_BYTE_MAX));
    Limits { bytes_max: text.len(), nodes_max, ..Limits::default() }
}

/// A document as text.
struct Chunk<'a> {
    text: &'a str,
    lines_before: usize,
}

/// Splits a text at the lines that begin a document; such a line means nothing else anywhere in YAML (1.2.2, §9.1.2).
fn chunks(text: &str) -> Vec<Chunk<'_>> {
    let mut chunks: Vec<Chunk<'_>> = Vec::new();
    let (mut start, mut start_line, mut at) = (0, 0, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let begins = line
            .strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
        if begins && !is_preamble(&text[start..at]) {
            chunks.push(Chunk { text: &text[start..at], lines_before: start_line });
            (start, start_line) = (at, number);
        }
        at += line.len();
    }
    chunks.push(Chunk { text: &text[start..], lines_before: start_line });
    chunks
}

/// Tells whether nothing but directives and comments precede the document that begins.
fn is_preamble(text: &str) -> bool {
    text.lines().all(|line| line.trim().is_empty() || line.starts_with(['#', '%']))
}

/// Gives the `apiVersion` and `kind` that a document which cannot be read seems to have.
fn named_kind(text: &str) -> (String, String) {
    let of = |field: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let value = line.unwrap_or_default().split(" #").next().unwrap_or_default();
        value.trim().trim_matches(['"', '\'']).to_owned()
    };
    (of("apiVersion"), of("kind"))
}
