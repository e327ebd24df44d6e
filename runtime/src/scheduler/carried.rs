//! A value of some type on its way through the control lane, without an allocation of its own.
//!
//! Control messages are of one type for all actors, so what an answer carries is forgotten and remembered. Up to two words
//! lie in the message itself; more goes into a node of the sending worker's pool, which comes back to it by the crate
//! (mailbox/nodes.rs); what no pool takes (more than 256 bytes, or sent by a thread outside) is allocated. Opened with
//! another type than it was made of it gives nothing, so a wrong name can lose a value but never misread one.

use crate::mailbox::nodes::{self, Returns};
use std::any::TypeId;
use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::{self, NonNull};

/// The room for a value in the message.
type Room = MaybeUninit<[usize; 2]>;

/// Where a value lies that has no room in the message, and to whom its memory goes back.
type Far<T> = (NonNull<T>, Option<&'static Returns>);

/// What differs by type.
struct Kind {
    type_id: fn() -> TypeId,
    drop: unsafe fn(*mut Room),
}

/// A value of some type.
pub(crate) struct Carried {
    kind: &'static Kind,
    room: Room,
}

// SAFETY: made of a `Send` value alone, and the memory of a node may be given back by any thread.
unsafe impl Send for Carried {}

/// What to do with values of this type.
struct Of<T>(T);

impl<T: Send + 'static> Of<T> {
    const IS_NEAR: bool = size_of::<T>() <= size_of::<Room>() && align_of::<T>() <= align_of::<Room>();

    const KIND: Kind = Kind {
        type_id: TypeId::of::<T>,
        drop: |room| {
            // SAFETY: the caller's value, which is not used again.
            drop(unsafe { Self::take(room) });
        },
    };

    fn put(value: T) -> Room {
        let mut room = Room::uninit();
        // SAFETY: the room is large enough for what is written: a value by the test, a pair of words by its size.
        unsafe {
            if Self::IS_NEAR {
                room.as_mut_ptr().cast::<T>().write(value);
            } else {
                let far: Far<T> = nodes::take();
                far.0.write(value);
                room.as_mut_ptr().cast::<Far<T>>().write(far);
            }
        }
        room
    }

    /// # Safety
    ///
    /// `room` was filled by [`put`](Self::put) of this type, and is not read again.
    unsafe fn take(room: *mut Room) -> T {
        // SAFETY: the caller's promise. The node was taken for this type, with this owner.
        unsafe {
            if Self::IS_NEAR {
                room.cast::<T>().read()
            } else {
                let (node, owner) = room.cast::<Far<T>>().read();
                let value = node.read();
                nodes::give_back(node, owner);
                value
            }
        }
    }
}

const _: () = assert!(size_of::<Far<u8>>() == size_of::<Room>());

impl Carried {
    /// Forgets the type of `value`.
    #[inline]
    pub(crate) fn new<T: Send + 'static>(value: T) -> Self {
        Self {
            kind: &Of::<T>::KIND,
            room: Of::put(value),
        }
    }

    /// The value, if it is of this type.
    #[inline]
    pub(crate) fn open<T: Send + 'static>(self) -> Option<T> {
        if (self.kind.type_id)() != TypeId::of::<T>() {
            return None;
        }
        let mut this = ManuallyDrop::new(self);
        // SAFETY: the type is the one it was made of, and `this` is neither dropped nor opened again.
        Some(unsafe { Of::take(ptr::from_mut(&mut this.room)) })
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        // SAFETY: filled by `new` for this kind; one who has opened it does not drop it.
        unsafe { (self.kind.drop)(ptr::from_mut(&mut self.room)) };
    }
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carried")
    }
}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;
    use crate::sync::Arc;

    #[test]
    fn values_of_all_sizes_come_out_as_they_went_in() {
        fn check<T: Send + Clone + PartialEq + fmt::Debug + 'static>(value: &T) {
            assert_eq!(Carried::new(value.clone()).open::<T>().as_ref(), Some(value));
            drop(Carried::new(value.clone()));
        }
        check(&());
        check(&7_u8);
        check(&u128::MAX);
        check(&(1_u64, 2_u64, 3_u64));
        check(&[9_u8; 200]);
        check(&[9_u16; 5000]);
        check(&"text".to_owned());
    }

    #[test]
    fn a_value_is_dropped_once_opened_or_not() {
        let counted = Arc::new(());
        let near = Carried::new(counted.clone());
        let far = Carried::new([(); 5].map(|()| counted.clone()));
        assert_eq!(Arc::strong_count(&counted), 7);
        drop(near.open::<Arc<()>>());
        assert_eq!(Arc::strong_count(&counted), 6);
        drop(far);
        assert_eq!(Arc::strong_count(&counted), 1);
    }

    #[test]
    fn another_type_gets_nothing() {
        let counted = Arc::new(());
        assert!(Carried::new(counted.clone()).open::<u64>().is_none());
        assert_eq!(Arc::strong_count(&counted), 1);
    }
}
