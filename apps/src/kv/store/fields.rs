//! The fields of a hash: in the order in which they came, found by looking or, if they are many, by an index.
//!
//! Up to `SMALL` fields a search through them all is faster than any table, and takes no memory. It lacks expiry of
//! single fields.

use super::blob::Blob;
use potoroo_runtime::arena::{Arena, ArenaTable, ArenaVec, Evacuate};
use potoroo_runtime::evacuate;
use xxhash_rust::xxh3::xxh3_64;

/// Up to so many fields there is no index.
pub(super) const SMALL: usize = 16;

/// A field and its value.
#[derive(Debug)]
pub struct Field {
    /// The name.
    pub name: Blob,
    /// The value.
    pub value: Blob,
}
evacuate!(Field { name, value });

/// The fields of a hash.
#[derive(Debug)]
pub struct Fields {
    fields: ArenaVec<Field>,
    /// Positions in `fields`, once these are many.
    index: Option<ArenaTable<u32>>,
}

impl Evacuate for Fields {
    fn evacuate(&mut self, to: &Arena) {
        self.fields.evacuate(to);
        if let Some(index) = &mut self.index {
            index.evacuate_with(to, |at| hash_at(&self.fields, *at));
        }
    }
}

fn hash_at(fields: &ArenaVec<Field>, at: u32) -> u64 {
    xxh3_64(&fields[at as usize].name)
}

impl Fields {
    /// No fields.
    pub fn new_in(arena: &Arena) -> Self {
        Self {
            fields: ArenaVec::new_in(arena),
            index: None,
        }
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// All fields.
    pub fn iter(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter()
    }

    fn position(&self, name: &[u8]) -> Option<usize> {
        match &self.index {
            None => self.fields.iter().position(|field| *field.name == *name),
            Some(index) => index
                .find(xxh3_64(name), |at| *self.fields[*at as usize].name == *name)
                .map(|at| *at as usize),
        }
    }

    /// The value of a field.
    pub fn get(&self, name: &[u8]) -> Option<&Blob> {
        self.position(name).map(|at| &self.fields[at].value)
    }

    /// Sets a field; says whether it is new.
    pub fn set(&mut self, name: &[u8], value: &[u8], arena: &Arena) -> bool {
        if let Some(at) = self.position(name) {
            self.fields[at].value.set(value, arena);
            return false;
        }
        self.fields.push(Field {
            name: Blob::new_in(name, arena),
            value: Blob::new_in(value, arena),
        });
        let fields = &self.fields;
        let first = match &self.index {
            Some(_) => fields.len() - 1,
            None if fields.len() > SMALL => 0,
            None => return true,
        };
        let index = self.index.get_or_insert_with(|| ArenaTable::new_in(arena));
        for at in first..fields.len() {
            let at = at as u32;
            index.find_or_insert_with(hash_at(fields, at), |_| false, |other| hash_at(fields, *other), || at);
        }
        true
    }

    /// Takes a field out; says whether it was there. Of many fields the last one takes its place.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        let Some(at) = self.position(name) else {
            return false;
        };
        let Some(index) = &mut self.index else {
            self.fields.remove(at);
            return true;
        };
        index.remove(xxh3_64(name), |other| *other as usize == at);
        let last = self.fields.len() - 1;
        if let Some(moved) = index.find_mut(hash_at(&self.fields, last as u32), |other| *other as usize == last) {
            *moved = at as u32;
        }
        self.fields.swap_remove(at);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::arena;
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn it_is_a_map(steps in proptest::collection::vec((any::<bool>(), 0_u8..60, any::<u16>()), 0..300)) {
            let arena = arena();
            let mut fields = Fields::new_in(&arena);
            let mut model: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
            for (set, name, value) in steps {
                let name = format!("field {name}").into_bytes();
                let value = value.to_string().into_bytes();
                if set {
                    let new = fields.set(&name, &value, &arena);
                    prop_assert_eq!(new, model.insert(name.clone(), value).is_none());
                } else {
                    prop_assert_eq!(fields.remove(&name), model.remove(&name).is_some());
                }
                prop_assert_eq!(fields.get(&name).map(|value| value.to_vec()), model.get(&name).cloned());
            }
            let all: HashMap<_, _> = fields.iter().map(|field| (field.name.to_vec(), field.value.to_vec())).collect();
            prop_assert_eq!(all, model);
        }
    }

    #[test]
    fn few_fields_keep_their_order() {
        let arena = arena();
        let mut fields = Fields::new_in(&arena);
        for name in ["c", "a", "b", "d"] {
            fields.set(name.as_bytes(), b"1", &arena);
        }
        fields.remove(b"a");
        let names: Vec<_> = fields.iter().map(|field| field.name.to_vec()).collect();
        assert_eq!(names, [b"c", b"b", b"d"]);
    }
}
