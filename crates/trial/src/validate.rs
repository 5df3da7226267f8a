//! Chapter 1: what is wrong with the cluster, and of a planned one: whether all of it was seen, and nothing else.

use crate::shakedown::{Asked, Shakedown};
use crate::shop::{Defect, Lookalike, names};
use checks::Parameters;
use controlplane::dataplane::Status;
use report::{Chapter, Finding, ObjectRef, Outcome, Standing, Table};
use view::View;

/// The chapter's name and title.
const ID: &str = "validate";
const TITLE: &str = "Chapter 1: Validate";

/// Runs the layer checks over a cluster.
pub fn validate(view: &View, parameters: &Parameters) -> Chapter {
    Chapter::of_checks(ID, TITLE, checks::run_all(view, None, parameters, &[]))
}

/// Runs the layer checks over the shakedown's cluster and compares what they find with what was planned.
///
/// A finding that a fault was to lead to does not count against the cluster: it is the proof that the checks see. What
/// counts is a planned finding that is missing, and any other that is there.
pub fn validate_shakedown(shakedown: &Shakedown) -> Chapter {
    let mut chapter = validate(&shakedown.view, &Parameters::default());
    let flagged: Vec<Vec<String>> =
        shakedown.lookalikes.iter().map(|lookalike| flags(&chapter, &lookalike.object)).collect();
    let missed: Vec<Finding> =
        shakedown.defects.iter().flat_map(|defect| expect(&mut chapter, defect)).collect();
    let planned: usize = shakedown.defects.iter().map(|defect| defect.expected.len()).sum();
    let found = planned - missed.len();
    chapter.findings.extend(missed);
    for (lookalike, codes) in shakedown.lookalikes.iter().zip(&flagged).filter(|(_, codes)| !codes.is_empty())
    {
        chapter.findings.push(wrongly_flagged(lookalike, codes));
    }
    let surplus = chapter.all_findings().iter().filter(|finding| finding.counts()).count();
    chapter.tables.push(faults(shakedown, &chapter));
    let table = lookalikes(shakedown, &flagged, &mut chapter);
    chapter.tables.push(table);
    let table = routes(&shakedown.asked, &mut chapter);
    chapter.tables.push(table);
    chapter.judge();
    let quiet = flagged.iter().filter(|codes| codes.is_empty()).count();
    chapter.headline = format!(
        "{found} of {planned} planted findings made, {quiet} of {} lookalikes left alone, {surplus} to answer for",
        shakedown.lookalikes.len()
    );
    chapter.prose.push(format!(
        "A shop ran for {:.0} minutes of virtual time while faults struck it; nobody edited a status. Findings marked \
         expected were planted: seeing them is what is proven here.",
        shakedown.virtual_time.as_secs_f64() / 60.0
    ));
    chapter
}

/// Marks the findings of a fault as expected; gives a finding for each that is missing.
fn expect(chapter: &mut Chapter, defect: &Defect) -> Vec<Finding> {
    let mut missed = Vec::new();
    for expected in &defect.expected {
        let reason = format!("planted by fault {}: {}", defect.name, defect.story);
        match chapter.all_findings_mut().find(|finding| expected.is(finding)) {
            Some(finding) => finding.set_standing(Standing::Expected, reason),
            None => {
                let object = ObjectRef::new("", expected.kind, &expected.namespace, &expected.name);
                let title = format!(
                    "fault {} must lead to {} here, and nothing was found",
                    defect.name, expected.code
                );
                missed.push(
                    Finding::new("PLANTED_DEFECT_MISSED", Outcome::Fail, object, title)
                        .about([defect.name, expected.code])
                        .because(format!(
                            "{}; a tool that misses this misses it in your cluster too",
                            defect.story
                        )),
                );
            }
        }
    }
    missed
}

/// Gives the codes of the findings that name an object.
fn flags(chapter: &Chapter, object: &ObjectRef) -> Vec<String> {
    let is_it = |named: &ObjectRef| {
        named.kind == object.kind && named.namespace == object.namespace && named.name == object.name
    };
    let flagging = chapter.all_findings().into_iter().filter(|finding| names(finding).any(is_it));
    flagging.map(|finding| finding.code.clone()).collect()
}

fn wrongly_flagged(lookalike: &Lookalike, codes: &[String]) -> Finding {
    let title = format!("only looks sick, and was flagged: {}", codes.join(", "));
    Finding::new("LOOKALIKE_FLAGGED", Outcome::Fail, lookalike.object.clone(), title)
        .about([lookalike.name])
        .because(format!("{}; a tool that cries wolf is not listened to", lookalike.why))
}

fn faults(shakedown: &Shakedown, chapter: &Chapter) -> Table {
    let mut table = Table::new("Faults that were planted", ["fault", "what happened", "found as"]);
    for defect in &shakedown.defects {
        let all = chapter.all_findings();
        let seen = |expected: &&crate::Expected| all.iter().any(|finding| expected.is(finding));
        let codes: Vec<&str> = defect.expected.iter().filter(seen).map(|expected| expected.code).collect();
        let found = if codes.is_empty() { "missed".to_owned() } else { codes.join(", ") };
        table.row([defect.name, &defect.story, &found]);
    }
    table
}

fn lookalikes(shakedown: &Shakedown, flagged: &[Vec<String>], chapter: &mut Chapter) -> Table {
    let mut table = Table::new("Lookalikes beside them", ["object", "looks like", "but", "was"]);
    for (lookalike, codes) in shakedown.lookalikes.iter().zip(flagged) {
        let shown = lookalike.shows(&shakedown.view).unwrap_or_else(|| {
            chapter
                .errors
                .push(format!("lookalike {} did not come to look sick: it proves nothing", lookalike.name));
            "nothing".to_owned()
        });
        let was =
            if codes.is_empty() { "left alone".to_owned() } else { format!("flagged: {}", codes.join(", ")) };
        table.row([&lookalike.object.to_string(), &shown, lookalike.why, &was]);
    }
    table
}

/// Compares what the routes of the shop were answered with what the checks say of them.
fn routes(asked: &[Asked], chapter: &mut Chapter) -> Table {
    let mut table = Table::new("What customers are answered", ["request", "answer", "the check says"]);
    for request in asked {
        let is_of = |object: &ObjectRef| object.kind == "Service" && object.name == request.service;
        let found: Vec<String> = chapter
            .all_findings()
            .into_iter()
            .filter(|finding| finding.code.starts_with("ROUTE_") && names(finding).any(is_of))
            .map(|finding| finding.code.clone())
            .collect();
        let answers = matches!(request.answer.status, Status::Answered | Status::Outside);
        if answers != found.is_empty() {
            chapter.errors.push(format!(
                "{}: the check and the data plane disagree; the answer was {}",
                request.url, request.answer
            ));
        }
        let said = if found.is_empty() { "well".to_owned() } else { found.join(", ") };
        table.row([request.url.clone(), request.answer.status.to_string(), said]);
    }
    table
}
