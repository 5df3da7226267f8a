//! Reading scenario files strictly: every mistake is told with its place.

use explore::ScenarioFile;

const FRONT: &str = "apiVersion: seaworthy.dev/v1alpha1\nkind: Scenario\nmetadata: {name: test}\n";

/// The files that scenarios of these tests may name.
fn load(path: &str) -> Result<String, String> {
    match path {
        "pods.yaml" => {
            Ok("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: a}]}\n\
            ---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
                .to_owned())
        }
        "broken.yaml" => Ok("kind: [\n".to_owned()),
        other => Err(format!("{other}: no such file")),
    }
}

#[test]
fn mistakes_are_told_with_their_place() {
    testkit::each_file(env!("CARGO_MANIFEST_DIR"), "tests/explore/reading", |file| {
        file.check(|case| {
            let text = match case.command.as_str() {
                "whole" => case.input.clone(),
                "read" => format!("{FRONT}{}", case.input),
                _ => case.unknown(),
            };
            match ScenarioFile::parse("test.yaml", &text, &load) {
                Ok(file) => format!("ok: {}\n", file.name()),
                Err(error) => format!("{error}\n"),
            }
        });
    });
}
