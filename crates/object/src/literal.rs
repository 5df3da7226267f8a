//! The `value!` macro: JSON literals in Rust code.

/// Builds a [`crate::Value`] from a JSON literal in which any expression that converts into a value may stand.
///
/// ```
/// use object::value;
/// let replicas = 3;
/// let spec = value!({"replicas": replicas, "paused": false, "args": ["a", "b"], "none": null});
/// assert_eq!(spec["replicas"], 3);
/// ```
#[macro_export]
macro_rules! value {
    (null) => { $crate::Value::Null };
    ([]) => { $crate::Value::list() };
    ({}) => { $crate::Value::map() };
    ([ $($tokens:tt)+ ]) => {{
        let mut items: ::std::vec::Vec<$crate::Value> = ::std::iter::empty().collect();
        $crate::value!(@items items $($tokens)+);
        items.into_iter().collect::<$crate::Value>()
    }};
    ({ $($tokens:tt)+ }) => {{
        let mut pairs: ::std::vec::Vec<($crate::Key, $crate::Value)> = ::std::iter::empty().collect();
        $crate::value!(@pairs pairs $($tokens)+);
        pairs.into_iter().collect::<$crate::Value>()
    }};
    (@items $items:ident) => {};
    (@items $items:ident null $(, $($rest:tt)*)?) => { $items.push($crate::Value::Null); $($crate::value!(@items $items $($rest)*);)? };
    (@items $items:ident [$($inner:tt)*] $(, $($rest:tt)*)?) => { $items.push($crate::value!([$($inner)*])); $($crate::value!(@items $items $($rest)*);)? };
    (@items $items:ident {$($inner:tt)*} $(, $($rest:tt)*)?) => { $items.push($crate::value!({$($inner)*})); $($crate::value!(@items $items $($rest)*);)? };
    (@items $items:ident $item:expr $(, $($rest:tt)*)?) => { $items.push($crate::Value::from($item)); $($crate::value!(@items $items $($rest)*);)? };
    (@pairs $pairs:ident) => {};
    (@pairs $pairs:ident $key:tt : null $(, $($rest:tt)*)?) => { $pairs.push(($crate::Key::from($key), $crate::Value::Null)); $($crate::value!(@pairs $pairs $($rest)*);)? };
    (@pairs $pairs:ident $key:tt : [$($inner:tt)*] $(, $($rest:tt)*)?) => { $pairs.push(($crate::Key::from($key), $crate::value!([$($inner)*]))); $($crate::value!(@pairs $pairs $($rest)*);)? };
    (@pairs $pairs:ident $key:tt : {$($inner:tt)*} $(, $($rest:tt)*)?) => { $pairs.push(($crate::Key::from($key), $crate::value!({$($inner)*}))); $($crate::value!(@pairs $pairs $($rest)*);)? };
    (@pairs $pairs:ident $key:tt : $item:expr $(, $($rest:tt)*)?) => { $pairs.push(($crate::Key::from($key), $crate::Value::from($item))); $($crate::value!(@pairs $pairs $($rest)*);)? };
    ($item:expr) => { $crate::Value::from($item) };
}
