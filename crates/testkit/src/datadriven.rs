//! Tests as text: files of commands, what they are given, and what they must answer.
//!
//! ```text
//! # A comment stands before a case.
//! patch kind=merge at="spec.replicas"
//! {"replicas": 3}
//! ----
//! {"replicas":3}
//! ```
//!
//! A case is a command line, its input up to a line `----`, and the expected output up to an empty line or the end of
//! the file. Output that has empty lines itself stands between two lines `----` and two more. With `UPDATE_EXPECT=1`
//! in the environment the files are rewritten with what came out, to be read as a difference before it is committed.

use crate::difference;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

const SEPARATOR: &str = "----";

/// One command of a file with its input.
#[derive(Debug, Clone)]
pub struct Case {
    /// The first word of the command line.
    pub command: String,
    /// Everything between the command line and the separator, with its line ends.
    pub input: String,
    /// Where the command line stands, for messages: `file:line`.
    pub at: String,
    arguments: Vec<(String, Option<String>)>,
    expected: String,
    line: usize,
    last_line: usize,
}

impl Case {
    /// Gives the value of `key=value`, if it was given.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.arguments.iter().find(|(name, _)| name == key)?.1.as_deref()
    }

    /// Tells whether `word` was given, with or without a value.
    pub fn has(&self, word: &str) -> bool {
        self.arguments.iter().any(|(name, _)| name == word)
    }

    /// Gives the words without a value, in their order.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.arguments.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name.as_str())
    }

    /// Reads the value of `key=value` as a number or anything else that is parsed from text.
    ///
    /// # Panics
    ///
    /// Panics if the value was given and does not parse: the file is wrong.
    pub fn number<T: FromStr>(&self, key: &str) -> Option<T> {
        let text = self.text(key)?;
        Some(text.parse().unwrap_or_else(|_| panic!("{}: {key}={text} is no such value", self.at)))
    }

    /// Ends the test because the file uses a command that the test does not have.
    ///
    /// # Panics
    ///
    /// Always.
    pub fn unknown(&self) -> ! {
        panic!("{}: there is no command {:?}", self.at, self.command)
    }
}

/// A file of cases.
#[derive(Debug)]
pub struct DataFile {
    name: String,
    path: Option<PathBuf>,
    text: String,
    cases: Vec<Case>,
}

/// Tells whether the files of expectations are to be rewritten.
fn rewrites() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1")
}

/// Compares a whole output with a file below the crate, or rewrites the file when asked to.
///
/// # Panics
///
/// Panics with the difference if there is one.
#[track_caller]
pub fn expect_file(manifest_dir: &str, name: &str, actual: &str) {
    let path = Path::new(manifest_dir).join(name);
    if rewrites() {
        let made = path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&path, actual));
        return made.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_EXPECT=1 writes it", path.display()));
    let same = expected == actual;
    assert!(
        same,
        "{name}: {}\nUPDATE_EXPECT=1 rewrites the file; read the difference then",
        difference(&expected, actual)
    );
}

/// Runs `test` on each file `*.txt` of a folder, in the order of their names.
///
/// `manifest_dir` is `env!("CARGO_MANIFEST_DIR")` of the caller. Whatever lasts from case to case of one file is made
/// in `test`, which then calls [`DataFile::check`].
///
/// # Panics
///
/// Panics if there is no file: a folder that was moved must not be a test that passes.
pub fn each_file(manifest_dir: &str, folder: &str, mut test: impl FnMut(&DataFile)) {
    let folder = Path::new(manifest_dir).join(folder);
    let listed = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths: BTreeSet<PathBuf> = listed
        .map(|entry| entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display())).path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    assert!(!paths.is_empty(), "{} holds no *.txt", folder.display());
    for path in paths {
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.strip_prefix(manifest_dir).unwrap_or(&path).display().to_string();
        let mut file = DataFile::parse(&name, &text).unwrap_or_else(|error| panic!("{error}"));
        file.path = Some(path);
        test(&file);
    }
}

impl DataFile {
    /// Reads cases from text; `name` is used in messages.
    ///
    /// Fails with a place and a reason if the text has no case or one without a separator.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let lines: Vec<&str> = text.lines().collect();
        let mut cases = Vec::new();
        let mut at = 0;
        while at < lines.len() {
            if lines[at].trim().is_empty() || lines[at].starts_with('#') {
                at += 1;
                continue;
            }
            let case = parse_case(name, &lines, at)?;
            at = case.last_line;
            cases.push(case);
        }
        if cases.is_empty() {
            return Err(format!("{name}: holds no case"));
        }
        Ok(Self { name: name.to_owned(), path: None, text: text.to_owned(), cases })
    }

    /// Gives the file's path from its crate.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the file's cases in their order.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// Answers every case and compares all answers with what is expected, or rewrites the file when asked to.
    ///
    /// # Panics
    ///
    /// Panics with every difference if there is one.
    pub fn check(&self, mut answer: impl FnMut(&Case) -> String) {
        let answers: Vec<String> = self.cases.iter().map(|case| ended(answer(case))).collect();
        for (case, answer) in self.cases.iter().zip(&answers) {
            let holds = answer.lines().all(|line| line != SEPARATOR);
            assert!(holds, "{}: the answer has a line {SEPARATOR}, which these files cannot hold", case.at);
        }
        if rewrites()
            && let Some(path) = &self.path
        {
            let rewritten = self.with_answers(&answers);
            if rewritten != self.text {
                std::fs::write(path, rewritten).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            }
            return;
        }
        let mut differences = String::new();
        for (case, answer) in self.cases.iter().zip(&answers) {
            if *answer != case.expected {
                let _ = write!(
                    differences,
                    "\n{}: {}\n{}",
                    case.at,
                    case.command,
                    difference(&case.expected, answer)
                );
            }
        }
        assert!(
            differences.is_empty(),
            "{differences}\nUPDATE_EXPECT=1 rewrites the file; read the difference then"
        );
    }

    /// Gives the file's text with these answers in place of the expected ones; everything else stays as it is.
    fn with_answers(&self, answers: &[String]) -> String {
        let lines: Vec<&str> = self.text.lines().collect();
        let mut out = String::new();
        let mut copied = 0;
        for (case, answer) in self.cases.iter().zip(answers) {
            // The command line, and the input after it, reach to the separator.
            let separator = case.line + case.input.lines().count();
            copy(&mut out, &lines[copied..=separator]);
            if answer.lines().any(|line| line.trim().is_empty()) {
                let _ = write!(out, "{SEPARATOR}\n{answer}{SEPARATOR}\n{SEPARATOR}\n");
            } else {
                out.push_str(answer);
            }
            copied = case.last_line;
        }
        copy(&mut out, &lines[copied..]);
        out
    }
}

fn copy(out: &mut String, lines: &[&str]) {
    for line in lines {
        out.push_str(line);
        out.push('\n');
    }
}

/// Ends the last line of a text that has one.
fn ended(mut text: String) -> String {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Reads the case whose command line is `lines[start]`.
fn parse_case(name: &str, lines: &[&str], start: usize) -> Result<Case, String> {
    let at = format!("{name}:{}", start + 1);
    let mut words = parse_words(lines[start]).map_err(|reason| format!("{at}: {reason}"))?.into_iter();
    let command = words.next().map(|(word, _)| word).unwrap_or_default();
    let rest = &lines[start + 1..];
    let Some(separator) = rest.iter().position(|line| *line == SEPARATOR) else {
        return Err(format!("{at}: no line {SEPARATOR} follows the command {command:?}"));
    };
    let input = joined(&rest[..separator]);
    let output = &rest[separator + 1..];
    // A second separator at once opens an output that may hold empty lines; two more close it.
    let (expected, used) = if output.first() == Some(&SEPARATOR) {
        let body = &output[1..];
        let end = body
            .windows(2)
            .position(|two| two == [SEPARATOR; 2])
            .ok_or_else(|| format!("{at}: the output is not closed by two lines {SEPARATOR}"))?;
        (joined(&body[..end]), 1 + end + 2)
    } else {
        let end = output.iter().position(|line| line.trim().is_empty()).unwrap_or(output.len());
        (joined(&output[..end]), end)
    };
    let last_line = start + 1 + separator + 1 + used;
    Ok(Case { command, input, at, arguments: words.collect(), expected, line: start + 1, last_line })
}

fn joined(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| [*line, "\n"]).collect()
}

type Words = Vec<(String, Option<String>)>;

/// Splits a command line into words and `key=value`; a value with blanks stands in double quotes.
fn parse_words(line: &str) -> Result<Words, String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let name_end = rest.find([' ', '=']).unwrap_or(rest.len());
        let name = rest[..name_end].to_owned();
        rest = &rest[name_end..];
        let value = match rest.strip_prefix('=') {
            None => None,
            Some(after) => Some(match after.strip_prefix('"') {
                Some(quoted) => {
                    let (value, left) =
                        quoted.split_once('"').ok_or_else(|| format!("the value of {name} is not closed"))?;
                    rest = left;
                    value.to_owned()
                }
                None => {
                    let end = after.find(' ').unwrap_or(after.len());
                    rest = &after[end..];
                    after[..end].to_owned()
                }
            }),
        };
        words.push((name, value));
        rest = rest.trim_start();
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scratch;

    const TWO: &str = "# first\nadd to=3 \"of\"=x\n4\n5\n----\n12\n\n# second\nsay text=\"a b\" loud\n----\n----\na\n\nb\n----\n----\n";

    fn file(text: &str) -> DataFile {
        DataFile::parse("t.txt", text).unwrap()
    }

    fn sum(case: &Case) -> String {
        match case.command.as_str() {
            "add" => {
                let given: i64 = case.input.lines().map(|line| line.parse::<i64>().unwrap()).sum();
                (case.number::<i64>("to").unwrap() + given).to_string()
            }
            "say" => case.text("text").unwrap().replace(' ', "\n\n"),
            _ => case.unknown(),
        }
    }

    #[test]
    fn cases_have_commands_arguments_inputs_and_places() {
        let file = file(TWO);
        let [add, say] = file.cases() else { panic!("{file:?}") };
        assert_eq!((add.command.as_str(), add.input.as_str(), add.at.as_str()), ("add", "4\n5\n", "t.txt:2"));
        assert_eq!((say.text("text"), say.has("loud"), say.has("quiet")), (Some("a b"), true, false));
        assert_eq!(say.words().collect::<Vec<_>>(), ["loud"]);
        assert_eq!(say.expected, "a\n\nb\n");
        file.check(sum);
    }

    #[test]
    #[should_panic(expected = "- 13\n+ 12")]
    fn a_wrong_answer_is_shown_as_a_difference() {
        file(&TWO.replace("12", "13")).check(sum);
    }

    #[test]
    #[should_panic(expected = "t.txt:1: there is no command \"jump\"")]
    fn an_unknown_command_is_no_answer() {
        file("jump\n----\n").check(sum);
    }

    #[test]
    fn a_rewritten_file_differs_only_in_its_answers() {
        let wrong = TWO.replace("12", "13").replace("a\n\nb", "nothing");
        let wrong = file(&wrong);
        let answers: Vec<String> = wrong.cases.iter().map(|case| ended(sum(case))).collect();
        assert_eq!(wrong.with_answers(&answers), TWO);
        assert_eq!(file(TWO).with_answers(&answers), TWO, "rewriting twice changes nothing");
    }

    #[test]
    fn answers_that_are_empty_or_have_empty_lines_survive_rewriting() {
        for answer in ["", "\n", "a\n\nb\n", " \n"] {
            let rewritten =
                file("x\n----\nold\n\ny\n----\n").with_answers(&[answer.to_owned(), "z\n".to_owned()]);
            let again = file(&rewritten);
            assert_eq!(again.cases[0].expected, answer, "{rewritten}");
            assert_eq!(again.cases[1].expected, "z\n", "{rewritten}");
        }
    }

    #[test]
    #[should_panic(expected = "the answer has a line ----")]
    fn an_answer_that_would_end_its_case_is_refused() {
        file("x\n----\n").check(|_| "a\n----\nb".to_owned());
    }

    #[test]
    fn what_is_no_case_is_refused_with_its_place() {
        for (text, reason) in [
            ("", "holds no case"),
            ("# only this\n", "holds no case"),
            ("add\n4\n", "t.txt:1: no line ----"),
            ("add\n----\n----\nx\n", "t.txt:1: the output is not closed"),
            ("add a=\"b\n----\n", "t.txt:1: the value of a is not closed"),
        ] {
            let error = DataFile::parse("t.txt", text).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn the_files_of_a_folder_are_run_in_order() {
        let scratch = Scratch::new();
        scratch.write("data/b.txt", "say text=b\n----\nb\n");
        scratch.write("data/a.txt", "say text=a\n----\na\n");
        scratch.write("data/notes.md", "no case");
        let mut seen = Vec::new();
        each_file(scratch.path().to_str().unwrap(), "data", |file| {
            file.check(sum);
            seen.push(file.name().to_owned());
        });
        assert_eq!(seen, ["data/a.txt", "data/b.txt"]);
    }

    #[test]
    #[should_panic(expected = "a.txt: from line 1:\n- one\n+ two")]
    fn a_whole_output_is_compared_with_its_file() {
        let scratch = Scratch::new();
        scratch.write("a.txt", "one\n");
        expect_file(scratch.path().to_str().unwrap(), "a.txt", "one\n");
        expect_file(scratch.path().to_str().unwrap(), "a.txt", "two\n");
    }

    #[test]
    #[should_panic(expected = "holds no *.txt")]
    fn a_folder_without_files_is_no_test() {
        let scratch = Scratch::new();
        scratch.write("data/notes.md", "");
        each_file(scratch.path().to_str().unwrap(), "data", |file| file.check(sum));
    }
}
