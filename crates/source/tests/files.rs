//! Files, folders and streams: what is read, what is named as wrong, and what is known to be unknown.

use object::{ObjectExt, Time};
use source::{Loaded, Options, SourceError, read_path, read_stream};
use std::fmt::Write;
use testkit::{Case, Scratch, each_file};

#[test]
fn files_are_read_as_the_data_says() {
    each_file(env!("CARGO_MANIFEST_DIR"), "tests/data", |file| file.check(answer));
}

/// Answers a case. `stream` reads its input; `folder` writes the files that its input holds, each below a line
/// `== NAME`, and reads the folder; `file=NAME` reads only that one. Of the resources named as words, the answer says
/// whether they could be read.
fn answer(case: &Case) -> String {
    let options = Options {
        namespace: case.text("namespace"),
        at: case.text("at").map(|at| Time::parse(at).expect("a time")),
        progress: None,
    };
    let folder = Scratch::new();
    let loaded = match case.command.as_str() {
        "stream" => read_stream(case.input.as_bytes(), &options),
        "folder" => {
            for file in case.input.split("== ").skip(1) {
                let (name, content) = file.split_once('\n').expect("a name and a text");
                folder.write(&format!("dump/{name}"), content.strip_suffix("\\\n").unwrap_or(content));
            }
            let path = folder.path().join("dump").join(case.text("file").unwrap_or_default());
            read_path(&path, &options)
        }
        _ => case.unknown(),
    };
    let text = match loaded {
        Ok(loaded) => summary(&loaded, case),
        Err(error) => format!("error: {error}\n"),
    };
    text.replace(&format!("{}/", folder.path().display()), "")
}

fn summary(loaded: &Loaded, case: &Case) -> String {
    let (mut text, view) = (String::new(), &loaded.view);
    for resource in view.resources() {
        for object in view.list(resource) {
            writeln!(text, "{resource} {}", object.full_name()).unwrap();
            if let Some(field) = case.text("show") {
                writeln!(text, "  {field}: {}", object[field]).unwrap();
            }
        }
    }
    for resource in case.words().filter(|word| *word != "now") {
        match view.readable(resource) {
            Ok(()) => writeln!(text, "{resource}: read").unwrap(),
            Err(unread) => writeln!(text, "{unread}").unwrap(),
        }
    }
    if case.has("now") {
        writeln!(text, "now: {}, {}", view.now().rfc3339(), loaded.now_from).unwrap();
    }
    loaded.troubles.iter().for_each(|trouble| writeln!(text, "trouble: {trouble}").unwrap());
    loaded.notes.iter().for_each(|note| writeln!(text, "note: {note}").unwrap());
    text
}

/// Gives a Pod List's JSON beside one object of every resource that no cluster is without, but for `left_out`.
fn whole_cluster(left_out: &str) -> String {
    let kinds = [
        "v1 ConfigMap",
        "v1 Namespace",
        "v1 ServiceAccount",
        "v1 Service",
        "apiregistration.k8s.io/v1 APIService",
        "coordination.k8s.io/v1 Lease",
        "discovery.k8s.io/v1 EndpointSlice",
        "flowcontrol.apiserver.k8s.io/v1 FlowSchema",
        "flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration",
        "rbac.authorization.k8s.io/v1 ClusterRoleBinding",
        "rbac.authorization.k8s.io/v1 ClusterRole",
        "rbac.authorization.k8s.io/v1 RoleBinding",
        "rbac.authorization.k8s.io/v1 Role",
        "scheduling.k8s.io/v1 PriorityClass",
    ];
    let objects = kinds.iter().filter(|kind| !kind.ends_with(left_out) || left_out.is_empty()).map(|kind| {
        let (api_version, kind) = kind.split_once(' ').unwrap();
        format!("{{apiVersion: {api_version}, kind: {kind}, metadata: {{name: a, namespace: x}}}}\n---\n")
    });
    objects.collect()
}

#[test]
fn an_export_of_everything_says_what_there_is_none_of() {
    let read = |text: String| read_stream(text.as_bytes(), &Options::default()).unwrap();
    let whole = read(whole_cluster(""));
    assert!(whole.view.readable("replicationcontrollers").is_ok() && whole.view.readable("pods").is_ok());
    assert!(whole.view.readable("secrets").is_err() && whole.view.readable("events").is_err());
    assert!(whole.notes.iter().any(|note| note.contains("whole cluster")), "{:?}", whole.notes);
    for left_out in ["APIService", "Lease", "ClusterRole", "Namespace"] {
        let partial = read(whole_cluster(left_out));
        assert!(partial.view.readable("replicationcontrollers").is_err(), "without {left_out}");
    }
}

fn error(result: Result<Loaded, SourceError>) -> SourceError {
    result.expect_err("there is nothing to read")
}

#[test]
fn a_path_that_does_not_exist_is_told_from_one_that_cannot_be_read() {
    let folder = Scratch::new();
    let missing = read_path(&folder.path().join("nothing.yaml"), &Options::default());
    assert!(matches!(error(missing), SourceError::NoSuchPath { .. }));
}

#[cfg(unix)]
#[test]
fn links_are_followed_once() {
    let folder = Scratch::new();
    folder.write("dump/a/pod.yaml", "{apiVersion: v1, kind: Pod, metadata: {name: a}}");
    std::os::unix::fs::symlink(folder.path().join("dump"), folder.path().join("dump/a/round")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("dump/gone.yaml")).unwrap();
    let loaded = read_path(&folder.path().join("dump"), &Options::default()).unwrap();
    assert_eq!((loaded.objects, loaded.troubles.len()), (1, 1), "{:?}", loaded.troubles);
    assert!(loaded.troubles[0].to_string().contains("gone.yaml: could not be read"));
}

#[test]
fn what_is_read_is_reported_on_the_way() {
    let folder = Scratch::new();
    for name in ["b", "a"] {
        folder.write(&format!("{name}.yaml"), "{apiVersion: v1, kind: Pod, metadata: {name: a}}");
    }
    let seen = std::cell::RefCell::new(Vec::new());
    let progress = |progress: &source::Progress| seen.borrow_mut().push((progress.done, progress.total));
    let options = Options { progress: Some(&progress), ..Options::default() };
    read_path(folder.path(), &options).unwrap();
    assert_eq!(*seen.borrow(), [(0, 2), (1, 2)]);
}
