//! Matching the items of two lists.

use crate::Value;

/// Two items that belong together, or one that has no partner.
#[derive(Clone, Copy)]
pub(super) enum Pair<'a> {
    Both(&'a Value, &'a Value),
    Old(&'a Value),
    New(&'a Value),
}

/// The most comparisons spent on finding the best match; longer lists are matched by place.
const COMPARISONS_MAX: usize = 4096;

/// The fields by which items of Kubernetes's lists are usually known, the most telling first.
const KNOWN_BY: &[&str] =
    &["name", "type", "uid", "key", "mountPath", "containerPort", "port", "ip", "topologyKey"];

/// Gives the field by which an item is known among its like, with its value.
pub(super) fn known_by(item: &Value) -> Option<(&'static str, &Value)> {
    let map = item.as_map()?;
    KNOWN_BY.iter().find_map(|field| {
        let value = map.get(field)?;
        matches!(value, Value::Str(_) | Value::Int(_)).then_some((*field, value))
    })
}

/// Matches two lists in order.
pub(super) fn align<'a>(old: &'a [Value], new: &'a [Value]) -> Vec<Pair<'a>> {
    let equal = |(old, new): &(&Value, &Value)| old == new;
    let head = old.iter().zip(new).take_while(equal).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(equal).count();
    let (old_middle, old_tail) = old_rest.split_at(old_rest.len() - tail);
    let (new_middle, new_tail) = new_rest.split_at(new_rest.len() - tail);

    let both = |(old, new)| Pair::Both(old, new);
    let mut pairs: Vec<Pair<'a>> = old[..head].iter().zip(&new[..head]).map(both).collect();
    if old_middle.len().saturating_mul(new_middle.len()) <= COMPARISONS_MAX {
        best(old_middle, new_middle, &mut pairs);
    } else {
        run(old_middle, new_middle, &mut pairs);
    }
    pairs.extend(old_tail.iter().zip(new_tail).map(both));
    pairs
}

/// Tells how well two items match: 0 not at all, 3 wholly.
fn likeness(old: &Value, new: &Value) -> u32 {
    if old == new {
        return 3;
    }
    match (known_by(old), known_by(new)) {
        (Some(old), Some(new)) if old == new => 2,
        _ => 0,
    }
}

/// Finds the match in order with the greatest likeness, and puts together by place what lies between matches.
fn best<'a>(old: &'a [Value], new: &'a [Value], pairs: &mut Vec<Pair<'a>>) {
    let width = new.len() + 1;
    // `score[i][j]` is the greatest likeness of what follows place i of the old and place j of the new list.
    let mut score = vec![0; (old.len() + 1) * width];
    let mut like = vec![0; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            let here = likeness(&old[i], &new[j]);
            let matched = if here > 0 { here + score[(i + 1) * width + j + 1] } else { 0 };
            like[i * width + j] = here;
            score[i * width + j] = matched.max(score[(i + 1) * width + j]).max(score[i * width + j + 1]);
        }
    }
    let (mut i, mut j, mut old_from, mut new_from) = (0, 0, 0, 0);
    while i < old.len() && j < new.len() {
        let (here, best) = (like[i * width + j], score[i * width + j]);
        if here > 0 && best == here + score[(i + 1) * width + j + 1] {
            run(&old[old_from..i], &new[new_from..j], pairs);
            pairs.push(Pair::Both(&old[i], &new[j]));
            (i, j) = (i + 1, j + 1);
            (old_from, new_from) = (i, j);
        } else if best == score[(i + 1) * width + j] {
            i += 1;
        } else {
            j += 1;
        }
    }
    run(&old[old_from..], &new[new_from..], pairs);
}

/// Puts items together by place, but for those known by something, which are others when that differs.
fn run<'a>(old: &'a [Value], new: &'a [Value], pairs: &mut Vec<Pair<'a>>) {
    let shorter = old.len().min(new.len());
    for (old, new) in old.iter().zip(new) {
        if likeness(old, new) == 0 && (known_by(old).is_some() || known_by(new).is_some()) {
            pairs.extend([Pair::Old(old), Pair::New(new)]);
        } else {
            pairs.push(Pair::Both(old, new));
        }
    }
    pairs.extend(old[shorter..].iter().map(Pair::Old));
    pairs.extend(new[shorter..].iter().map(Pair::New));
}
