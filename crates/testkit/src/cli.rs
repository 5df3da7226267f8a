//! The built binary in a closed world: its own home, its own folder, nothing of the caller's environment.

use crate::Scratch;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may run unless the test says otherwise.
const TIMEOUT_SECONDS: u64 = 120;

/// A program and the folder in which it runs.
#[derive(Debug)]
pub struct Cli {
    program: PathBuf,
    scratch: Scratch,
    environment: Vec<(String, String)>,
    input: Vec<u8>,
    timeout: Duration,
}

/// What one run of the program gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to its standard output, with the names of the test's folders replaced.
    pub stdout: String,
    /// What it wrote to its standard error, likewise.
    pub stderr: String,
}

impl Cli {
    /// Makes a closed world for a program: `Cli::new(env!("CARGO_BIN_EXE_seaworthy"))`.
    pub fn new(program: impl AsRef<Path>) -> Self {
        let cli = Self {
            program: program.as_ref().to_owned(),
            scratch: Scratch::new(),
            environment: Vec::new(),
            input: Vec::new(),
            timeout: Duration::from_secs(TIMEOUT_SECONDS),
        };
        for folder in ["work", "home"] {
            std::fs::create_dir(cli.scratch.path().join(folder))
                .unwrap_or_else(|error| panic!("the folder {folder} cannot be made: {error}"));
        }
        cli
    }

    /// Sets a variable for the runs that follow.
    #[must_use]
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives the runs that follow this as their standard input.
    #[must_use]
    pub fn with_input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Lets the runs that follow take this long.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Gives the folder in which the program runs.
    pub fn folder(&self) -> PathBuf {
        self.scratch.path().join("work")
    }

    /// Writes a file into the folder in which the program runs.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        self.scratch.write(&format!("work/{name}"), content)
    }

    /// Reads a file of the folder in which the program runs.
    ///
    /// # Panics
    ///
    /// Panics if there is no such file.
    pub fn read(&self, name: &str) -> String {
        let path = self.folder().join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Runs the program and waits for its end.
    ///
    /// # Panics
    ///
    /// Panics if the program cannot be started or runs for too long.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        let mut child = self.start(arguments);
        let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // All three pipes are served at once, or a full one would stop the program.
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // A program may end without reading what it was given.
                stdin.take().map(|mut pipe| pipe.write_all(&self.input))
            });
            let stdout = scope.spawn(move || read_all(stdout));
            let stderr = scope.spawn(move || read_all(stderr));
            let code = self.wait(&mut child);
            let text = |bytes: std::thread::Result<Vec<u8>>| {
                self.normalise(&String::from_utf8_lossy(&bytes.expect("reading a pipe does not panic")))
            };
            Ran { code, stdout: text(stdout.join()), stderr: text(stderr.join()) }
        })
    }

    fn start<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Child {
        let home = self.scratch.path().join("home");
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.folder())
            .env_clear()
            .env("HOME", &home)
            .env("XDG_CACHE_HOME", home.join("cache"))
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("TMPDIR", self.scratch.path())
            .env("PATH", "")
            .env("NO_COLOR", "1")
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("RUST_BACKTRACE", "0")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", self.program.display()))
    }

    fn wait(&self, child: &mut Child) -> Option<i32> {
        let deadline = Instant::now() + self.timeout;
        loop {
            if let Some(status) = child.try_wait().expect("a child of this process can be waited for") {
                return status.code();
            }
            if Instant::now() > deadline {
                drop(child.kill());
                drop(child.wait());
                panic!("{} ran longer than {} s", self.program.display(), self.timeout.as_secs());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Replaces the names of the test's folders, which differ from run to run.
    fn normalise(&self, text: &str) -> String {
        let folder = |name: &str| self.scratch.path().join(name).display().to_string();
        text.replace(&folder("work"), "[FOLDER]")
            .replace(&folder("home"), "[HOME]")
            .replace(&self.scratch.path().display().to_string(), "[TMP]")
    }
}

fn read_all(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // A pipe that breaks ends like one that is closed.
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}

impl Ran {
    /// Gives everything as one text, for tests that compare text: the output, the errors, and an exit code that is
    /// not 0.
    pub fn transcript(&self) -> String {
        let mut text = self.stdout.clone();
        if !self.stderr.is_empty() {
            text.push_str("[stderr]\n");
            text.push_str(&self.stderr);
        }
        match self.code {
            Some(0) => {}
            Some(code) => text.push_str(&format!("[exit {code}]\n")),
            None => text.push_str("[ended by a signal]\n"),
        }
        text
    }

    /// Gives the standard output of a run that must have ended with `code`.
    ///
    /// # Panics
    ///
    /// Panics with everything the program wrote if it ended otherwise.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "the program wrote:\n{}", self.transcript());
        &self.stdout
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell() -> Cli {
        Cli::new("/bin/sh")
    }

    #[test]
    fn nothing_of_the_caller_reaches_the_program() {
        let ran = shell()
            .with_env("GIVEN", "yes")
            .run(["-c", "echo $CARGO_MANIFEST_DIR-$GIVEN-$NO_COLOR; pwd; echo $HOME"]);
        assert_eq!(ran.exits(0), "-yes-1\n[FOLDER]\n[HOME]\n");
    }

    #[test]
    fn output_errors_and_exit_code_are_told_apart() {
        let ran = shell().run(["-c", "echo out; echo err >&2; exit 3"]);
        assert_eq!(ran.transcript(), "out\n[stderr]\nerr\n[exit 3]\n");
    }

    #[test]
    fn input_and_files_are_those_of_the_test() {
        let cli = shell().with_input("given\n");
        cli.write("in/a.txt", "file\n");
        let ran = cli.run(["-c", "read line; read file < in/a.txt; echo $line $file > out.txt"]);
        ran.exits(0);
        assert_eq!(cli.read("out.txt"), "given file\n");
    }

    #[test]
    fn much_output_and_unread_input_do_not_block() {
        let ran = shell()
            .with_input(vec![b'x'; 1 << 20])
            .run(["-c", "i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done"]);
        assert_eq!(ran.exits(0).len(), 220_000);
    }

    #[test]
    #[should_panic(expected = "ran longer than 0 s")]
    fn a_program_that_hangs_is_ended() {
        shell().with_timeout(Duration::from_millis(50)).run(["-c", "while :; do :; done"]);
    }
}
