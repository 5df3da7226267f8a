//! What users of the tree rely on, as tables of text in and text out.

mod convert;
mod json;
mod numbers;
mod quantity;
mod selector;
mod time;
mod yaml;

/// Writes a result as its text, an error as `error: …`.
fn outcome<T: std::fmt::Display, E: std::fmt::Display>(result: Result<T, E>) -> String {
    result.map_or_else(|error| format!("error: {error}"), |text| text.to_string())
}
