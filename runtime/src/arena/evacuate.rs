//! Evacuation: moving what lives in an arena into another one, so that the first can go with all its dead bytes.
//!
//! [`Evacuate`] says how a value does it; types without arena memory are leaves and stay as they are. When it happens is
//! decided in `actor/memory.rs`. Invariant cited: A2: what a type forgets to move stays valid, and its old arena with
//! it. It lacks moving single blocks.

use super::handle::Arena;
use crate::sync::Arc;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

/// Dead bytes below this are never worth an evacuation, unless [`SystemBuilder`](crate::SystemBuilder) says otherwise.
pub const EVACUATION_FLOOR_BYTES: u64 = 64 * 1024;

/// State is evacuated when the dead bytes exceed this many times the live ones, unless
/// [`SystemBuilder`](crate::SystemBuilder) says otherwise: each live byte is copied about once per doubling.
pub const EVACUATION_FACTOR: f64 = 1.0;

/// State that can move into another arena.
///
/// Collections move themselves and what is in them. A struct is made so with [`evacuate!`](crate::evacuate), which calls
/// this for the fields named; numbers, strings and the like are leaves, which do nothing. A collection whose elements
/// are leaves does not look at them.
///
/// An implementation that forgets a field does no harm beyond memory: the field stays valid where it is, and keeps the
/// arena it is in.
pub trait Evacuate {
    /// Moves everything that lives in an arena into `to`. What is there already stays.
    fn evacuate(&mut self, to: &Arena);

    /// Whether values of this type never hold arena memory, so that collections of them need not look.
    fn is_leaf() -> bool
    where
        Self: Sized,
    {
        false
    }
}

/// Implements [`Evacuate`] for a struct by naming the fields that hold arena memory, or none for a leaf.
///
/// ```
/// use potoroo_runtime::arena::{Arena, ArenaMap, ArenaString, ArenaVec};
/// use potoroo_runtime::evacuate;
///
/// struct Point { x: f64, y: f64 }
/// evacuate!(Point {});
///
/// struct Track { id: u64, name: ArenaString, points: ArenaVec<Point> }
/// evacuate!(Track { name, points });
///
/// struct Tracks { arena: Arena, by_id: ArenaMap<u64, Track> }
/// evacuate!(Tracks { arena, by_id });
/// ```
#[macro_export]
macro_rules! evacuate {
    ($type:ty {}) => {
        impl $crate::arena::Evacuate for $type {
            fn evacuate(&mut self, _: &$crate::arena::Arena) {}

            fn is_leaf() -> bool {
                true
            }
        }
    };
    ($type:ty { $($field:tt),+ $(,)? }) => {
        impl $crate::arena::Evacuate for $type {
            fn evacuate(&mut self, to: &$crate::arena::Arena) {
                $($crate::arena::Evacuate::evacuate(&mut self.$field, to);)+
            }
        }
    };
}

/// Leaves.
macro_rules! leaves {
    ($($type:ty),+ $(,)?) => { $(evacuate!($type {});)+ };
}

leaves!(
    (),
    bool,
    char,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    f32,
    f64,
    String,
    Box<str>,
    &'static str,
    std::time::Duration,
    std::path::PathBuf,
    std::net::SocketAddr,
    std::net::IpAddr,
);

/// A handle that is kept for building further collections follows the state.
impl Evacuate for Arena {
    fn evacuate(&mut self, to: &Arena) {
        if !self.is_same(to) {
            *self = to.clone();
        }
    }
}

impl<T> Evacuate for Arc<T> {
    fn evacuate(&mut self, _: &Arena) {}

    fn is_leaf() -> bool {
        true
    }
}

impl<T> Evacuate for std::marker::PhantomData<T> {
    fn evacuate(&mut self, _: &Arena) {}

    fn is_leaf() -> bool {
        true
    }
}

/// What has one parameter and lends its content.
macro_rules! containers {
    ($($type:ty [$($param:tt)*] $of:ident $each:ident;)+) => {
        $(
            impl<$of: Evacuate $($param)*> Evacuate for $type {
                fn evacuate(&mut self, to: &Arena) {
                    if !$of::is_leaf() {
                        self.$each().for_each(|content| content.evacuate(to));
                    }
                }

                fn is_leaf() -> bool {
                    $of::is_leaf()
                }
            }
        )+
    };
}

containers! {
    Option<T> [] T iter_mut;
    Vec<T> [] T iter_mut;
    VecDeque<T> [] T iter_mut;
    [T; N] [, const N: usize] T iter_mut;
    BTreeMap<K, T> [, K] T values_mut;
    HashMap<K, T, S> [, K, S] T values_mut;
}

/// The elements of sets cannot be reached: arena memory in them stays where it is.
macro_rules! sets {
    ($($type:ty [$($param:tt)*];)+) => {
        $(
            impl<T $($param)*> Evacuate for $type {
                fn evacuate(&mut self, _: &Arena) {}

                fn is_leaf() -> bool {
                    true
                }
            }
        )+
    };
}

sets! {
    BTreeSet<T> [];
    HashSet<T, S> [, S];
}

impl<T: Evacuate> Evacuate for Box<T> {
    fn evacuate(&mut self, to: &Arena) {
        (**self).evacuate(to);
    }

    fn is_leaf() -> bool {
        T::is_leaf()
    }
}

impl<T: Evacuate, E: Evacuate> Evacuate for Result<T, E> {
    fn evacuate(&mut self, to: &Arena) {
        match self {
            Ok(value) => value.evacuate(to),
            Err(error) => error.evacuate(to),
        }
    }

    fn is_leaf() -> bool {
        T::is_leaf() && E::is_leaf()
    }
}

macro_rules! tuples {
    ($(($($name:ident $at:tt),+);)+) => {
        $(
            impl<$($name: Evacuate),+> Evacuate for ($($name,)+) {
                fn evacuate(&mut self, to: &Arena) {
                    $(self.$at.evacuate(to);)+
                }

                fn is_leaf() -> bool {
                    $($name::is_leaf())&&+
                }
            }
        )+
    };
}

tuples! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
    (A 0, B 1, C 2, D 3, E 4);
    (A 0, B 1, C 2, D 3, E 4, F 5);
}
