//! Amounts of resources: `500m`, `2Gi`, `1e3`.
//!
//! Upstream: `k8s.io/apimachinery/pkg/api/resource`, whose rules of parsing, rounding and writing these are.

mod parse;

use crate::Value;
use std::cmp::Ordering;
use std::fmt;

pub use parse::QuantityError;

const NANOS: i128 = 1_000_000_000;
const NANOS_PER_MILLI: i128 = 1_000_000;

/// The notation in which a quantity is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// Powers of ten by letter: `12M`.
    #[default]
    DecimalSi,
    /// Powers of 1024 by letter: `12Mi`.
    BinarySi,
    /// Powers of ten by exponent: `12e6`.
    DecimalExponent,
}

/// An exact amount of a resource, together with the notation it was written in.
///
/// It is held in units of 10⁻⁹, upstream's finest, as an `i128`: amounts up to 1.7·10²⁹ (170 billion E) are exact.
/// Parsing refuses larger ones, where upstream knows no bound; sums beyond the bound stop at it. Comparison and
/// equality look at the amount alone.
#[derive(Clone, Copy, Default)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

impl Quantity {
    /// Nothing, in decimal notation.
    pub const ZERO: Self = Self { nanos: 0, format: Format::DecimalSi };

    /// Parses a quantity; what is finer than 10⁻⁹ is rounded away from zero, and a binary quantity is capped at
    /// 2⁶³−1, both as upstream does.
    ///
    /// # Errors
    /// When the text is no quantity (the error's text is upstream's), or is beyond what this type holds.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let parsed = parse::parse(text)?;
        Ok(Self { nanos: parsed.nanos, format: parsed.format })
    }

    /// Gives the text that the API server stores for `text`.
    ///
    /// That is the canonical form, except that upstream keeps some texts as they came, such as `1.500` and `+5`.
    ///
    /// # Errors
    /// When the text is no quantity.
    pub fn stored_form(text: &str) -> Result<String, QuantityError> {
        let text = text.trim();
        let parsed = parse::parse(text)?;
        if parsed.keeps_text {
            return Ok(text.to_owned());
        }
        Ok(Self { nanos: parsed.nanos, format: parsed.format }.to_string())
    }

    /// Reads a quantity from an object: a string, a number, or nothing, which is zero.
    ///
    /// # Errors
    /// When it is none of these, or no quantity.
    pub fn of(value: &Value) -> Result<Self, QuantityError> {
        match value {
            Value::Null => Ok(Self::ZERO),
            Value::Str(text) => Self::parse(text.trim()),
            number => Self::parse(&format!("{number:?}")),
        }
    }

    /// Makes a quantity of whole units.
    pub const fn from_units(units: i64, format: Format) -> Self {
        Self { nanos: units as i128 * NANOS, format }
    }

    /// Makes a quantity of thousandths.
    pub const fn from_milli(milli: i64, format: Format) -> Self {
        Self { nanos: milli as i128 * NANOS_PER_MILLI, format }
    }

    /// Gives the amount in whole units, rounded away from zero; beyond `i64` the nearest there is.
    pub const fn value(self) -> i64 {
        scaled(self.nanos, NANOS)
    }

    /// Gives the amount in thousandths, rounded away from zero; beyond `i64` the nearest there is.
    pub const fn milli_value(self) -> i64 {
        scaled(self.nanos, NANOS_PER_MILLI)
    }

    /// Gives the amount in units of 10⁻⁹, exactly.
    pub const fn nano_value(self) -> i128 {
        self.nanos
    }

    /// Gives the amount as the nearest `f64`.
    pub fn approximate(self) -> f64 {
        self.nanos as f64 / NANOS as f64
    }

    /// Gives the notation.
    pub const fn format(self) -> Format {
        self.format
    }

    /// Gives the same amount in another notation.
    #[must_use]
    pub const fn in_format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// Tells whether the amount is zero.
    pub const fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// Tells whether the amount is below zero.
    pub const fn is_negative(self) -> bool {
        self.nanos < 0
    }

    /// Multiplies by a whole number, as for replicas.
    #[must_use]
    pub const fn times(self, factor: i64) -> Self {
        Self { nanos: self.nanos.saturating_mul(factor as i128), ..self }
    }

    /// Takes the notation of `other` when this is zero, as upstream's sums do.
    const fn format_with(self, other: Self) -> Format {
        if self.is_zero() { other.format } else { self.format }
    }
}

/// Divides, rounding away from zero, and stops at the bounds of `i64`.
const fn scaled(nanos: i128, unit: i128) -> i64 {
    let rounded = nanos / unit + (nanos % unit).signum();
    if rounded > i64::MAX as i128 {
        i64::MAX
    } else if rounded < i64::MIN as i128 {
        i64::MIN
    } else {
        rounded as i64
    }
}

impl std::ops::Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { nanos: self.nanos.saturating_add(other.nanos), format: self.format_with(other) }
    }
}

impl std::ops::Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { nanos: self.nanos.saturating_sub(other.nanos), format: self.format_with(other) }
    }
}

impl std::ops::Neg for Quantity {
    type Output = Self;

    fn neg(self) -> Self {
        Self { nanos: self.nanos.saturating_neg(), ..self }
    }
}

impl std::ops::AddAssign for Quantity {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::ops::SubAssign for Quantity {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl std::iter::Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self::ZERO, |sum, item| sum + item)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl std::str::FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        Self::parse(text)
    }
}

/// Writes the canonical form: no fraction, the largest suffix that loses nothing.
///
/// Amounts in binary notation below 1024 or with a fraction are written in decimal notation, as upstream does.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        let units = self.nanos / NANOS;
        if self.format == Format::BinarySi && self.nanos % NANOS == 0 && units.abs() >= 1024 {
            return write_binary(f, units);
        }
        let (mut mantissa, mut exponent) = (self.nanos, -9);
        while mantissa % 1000 == 0 {
            mantissa /= 1000;
            exponent += 3;
        }
        const SUFFIXES: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
        let suffix = usize::try_from(exponent / 3 + 3).ok().and_then(|at| SUFFIXES.get(at));
        match suffix {
            Some(suffix) if self.format != Format::DecimalExponent => write!(f, "{mantissa}{suffix}"),
            // Beyond E there is no letter; upstream falls back to the exponent.
            _ if exponent == 0 => write!(f, "{mantissa}"),
            _ => write!(f, "{mantissa}e{exponent}"),
        }
    }
}

fn write_binary(f: &mut fmt::Formatter<'_>, mut units: i128) -> fmt::Result {
    const SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let mut power = 0;
    while units % 1024 == 0 && power + 1 < SUFFIXES.len() {
        units /= 1024;
        power += 1;
    }
    write!(f, "{units}{}", SUFFIXES[power])
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Quantity> for Value {
    fn from(quantity: Quantity) -> Self {
        Self::from(quantity.to_string())
    }
}
