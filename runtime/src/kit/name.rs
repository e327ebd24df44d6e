//! Names, and what can be wrong with them.
//!
//! A name carries the type of what it names, so that a lookup need not say it again and cannot be meant for another.

use crate::actor::ActorId;
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;

/// A name that says what kind of actor it names, so that both sides agree; see [`Registry`](super::Registry).
///
/// ```
/// use potoroo_runtime::kit::Name;
/// # use potoroo_runtime::{Actor, Context, Turn};
/// # struct Audit;
/// # impl Actor for Audit { type Msg = (); fn handle(&mut self, _: (), _: &mut Context<'_, Self>) -> Turn { Ok(()) } }
/// const AUDIT: Name<'static, Audit> = Name::new("audit");
/// assert_eq!(AUDIT.as_str(), "audit");
/// ```
pub struct Name<'n, A> {
    text: &'n str,
    actor: PhantomData<fn() -> A>,
}

impl<'n, A> Name<'n, A> {
    /// The name `text`.
    pub const fn new(text: &'n str) -> Self {
        Self {
            text,
            actor: PhantomData,
        }
    }

    /// Its text.
    pub const fn as_str(&self) -> &'n str {
        self.text
    }
}

impl<A> Clone for Name<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Name<'_, A> {}

impl<A> fmt::Debug for Name<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name<{}>({:?})", std::any::type_name::<A>(), self.text)
    }
}

impl<'n, A> From<&'n str> for Name<'n, A> {
    fn from(text: &'n str) -> Self {
        Self::new(text)
    }
}

impl<'n, A> From<&'n String> for Name<'n, A> {
    fn from(text: &'n String) -> Self {
        Self::new(text)
    }
}

/// Why an actor could not be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// A living actor has this name.
    Taken {
        /// Which one.
        by: ActorId,
        /// Of what type.
        type_name: &'static str,
    },
    /// The actor to be registered has ended.
    Ended,
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { by, type_name } => write!(f, "the name is taken by {type_name} {by}"),
            Self::Ended => f.write_str("the actor has ended"),
        }
    }
}

impl Error for RegisterError {}

/// Why a name leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LookupError {
    /// Nothing has this name, or what had it has ended.
    Unknown,
    /// What has this name is of another type.
    OtherType {
        /// Of this one.
        type_name: &'static str,
    },
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("nothing has this name"),
            Self::OtherType { type_name } => write!(f, "the name belongs to {type_name}"),
        }
    }
}

impl Error for LookupError {}

/// One entry of a [`Registry`](super::Registry).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registered {
    /// The name.
    pub name: String,
    /// Which actor has it.
    pub id: ActorId,
    /// Of what type.
    pub type_name: &'static str,
}
