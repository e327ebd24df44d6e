//! A table of slots with generations: what is named by a number that may come too late.
//!
//! Timers and asks are cancelled by emptying their slot; a late firing or answer carries an old generation and finds
//! nothing.

use crate::mutant;

/// A table of values named by slot and generation.
#[derive(Debug)]
pub(super) struct Slots<T> {
    slots: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slots<T> {
    /// Keeps `value`; gives its slot and generation.
    pub(super) fn insert(&mut self, value: T) -> (u32, u32) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push((0, None));
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 timers or asks in one actor")
        });
        let entry = &mut self.slots[slot as usize];
        entry.1 = Some(value);
        (slot, entry.0)
    }

    /// The value, if it is still there.
    pub(super) fn get_mut(&mut self, slot: u32, generation: u32) -> Option<&mut T> {
        let entry = self.slots.get_mut(slot as usize)?;
        (entry.0 == generation).then_some(entry.1.as_mut()).flatten()
    }

    /// All values, with their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u32, &T)> {
        (0..)
            .zip(&self.slots)
            .filter_map(|(slot, (generation, value))| Some((slot, *generation, value.as_ref()?)))
    }

    /// Takes all values out; no name given so far is ever valid again.
    pub(super) fn take_all(&mut self) -> Vec<T> {
        let names: Vec<_> = self.iter().map(|(slot, generation, _)| (slot, generation)).collect();
        let taken = names
            .into_iter()
            .filter_map(|(slot, generation)| self.remove(slot, generation));
        taken.collect()
    }

    /// Takes the value out, if it is still there; its name is never valid again.
    pub(super) fn remove(&mut self, slot: u32, generation: u32) -> Option<T> {
        let entry = self.slots.get_mut(slot as usize)?;
        if entry.0 != generation {
            return None;
        }
        let value = entry.1.take()?;
        // A slot whose generations are used up is not used again: K1.
        let step = u32::from(!mutant!("slots_use_a_name_again"));
        if let Some(next) = entry.0.checked_add(step) {
            entry.0 = next;
            self.free.push(slot);
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_name_finds_nothing() {
        let mut slots = Slots::default();
        let (slot, generation) = slots.insert("a");
        assert_eq!(slots.remove(slot, generation), Some("a"));
        assert_eq!(slots.remove(slot, generation), None);
        let (again, later) = slots.insert("b");
        assert_eq!(again, slot, "the slot is used again");
        assert_ne!(later, generation);
        assert_eq!(slots.get_mut(slot, generation), None);
        assert_eq!(slots.get_mut(slot, later), Some(&mut "b"));
        assert_eq!(slots.iter().collect::<Vec<_>>(), [(slot, later, &"b")]);
    }

    #[test]
    fn after_all_was_taken_no_old_name_finds_what_comes_next() {
        let mut slots = Slots::default();
        let old: Vec<_> = ["a", "b"].map(|value| slots.insert(value)).into();
        assert_eq!(slots.take_all(), ["a", "b"]);
        for value in ["c", "d"] {
            let _ = slots.insert(value);
        }
        assert!(
            old.iter()
                .all(|(slot, generation)| slots.get_mut(*slot, *generation).is_none())
        );
        assert_eq!(slots.take_all().len(), 2);
    }
}
