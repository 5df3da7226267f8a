//! Rules over the manifests: who depends on whom, and that every crate inherits the house's settings.

use super::house::{ROOMS, Room, room};
use super::{Finding, Repo};

/// A crate depends only on crates that the plan of the house allows it.
pub(super) fn directions(repo: &Repo) -> Vec<Finding> {
    let metadata = match repo.metadata() {
        Ok(metadata) => metadata,
        Err(failure) => return vec![Finding::error("Cargo.toml", failure.says.clone())],
    };
    let mut findings = Vec::new();
    for package in own_packages(metadata) {
        let name = room_name(package["name"].as_str().unwrap_or_default());
        let Some(user) = room(name) else {
            findings.push(Finding::error(
                format!("crates/{name}"),
                "is no room of the house: give it a row in xtask/src/tidy/house.rs".to_owned(),
            ));
            continue;
        };
        let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
        for dependency in dependencies.iter().filter(|dependency| dependency["path"].is_string()) {
            let used = room_name(dependency["name"].as_str().unwrap_or_default());
            let for_tests = dependency["kind"] == "dev";
            if !may_use(user, used, for_tests) {
                let what = if for_tests { "its tests depend on" } else { "depends on" };
                findings.push(Finding::error(manifest_of(name), format!("{what} {used}: {}", user.rule)));
            }
        }
    }
    findings
}

/// Gives the workspace's own packages.
fn own_packages(metadata: &serde_json::Value) -> impl Iterator<Item = &serde_json::Value> {
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    packages.iter().filter(|package| package["source"].is_null())
}

/// The package that users install is called like the program it makes.
const PROGRAM: &str = "seaworthy";

fn room_name(package: &str) -> &str {
    if package == PROGRAM { "cli" } else { package.strip_prefix("seaworthy-").unwrap_or(package) }
}

fn package_name(room: &str) -> String {
    if room == "cli" { PROGRAM.to_owned() } else { format!("seaworthy-{room}") }
}

fn manifest_of(room: &str) -> String {
    if room == "xtask" { "xtask/Cargo.toml".to_owned() } else { format!("crates/{room}/Cargo.toml") }
}

/// Tests may use the test support, and core crates that stand above theirs in the plan; else the plan holds.
fn may_use(user: &Room, used: &str, for_tests: bool) -> bool {
    if user.may_use().any(|name| name == used) {
        return true;
    }
    let mut above = ROOMS.iter().take_while(|other| other.name != user.name);
    for_tests && (used == "testkit" || above.any(|other| other.name == used && !other.edge))
}

/// Every crate is named after its folder and inherits version, licence and lints from the workspace.
pub(super) fn inheritance(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in repo.crates() {
        let path = format!("crates/{name}/Cargo.toml");
        let manifest: toml::Table = match repo.text(&path).unwrap_or_default().parse() {
            Ok(manifest) => manifest,
            Err(error) => {
                findings.push(Finding::error(path, format!("is no TOML: {error}")));
                continue;
            }
        };
        let mut want = |holds: bool, says: String| {
            if !holds {
                findings.push(Finding::error(path.clone(), says));
            }
        };
        let at = |keys: &[&str]| {
            keys.iter().try_fold(manifest.get(keys[0])?, |value, key| {
                if *key == keys[0] { Some(value) } else { value.get(key) }
            })
        };
        let full_name = package_name(name);
        want(
            at(&["package", "name"]).and_then(toml::Value::as_str) == Some(&full_name),
            format!("the package of the folder {name} is called {full_name}"),
        );
        want(
            at(&["package", "description"]).is_some(),
            "a package says in one sentence what it is".to_owned(),
        );
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            let inherits = at(&["package", key, "workspace"]).and_then(toml::Value::as_bool) == Some(true);
            want(inherits, format!("write `{key}.workspace = true` under [package]"));
        }
        let lints = at(&["lints", "workspace"]).and_then(toml::Value::as_bool) == Some(true);
        want(lints, "write `workspace = true` under [lints]".to_owned());
    }
    findings
}

/// An edge crate has the edges' clippy settings, a core crate none of its own.
pub(super) fn edge_settings(repo: &Repo) -> Vec<Finding> {
    let wanted = repo.text("xtask/clippy.toml").unwrap_or_default();
    let mut findings = Vec::new();
    for name in repo.crates() {
        let path = format!("crates/{name}/clippy.toml");
        let own = repo.text(&path);
        match (room(name).is_some_and(|room| room.edge), own) {
            (true, Some(own)) if own == wanted => {}
            (true, _) => {
                findings.push(Finding::error(
                    path,
                    "an edge has a copy of xtask/clippy.toml: make one".to_owned(),
                ));
            }
            (false, Some(_)) => findings.push(Finding::error(
                path,
                "a core crate has no settings of its own: it is held to clippy.toml at the root".to_owned(),
            )),
            (false, None) => {}
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn using(user: &str, used: &str, kind: Option<&str>) -> Vec<Finding> {
        let metadata = json!({"packages": [
            {"name": format!("seaworthy-{user}"), "source": null,
             "dependencies": [{"name": format!("seaworthy-{used}"), "path": "x", "kind": kind}]},
            {"name": "serde", "source": "registry+x", "dependencies": []},
        ]});
        directions(&Repo::of(&[]).resolving_to(metadata))
    }

    #[test]
    fn a_forbidden_edge_is_named_with_its_rule() {
        let findings = using("sim", "object", None);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].at, "crates/sim/Cargo.toml");
        assert!(findings[0].says.contains("the kernel knows nothing of Kubernetes"), "{findings:?}");
        assert_eq!(using("store", "object", None), []);
    }

    #[test]
    fn tests_may_look_up_but_not_down() {
        assert_eq!(using("sim", "object", Some("dev")), []);
        assert_eq!(using("store", "testkit", Some("dev")), []);
        assert_eq!(using("store", "testkit", None).len(), 1);
        assert_eq!(using("store", "apiserver", Some("dev")).len(), 1);
    }

    #[test]
    fn a_crate_outside_the_plan_is_refused() {
        assert!(using("cellar", "object", None)[0].says.contains("no room of the house"));
    }

    #[test]
    fn every_missing_setting_of_a_manifest_is_named() {
        let good = "[package]\nname = \"seaworthy-a\"\ndescription = \"x\"\nversion.workspace = true\n\
            edition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\n\
            publish.workspace = true\n[lints]\nworkspace = true\n";
        assert_eq!(inheritance(&Repo::of(&[("crates/a/Cargo.toml", good)])), []);
        let bad = good.replace("license.workspace = true\n", "").replace("seaworthy-a", "a");
        let findings = inheritance(&Repo::of(&[("crates/a/Cargo.toml", &bad)]));
        assert_eq!(findings.len(), 2, "{findings:?}");
    }

    #[test]
    fn edges_and_core_have_the_right_settings() {
        let tree = |own: &'static str| {
            let files = [
                ("xtask/clippy.toml", "edge"),
                ("crates/cli/Cargo.toml", ""),
                ("crates/cli/clippy.toml", own),
            ];
            edge_settings(&Repo::of(&files)).len()
        };
        assert_eq!((tree("edge"), tree("other")), (0, 1));
        let core = [
            ("xtask/clippy.toml", "edge"),
            ("crates/sim/Cargo.toml", ""),
            ("crates/sim/clippy.toml", "edge"),
        ];
        assert_eq!(edge_settings(&Repo::of(&core)).len(), 1);
    }
}
