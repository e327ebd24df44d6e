//! What goes through an inbox: chains of nodes, and in each node a run of messages.
//!
//! Whoever takes messages from another core waits for their lines. Were each message a node, linked to the one before it, it
//! would wait for one line after the other: the address of the next stands in the present one. So what a turn sends to one
//! receiver lies side by side, in a few blocks that the processor reads ahead in. It lacks a way to add to a chain that has
//! been pushed. Invariants cited: M4 in the folder's README.

use super::inbox::is_list;
use super::nodes::{self, BLOCK_BYTES_MAX, Returns};
use crate::mutant;
use crate::sync::UnsafeCell;
use crate::sync::hint::prefetch_to_write;
use std::alloc::Layout;
use std::fmt;
use std::ptr::{self, NonNull};

/// The size of a cache line.
const LINE_BYTES: usize = 64;

/// How much more room a node has than the one before it in its chain.
const GROWTH: usize = 4;

/// Messages on their way: one, as a rule, or a run of what one turn sends to one receiver. They follow the node in one
/// piece, so that whoever takes them waits for another core's lines once per run, and not once per message.
#[repr(C)]
pub(super) struct Node<T> {
    next: *mut Node<T>,
    /// To whom its memory goes back.
    owner: Option<&'static Returns>,
    /// How many messages there are, from the first place on.
    count: u32,
    /// And for how many there is room.
    room: u32,
    /// Stands for the messages where loom watches who touches them.
    content: UnsafeCell<()>,
    messages: [T; 0],
}

impl<T> Node<T> {
    /// For how many messages there is room in the largest node: more would not be pooled.
    const ROOM_MAX: usize = {
        let most =
            BLOCK_BYTES_MAX.saturating_sub(size_of::<Self>()) / if size_of::<T>() == 0 { 1 } else { size_of::<T>() };
        if most == 0 { 1 } else { most }
    };

    /// And in the first of a chain. Two small messages, as they go to each of many in a round, take little more than one. In
    /// a model one, so that a short chain has several nodes.
    const ROOM_FIRST: usize = if Self::ROOM_MAX < 16 || cfg!(potoroo_loom) {
        1
    } else {
        2
    };

    #[inline(always)]
    fn layout(room: usize) -> Layout {
        let bytes = size_of::<Self>() + room * size_of::<T>();
        // SAFETY: the alignment is a type's; and there is room for one message, whose type has been laid out, or for so many
        // as make a small block, so rounding up cannot overflow.
        unsafe { Layout::from_size_align_unchecked(bytes, align_of::<Self>()) }
    }

    /// A node with room for so many messages, and none in it.
    #[inline(always)]
    fn make(room: usize, next: *mut Self) -> *mut Self {
        let (memory, owner) = nodes::take_block(Self::layout(room));
        let memory = memory.cast::<Self>();
        // SAFETY: the memory is new, and made for a node.
        unsafe {
            memory.write(Self {
                next,
                owner,
                count: 0,
                room: room as u32,
                content: UnsafeCell::new(()),
                messages: [],
            });
        }
        // The block was emptied on another core, as a rule: all of its lines are asked for before the first is needed.
        for line in (LINE_BYTES..Self::layout(room).size()).step_by(LINE_BYTES) {
            prefetch_to_write(memory.as_ptr().cast::<u8>().wrapping_add(line));
        }
        memory.as_ptr()
    }

    /// Where the message of this place lies.
    ///
    /// # Safety
    ///
    /// The node is alive and has that much room.
    #[inline(always)]
    unsafe fn place(node: *mut Self, place: usize) -> *mut T {
        // SAFETY: the caller's; the messages follow the node.
        unsafe { (&raw mut (*node).messages).cast::<T>().add(place) }
    }

    /// Whether there is room for one more.
    ///
    /// # Safety
    ///
    /// The node is the caller's alone.
    #[inline(always)]
    unsafe fn has_room(node: *mut Self) -> bool {
        // SAFETY: the caller's.
        unsafe { (*node).count < (*node).room }
    }

    /// Adds a message.
    ///
    /// # Safety
    ///
    /// The node is the caller's alone, and has room for it.
    #[inline(always)]
    unsafe fn put(node: *mut Self, value: T) {
        // SAFETY: the caller's; the place after the last message is free.
        unsafe {
            let count = (*node).count;
            (*node)
                .content
                .with_mut(|_| Self::place(node, count as usize).write(value));
            (*node).count = count + 1;
        }
    }

    /// Calls `each` with the messages.
    ///
    /// # Safety
    ///
    /// The node is alive, and nobody writes to it meanwhile.
    #[cfg(not(potoroo_loom))]
    pub(super) unsafe fn each(node: *mut Self, each: &mut impl FnMut(&T)) {
        // SAFETY: the caller's; there are so many messages.
        unsafe { (0..(*node).count as usize).for_each(|place| each(&*Self::place(node, place))) };
    }

    /// The node that was pushed before this one, or null.
    ///
    /// # Safety
    ///
    /// The node is alive, and nobody writes to it meanwhile.
    #[cfg(not(potoroo_loom))]
    pub(super) unsafe fn next(node: *mut Self) -> *mut Self {
        // SAFETY: the caller's.
        unsafe { (*node).next }
    }

    /// Takes a message out.
    ///
    /// # Safety
    ///
    /// The node is the caller's alone, there is a message in this place, and it is not used again.
    #[inline(always)]
    unsafe fn take(node: *mut Self, place: usize) -> T {
        // SAFETY: the caller's.
        unsafe { (*node).content.with_mut(|_| Self::place(node, place).read()) }
    }

    /// Gives the memory back.
    ///
    /// # Safety
    ///
    /// The node is the caller's alone, on no list, what was in it has been taken out, and it is not used again.
    #[inline(always)]
    unsafe fn end(node: *mut Self) {
        // SAFETY: `make` took it, of this size, with this owner. Under loom the watched cell in it ends as well.
        unsafe {
            let (room, owner) = ((*node).room as usize, (*node).owner);
            ptr::drop_in_place(node);
            nodes::give_block_back(NonNull::new_unchecked(node).cast(), Self::layout(room), owner);
        }
    }
}

/// Messages that go into an inbox together, in the order in which they were added.
pub struct Chain<T> {
    pub(super) newest: *mut Node<T>,
    oldest: *mut Node<T>,
    count: usize,
}

impl<T> Chain<T> {
    /// A chain of one, to which more may be added.
    pub fn new(value: T) -> Self {
        Self::with_room(Node::<T>::ROOM_FIRST, value)
    }

    /// A chain of one that stays alone.
    #[inline]
    pub(super) fn of_one(value: T) -> Self {
        Self::with_room(1, value)
    }

    #[inline(always)]
    fn with_room(room: usize, value: T) -> Self {
        let node = Node::make(room, ptr::null_mut());
        // SAFETY: the node is new, and has room.
        unsafe { Node::put(node, value) };
        Self {
            newest: node,
            oldest: node,
            count: 1,
        }
    }

    /// Adds a message after the others.
    #[inline]
    pub fn add(&mut self, value: T) {
        // SAFETY: the nodes of the chain are its own, and a new one has room.
        unsafe {
            if !Node::has_room(self.newest) {
                self.grow();
            }
            Node::put(self.newest, value);
        }
        self.count += 1;
    }

    /// The more has come the more will follow.
    #[inline(never)]
    fn grow(&mut self) {
        // SAFETY: the nodes of the chain are its own.
        let room = GROWTH * unsafe { (*self.newest).room } as usize;
        self.newest = Node::make(room.min(Node::<T>::ROOM_MAX), self.newest);
    }

    /// Links the chain to what was pushed before it.
    #[inline(always)]
    pub(super) fn link(&self, before: *mut Node<T>) {
        // SAFETY: the nodes of the chain are its own until it is pushed.
        unsafe { (*self.oldest).next = before };
    }

    /// The message of a chain of one.
    pub(super) fn into_one(self) -> T {
        debug_assert_eq!(self.count, 1, "the first message is one of several");
        let node = self.newest;
        std::mem::forget(self);
        // SAFETY: the node is the chain's own, which is forgotten, and there is a message in it.
        unsafe {
            let value = Node::take(node, 0);
            Node::end(node);
            value
        }
    }

    /// The number of messages.
    #[expect(clippy::len_without_is_empty, reason = "a chain is never empty")]
    pub fn len(&self) -> usize {
        self.count
    }

    /// The messages, in order, of a chain that was not accepted.
    pub(crate) fn open(self) -> Taken<T> {
        let newest = self.newest;
        std::mem::forget(self);
        taken(newest)
    }

    /// Forgets the type, for whoever passes chains on unopened.
    pub(crate) fn erase(self) -> ErasedChain {
        let erased = ErasedChain {
            newest: self.newest.cast(),
            oldest: self.oldest.cast(),
            count: self.count,
        };
        std::mem::forget(self);
        erased
    }
}

/// A chain of some type. Whoever has it must have it restored: dropped as it is, its messages leak.
#[must_use]
#[derive(Clone, Copy)]
pub(crate) struct ErasedChain {
    newest: *mut (),
    oldest: *mut (),
    count: usize,
}

impl ErasedChain {
    /// Remembers the type.
    ///
    /// # Safety
    ///
    /// It was a chain of `T` before it was erased, and this is the only copy that is used.
    pub(crate) unsafe fn restore<T>(self) -> Chain<T> {
        Chain {
            newest: self.newest.cast(),
            oldest: self.oldest.cast(),
            count: self.count,
        }
    }
}

impl<T> Drop for Chain<T> {
    /// A chain that was not accepted drops its messages.
    fn drop(&mut self) {
        drop(taken(self.newest));
    }
}

/// Turns the head of a list (newest first), or one of the states, into what comes out in the order of arrival.
pub(super) fn taken<T>(word: *mut Node<T>) -> Taken<T> {
    let mut newest = if is_list(word) { word } else { ptr::null_mut() };
    let mut oldest = ptr::null_mut();
    while !newest.is_null() {
        if mutant!("inbox_newest_first") {
            return Taken::of(newest);
        }
        // SAFETY: M4: the swap made this list ours, and its links were published with it.
        let next = unsafe { std::mem::replace(&mut (*newest).next, oldest) };
        oldest = newest;
        newest = next;
    }
    Taken::of(oldest)
}

/// What was taken from an inbox, in the order of arrival. Dropping it drops what is left.
#[derive(Debug)]
pub struct Taken<T> {
    /// The node of the next message, and its place there.
    node: *mut Node<T>,
    place: usize,
}

impl<T> Taken<T> {
    /// What begins with this node, or nothing.
    pub(super) fn of(oldest: *mut Node<T>) -> Self {
        Self { node: oldest, place: 0 }
    }
}

impl<T> Iterator for Taken<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        let node = self.node;
        if node.is_null() {
            return None;
        }
        // SAFETY: M4: the list is ours alone; no node is empty, and each is unlinked when all has been taken out of it.
        unsafe {
            let value = Node::take(node, self.place);
            self.place += 1;
            if self.place == (*node).count as usize {
                self.node = (*node).next;
                self.place = 0;
                Node::end(node);
            }
            Some(value)
        }
    }
}

impl<T> Drop for Taken<T> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

impl<T> fmt::Debug for Chain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chain")
    }
}
