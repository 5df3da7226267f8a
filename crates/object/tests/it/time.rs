use crate::outcome;
use object::{GoDuration, Time, value};
use std::time::Duration;

#[test]
fn forms() {
    let check = |text: &str, seconds: &str, micros: &str, nanos: &str| {
        let time = Time::parse(text).expect(text);
        assert_eq!(
            (time.rfc3339(), time.rfc3339_micros(), time.rfc3339_nanos()),
            (seconds.into(), micros.into(), nanos.into())
        );
    };
    check(
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00.000000Z",
        "1970-01-01T00:00:00Z",
    );
    check(
        "2026-02-28T23:59:59.123456789Z",
        "2026-02-28T23:59:59Z",
        "2026-02-28T23:59:59.123456Z",
        "2026-02-28T23:59:59.123456789Z",
    );
    check(
        "2024-02-29T12:00:00.5+05:30",
        "2024-02-29T06:30:00Z",
        "2024-02-29T06:30:00.500000Z",
        "2024-02-29T06:30:00.5Z",
    );
    check(
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00.000000Z",
        "0001-01-01T00:00:00Z",
    );
    check(
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59.000000Z",
        "9999-12-31T23:59:59Z",
    );
    check(
        "1969-12-31T23:59:59.999999999999Z",
        "1969-12-31T23:59:59Z",
        "1969-12-31T23:59:59.999999Z",
        "1969-12-31T23:59:59.999999999Z",
    );
}

#[test]
fn refused() {
    for text in [
        "",
        "2026-01-01",
        "2026-02-29T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01t00:00:00Z",
        "2026-01-01T00:00:00z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+25:00",
        "2026-13-01T00:00:00Z",
        "2026-01-01T00:00:00Z ",
        "20é6-01-01T00:00:00Z",
    ] {
        assert_eq!(outcome(Time::parse(text)), format!("error: cannot read {text:?} as an RFC 3339 time"));
    }
}

#[test]
fn arithmetic() {
    let (early, late) = (Time::from_unix_seconds(100), Time::from_nanos(103_500_000_000));
    assert_eq!(late - early, Duration::from_millis(3_500));
    assert_eq!(early - late, Duration::ZERO, "what is later did not happen before");
    assert_eq!(early + Duration::from_millis(3_500), late);
    assert_eq!(late - Duration::from_millis(3_500), early);
    assert_eq!(Time::from_nanos(-1).unix_seconds(), -1);
    assert_eq!(Time::from_nanos(-1).as_nanos(), -1);
    assert_eq!(Time::parse("9999-12-31T23:59:59Z").unwrap().as_nanos(), i64::MAX);
    assert_eq!(
        (Time::parse("9999-12-31T23:00:00Z").unwrap() + Duration::MAX).rfc3339(),
        "9999-12-31T23:59:59Z"
    );
    assert_eq!(
        (Time::parse("0000-01-01T00:00:00Z").unwrap() - Duration::MAX).rfc3339(),
        "0000-01-01T00:00:00Z"
    );
    assert_eq!(value!(late), "1970-01-01T00:01:43Z");
    assert_eq!(value!("1970-01-01T00:01:43Z").as_time(), Some(late.truncated_to_second()));
    assert_eq!(value!(7).as_time(), None);
}

#[test]
fn go_durations() {
    let check = |text: &str, expected: &str| assert_eq!(outcome(GoDuration::parse(text)), expected, "{text}");
    check("1h2m3.5s", "1h2m3.5s");
    check("90s", "1m30s");
    check("24h", "24h0m0s");
    check("1.5h", "1h30m0s");
    check("0", "0s");
    check("-1m", "-1m0s");
    check("+5s", "5s");
    check("100ms", "100ms");
    check("1500us", "1.5ms");
    check("1µs", "1µs");
    check("1500ns", "1.5µs");
    check("7ns", "7ns");
    check(".5s", "500ms");
    check("1m0.25s", "1m0.25s");
    check("9223372036854775807ns", "2562047h47m16.854775807s");
    check("-9223372036854775808ns", "-2562047h47m16.854775808s");
    check("9223372036854775808ns", "error: time: invalid duration \"9223372036854775808ns\"");
    check("", "error: time: invalid duration \"\"");
    check("3", "error: time: missing unit in duration \"3\"");
    check("3d", "error: time: unknown unit \"d\" in duration \"3d\"");
    check("1µ", "error: time: unknown unit \"\\xc2\\xb5\" in duration \"1\\xc2\\xb5\"");
    check("99999999999999999999", "error: time: invalid duration \"99999999999999999999\"");
    check(".s", "error: time: invalid duration \".s\"");
    check("1h x", "error: time: unknown unit \"h x\" in duration \"1h x\"");
    assert_eq!(GoDuration::parse("-1s").unwrap().to_std(), Duration::ZERO);
    assert_eq!(GoDuration::parse("2s").unwrap().to_std(), Duration::from_secs(2));
}
