//! The arithmetic that may stand in `${…}`: numbers, durations, parameters, `+ - * /`, `floor`, `ceil`, `min`, `max`.

use object::{GoDuration, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How deeply an expression may be nested.
const DEPTH_MAX: usize = 32;

/// The value of a parameter or an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A number.
    Number(f64),
    /// A duration in nanoseconds.
    Duration(f64),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(String),
}

impl Scalar {
    /// Takes a value as it stands in a file: a text that reads as a duration is one.
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(on) => Some(Self::Bool(*on)),
            Value::Str(text) => Some(Self::of_text(text)),
            other => other.as_f64().or_else(|| other.as_i64().map(|n| n as f64)).map(Self::Number),
        }
    }

    fn of_text(text: &str) -> Self {
        let starts_like_one = text.starts_with(|c: char| c.is_ascii_digit());
        match GoDuration::parse(text) {
            Ok(duration) if starts_like_one => Self::Duration(duration.as_nanos() as f64),
            _ => Self::Text(text.to_owned()),
        }
    }

    /// Reads a text given for a parameter, as the kind of value that its default is.
    pub fn parse_like(&self, text: &str) -> Option<Self> {
        match self {
            Self::Number(_) => text.parse().ok().filter(|n: &f64| n.is_finite()).map(Self::Number),
            Self::Duration(_) => Some(Self::of_text(text)).filter(|s| matches!(s, Self::Duration(_))),
            Self::Bool(_) => text.parse().ok().map(Self::Bool),
            Self::Text(_) => Some(Self::Text(text.to_owned())),
        }
    }

    /// Names the kind of value.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) => "a number",
            Self::Duration(_) => "a duration",
            Self::Bool(_) => "true or false",
            Self::Text(_) => "a text",
        }
    }

    /// Gives what stands in a file for this.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Number(n) if n.fract() == 0.0 && n.abs() < 9e15 => Value::from(*n as i64),
            Self::Number(n) => Value::from(*n),
            Self::Bool(on) => Value::from(*on),
            Self::Duration(_) | Self::Text(_) => Value::from(self.to_string()),
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => write!(out, "{n}"),
            Self::Duration(nanos) => out.write_str(&short(*nanos)),
            Self::Bool(on) => write!(out, "{on}"),
            Self::Text(text) => out.write_str(text),
        }
    }
}

/// Writes a duration in its largest units and leaves out those that are zero: `12m`, `1h30m`, `250ms`.
fn short(nanos: f64) -> String {
    let text = GoDuration::from_nanos(nanos as i64).to_string();
    if text == "0s" {
        return text;
    }
    let text = text.strip_suffix("m0s").map_or(text.clone(), |rest| format!("{rest}m"));
    text.strip_suffix("h0m").map_or(text.clone(), |rest| format!("{rest}h"))
}

/// Evaluates an expression; the parameters it names are added to `used`.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn evaluate(
    text: &str,
    parameters: &BTreeMap<String, Scalar>,
    used: &mut BTreeSet<String>,
) -> Result<Scalar, String> {
    let mut reader = Reader { rest: text, parameters, used };
    let value = reader.sum(DEPTH_MAX)?;
    reader.skip_space();
    if reader.rest.is_empty() {
        Ok(value)
    } else {
        Err(format!("unexpected {:?} in ${{{text}}}", reader.rest))
    }
}

struct Reader<'a> {
    rest: &'a str,
    parameters: &'a BTreeMap<String, Scalar>,
    used: &'a mut BTreeSet<String>,
}

impl<'a> Reader<'a> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Takes one of these characters, if it comes next.
    fn take(&mut self, any: &[char]) -> Option<char> {
        self.skip_space();
        let next = self.rest.chars().next().filter(|c| any.contains(c))?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }

    fn take_while(&mut self, accepts: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !accepts(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn sum(&mut self, depth: usize) -> Result<Scalar, String> {
        let mut left = self.product(depth)?;
        while let Some(sign) = self.take(&['+', '-']) {
            let right = self.product(depth)?;
            left = apply(sign, &left, &right)?;
        }
        Ok(left)
    }

    fn product(&mut self, depth: usize) -> Result<Scalar, String> {
        let mut left = self.atom(depth)?;
        while let Some(sign) = self.take(&['*', '/']) {
            let right = self.atom(depth)?;
            left = apply(sign, &left, &right)?;
        }
        Ok(left)
    }

    fn atom(&mut self, depth: usize) -> Result<Scalar, String> {
        let depth = depth.checked_sub(1).ok_or("the expression is nested too deeply")?;
        if self.take(&['-']).is_some() {
            let value = self.atom(depth)?;
            return apply('-', &zero_like(&value), &value);
        }
        if self.take(&['(']).is_some() {
            let value = self.sum(depth)?;
            return self.take(&[')']).map(|_| value).ok_or_else(|| "a parenthesis is not closed".to_owned());
        }
        self.skip_space();
        if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            return self.literal();
        }
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if name.is_empty() {
            let found = self.rest.chars().next().map_or("its end".to_owned(), |c| format!("{c:?}"));
            return Err(format!("a number, a duration or a parameter is missing before {found}"));
        }
        if self.take(&['(']).is_some() {
            return self.call(name, depth);
        }
        let known: Vec<&str> = self.parameters.keys().map(String::as_str).collect();
        let value = self.parameters.get(name);
        let value = value.ok_or_else(|| super::error::unknown("parameter", name, &known))?;
        self.used.insert(name.to_owned());
        Ok(value.clone())
    }

    fn literal(&mut self) -> Result<Scalar, String> {
        let text = self.take_while(|c| c.is_ascii_alphanumeric() || c == '.' || c == 'µ');
        if let Ok(number) = text.parse() {
            return Ok(Scalar::Number(number));
        }
        let duration =
            GoDuration::parse(text).map_err(|_| format!("{text:?} is no number and no duration"))?;
        Ok(Scalar::Duration(duration.as_nanos() as f64))
    }

    fn call(&mut self, name: &str, depth: usize) -> Result<Scalar, String> {
        let mut arguments = vec![self.sum(depth)?];
        while self.take(&[',']).is_some() {
            arguments.push(self.sum(depth)?);
        }
        self.take(&[')']).ok_or_else(|| format!("{name}(… is not closed"))?;
        match (name, arguments.as_slice()) {
            ("floor", [Scalar::Number(n)]) => Ok(Scalar::Number(n.floor())),
            ("ceil", [Scalar::Number(n)]) => Ok(Scalar::Number(n.ceil())),
            ("min", [first, rest @ ..]) => extreme(first, rest, |a, b| b < a),
            ("max", [first, rest @ ..]) => extreme(first, rest, |a, b| b > a),
            ("floor" | "ceil", _) => Err(format!("{name} takes one number")),
            _ => Err(super::error::unknown("function", name, &["ceil", "floor", "max", "min"])),
        }
    }
}

fn zero_like(value: &Scalar) -> Scalar {
    if matches!(value, Scalar::Duration(_)) { Scalar::Duration(0.0) } else { Scalar::Number(0.0) }
}

fn extreme(first: &Scalar, rest: &[Scalar], better: impl Fn(f64, f64) -> bool) -> Result<Scalar, String> {
    let mut best = first.clone();
    for other in rest {
        match (&best, other) {
            (Scalar::Number(a), Scalar::Number(b)) | (Scalar::Duration(a), Scalar::Duration(b)) => {
                if better(*a, *b) {
                    best = other.clone();
                }
            }
            _ => return Err(format!("{} and {} cannot be compared", best.kind(), other.kind())),
        }
    }
    Ok(best)
}

fn apply(sign: char, left: &Scalar, right: &Scalar) -> Result<Scalar, String> {
    use Scalar::{Duration, Number};
    let result = match (sign, left, right) {
        ('+', Number(a), Number(b)) => Number(a + b),
        ('-', Number(a), Number(b)) => Number(a - b),
        ('*', Number(a), Number(b)) => Number(a * b),
        ('/', Number(a), Number(b)) => Number(a / b),
        ('+', Duration(a), Duration(b)) => Duration(a + b),
        ('-', Duration(a), Duration(b)) => Duration(a - b),
        ('*', Duration(a), Number(b)) | ('*', Number(a), Duration(b)) => Duration(a * b),
        ('/', Duration(a), Number(b)) => Duration(a / b),
        ('/', Duration(a), Duration(b)) => Number(a / b),
        _ => return Err(format!("{} {sign} {} makes no sense", left.kind(), right.kind())),
    };
    let (Number(n) | Duration(n)) = result else { unreachable!("arithmetic gives numbers") };
    if n.is_finite() { Ok(result) } else { Err("a division by zero, or a number out of range".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let parameters = BTreeMap::from([
            ("n".to_owned(), Scalar::Number(100.0)),
            ("lag".to_owned(), Scalar::Duration(12.0 * 60e9)),
            ("who".to_owned(), Scalar::Text("me".to_owned())),
        ]);
        let result = evaluate(text, &parameters, &mut BTreeSet::new()).map(|value| value.to_string());
        assert_eq!(result.as_deref().map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn arithmetic_knows_numbers_and_durations() {
        check("n * (1 + floor(lag / 5m))", Ok("300"));
        check("lag + 90s", Ok("13m30s"));
        check("2 * lag", Ok("24m"));
        check("-n - -1", Ok("-99"));
        check("min(n, 7, 9)", Ok("7"));
        check("max(lag, 1h)", Ok("1h"));
        check("ceil(n / 3)", Ok("34"));
        check("1h30m / 2", Ok("45m"));
        check("0s", Ok("0s"));
        check("who", Ok("me"));
    }

    #[test]
    fn nonsense_is_refused() {
        check("n + lag", Err("a number + a duration makes no sense"));
        check("n / 0", Err("a division by zero, or a number out of range"));
        check("(n", Err("a parenthesis is not closed"));
        check("n n", Err("unexpected \"n\" in ${n n}"));
        check("log", Err("unknown parameter \"log\"; did you mean \"lag\"?"));
        check("flor(n)", Err("unknown function \"flor\"; did you mean \"floor\"?"));
        check("12parsecs", Err("\"12parsecs\" is no number and no duration"));
        check("", Err("a number, a duration or a parameter is missing before its end"));
        check(&"(".repeat(40), Err("the expression is nested too deeply"));
    }
}
