#![doc = include_str!("README.md")]

mod boxed;
mod bytes;
#[macro_use]
mod evacuate;
mod foreign;
mod handle;
mod map;
mod owner;
mod parcel;
mod pool;
mod scratch;
mod string;
mod sub;
mod table;
#[cfg(all(test, not(potoroo_loom)))]
mod tests;
mod vec;

pub use boxed::ArenaBox;
pub use bytes::ArenaBytes;
pub use evacuate::{EVACUATION_FACTOR, EVACUATION_FLOOR_BYTES, Evacuate};
pub use handle::Arena;
pub use map::{ArenaMap, ArenaMapIntoIter};
#[cfg(not(potoroo_loom))]
pub(crate) use owner::Entered;
#[cfg(potoroo_loom)]
#[doc(hidden)]
pub use owner::Entered;
pub use parcel::{Frozen, Parcel};
pub use pool::ARENA_POOL_BYTES;
pub(crate) use pool::BumpPool;
pub use scratch::Scratch;
pub use string::ArenaString;
pub use sub::SubArena;
pub use table::ArenaTable;
pub use vec::{ArenaVec, ArenaVecIntoIter};
