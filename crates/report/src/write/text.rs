//! Text for a terminal: the worst first, wrapped to the width, aligned, in colour when asked.

use super::{evidence_line, is_command, unread_by_reason};
use crate::chapter::plural;
use crate::figure::number;
use crate::{Chapter, CheckResult, Finding, Outcome, ProblemKind, Report, Standing, Table, Verdict};

/// How text is written.
#[derive(Clone, Copy, Debug)]
pub struct TextOptions {
    /// Whether ANSI colours are used.
    pub colour: bool,
    /// The terminal's width in characters; lines are wrapped to it, never below 40.
    pub width: usize,
    /// Whether evidence, reasons and notes are shown too.
    pub verbose: bool,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self { colour: false, width: 100, verbose: false }
    }
}

/// Writes a report as text.
pub fn text(report: &Report, options: &TextOptions) -> String {
    let mut page = Page { out: String::new(), options: *options };
    page.head(report);
    for chapter in &report.chapters {
        page.chapter(chapter);
    }
    page.trouble(report);
    page.verdict(report);
    page.out
}

const DIM: &str = "2";
const BOLD: &str = "1";

fn colour_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "32",
        Outcome::Skip => "2",
        Outcome::Warn => "33",
        Outcome::Error => "35",
        Outcome::Fail => "31",
    }
}

struct Page {
    out: String,
    options: TextOptions,
}

impl Page {
    fn paint(&self, style: &str, text: &str) -> String {
        if self.options.colour && !text.is_empty() {
            format!("\x1b[{style}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn width(&self) -> usize {
        self.options.width.max(40)
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    /// Writes text wrapped, its first line after `lead`, the others below where the first began.
    fn wrapped(&mut self, lead: &str, style: &str, text: &str) {
        let indent = lead.chars().count();
        let lines = wrap(text, self.width().saturating_sub(indent).max(20));
        for (at, part) in lines.iter().enumerate() {
            let margin = if at == 0 { lead.to_owned() } else { " ".repeat(indent) };
            let painted = if style.is_empty() { part.clone() } else { self.paint(style, part) };
            self.line(&format!("{margin}{painted}"));
        }
    }

    /// Writes one step of what to do; a command stays on one line, so that it can be copied.
    fn step(&mut self, lead: &str, step: &str) {
        if is_command(step) {
            self.line(&format!("{lead}{step}"));
        } else {
            self.wrapped(lead, "", step);
        }
    }

    fn head(&mut self, report: &Report) {
        let title = format!("seaworthy {} {}", report.tool.version, report.command);
        let mut facts = vec![format!("{} {}", report.source.kind, report.source.name)];
        facts.extend(report.source.kubernetes_version.iter().map(|version| format!("Kubernetes {version}")));
        facts.extend(report.source.objects.map(|count| format!("{} objects", number(count as f64))));
        facts.extend(report.now.iter().map(|now| format!("as of {now}")));
        let title = self.paint(BOLD, &title);
        self.line(&title);
        self.wrapped("", DIM, &facts.join(" · "));
    }

    fn chapter(&mut self, chapter: &Chapter) {
        self.line("");
        let badge = self.badge(chapter.outcome);
        let title = self.paint(BOLD, &chapter.title);
        self.line(&format!("{badge} {title}"));
        self.wrapped("      ", "", &chapter.headline);
        for paragraph in &chapter.prose {
            self.line("");
            self.wrapped("      ", "", paragraph);
        }
        for error in &chapter.errors {
            self.wrapped("      could not: ", colour_of(Outcome::Error), error);
        }
        if let Some(reason) = &chapter.skipped {
            self.wrapped("      skipped: ", DIM, reason);
        }
        self.figures(chapter);
        chapter.tables.iter().for_each(|table| self.table(table));
        self.checks(&chapter.checks);
        for finding in chapter.all_findings() {
            self.finding(finding);
        }
    }

    fn badge(&self, outcome: Outcome) -> String {
        self.paint(colour_of(outcome), &format!("{:<5}", outcome.as_str().to_uppercase()))
    }

    fn figures(&mut self, chapter: &Chapter) {
        let names = chapter.figures.iter().map(|figure| figure.name.chars().count()).max().unwrap_or(0);
        let values: Vec<String> = chapter.figures.iter().map(|figure| number(figure.value)).collect();
        let digits = values.iter().map(|value| value.chars().count()).max().unwrap_or(0);
        if !values.is_empty() {
            self.line("");
        }
        for (figure, value) in chapter.figures.iter().zip(&values) {
            let goal = figure.goal.map_or(String::new(), |goal| {
                let met = if figure.is_met() == Some(true) { "met" } else { "missed" };
                format!("  goal {} {met}", goal.text())
            });
            let line = format!("      {:<names$}  {value:>digits$} {}{goal}", figure.name, figure.unit);
            self.line(&line);
        }
    }

    fn table(&mut self, table: &Table) {
        self.line("");
        self.wrapped("      ", BOLD, &table.title);
        let widths = self.widths(table);
        let numeric = table.numeric();
        let head = table.columns.iter().map(|column| wrap(column, usize::MAX)).collect::<Vec<_>>();
        for line in lay_out(&head, &widths, &numeric) {
            let painted = self.paint(DIM, &line);
            self.line(&format!("      {painted}"));
        }
        for row in &table.rows {
            let cells: Vec<Vec<String>> =
                row.iter().zip(&widths).map(|(cell, width)| wrap(cell, *width)).collect();
            for line in lay_out(&cells, &widths, &numeric) {
                self.line(&format!("      {line}"));
            }
        }
    }

    /// Gives the columns' widths: as wide as their cells, the widest narrowed until all fit into the line.
    fn widths(&self, table: &Table) -> Vec<usize> {
        const NARROWEST: usize = 14;
        let width = |column: usize| {
            let cells =
                table.rows.iter().filter_map(move |row| row.get(column)).chain([&table.columns[column]]);
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..table.columns.len()).map(width).collect();
        let room = self.width().saturating_sub(6 + 2 * widths.len().saturating_sub(1));
        while widths.iter().sum::<usize>() > room {
            match widths.iter_mut().max() {
                Some(widest) if *widest > NARROWEST => *widest -= 1,
                _ => break,
            }
        }
        widths
    }

    fn checks(&mut self, checks: &[CheckResult]) {
        let names = checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
        if !checks.is_empty() {
            self.line("");
        }
        for check in checks {
            let badge = self.badge(check.outcome);
            let looked = self.paint(DIM, &check.looked_text());
            self.line(&format!("      {badge} {:<names$}  {looked}", check.name));
            if let Some(reason) = &check.skipped {
                self.wrapped("            ", DIM, reason);
            }
            for error in &check.errors {
                self.wrapped("            could not look: ", colour_of(Outcome::Error), error);
            }
            if self.options.verbose {
                for note in &check.notes {
                    self.wrapped("            harmless: ", DIM, note);
                }
            }
        }
    }

    fn finding(&mut self, finding: &Finding) {
        self.line("");
        let badge = self.badge(finding.outcome);
        let who = finding.owner.as_ref().unwrap_or(&finding.object);
        let standing = match finding.standing {
            Standing::Counted => String::new(),
            other => self.paint(DIM, &format!("  ({})", other.as_str())),
        };
        let who = self.paint(BOLD, &who.to_string());
        self.line(&format!("      {badge} {who}  {}{standing}", finding.code));
        self.wrapped("            ", "", &finding.title);
        if !finding.counts() && !self.options.verbose {
            // Nobody has to do anything about it.
            return;
        }
        if !finding.affected.is_empty() || finding.owner.is_some() {
            self.wrapped("            on   ", DIM, &affected(finding, self.options.verbose));
        }
        if self.options.verbose {
            for evidence in &finding.evidence {
                self.wrapped("            read ", DIM, &evidence_line(evidence));
            }
            if !finding.why.is_empty() {
                self.wrapped("            why  ", "", &finding.why);
            }
        }
        for step in &finding.remedy {
            self.step("            do   ", step);
        }
        if let Some(reason) = &finding.standing_reason {
            self.wrapped("            note ", DIM, reason);
        }
    }

    fn trouble(&mut self, report: &Report) {
        if !report.unread.is_empty() {
            self.line("");
            let error = self.paint(colour_of(Outcome::Error), "Could not read:");
            self.line(&error);
        }
        for (reason, alike) in unread_by_reason(report) {
            self.wrapped("      ", "", &format!("{}: {reason}", alike.join(", ")));
        }
        if !report.notes.is_empty() {
            self.line("");
        }
        for note in &report.notes {
            self.wrapped("note: ", DIM, note);
        }
        for problem in &report.problems {
            self.line("");
            let lead = match problem.kind {
                ProblemKind::Usage => "usage: ",
                ProblemKind::CouldNotLook => "could not look: ",
                ProblemKind::Internal => "internal fault: ",
            };
            self.wrapped(lead, colour_of(Outcome::Fail), &problem.message);
            if let Some(hint) = &problem.hint {
                self.wrapped("      hint: ", "", hint);
            }
        }
    }

    fn verdict(&mut self, report: &Report) {
        let verdict = &report.verdict;
        let outcome = match verdict.result {
            Verdict::Proven => Outcome::Pass,
            Verdict::CouldNotLook => Outcome::Error,
            Verdict::Findings | Verdict::Usage | Verdict::Internal => Outcome::Fail,
        };
        self.line("");
        let words = self.paint(&format!("1;{}", colour_of(outcome)), &verdict.result.words().to_uppercase());
        self.line(&format!("{words} (exit {})", verdict.exit_code));
        for reason in &verdict.reasons {
            self.wrapped("  · ", "", reason);
        }
        let counts = &verdict.counts;
        if counts.not_counted > 0 {
            let expected =
                format!("{}, expected, known or waived, not counted", plural(counts.not_counted, "finding"));
            self.wrapped("  · ", DIM, &expected);
        }
        for step in &report.next {
            self.step("next: ", step);
        }
    }
}

/// Puts the lines of a row's cells side by side, numbers flush right.
fn lay_out(cells: &[Vec<String>], widths: &[usize], numeric: &[bool]) -> Vec<String> {
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let line = |at: usize| {
        let parts = cells.iter().enumerate().map(|(column, lines)| {
            let text = lines.get(at).map_or("", String::as_str);
            let width = widths.get(column).copied().unwrap_or(0);
            if numeric.get(column) == Some(&true) {
                format!("{text:>width$}")
            } else {
                format!("{text:<width$}")
            }
        });
        parts.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

/// Lists the objects a finding shows on; all of them only when `whole`, for a sick DaemonSet has hundreds.
fn affected(finding: &Finding, whole: bool) -> String {
    const SHOWN: usize = 4;
    if finding.affected.is_empty() {
        return finding.object.to_string();
    }
    let shown = if whole { finding.affected.len() } else { SHOWN };
    let mut names: Vec<String> = finding.affected.iter().take(shown).map(ToString::to_string).collect();
    if finding.affected.len() > shown {
        names.push(format!("{} more", finding.affected.len() - shown));
    }
    names.join(", ")
}

/// Wraps at spaces; a word longer than the width stands on a line of its own, so that commands can be copied.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let needed = line.chars().count() + 1 + word.chars().count();
            if !line.is_empty() && needed > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        if !line.is_empty() {
            lines.push(line);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn wraps_at_spaces_and_never_breaks_a_word() {
        assert_eq!(wrap("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrap("a-very-long-name x", 5), ["a-very-long-name", "x"]);
        assert_eq!(wrap("one\n\ntwo", 9), ["one", "two"]);
    }
}
