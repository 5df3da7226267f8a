//! Where reports go, and in which format.

use crate::console::Console;
use crate::failure::Failure;
use clap::{Args, ValueEnum};
use report::write::{TextOptions, html, json, junit, text};
use report::{Report, Verdict};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The options of every command that ends in a report.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// How to write the report; by default text, or what the extension of --output says
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,

    /// Write the report to this file, and only a summary to the terminal
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A format of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs: docs/report.schema.json
    Json,
    /// For CI: one case a check
    Junit,
    /// For people, one file that needs nothing else
    Html,
}

impl OutputArgs {
    /// Gives the format that was asked for.
    pub(crate) fn format(&self) -> Format {
        self.format.unwrap_or_else(|| {
            let extension = self.output.as_deref().and_then(Path::extension).unwrap_or_default();
            match extension.to_string_lossy().to_ascii_lowercase().as_str() {
                "json" => Format::Json,
                "xml" => Format::Junit,
                "html" | "htm" => Format::Html,
                _ => Format::Text,
            }
        })
    }

    /// Says in which form and where the answer goes.
    pub(crate) fn output(&self) -> Output {
        let place = self.output.clone().map_or(Place::Terminal, Place::File);
        Output { format: self.format(), place }
    }
}

/// In which form an answer is written, and where.
#[derive(Debug)]
pub(crate) struct Output {
    format: Format,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Terminal,
    /// A file, and a summary on the terminal.
    File(PathBuf),
    /// A folder with a file in every lasting form; on the terminal the form that was asked for.
    Folder(PathBuf),
}

/// The files of a folder, each in its form.
const FILES: [(&str, Format); 3] =
    [("report.html", Format::Html), ("report.json", Format::Json), ("report.junit.xml", Format::Junit)];

impl Output {
    /// Lets the report go to a folder in all forms, and to the terminal in one.
    pub(crate) fn to_folder(format: Format, folder: &Path) -> Self {
        Self { format, place: Place::Folder(folder.to_owned()) }
    }

    /// Tells whether what the terminal shows is text for people.
    pub(crate) fn is_for_people(&self) -> bool {
        self.format == Format::Text && !matches!(self.place, Place::File(_))
    }

    /// Tells whether progress may be shown while the report is made.
    pub(crate) fn allows_progress(&self) -> bool {
        self.format != Format::Json
    }

    /// Writes a text that is already in the form asked for.
    pub(crate) fn write_text(&self, text: &str, console: &Console) -> Result<(), Failure> {
        let Place::File(path) = &self.place else { return print(text) };
        write_file(path, text)?;
        if console.quiet { Ok(()) } else { print(&format!("written: {}\n", path.display())) }
    }

    /// Writes a report where it was asked for.
    pub(crate) fn write(&self, report: &Report, console: &Console) -> Result<(), Failure> {
        match &self.place {
            Place::Terminal => print(&render(report, self.format, console, console.colours_output())?),
            Place::File(path) => {
                write_file(path, &render(report, self.format, console, false)?)?;
                if console.quiet {
                    return Ok(());
                }
                let summary = render(report, Format::Text, console, console.colours_output())?;
                print(&format!("{summary}\nreport: {}\n", path.display()))
            }
            Place::Folder(folder) => {
                write_folder(folder, report, console)?;
                if self.format != Format::Text {
                    return print(&render(report, self.format, console, false)?);
                }
                if console.quiet {
                    return Ok(());
                }
                let summary = render(report, Format::Text, console, console.colours_output())?;
                print(&format!("{summary}\nreport: {}\n", folder.join(FILES[0].0).display()))
            }
        }
    }

    /// Keeps a report of which people have just been told: an older one in the folder would say something else. What
    /// was not understood leaves no trace.
    pub(crate) fn keep(&self, report: &Report, console: &Console) -> Result<(), Failure> {
        match &self.place {
            Place::Folder(folder) if report.verdict.result != Verdict::Usage => {
                write_folder(folder, report, console)
            }
            _ => Ok(()),
        }
    }
}

fn write_folder(folder: &Path, report: &Report, console: &Console) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::usage(format!("{} could not be made: {error}", folder.display())))
        .map_err(|failure| failure.hint("name another folder by --output"))?;
    for (name, format) in FILES {
        write_file(&folder.join(name), &render(report, format, console, false)?)?;
    }
    Ok(())
}

fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text)
        .map_err(|error| Failure::usage(format!("{} could not be written: {error}", path.display())))
}

fn render(report: &Report, format: Format, console: &Console, colour: bool) -> Result<String, Failure> {
    let options = TextOptions { colour, width: console.width(), verbose: console.verbose };
    let written = match format {
        Format::Text => Ok(text(report, &options)),
        Format::Json => json(report),
        Format::Junit => junit(report),
        Format::Html => html(report),
    };
    let mut written = written.map_err(|error| Failure::internal(error.to_string()))?;
    if !written.ends_with('\n') {
        written.push('\n');
    }
    Ok(written)
}

/// Writes to the standard output. A reader that goes away, such as `head`, has read enough.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::usage(format!("the standard output could not be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a line to the standard error; if that fails, nobody is left to tell.
pub(crate) fn complain(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}
