//! Scripts of requests and what is answered: the files of `tests/scripts`, read by people.
//!
//! - `ask [show=/pointer,/pointer]`: requests, one a line, `METHOD path [BODY]`; a patch is a merge patch, or a JSON
//!   patch if its body is a list. A line `race METHOD path [BODY]` is what another client does just before the first
//!   write of the next request. After the answers come the events that the writes caused.
//! - `watch [path]`: what a watch says at once.
//! - `later seconds=N`: time passes.
//! - `freeze`, `thaw`: the server's cache stands still, or follows again.
//! - `compact`: the store forgets all but the present.

mod scripted;

use scripted::Script;

#[test]
fn scripts_are_answered_as_written() {
    testkit::each_file(env!("CARGO_MANIFEST_DIR"), "tests/scripts", |file| {
        let mut script = Script::new();
        file.check(|case| script.run(case));
    });
}
