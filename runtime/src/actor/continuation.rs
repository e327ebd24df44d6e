//! What an actor does with the answer to an ask: a closure that lies in the ask's own slot.
//!
//! Boxed closures would cost an allocation for each ask. Here up to [`ROOM_WORDS`] words of captures lie in the slot, with
//! a pointer to the functions that know their type; a closure with more is boxed after all.

use super::{Actor, Context, Turn};
use crate::scheduler::control::{AskError, ReplyValue};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr;

/// How many words a closure may capture without being boxed.
const ROOM_WORDS: usize = 10;

/// The room for a closure in the slot.
type Room = MaybeUninit<[usize; ROOM_WORDS]>;

/// What differs by closure.
struct Kind<A: Actor> {
    call: unsafe fn(*mut Room, &mut A, ReplyValue, &mut Context<'_, A>) -> Turn,
    drop: unsafe fn(*mut Room),
}

/// A closure of some type; called once, or dropped.
pub(super) struct Continuation<A: Actor> {
    kind: &'static Kind<A>,
    room: Room,
}

/// What to do with closures of this type, which want an `R`.
struct Of<A, R, F>(A, R, F);

impl<A, R, F> Of<A, R, F>
where
    A: Actor,
    R: Send + 'static,
    F: FnOnce(&mut A, Result<R, AskError>, &mut Context<'_, A>) -> Turn + Send + 'static,
{
    const FITS: bool = size_of::<F>() <= size_of::<Room>() && align_of::<F>() <= align_of::<Room>();

    const KIND: Kind<A> = Kind {
        call: Self::call,
        // SAFETY: the caller's closure, which is not used again.
        drop: |room| unsafe { room.cast::<F>().drop_in_place() },
    };

    /// # Safety
    ///
    /// `room` has a closure of this type, which is not used again.
    unsafe fn call(room: *mut Room, actor: &mut A, value: ReplyValue, ctx: &mut Context<'_, A>) -> Turn {
        // SAFETY: the caller's promise.
        let closure = unsafe { room.cast::<F>().read() };
        let value = value.map(|value| value.open::<R>().expect("a reply carries what was asked for"));
        closure(actor, value, ctx)
    }
}

impl<A: Actor> Continuation<A> {
    /// Forgets the type of `closure`.
    #[inline]
    pub(super) fn new<R: Send + 'static>(
        closure: impl FnOnce(&mut A, Result<R, AskError>, &mut Context<'_, A>) -> Turn + Send + 'static,
    ) -> Self {
        fn place<A, R, F>(closure: F) -> Continuation<A>
        where
            A: Actor,
            R: Send + 'static,
            F: FnOnce(&mut A, Result<R, AskError>, &mut Context<'_, A>) -> Turn + Send + 'static,
        {
            assert!(Of::<A, R, F>::FITS, "asked below, or a box");
            let mut room = Room::uninit();
            // SAFETY: it fits.
            unsafe { room.as_mut_ptr().cast::<F>().write(closure) };
            Continuation {
                kind: &Of::<A, R, F>::KIND,
                room,
            }
        }
        fn fits<A, R, F>(_: &F) -> bool
        where
            A: Actor,
            R: Send + 'static,
            F: FnOnce(&mut A, Result<R, AskError>, &mut Context<'_, A>) -> Turn + Send + 'static,
        {
            Of::<A, R, F>::FITS
        }
        if fits::<A, R, _>(&closure) {
            place::<A, R, _>(closure)
        } else {
            let boxed = Box::new(closure);
            place::<A, R, _>(move |actor: &mut A, value, ctx: &mut Context<'_, A>| boxed(actor, value, ctx))
        }
    }

    /// Calls the closure.
    #[inline]
    pub(super) fn call(self, actor: &mut A, value: ReplyValue, ctx: &mut Context<'_, A>) -> Turn {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: the closure is of this kind, and `this` is neither dropped nor called again.
        unsafe { (this.kind.call)(ptr::from_mut(&mut this.room), actor, value, ctx) }
    }
}

impl<A: Actor> Drop for Continuation<A> {
    fn drop(&mut self) {
        // SAFETY: filled by `new` for this kind; one that has been called is not dropped.
        unsafe { (self.kind.drop)(ptr::from_mut(&mut self.room)) };
    }
}
