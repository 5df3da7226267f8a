//! Node affinity of volumes (`core/v1.NodeSelector`).

use object::{ObjectExt, Value};

/// Tells whether a node matches: one of the terms, with all its requirements. A term without any matches nothing.
pub(super) fn matches(selector: &Value, node: &Value) -> bool {
    selector["nodeSelectorTerms"].items().iter().any(|term| {
        let (labels, fields) = (term["matchExpressions"].items(), term["matchFields"].items());
        let holds_by_label = |rule: &Value| holds(rule, node.label(rule["key"].str()));
        // The name is the only field that can be selected by.
        let holds_by_field =
            |rule: &Value| holds(rule, Some(node.name()).filter(|_| rule["key"] == "metadata.name"));
        let is_empty = labels.is_empty() && fields.is_empty();
        !is_empty && labels.iter().all(holds_by_label) && fields.iter().all(holds_by_field)
    })
}

fn holds(rule: &Value, value: Option<&str>) -> bool {
    let listed = || rule["values"].items().iter().any(|wanted| Some(wanted.str()) == value);
    let compared = || {
        let wanted = rule["values"].items().first()?.str().parse::<i64>().ok()?;
        Some(value?.parse::<i64>().ok()?.cmp(&wanted))
    };
    match rule["operator"].str() {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compared().is_some_and(std::cmp::Ordering::is_gt),
        "Lt" => compared().is_some_and(std::cmp::Ordering::is_lt),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use object::{Value, value};

    fn check(rule: Value, expected: bool) {
        let node = value!({"metadata": {"name": "worker-1", "labels": {"zone": "a", "disks": "3"}}});
        let selector = value!({"nodeSelectorTerms": [{"matchExpressions": [rule.clone()]}]});
        assert_eq!(super::matches(&selector, &node), expected, "{rule:?}");
    }

    #[test]
    fn every_operator() {
        check(value!({"key": "zone", "operator": "In", "values": ["b", "a"]}), true);
        check(value!({"key": "zone", "operator": "In", "values": ["b"]}), false);
        check(value!({"key": "zone", "operator": "NotIn", "values": ["b"]}), true);
        check(value!({"key": "none", "operator": "NotIn", "values": ["b"]}), true);
        check(value!({"key": "none", "operator": "In", "values": ["b"]}), false);
        check(value!({"key": "zone", "operator": "Exists"}), true);
        check(value!({"key": "none", "operator": "DoesNotExist"}), true);
        check(value!({"key": "disks", "operator": "Gt", "values": ["2"]}), true);
        check(value!({"key": "disks", "operator": "Lt", "values": ["3"]}), false);
        check(value!({"key": "zone", "operator": "Gt", "values": ["2"]}), false);
    }

    #[test]
    fn terms_are_alternatives_and_an_empty_one_matches_nothing() {
        let node = value!({"metadata": {"name": "worker-1"}});
        let by_name =
            value!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["worker-1"]}]});
        assert!(super::matches(&value!({"nodeSelectorTerms": [{}, by_name]}), &node));
        assert!(!super::matches(&value!({"nodeSelectorTerms": [{}]}), &node));
    }
}
