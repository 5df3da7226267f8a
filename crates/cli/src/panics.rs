//! Panics: a fault of Seaworthy is said in one line, like everything else that goes wrong.

use crate::failure::Failure;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// What the last panic said, for whoever catches it.
static LAST: Mutex<String> = Mutex::new(String::new());

/// Makes panics quiet: what they say is kept for the report. With RUST_BACKTRACE set, the trace is printed.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|panic| {
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = words(panic);
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            crate::output::complain(&trace.to_string());
        }
    }));
}

/// Runs something; a panic in it becomes a failure.
pub(crate) fn guard<T>(run: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    // What a panic left half done is dropped with the run.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        let kept = std::mem::take(&mut *LAST.lock().unwrap_or_else(PoisonError::into_inner));
        let said = if kept.is_empty() { message(&*payload).to_owned() } else { kept };
        Err(Failure::internal(said).hint(
            "this is a fault of seaworthy: please report this line, the command, and the output of \
             `seaworthy --version`; RUST_BACKTRACE=1 shows where it came from",
        ))
    })
}

fn words(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
    format!("{}{}", message(panic.payload()), place.unwrap_or_default())
}

fn message(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("panic without a message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use report::ProblemKind;

    #[test]
    fn a_panic_becomes_an_internal_failure_that_says_what_to_report() {
        let failed = guard::<()>(|| panic!("the {} is missing", "keel")).unwrap_err();
        assert_eq!(failed.kind, ProblemKind::Internal);
        assert!(failed.message.contains("the keel is missing"), "{}", failed.message);
        assert!(failed.hints[0].contains("please report"));
    }

    #[test]
    fn without_a_panic_nothing_changes() {
        assert_eq!(guard(|| Ok(7)).unwrap(), 7);
        assert_eq!(guard::<()>(|| Err(Failure::usage("no"))).unwrap_err().message, "no");
    }
}
