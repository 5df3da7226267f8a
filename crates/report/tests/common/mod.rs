//! A report in which every field of the format is set.

use report::{
    Chapter, Chart, ChartKind, CheckResult, Draft, Evidence, Figure, Finding, Goal, Looked, ObjectRef,
    Outcome, Problem, ProblemKind, Report, Source, Standing, Table, Unread,
};

fn pod(name: &str) -> ObjectRef {
    ObjectRef::new("v1", "Pod", "shop", name)
}

fn crash_loop() -> Finding {
    Finding::new(
        "POD_CRASH_LOOP",
        Outcome::Fail,
        pod("search-6f-a"),
        "container app ends again and again, exit code 1",
    )
    .about(["Deployment", "shop", "search", "container app"])
    .owned_by(ObjectRef::new("apps/v1", "Deployment", "shop", "search"))
    .affecting([pod("search-6f-a"), pod("search-6f-b")])
    .evidence(
        Evidence::new("/status/containerStatuses/0/state/waiting/reason", "CrashLoopBackOff")
            .expected("running"),
    )
    .evidence(Evidence::new("/status/conditions/0", "False").on(ObjectRef::new("v1", "Node", "", "worker-1")))
    .because("search answers with fewer replicas than it was given, or not at all")
    .remedy("kubectl logs --previous -n shop search-6f-a -c app")
    .since("2026-11-20T10:00:00Z")
}

fn planted() -> Finding {
    let mut finding = Finding::new(
        "CLAIM_UNUSED",
        Outcome::Warn,
        ObjectRef::new("v1", "PersistentVolumeClaim", "data", "old"),
        "no pod uses it",
    );
    finding.set_standing(Standing::Expected, "planted by fault 2");
    finding
}

/// Makes the report that sets every field.
pub fn whole() -> Report {
    let compute = CheckResult::new("pod-health", "compute", "every pod runs and is ready")
        .with_looked_at([Looked::new("pods", 45), Looked::new("replicasets.apps", 1600)])
        .with_findings([planted(), crash_loop()])
        .with_notes(["Pod shop/mailer-1: 14 restarts, the last 25 days ago".to_owned()]);
    let network = CheckResult::new("route-health", "networking", "every route answers")
        .with_errors(["secrets: forbidden".to_owned()]);
    let storage =
        CheckResult::new("volume-attachment", "storage", "every claim is in use").with_skipped("no claims");
    let mut draft =
        Draft::new("trial", Source::new("archive", "harbor").objects(711).kubernetes_version("v1.36.3"));
    draft.now = Some("2026-11-20T12:00:00Z".to_owned());
    draft.chapters.push(Chapter::of_checks("validate", "Validate", [compute, network, storage]));
    draft.chapters.push(withstand());
    draft.unread.push(Unread::new("secrets", "forbidden").namespace("shop"));
    draft.notes.push("times are judged as of the newest time in the objects".to_owned());
    draft
        .problems
        .push(Problem::new(ProblemKind::CouldNotLook, "archive ends early").hint("take the copy again"));
    draft.next.push("seaworthy replay k8s-129795:7".to_owned());
    draft.conclude()
}

fn withstand() -> Chapter {
    let mut chapter = Chapter::new("withstand", "Withstand");
    chapter.headline = "a Pod watch that lags 12 minutes makes 300 pods of 100".to_owned();
    chapter
        .prose
        .push("The controller's expectations expire after 5 minutes <script>alert(1)</script>.".to_owned());
    chapter.figures.push(Figure::new("pods created", 300.0, "pods").goal(Goal::AtMost(100.0)));
    chapter.figures.push(Figure::new("time to recover", 12.25, "min"));
    let mut table = Table::new("Seeds", ["seed", "verdict"]);
    table.row(["7", "violated"]);
    table.row(["12", "held"]);
    chapter.tables.push(table);
    let chart = Chart::new("Live pods", ChartKind::Step, "minutes", "pods")
        .series("gate off", [(0.0, 100.0), (5.0, 200.0), (10.0, 300.0)])
        .series("gate on", [(0.0, 100.0), (10.0, 100.0)])
        .mark(12.0, "watch resumes");
    chapter.charts.push(chart);
    chapter.findings.push(Finding::new(
        "PROPERTY_VIOLATED",
        Outcome::Fail,
        ObjectRef::new("apps/v1", "ReplicaSet", "shop", "web-5d"),
        "live pods exceed replicas",
    ));
    chapter.errors.push("seed 9 ran out of its time".to_owned());
    chapter.skipped = None;
    chapter
}
