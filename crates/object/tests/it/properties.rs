//! Properties that hold for every tree, quantity and selector.

use crate::apply;
use object::{
    FieldSelector, Format, GoDuration, Operator, Pool, Quantity, Requirement, Selector, Time, Value, diff,
    from_value, json, to_value, yaml,
};
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{0,3}",
        "[ -~]{0,12}",
        "(yes|no|null|~|0x1F|017|1_0|-1|\\.5|<<|=|1:30|2026-01-01|- a|a: b|#a|a #b|---|\\.\\.\\.|\\|)",
        "[ \\t\\n\\ra-b:#-]{0,10}",
        "\\PC{0,8}",
        any::<String>(),
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has finite numbers only", |number| number.is_finite())
            .prop_map(Value::from),
        text().prop_map(Value::from),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((text(), inner.clone()), 0..6).prop_map(|pairs| {
                pairs.into_iter().map(|(key, value)| (object::Key::new(&key), value)).collect::<Value>()
            }),
            (text(), inner).prop_map(|(name, value)| object::value!({"name": name, "value": value})),
        ]
    })
}

/// Two trees of which the second was made from the first by a few changes, or is wholly another.
fn two_trees() -> impl Strategy<Value = (Value, Value)> {
    let changed = (tree(), prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, tree()), 1..4))
        .prop_map(|(old, edits)| {
            let new = edits
                .iter()
                .fold(old.clone(), |tree, (at, kind, value)| changed(&tree, at.index(40), *kind, value));
            (old, new)
        });
    prop_oneof![3 => changed, 1 => (tree(), tree())]
}

/// Changes one item or field somewhere in a tree.
fn changed(tree: &Value, at: usize, kind: u8, value: &Value) -> Value {
    match tree {
        Value::List(list) => {
            let mut items = list.as_slice().to_vec();
            let place = at % (items.len() + 1);
            match kind {
                0 => items.insert(place, value.clone()),
                1 if place < items.len() => drop(items.remove(place)),
                2 if place < items.len() => items[place] = value.clone(),
                _ if place < items.len() => items[place] = changed(&items[place], at / 2, kind, value),
                _ => {}
            }
            items.into()
        }
        Value::Map(map) => {
            let mut map = map.clone();
            let key = map.iter().map(|(key, _)| key.to_string()).nth(at % (map.len() + 1));
            match (kind, key) {
                (1, Some(key)) => drop(map.remove(&key)),
                (2, Some(key)) => map.insert(&key, value.clone()),
                (3, Some(key)) => {
                    let inner = changed(map.get(&key).expect("a field"), at / 2, kind, value);
                    map.insert(&key, inner);
                }
                _ => map.insert("new", value.clone()),
            }
            map.into()
        }
        _ => value.clone(),
    }
}

/// Makes the floats without a fraction integers, as YAML does.
fn as_yaml_reads(value: &Value) -> Value {
    match value {
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 2_f64.powi(63) => {
            Value::Int(*number as i64)
        }
        Value::Float(number) if *number == -(2_f64.powi(63)) => Value::Int(i64::MIN),
        Value::List(list) => list.iter().map(as_yaml_reads).collect(),
        Value::Map(map) => map.iter().map(|(key, value)| (key.clone(), as_yaml_reads(value))).collect(),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn json_reads_what_it_writes(tree in tree()) {
        prop_assert_eq!(&json::parse(&json::to_vec(&tree)).unwrap(), &tree);
        prop_assert_eq!(&json::parse(json::to_string_pretty(&tree).as_bytes()).unwrap(), &tree);
        let serde: serde_json::Value = serde_json::from_str(&tree.to_string()).unwrap();
        prop_assert_eq!(&to_value(&serde).unwrap(), &tree);
        prop_assert_eq!(from_value::<serde_json::Value>(&tree).unwrap(), serde);
    }

    #[test]
    fn yaml_reads_what_it_writes(tree in tree()) {
        let text = yaml::to_string(&tree);
        prop_assert_eq!(yaml::parse(&text).map_err(|error| format!("{error} in\n{text}")), Ok(as_yaml_reads(&tree)));
    }

    #[test]
    fn a_patch_makes_the_new_of_the_old((old, new) in two_trees()) {
        let patch = diff::json_patch(&old, &new);
        prop_assert_eq!(&apply(&old, &patch), &new);
        prop_assert_eq!(patch.items().is_empty(), old == new);
        prop_assert_eq!(diff::readable(&old, &new).lines().count(), patch.items().len());
    }

    #[test]
    fn sharing_changes_nothing((old, new) in two_trees()) {
        let mut pool = Pool::new(50);
        prop_assert_eq!(&pool.share(&old), &old);
        prop_assert_eq!(&pool.share(&new), &new);
        let shared = new.clone().shared_with(&old);
        prop_assert_eq!(&shared, &new);
        prop_assert_eq!(diff::changes(&old, &shared).len(), diff::changes(&old, &new).len());
    }

    #[test]
    fn edits_never_change_the_tree_from_before(tree in tree(), path in prop::collection::vec("[a-c]{0,2}|new|name", 0..4), item in tree()) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let text = tree.to_string();
        let mut edited = tree.clone();
        edited.set(&path, item.clone());
        prop_assert_eq!(edited.at(&path), &item);
        edited.push(&path, 1);
        prop_assert_eq!(edited.at(&path).items().last(), Some(&Value::Int(1)));
        let removed = edited.remove(&path);
        prop_assert_eq!(removed.is_some(), !path.is_empty());
        if let Some(items) = edited.items_mut() {
            items.fill(Value::Null);
        }
        prop_assert_eq!(tree.to_string(), text);
    }

    #[test]
    fn quantities_compute_like_rationals(a in -1_000_000_000_000_i64..1_000_000_000_000, b in any::<i32>(), x in -9..=9_i32, y in -9..=9_i32) {
        // Both sides in units of 10⁻⁹, the finest a quantity knows.
        let exact = |number: i64, exponent: i32| i128::from(number) * 10_i128.pow((exponent + 9).try_into().unwrap());
        let (left, right) = (exact(a, x), exact(b.into(), y));
        let (p, q) = (Quantity::parse(&format!("{a}e{x}")).unwrap(), Quantity::parse(&format!("{b}e{y}")).unwrap());
        prop_assert_eq!((p + q).nano_value(), left + right);
        prop_assert_eq!((p - q).nano_value(), left - right);
        prop_assert_eq!(p.cmp(&q), left.cmp(&right));
        let up = |nanos: i128, unit: i128| {
            let away = if nanos < 0 { -((-nanos + unit - 1) / unit) } else { (nanos + unit - 1) / unit };
            away.clamp(i64::MIN.into(), i64::MAX.into())
        };
        prop_assert_eq!(i128::from(p.value()), up(left, 1_000_000_000));
        prop_assert_eq!(i128::from(p.milli_value()), up(left, 1_000_000));
        let formats = [Format::DecimalSi, Format::DecimalExponent, Format::BinarySi];
        // Parsing caps amounts in binary notation at the largest i64.
        let capped = (p + q).nano_value().abs() > i128::from(i64::MAX) * 1_000_000_000;
        for format in formats.into_iter().take(if capped { 2 } else { 3 }) {
            let text = (p + q).in_format(format).to_string();
            prop_assert_eq!(Quantity::parse(&text).unwrap(), p + q, "{}", text);
            let kept = Quantity::parse(&text).unwrap().in_format(format).to_string();
            prop_assert_eq!(kept, text, "canonical forms stay");
        }
    }

    #[test]
    fn selectors_read_what_they_write(parts in prop::collection::vec(("[a-c](/[a-z]{1,3})?|in|notin", 0..9_u8, prop::collection::btree_set("[a-z0-9]{0,3}", 1..4), any::<i64>()), 0..5)) {
        let requirements: Vec<Requirement> = parts.iter().map(|(key, operator, values, number)| {
            let number = number.to_string();
            let one: Vec<&str> = values.iter().take(1).map(String::as_str).collect();
            let (operator, values) = match operator {
                0 => (Operator::In, values.iter().map(String::as_str).collect()),
                1 => (Operator::NotIn, values.iter().map(String::as_str).collect()),
                2 => (Operator::Equals, one),
                3 => (Operator::DoubleEquals, one),
                4 => (Operator::NotEquals, one),
                5 => (Operator::Exists, vec![]),
                6 => (Operator::DoesNotExist, vec![]),
                7 => (Operator::GreaterThan, vec![number.trim_start_matches('-')]),
                _ => (Operator::LessThan, vec![number.trim_start_matches('-')]),
            };
            Requirement::new(key, operator, values)
        }).filter_map(Result::ok).collect();
        let selector = Selector::from_requirements(requirements);
        prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-c=!<>(), \\\\.in0-9KMGimnE+-]{0,16}|\\PC{0,12}") {
        if let Ok(selector) = Selector::parse(&text) {
            prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
        }
        if let Ok(selector) = FieldSelector::parse(&text) {
            let again = FieldSelector::parse(&selector.to_string());
            prop_assert_eq!(again.map(|again| again.to_string()), Ok(selector.to_string()));
        }
        if let Ok(quantity) = Quantity::parse(&text) {
            prop_assert_eq!(Quantity::parse(&quantity.to_string()), Ok(quantity));
        }
        if let Ok(duration) = GoDuration::parse(&text) {
            prop_assert_eq!(GoDuration::parse(&duration.to_string()), Ok(duration));
        }
        let _ = (Time::parse(&text), yaml::parse_all(&text), json::parse(text.as_bytes()));
    }

    #[test]
    fn times_and_durations_read_what_they_write(nanos in any::<i64>()) {
        let time = Time::from_nanos(nanos);
        prop_assert_eq!(Time::parse(&time.rfc3339_nanos()), Ok(time));
        prop_assert_eq!(Time::parse(&time.rfc3339()), Ok(time.truncated_to_second()));
        prop_assert_eq!(time.as_nanos(), nanos);
        let duration = GoDuration::from_nanos(nanos);
        let again = GoDuration::parse(&duration.to_string()).unwrap();
        // Go reads fractions by floating point: above 2⁵³ ns of one unit the last digit may differ.
        prop_assert!(again.as_nanos().abs_diff(nanos) <= 1, "{duration} {again}");
    }
}
