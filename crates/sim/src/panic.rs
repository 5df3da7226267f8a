//! Panics inside a run: a finding with its task and seed, not the end of the program.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Silences the message Rust prints for each panic, for panics inside runs only, in all threads from now on, and adds
/// the source location to [`crate::Outcome::Panicked`]. Panics elsewhere go to the hook that was set before.
///
/// Without this call a panic inside a run is reported all the same, but the default hook also prints it.
pub fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info| {
            if INSIDE.get() {
                PLACE.set(info.location().map(|place| place.to_string()));
            } else {
                previous(info);
            }
        }));
    });
}

/// Runs a function whose panics are caught and belong to a run.
pub(crate) fn watched<T>(function: impl FnOnce() -> T) -> T {
    let outer = INSIDE.replace(true);
    let result = function();
    INSIDE.set(outer);
    result
}

/// What a panic said.
pub(crate) fn message(payload: &(dyn Any + Send)) -> String {
    let said = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(said), _) => (*said).to_owned(),
        (_, Some(said)) => said.clone(),
        _ => "a value that is not text".to_owned(),
    };
    match PLACE.take() {
        Some(place) => format!("{said} ({place})"),
        None => said,
    }
}
