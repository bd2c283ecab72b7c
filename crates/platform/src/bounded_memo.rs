//! A memo of bounded size: results of an expensive function, by a text.

use std::collections::HashMap;

/// Remembers results, and forgets all of them when it is full. That is cheaper than an order
/// of eviction, and good enough where few of many texts occur at a time.
#[derive(Debug)]
pub struct BoundedMemo<V> {
    max_entries: usize,
    entries: HashMap<String, V>,
}

impl<V: Clone> BoundedMemo<V> {
    pub fn new(max_entries: usize) -> Self {
        Self {
            max_entries,
            entries: HashMap::new(),
        }
    }

    /// The remembered result for a text, or the computed one, which is remembered.
    pub fn get_or_compute(&mut self, text: &str, compute: impl FnOnce() -> V) -> V {
        if let Some(value) = self.entries.get(text) {
            return value.clone();
        }
        let value = compute();
        if self.entries.len() >= self.max_entries {
            self.entries.clear();
        }
        self.entries.insert(text.to_owned(), value.clone());
        value
    }

    /// Forgets all results, because the function has changed.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_computed_once_until_the_memo_is_full() {
        let mut memo = BoundedMemo::new(2);
        let mut n_computed = 0;
        let mut get = |memo: &mut BoundedMemo<usize>, text: &str| {
            memo.get_or_compute(text, || {
                n_computed += 1;
                n_computed
            })
        };
        assert_eq!([get(&mut memo, "a"), get(&mut memo, "a")], [1, 1]);
        assert_eq!(get(&mut memo, "b"), 2);
        assert_eq!(get(&mut memo, "c"), 3);
        assert_eq!(get(&mut memo, "a"), 4);
        memo.clear();
        assert_eq!(get(&mut memo, "a"), 5);
    }
}
