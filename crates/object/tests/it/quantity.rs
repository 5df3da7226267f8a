use crate::outcome;
use object::{Format, Quantity, value};

const SHAPE: &str =
    "error: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const NUMERIC: &str = "error: unable to parse numeric part of quantity";
const SUFFIX: &str = "error: unable to parse quantity's suffix";

#[test]
fn canonical_form() {
    let check = |text: &str, expected: &str| assert_eq!(outcome(Quantity::parse(text)), expected, "{text}");
    for same in
        ["0", "1", "500m", "100u", "7n", "12k", "3M", "5G", "9T", "2P", "1E", "100Ki", "1536Mi", "2Gi", "3e3"]
    {
        check(same, same);
    }
    check("1.5", "1500m");
    check("0.5", "500m");
    check("1.5Gi", "1536Mi");
    check("1000", "1k");
    check("1000000k", "1G");
    check("1000m", "1");
    check("1024Ki", "1Mi");
    check("1024", "1024");
    check("1023Ki", "1023Ki");
    check("0.5Ki", "512");
    check("0.5Mi", "512Ki");
    check("1.1Ki", "1126400m");
    check("12E3", "12e3");
    check("1e1", "10");
    check("1E", "1E");
    check("1000E", "1e21");
    check("1e2", "100");
    check("100e1", "1e3");
    check("1e-3", "1e-3");
    check("-1.5", "-1500m");
    check("+5", "5");
    check("007", "7");
    check("1.", "1");
    check(".5", "500m");
    check(".", "0");
    check("-", "0");
    check("e5", "0");
    check("0Ki", "0");
    check("8Ei", "9223372036854775807");
    check("-8Ei", "-9223372036854775807");
    check("99999999999999999999Ei", "9223372036854775807");
    check("18446744073709551616", "18446744073709551616");
    check("1.2345", "1234500u");
}

#[test]
fn finer_than_nano_rounds_away_from_zero() {
    let check = |text: &str, expected: &str| assert_eq!(outcome(Quantity::parse(text)), expected, "{text}");
    check("0.9n", "1n");
    check("1.0000000001", "1000000001n");
    check("-0.1n", "-1n");
    check("1e-10", "1e-9");
    check("1e-999999999", "1e-9");
    check("0.0001Ki", "102400u");
    check("0.00000000001Ki", "11n");
    check("0e-999999999", "0");
}

#[test]
fn refused() {
    let check = |text: &str, expected: &str| assert_eq!(outcome(Quantity::parse(text)), expected, "{text}");
    for text in ["", "lots", "1.2.3", "1 Gi", " 1", "1e5x", "1Gi ", "0x10"] {
        check(text, SHAPE);
    }
    for text in ["1ki", "1K", "1Kii", "1e", "1i", "1e-", "--1", "1m5", "1ee3", "1Mi3"] {
        check(text, SUFFIX);
    }
    check("e-10", NUMERIC);
    check(".e-10", NUMERIC);
    check("Ki", "0");
    check(".Ki", "0");
}

#[test]
fn amounts_beyond_the_range_are_refused() {
    let check = |text: &str, expected: &str| assert_eq!(outcome(Quantity::parse(text)), expected, "{text}");
    check("170e27", "170e27");
    check("1e30", "error: quantity is out of range");
    check("-1e30", "error: quantity is out of range");
    check("1000000000000000000000E", "error: quantity is out of range");
}

#[test]
fn what_the_api_server_stores() {
    let check =
        |text: &str, expected: &str| assert_eq!(outcome(Quantity::stored_form(text)), expected, "{text}");
    check("0.5", "500m");
    check("1.500", "1.500");
    check("1.5", "1500m");
    check("+5", "+5");
    check("1E3", "1E3");
    check("0.500", "500m");
    check("1000", "1k");
    check("1024Mi", "1Gi");
    check("1025Mi", "1025Mi");
    check(" 2Gi ", "2Gi");
}

#[test]
fn whole_and_milli_values_round_up() {
    let check = |text: &str, units: i64, milli: i64| {
        let quantity = Quantity::parse(text).expect(text);
        assert_eq!((quantity.value(), quantity.milli_value()), (units, milli), "{text}");
    };
    check("1", 1, 1_000);
    check("1m", 1, 1);
    check("1001m", 2, 1_001);
    check("1u", 1, 1);
    check("-1m", -1, -1);
    check("-1001m", -2, -1_001);
    check("2Gi", 2 << 30, (2 << 30) * 1_000);
    check("100E", i64::MAX, i64::MAX);
    check("-100E", i64::MIN, i64::MIN);
}

#[test]
fn sums_keep_the_notation_of_the_first_that_is_not_zero() {
    let check = |left: &str, right: &str, sum: &str, difference: &str| {
        let (left, right) = (Quantity::parse(left).expect(left), Quantity::parse(right).expect(right));
        assert_eq!(
            ((left + right).to_string(), (left - right).to_string()),
            (sum.to_owned(), difference.to_owned())
        );
    };
    check("100m", "900m", "1", "-800m");
    check("1Gi", "1G", "2073741824", "73741824");
    check("0", "1Gi", "1Gi", "-1Gi");
    check("1Gi", "1Gi", "2Gi", "0");
    check("1Gi", "500m", "1073741824500m", "1073741823500m");
    check("1e3", "1k", "2e3", "0");
}

#[test]
fn from_objects() {
    let check = |value: object::Value, expected: &str| assert_eq!(outcome(Quantity::of(&value)), expected);
    check(value!(null), "0");
    check(value!("2Gi"), "2Gi");
    check(value!(3), "3");
    check(value!(0.5), "500m");
    check(value!([]), SHAPE);
    assert_eq!(value!(Quantity::from_units(2048, Format::BinarySi)), "2Ki");
    assert!(Quantity::parse("1Ki").unwrap() > Quantity::parse("1k").unwrap());
    assert_eq!(Quantity::parse("1000m").unwrap(), Quantity::parse("1").unwrap());
}
