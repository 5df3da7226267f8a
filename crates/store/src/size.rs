//! The length of an object's JSON, counted without writing it.

use object::Value;

/// Tells whether the JSON of `value` has at most `limit` bytes.
///
/// Floats count as 24 bytes, the most that their shortest exact form needs; all else is counted exactly.
pub(crate) fn fits(value: &Value, limit: usize) -> bool {
    // Nearly every object is far smaller than the limit, and then its bytes need not be looked at one by one.
    remaining(value, limit, longest_string).is_some() || remaining(value, limit, exact_string).is_some()
}

/// Subtracts the length of `value` from `budget`; `None` when it is longer.
fn remaining(value: &Value, budget: usize, string_length: fn(&str) -> usize) -> Option<usize> {
    match value {
        Value::Null => budget.checked_sub(4),
        Value::Bool(flag) => budget.checked_sub(if *flag { 4 } else { 5 }),
        Value::Int(number) => budget.checked_sub(digits(number.unsigned_abs()) + usize::from(*number < 0)),
        Value::UInt(number) => budget.checked_sub(digits(*number)),
        Value::Float(_) => budget.checked_sub(24),
        Value::Str(text) => budget.checked_sub(string_length(text)),
        Value::List(list) => {
            let budget = budget.checked_sub(2 + list.len().saturating_sub(1))?;
            list.iter().try_fold(budget, |budget, item| remaining(item, budget, string_length))
        }
        Value::Map(map) => {
            let budget = budget.checked_sub(2 + map.len().saturating_sub(1))?;
            map.iter().try_fold(budget, |budget, (key, item)| {
                remaining(item, budget.checked_sub(string_length(key.as_str()) + 1)?, string_length)
            })
        }
    }
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Gives what a string of this length takes at most: six bytes for each, as for control characters.
fn longest_string(text: &str) -> usize {
    2 + text.len().saturating_mul(6)
}

fn exact_string(text: &str) -> usize {
    2 + text.bytes().map(escaped_length).sum::<usize>()
}

fn escaped_length(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::value;

    #[test]
    fn lengths_are_those_of_the_json() {
        let cases = [
            (value!(null), "null"),
            (value!({"a": 1, "b": [true, false, null], "c": {}}), r#"{"a":1,"b":[true,false,null],"c":{}}"#),
            (value!([0, 9, 10, (-10)]), "[0,9,10,-10]"),
            (Value::UInt(u64::MAX), "18446744073709551615"),
            (Value::Int(i64::MIN), "-9223372036854775808"),
            (value!("line\n\"quoted\"\u{1}é"), "\"line\\n\\\"quoted\\\"\\u0001é\""),
        ];
        for (value, json) in cases {
            assert!(fits(&value, json.len()), "{json} fits its own length");
            assert!(!fits(&value, json.len() - 1), "{json} does not fit one byte less");
        }
    }
}
