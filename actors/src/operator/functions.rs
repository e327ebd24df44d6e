//! Processes of two functions: one that makes states, one that handles records.

use super::context::KeyContext;
use super::process::KeyedProcess;
use crate::element::Key;
use potoroo_runtime::Turn;
use potoroo_runtime::arena::{Arena, Evacuate};
use std::marker::PhantomData;
use std::sync::Arc;

/// A process of two functions: what [`KeyedStream::entity`](crate::KeyedStream::entity) makes.
pub(crate) struct Functions<I, H, U> {
    functions: Arc<(I, H)>,
    out: PhantomData<fn() -> U>,
}

impl<I, H, U> Functions<I, H, U> {
    pub(crate) fn new(init: I, handler: H) -> Self {
        Self {
            functions: Arc::new((init, handler)),
            out: PhantomData,
        }
    }
}

impl<I, H, U> Clone for Functions<I, H, U> {
    fn clone(&self) -> Self {
        Self {
            functions: self.functions.clone(),
            out: PhantomData,
        }
    }
}

impl<K, T, St, U, I, H> KeyedProcess<K, T> for Functions<I, H, fn(St) -> U>
where
    K: Key,
    St: Send + 'static,
    U: Send + 'static,
    I: Fn(&K) -> St + Send + Sync + 'static,
    H: Fn(&mut St, T, &mut KeyContext<'_, K, U>) -> Turn + Send + Sync + 'static,
{
    type State = St;
    type Out = U;

    #[inline]
    fn state(&mut self, key: &K, _: &Arena) -> St {
        (self.functions.0)(key)
    }

    #[inline]
    fn on_record(&mut self, state: &mut St, record: T, ctx: &mut KeyContext<'_, K, U>) -> Turn {
        (self.functions.1)(state, record, ctx)
    }
}

/// A process of two functions whose states have arenas: what [`KeyedStream::entity_in`](crate::KeyedStream::entity_in) makes.
pub(crate) struct FunctionsIn<I, H, U>(Functions<I, H, U>);

impl<I, H, U> FunctionsIn<I, H, U> {
    pub(crate) fn new(init: I, handler: H) -> Self {
        Self(Functions::new(init, handler))
    }
}

impl<I, H, U> Clone for FunctionsIn<I, H, U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, T, St, U, I, H> KeyedProcess<K, T> for FunctionsIn<I, H, fn(St) -> U>
where
    K: Key,
    St: Evacuate + Send + 'static,
    U: Send + 'static,
    I: Fn(&K, &Arena) -> St + Send + Sync + 'static,
    H: Fn(&mut St, T, &mut KeyContext<'_, K, U>) -> Turn + Send + Sync + 'static,
{
    type State = St;
    type Out = U;

    const IN_ARENA: bool = true;

    #[inline]
    fn state(&mut self, key: &K, arena: &Arena) -> St {
        (self.0.functions.0)(key, arena)
    }

    fn evacuate(&mut self, state: &mut St, to: &Arena) {
        state.evacuate(to);
    }

    #[inline]
    fn on_record(&mut self, state: &mut St, record: T, ctx: &mut KeyContext<'_, K, U>) -> Turn {
        (self.0.functions.1)(state, record, ctx)
    }
}
