//! Replays the recorded answers of a real API server (upstream Kubernetes 1.36.3) and compares ours with them.
//!
//! Each line of the fixture is a request with the answer it got, normalised; ours is normalised alike. The counts of
//! equal answers are pinned per category: one that falls is a regression, one that rises is to be written down here.
//! `metadata.managedFields` is left out of the comparison: it comes with server-side apply.

mod replay;

use object::{Value, value};
use replay::{Player, Row};
use std::collections::BTreeMap;
use std::fmt::Write;

const FIXTURE: &str = include_str!("fixtures/kube-apiserver-1.36.3.jsonl");

/// Category, rows, equal statuses, equal answers as a whole.
const PINNED: &[(&str, usize, usize, usize)] = &[
    ("admission", 7, 5, 4),
    ("crud", 36, 32, 32),
    ("default", 22, 22, 20),
    ("delete", 19, 19, 19),
    ("list", 20, 16, 16),
    ("namespace", 5, 5, 5),
    ("patch", 20, 11, 10),
    ("sub", 13, 12, 11),
    ("validate", 11, 11, 11),
    ("watch", 6, 6, 6),
];

#[test]
fn answers_are_those_of_the_real_server() {
    let mut player = Player::new();
    let mut found: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    let mut differing = String::new();
    for line in FIXTURE.lines() {
        let row = Row::parse(line);
        let ours = player.play(&row);
        let Some(pinned) = PINNED.iter().find(|pinned| row.category() == pinned.0) else { continue };
        let counts = found.entry(pinned.0).or_default();
        counts.0 += 1;
        let ours = ours.unwrap_or_else(|| value!({"status": "not asked"}));
        let same_status = ours["status"] == row.recorded()["status"];
        let same = player.same(&ours, row.recorded());
        counts.1 += usize::from(same_status);
        counts.2 += usize::from(same);
        if !same {
            let shown = |answer: &Value| object::json::to_string(answer);
            writeln!(differing, "{}\n  real {}\n  ours {}", row.name(), shown(row.recorded()), shown(&ours))
                .expect("a String takes everything");
        }
    }
    let found: Vec<_> =
        found.into_iter().map(|(name, (rows, status, whole))| (name, rows, status, whole)).collect();
    assert_eq!(found, PINNED, "rows that differ:\n{differing}");
}
