//! What differs from seed to seed, drawn by name, so that one draw more changes no other.

use sim::{Config, Control, Sim};

/// Draws for the plan of a shop.
pub(crate) struct Draw {
    control: Control,
}

impl Draw {
    /// Draws by a seed.
    pub(crate) fn new(seed: u64) -> Self {
        // The plan is drawn before its cluster is made, by a kernel of its own that never runs.
        Self { control: Sim::new(Config::with_seed(seed)).control().clone() }
    }

    /// Draws a number from `least` to `most`.
    pub(crate) fn number(&self, what: &str, least: u64, most: u64) -> i64 {
        let drawn = least + self.control.choose("shop-number", what, most - least + 1);
        i64::try_from(drawn).expect("a plan has small numbers")
    }

    /// Draws one of several.
    pub(crate) fn pick<'a, T: ?Sized>(&self, what: &str, of: &[&'a T]) -> &'a T {
        let at = self.control.choose("shop-pick", what, of.len() as u64);
        of[usize::try_from(at).expect("an index")]
    }

    /// Draws whether something is so, in one of two cases.
    pub(crate) fn is_so(&self, what: &str) -> bool {
        self.control.choose("shop-chance", what, 2) == 1
    }
}
