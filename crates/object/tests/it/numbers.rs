use crate::outcome;
use object::{
    GroupResource, GroupVersionKind, GroupVersionResource, Value, int_or_percent, try_int_or_percent, value,
};

#[test]
fn numbers_and_percentages() {
    let check = |value: Value, total: i64, down: i64, up: i64| {
        assert_eq!(
            (int_or_percent(&value, total, false), int_or_percent(&value, total, true)),
            (down, up),
            "{value}"
        );
    };
    check(value!(3), 10, 3, 3);
    check(value!("25%"), 10, 2, 3);
    check(value!("25%"), 4, 1, 1);
    check(value!("0%"), 10, 0, 0);
    check(value!("100%"), 7, 7, 7);
    check(value!("150%"), 3, 4, 5);
    check(value!(null), 10, 0, 0);
    let error = |value: Value| outcome(try_int_or_percent(&value, 10, true));
    assert_eq!(
        error(value!("3")),
        "error: invalid value for IntOrString: invalid type: string is not a percentage"
    );
    assert_eq!(
        error(value!("x%")),
        "error: invalid value for IntOrString: invalid value \"x%\": strconv.Atoi: parsing \"x\": invalid syntax"
    );
}

#[test]
fn names_of_types() {
    let deployment = GroupVersionKind::parse("apps/v1", "Deployment").unwrap();
    assert_eq!((&*deployment.group, &*deployment.version, &*deployment.kind), ("apps", "v1", "Deployment"));
    assert_eq!(deployment.to_string(), "apps/v1, Kind=Deployment");
    assert_eq!(deployment.group_kind().to_string(), "Deployment.apps");
    let pods = GroupVersionResource::parse("v1", "pods").unwrap();
    assert_eq!((pods.api_version(), pods.group_resource().to_string()), ("v1".to_owned(), "pods".to_owned()));
    assert_eq!(GroupResource::new("apps", "deployments").to_string(), "deployments.apps");
    assert_eq!(
        outcome(GroupVersionKind::parse("a/b/c", "X")),
        "error: unexpected GroupVersion string: a/b/c"
    );
    let pod = value!({"apiVersion": "v1", "kind": "Pod"});
    assert_eq!(GroupVersionKind::of(&pod).unwrap(), GroupVersionKind::new("", "v1", "Pod"));
}
