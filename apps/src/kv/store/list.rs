//! A list: a ring of blobs in an arena.
//!
//! Both ends are reached in one step, and so is any index. It lacks insertion in the middle, which no command needs.

use super::blob::Blob;
use potoroo_runtime::arena::{Arena, ArenaVec};
use potoroo_runtime::evacuate;

/// A list of blobs.
#[derive(Debug)]
pub struct List {
    /// All of the room is filled; what is no element is empty. The length is 0 or a power of two.
    ring: ArenaVec<Blob>,
    head: usize,
    len: usize,
}
evacuate!(List { ring });

/// Which end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where `LPUSH` puts elements.
    Left,
    /// Where `RPUSH` puts elements.
    Right,
}

impl List {
    /// An empty list.
    pub fn new_in(arena: &Arena) -> Self {
        Self {
            ring: ArenaVec::new_in(arena),
            head: 0,
            len: 0,
        }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn at(&self, index: usize) -> usize {
        (self.head + index) & (self.ring.len() - 1)
    }

    /// The element of this index, counted from the left.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        (index < self.len).then(|| &*self.ring[self.at(index)])
    }

    /// Adds an element.
    pub fn push(&mut self, end: End, bytes: &[u8], arena: &Arena) {
        if self.len == self.ring.len() {
            self.resize((self.len * 2).max(4), arena);
        }
        let blob = Blob::new_in(bytes, arena);
        if end == End::Left {
            self.head = self.at(self.ring.len() - 1);
        }
        let at = self.at(if end == End::Left { 0 } else { self.len });
        self.ring[at] = blob;
        self.len += 1;
    }

    /// Takes an element off.
    pub fn pop(&mut self, end: End) -> Option<Blob> {
        let last = self.len.checked_sub(1)?;
        let at = self.at(if end == End::Left { 0 } else { last });
        let blob = std::mem::take(&mut self.ring[at]);
        if end == End::Left {
            self.head = self.at(1);
        }
        self.len = last;
        Some(blob)
    }

    /// Gives back most of the room of a list that was much longer.
    pub fn shrink(&mut self, arena: &Arena) {
        if self.ring.len() > 64 && self.len < self.ring.len() / 8 {
            self.resize((self.len * 2).next_power_of_two(), arena);
        }
    }

    fn resize(&mut self, room: usize, arena: &Arena) {
        let mut ring = ArenaVec::with_capacity_in(room, arena);
        for index in 0..self.len {
            let at = self.at(index);
            ring.push(std::mem::take(&mut self.ring[at]));
        }
        ring.extend(std::iter::repeat_with(Blob::default).take(room - self.len));
        (self.ring, self.head) = (ring, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::arena;
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn it_is_a_deque(steps in proptest::collection::vec(any::<(bool, bool, u8)>(), 0..300)) {
            let arena = arena();
            let mut list = List::new_in(&arena);
            let mut model: VecDeque<Vec<u8>> = VecDeque::new();
            for (push, left, byte) in steps {
                let end = if left { End::Left } else { End::Right };
                if push {
                    let bytes = vec![byte; usize::from(byte)];
                    list.push(end, &bytes, &arena);
                    if left { model.push_front(bytes) } else { model.push_back(bytes) }
                } else {
                    let popped = list.pop(end).map(|blob| blob.to_vec());
                    prop_assert_eq!(popped, if left { model.pop_front() } else { model.pop_back() });
                    list.shrink(&arena);
                }
                prop_assert_eq!(list.len(), model.len());
            }
            for (index, bytes) in model.iter().enumerate() {
                prop_assert_eq!(list.get(index), Some(&bytes[..]));
            }
            prop_assert_eq!(list.get(model.len()), None);
        }
    }

    #[test]
    fn a_list_that_was_long_gives_its_room_back() {
        let arena = arena();
        let mut list = List::new_in(&arena);
        for _ in 0..1000 {
            list.push(End::Right, b"x", &arena);
        }
        while list.len() > 3 {
            list.pop(End::Left);
        }
        list.shrink(&arena);
        assert_eq!((list.ring.len(), list.len()), (8, 3));
    }
}
