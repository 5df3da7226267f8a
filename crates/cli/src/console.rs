//! The terminal: colours, width, progress.

use crate::args::Cli;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::time::Duration;

/// The width of text that is not written to a terminal.
const WIDTH_ELSEWHERE: usize = 100;

/// Lines longer than this are hard to read, however wide the terminal.
const WIDTH_MAX: usize = 120;

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless the environment says no
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl ColorChoice {
    /// Finds the choice in arguments that are not yet understood, so that errors in them are coloured accordingly.
    pub(crate) fn asked_for(arguments: &[OsString]) -> Self {
        let words: Vec<&str> = arguments.iter().filter_map(|word| word.to_str()).collect();
        let joined = words.iter().find_map(|word| word.strip_prefix("--color="));
        let apart =
            words.iter().position(|word| *word == "--color").and_then(|at| words.get(at + 1).copied());
        match joined.or(apart) {
            Some("always") => Self::Always,
            Some("never") => Self::Never,
            _ => Self::Auto,
        }
    }
}

/// How this run talks to people.
#[derive(Debug)]
pub(crate) struct Console {
    color: ColorChoice,
    pub quiet: bool,
    pub verbose: bool,
    /// Whether progress may be shown at all.
    pub shows_progress: bool,
}

impl Console {
    pub(crate) fn new(cli: &Cli) -> Self {
        let shows_progress = !cli.quiet && std::io::stderr().is_terminal() && !is_dumb();
        Self { color: cli.color, quiet: cli.quiet, verbose: cli.verbose, shows_progress }
    }

    /// Tells whether text on the standard output is coloured.
    pub(crate) fn colours_output(&self) -> bool {
        self.colours(std::io::stdout().is_terminal())
    }

    /// Tells whether text on the standard error is coloured.
    pub(crate) fn colours_errors(&self) -> bool {
        self.colours(std::io::stderr().is_terminal())
    }

    fn colours(&self, is_terminal: bool) -> bool {
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            // https://no-color.org: present and not empty means no, whatever its value.
            ColorChoice::Auto => {
                is_terminal && !is_dumb() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }

    /// Gives the width for text on the standard output.
    pub(crate) fn width(&self) -> usize {
        let terminal = console::Term::stdout();
        let (_, columns) = terminal.size_checked().filter(|_| terminal.is_term()).unwrap_or((0, 0));
        if columns == 0 { WIDTH_ELSEWHERE } else { usize::from(columns).min(WIDTH_MAX) }
    }

    /// Begins to show how far something is, on the standard error and only if that is a terminal.
    pub(crate) fn progress(&self, what: &str) -> ProgressBar {
        if !self.shows_progress {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {prefix} {pos}/{len} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}
