//! The class of an Ingress: without a class nobody may serve it.

use object::{ObjectExt, Value};
use report::{Evidence, ObjectRef, Outcome};

use super::{Place, Problem, Problems};
use crate::look::{Look, Lookup};

const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";
/// The form before IngressClass; controllers that honour it need no object.
const ANNOTATION: &str = "kubernetes.io/ingress.class";

pub(super) fn judge<'a>(look: &mut Look<'a>, ingress: &'a Value, problems: &mut Problems<'a>) {
    let so = || format!("whether a controller serves Ingress {} is unknown", ingress.full_name());
    let route = "every route".to_owned();
    let Some(name) = ingress["spec"]["ingressClassName"].as_str() else {
        if ingress.annotation(ANNOTATION).is_none() && look.knows("ingressclasses.networking.k8s.io", "", so)
        {
            let has_default = look
                .view()
                .list("ingressclasses.networking.k8s.io")
                .any(|class| class.annotation(DEFAULT) == Some("true"));
            if !has_default {
                let evidence = Evidence::new("/spec/ingressClassName", "absent").expected("a class");
                problems.add(no_class(ingress), Place { ingress, route, evidence });
            }
        }
        return;
    };
    if matches!(look.get("ingressclasses.networking.k8s.io", "", name, so), Lookup::Absent) {
        let class = ObjectRef::new("networking.k8s.io/v1", "IngressClass", "", name);
        let title = format!("IngressClass {name} does not exist");
        let problem = Problem::new("ROUTE_CLASS_MISSING", Outcome::Fail, class.to_string(), title)
            .evidence(Evidence::new("", "absent").expected("present").on(class.clone()))
            .because("no controller takes the Ingress for its own, so no route of it is served")
            .remedy("kubectl get ingressclasses")
            .remedy("install the controller with its class, or name one that exists")
            .behind(class);
        let evidence = Evidence::new("/spec/ingressClassName", name);
        problems.add(problem, Place { ingress, route, evidence });
    }
}

fn no_class(ingress: &Value) -> Problem {
    Problem::new(
        "ROUTE_NO_CLASS",
        Outcome::Warn,
        ObjectRef::of(ingress).to_string(),
        "it names no class, and no IngressClass is the default".to_owned(),
    )
    .because("whether a controller serves it depends on the controller's own settings")
    .remedy("set spec.ingressClassName")
}
