//! What has numbers comes in their order.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

/// Sees numbers by key, such as the messages of each sender to each receiver, and says when one is missing, comes twice, or
/// comes before another.
///
/// ```
/// use potoroo_runtime::sim::InOrder;
///
/// let mut order = InOrder::default();
/// assert!(order.saw("a", 0).is_ok());
/// assert!(order.saw("b", 0).is_ok());
/// assert!(order.saw("a", 1).is_ok());
/// assert!(order.saw("a", 3).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct InOrder<K> {
    next: HashMap<K, u64>,
}

impl<K> Default for InOrder<K> {
    fn default() -> Self {
        Self { next: HashMap::new() }
    }
}

impl<K: Hash + Eq + fmt::Debug> InOrder<K> {
    /// `number` has come for `key`; of each key 0 comes first.
    pub fn saw(&mut self, key: K, number: u64) -> Result<(), String> {
        let next = self.next.entry(key);
        let key = format!("{:?}", next.key());
        let next = next.or_insert(0);
        if number == *next {
            *next += 1;
            return Ok(());
        }
        Err(format!("{number} came for {key} where {next} should have come"))
    }

    /// How many have come for `key`.
    pub fn count(&self, key: &K) -> u64 {
        self.next.get(key).copied().unwrap_or(0)
    }
}
