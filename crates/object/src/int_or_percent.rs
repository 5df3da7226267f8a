//! Fields that hold a number or a percentage, such as `maxSurge` and `minAvailable`.
//!
//! Upstream: `GetScaledValueFromIntOrPercent` of `k8s.io/apimachinery/pkg/util/intstr`.

use crate::Value;

/// Says that a field holds neither a number nor a percentage; the text is upstream's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid value for IntOrString: {0}")]
pub struct IntOrPercentError(String);

/// Gives a number as it is, and a percentage of `total` rounded up or down; anything else gives 0.
pub fn int_or_percent(value: &Value, total: i64, round_up: bool) -> i64 {
    try_int_or_percent(value, total, round_up).unwrap_or(0)
}

/// Gives a number as it is, and a percentage of `total` rounded up or down.
///
/// # Errors
/// When the value is absent, or a string that is no whole number followed by `%`.
pub fn try_int_or_percent(value: &Value, total: i64, round_up: bool) -> Result<i64, IntOrPercentError> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::Str(text) => {
            let not_percent = || IntOrPercentError("invalid type: string is not a percentage".to_owned());
            let digits = text.strip_suffix('%').ok_or_else(not_percent)?;
            let percent: i64 = digits.parse().map_err(|_| {
                let reason = format!("strconv.Atoi: parsing {digits:?}: invalid syntax");
                IntOrPercentError(format!("invalid value {text:?}: {reason}"))
            })?;
            let product = i128::from(percent) * i128::from(total);
            let rounded = if round_up { -((-product).div_euclid(100)) } else { product.div_euclid(100) };
            Ok(i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX }))
        }
        _ => Err(IntOrPercentError("invalid type: neither int nor percentage".to_owned())),
    }
}
