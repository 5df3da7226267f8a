//! A campaign as a chapter of a report: a check for each property and each fault, figures, charts, failing seeds.

use super::words::{changes, demand, minutes, share};
use explore::{CampaignResult, FaultReport, FindingKind, RunResult, Scenario, Settings};
use property::{Outcome, Verdict, Violation};
use report::{Chapter, CheckResult, Evidence, Figure, Finding, Looked, ObjectRef, Table};
use std::collections::BTreeSet;

/// This many failing seeds are told with their evidence and command; all are counted.
const SEEDS_TOLD: usize = 3;

/// This many failing seeds have a row of the table.
const SEEDS_LISTED: usize = 50;

/// What a chapter is made of.
pub(super) struct Told<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) settings: &'a Settings,
    /// The scenario's file, if it is none that comes with Seaworthy.
    pub(super) file: Option<&'a str>,
    pub(super) result: &'a CampaignResult,
}

impl Told<'_> {
    /// Makes the chapter; charts are added by whoever has them.
    pub(super) fn chapter(&self) -> Chapter {
        let scenario = self.scenario;
        let title = if scenario.title.is_empty() { &scenario.name } else { &scenario.title };
        let mut chapter = Chapter::new(&scenario.name, title);
        chapter.headline = self.headline();
        chapter.prose = self.prose();
        chapter.figures = self.figures();
        chapter.tables.extend(self.figure_table());
        chapter.tables.extend(self.seed_table());
        chapter.checks.extend(scenario.properties.iter().map(|property| self.property(property)));
        chapter.checks.extend(scenario.faults.iter().filter_map(|plan| self.fault(&plan.name)));
        let is_told = |subject: &str| {
            scenario.properties.iter().any(|property| property.name == subject)
                || scenario.faults.iter().any(|plan| plan.name == subject)
        };
        let others = self.result.findings.iter().filter(|finding| !is_told(&finding.subject));
        chapter.findings.extend(others.map(|finding| self.finding(finding)));
        chapter.judge();
        chapter
    }

    fn headline(&self) -> String {
        let (runs, violated) = (self.result.runs.len(), self.result.violated().count());
        let hours = self.result.virtual_time().as_secs_f64() / 3600.0;
        let outcome = match violated {
            0 => "no property was violated".to_owned(),
            count => format!("a property was violated in {}", share(count, runs)),
        };
        let runs = if runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") };
        format!("{runs} over {hours:.1} virtual hours: {outcome}")
    }

    fn prose(&self) -> Vec<String> {
        let mut prose: Vec<String> = self
            .scenario
            .description
            .split("\n\n")
            .map(|text| text.split_whitespace().collect())
            .map(join)
            .collect();
        prose.retain(|paragraph| !paragraph.is_empty());
        if !self.scenario.issue.is_empty() {
            prose.push(format!("Upstream: {}", self.scenario.issue));
        }
        let changes = changes(self.settings);
        if !changes.is_empty() {
            prose.push(format!("Run with {}.", changes.join(", ")));
        }
        prose
    }

    /// The figures that are the same in all runs; those that vary stand in the table.
    fn figures(&self) -> Vec<Figure> {
        let ranges =
            self.scenario.figures.iter().filter_map(|spec| Some((spec, self.result.range(&spec.name)?)));
        ranges
            .filter(|(_, (least, most))| least == most)
            .map(|(spec, (value, _))| Figure::new(&spec.name, value, ""))
            .collect()
    }

    fn figure_table(&self) -> Option<Table> {
        let mut table = Table::new("Figures over all runs", ["figure", "least", "median", "most", "runs"]);
        for spec in &self.scenario.figures {
            let mut values: Vec<f64> =
                self.result.runs.iter().filter_map(|run| run.figure(&spec.name)).collect();
            values.sort_by(f64::total_cmp);
            let (Some(least), Some(most)) = (values.first(), values.last()) else { continue };
            let median = values[values.len() / 2];
            let runs = values.len().to_string();
            table.row([spec.name.clone(), short(*least), short(median), short(*most), runs]);
        }
        (!table.rows.is_empty()).then_some(table)
    }

    fn seed_table(&self) -> Option<Table> {
        let violated = self.result.violated().count();
        let title = if violated > SEEDS_LISTED {
            format!("Runs with a violation, the first {SEEDS_LISTED} of {violated}")
        } else {
            "Runs with a violation".to_owned()
        };
        let columns = ["seed", "property", "at (s)", "object", "seen", "allowed", "trace hash"];
        let mut table = Table::new(title, columns);
        for run in self.result.violated().take(SEEDS_LISTED) {
            for (verdict, violation) in violations(run) {
                table.row([
                    run.seed.to_string(),
                    verdict.property.clone(),
                    format!("{:.1}", violation.at.as_secs_f64()),
                    violation.object.to_string(),
                    violation.observed.clone(),
                    violation.allowed.clone(),
                    format!("{:016x}", run.trace_hash),
                ]);
            }
        }
        (!table.rows.is_empty()).then_some(table)
    }

    /// Judges a property over all runs: what is violated in many of them is one finding.
    fn property(&self, property: &explore::PropertySpec) -> CheckResult {
        let verdicts: Vec<&Verdict> =
            self.result.runs.iter().filter_map(|run| run.verdict(&property.name)).collect();
        let evaluations: u64 = verdicts.iter().map(|verdict| verdict.evaluations).sum();
        let evaluations = usize::try_from(evaluations).unwrap_or(usize::MAX);
        let looked = [Looked::new("runs", verdicts.len()), Looked::new("evaluations", evaluations)];
        CheckResult::new(&property.name, "property", &demand(property))
            .with_looked_at(looked)
            .with_findings(self.violation(property))
            .with_findings(self.findings_about(&property.name))
    }

    fn violation(&self, property: &explore::PropertySpec) -> Option<Finding> {
        let failing: Vec<(&RunResult, &Violation)> = self
            .result
            .runs
            .iter()
            .filter_map(|run| {
                let verdict = run.verdict(&property.name)?;
                (verdict.outcome == Outcome::Violated).then_some((run, verdict.violation.as_ref()?))
            })
            .collect();
        let (run, first) = *failing.first()?;
        let title = format!(
            "{} is violated in {}; first with seed {} after {}: {}, allowed {}",
            property.name,
            share(failing.len(), self.result.runs.len()),
            run.seed,
            minutes(first.at),
            first.observed,
            first.allowed
        );
        let mut finding =
            Finding::new("PROPERTY_VIOLATED", report::Outcome::Fail, self.object(&first.object), title)
                .about(self.subject("property", &property.name).iter().map(String::as_str))
                .because(format!("the scenario demands of every run, {}", demand(property)));
        for (run, violation) in failing.iter().take(SEEDS_TOLD) {
            let seen = format!(
                "seed {}, {:.1} s, revision {}: {}; {}",
                run.seed,
                violation.at.as_secs_f64(),
                violation.revision,
                violation.observed,
                replay(run, self.file)
            );
            let evidence = Evidence::new("", seen).expected(violation.allowed.clone());
            finding = finding.evidence(evidence.on(self.object(&violation.object)));
        }
        for known in &first.evidence {
            finding = finding.evidence(Evidence::new("", known.clone()));
        }
        let trace = format!("{} --trace --kind commit", replay(run, self.file));
        Some(finding.remedy(replay(run, self.file)).remedy(trace))
    }

    /// Judges a fault over all runs: one that never took effect proves nothing. Nothing if all runs left it out.
    fn fault(&self, plan: &str) -> Option<CheckResult> {
        let faults: Vec<&FaultReport> =
            self.result.runs.iter().flat_map(|run| &run.faults).filter(|fault| fault.plan == plan).collect();
        faults.first()?;
        let kinds: BTreeSet<&str> = faults.iter().map(|fault| fault.kind).collect();
        let kinds = kinds.into_iter().collect::<Vec<_>>().join(", ");
        let fired: u64 = faults.iter().map(|fault| fault.fired).sum();
        let fired = usize::try_from(fired).unwrap_or(usize::MAX);
        let description = format!("it takes effect ({kinds}), so that the runs prove something about it");
        let check = CheckResult::new(&format!("fault {plan} fired"), "fault", &description)
            .with_looked_at([Looked::new("runs", self.result.runs.len()), Looked::new("effects", fired)])
            .with_findings(self.findings_about(plan));
        Some(check)
    }

    fn findings_about(&self, subject: &str) -> impl Iterator<Item = Finding> {
        let about = self.result.findings.iter().filter(move |finding| finding.subject == subject);
        about.map(|finding| self.finding(finding))
    }

    /// Gives what a run or the campaign says beside violations.
    fn finding(&self, finding: &explore::Finding) -> Finding {
        let (code, why) = match finding.kind {
            FindingKind::BrokenOff => ("RUN_BROKEN_OFF", "what would have come after is not known"),
            FindingKind::NeverReached => {
                ("PROPERTY_NEVER_REACHED", "what was never put to the test did not hold")
            }
            FindingKind::NeverFired => {
                ("FAULT_NEVER_FIRED", "the runs say nothing about what would happen under it")
            }
            FindingKind::StepFailed => ("STEP_FAILED", "the scenario did not do what it is meant to do"),
            FindingKind::Unexpected => {
                ("UNEXPECTED_RESULT", "the scenario says what comes out, and it does not")
            }
            FindingKind::Undecided => {
                ("PROPERTY_UNDECIDED", "whether it holds is not known: the run was too short")
            }
        };
        let scenario = ObjectRef::new("seaworthy.dev/v1alpha1", "Scenario", "", &self.scenario.name);
        let found = Finding::new(code, report::Outcome::Fail, scenario, finding.message.clone())
            .about(self.subject("about", &finding.subject).iter().map(String::as_str))
            .because(why);
        match self.result.runs.iter().find(|run| run.findings.iter().any(|own| own.is_like(finding))) {
            Some(run) => found.remedy(replay(run, self.file)),
            None => found,
        }
    }

    /// What a finding is about as it survives between campaigns: never a seed, a count or a time.
    fn subject(&self, what: &str, name: &str) -> Vec<String> {
        let mut parts =
            vec!["Scenario".to_owned(), self.scenario.name.clone(), what.to_owned(), name.to_owned()];
        parts.extend(changes(self.settings));
        parts
    }

    fn object(&self, subject: &property::Subject) -> ObjectRef {
        if subject.kind.is_empty() {
            return ObjectRef::new("seaworthy.dev/v1alpha1", "Scenario", "", &self.scenario.name);
        }
        ObjectRef::new("", &subject.kind, &subject.namespace, &subject.name)
    }
}

/// Gives the command that has a run again.
pub(super) fn replay(run: &RunResult, file: Option<&str>) -> String {
    let file = file.map_or(String::new(), |file| format!(" --file {file}"));
    format!("seaworthy replay '{}'{file}", run.key)
}

fn violations(run: &RunResult) -> impl Iterator<Item = (&Verdict, &Violation)> {
    run.verdicts.iter().filter_map(|verdict| Some((verdict, verdict.violation.as_ref()?)))
}

fn join(words: Vec<&str>) -> String {
    words.join(" ")
}

/// Writes a number of a table: whole, or with at most two decimals.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
