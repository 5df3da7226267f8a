//! A line difference for people.

/// Up to this many lines of either side are compared by content; longer texts are shown from their first difference.
const LINES_COMPARED_MAX: usize = 2_000;

/// Gives the lines that differ, `-` for what was expected and `+` for what came, with what they share between them.
pub fn difference(expected: &str, actual: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    if old == new && expected != actual {
        return "only the line ends differ (is the last line ended?)\n".to_owned();
    }
    let same_start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[same_start..], &new[same_start..]);
    let same_end = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[..old.len() - same_end], &new[..new.len() - same_end]);
    let mut out = format!("from line {}:\n", same_start + 1);
    for (mark, line) in edits(old, new) {
        out.push_str(&format!("{mark} {line}\n"));
    }
    out
}

/// Gives an edit script along a longest common subsequence.
fn edits<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    let removed = old.iter().map(|line| ('-', *line));
    let added = new.iter().map(|line| ('+', *line));
    if old.len() > LINES_COMPARED_MAX || new.len() > LINES_COMPARED_MAX {
        return removed.chain(added).collect();
    }
    // `longest[i][j]` is the length of the longest common subsequence of `old[i..]` and `new[j..]`.
    let mut longest = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i][j] = if old[i] == new[j] {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut script = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            script.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && longest[i + 1][j] >= longest[i][j + 1]) {
            script.push(('-', old[i]));
            i += 1;
        } else {
            script.push(('+', new[j]));
            j += 1;
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_changed_lines_between_their_neighbours() {
        assert_eq!(difference("a\nb\nc\nd\n", "a\nx\nc\ny\nd\n"), "from line 2:\n- b\n+ x\n  c\n+ y\n");
    }

    #[test]
    fn a_missing_line_end_is_said_in_words() {
        assert!(difference("a\n", "a").contains("line ends"));
    }

    #[test]
    fn long_texts_are_shown_without_comparing_all_pairs() {
        let long = |word: &str| format!("{word}\n").repeat(LINES_COMPARED_MAX + 1);
        let shown = difference(&long("a"), &long("b"));
        assert_eq!(shown.lines().count(), 1 + 2 * (LINES_COMPARED_MAX + 1));
    }
}
