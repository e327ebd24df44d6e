//! Stateless steps: a collector around a collector.
//!
//! Each is composed with the next at compile time, so a chain of steps is one function to the optimizer: no actor hop,
//! no box, no call through a pointer per record. What comes of a record has its event time.

use crate::element::{EdgeId, Grant, Mark, Timestamp};
use crate::exchange::{Collector, Downstream, Flow, Wiring};
use std::marker::PhantomData;

/// Passes everything but records on to the next collector.
macro_rules! pass_on {
    ($next:ident) => {
        fn mark(&mut self, mark: Mark) {
            self.$next.mark(mark);
        }

        #[inline]
        fn is_ready(&self) -> bool {
            self.$next.is_ready()
        }

        fn flush(&mut self) {
            self.$next.flush();
        }

        fn granted(&mut self, grant: Grant) -> Option<Grant> {
            self.$next.granted(grant)
        }

        fn end(&mut self) {
            self.$next.end();
        }

        fn has_ended(&self) -> bool {
            self.$next.has_ended()
        }

        fn batches_in_flight(&self) -> usize {
            self.$next.batches_in_flight()
        }
    };
}

/// Declares one step: its plan, its collector and what it does with a record.
macro_rules! step {
    ($(#[$doc:meta])* $Plan:ident / $Step:ident, ($($bound:tt)+), $Out:ty, |$self:ident, $record:ident, $time:ident| $do:expr) => {
        $(#[$doc])*
        pub(crate) struct $Plan<F, D, T, U> {
            pub(crate) f: F,
            pub(crate) next: D,
            pub(crate) types: PhantomData<fn(T) -> U>,
        }

        impl<F: Clone, D: Clone, T, U> Clone for $Plan<F, D, T, U> {
            fn clone(&self) -> Self {
                Self { f: self.f.clone(), next: self.next.clone(), types: PhantomData }
            }
        }

        impl<F, D, T, U> Downstream<T> for $Plan<F, D, T, U>
        where
            F: $($bound)+ + Clone + Send + Sync + 'static,
            D: Downstream<$Out>,
            T: Send + 'static,
            U: 'static,
        {
            type Collector = $Step<F, D::Collector, T, U>;

            fn open(&self, edge: EdgeId) {
                self.next.open(edge);
            }

            fn idle(&self, edge: EdgeId) {
                self.next.idle(edge);
            }

            fn close(&self, edge: EdgeId) {
                self.next.close(edge);
            }

            fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Self::Collector {
                $Step { f: self.f.clone(), next: self.next.connect(edge, wiring), types: PhantomData }
            }
        }

        $(#[$doc])*
        pub(crate) struct $Step<F, C, T, U> {
            f: F,
            next: C,
            types: PhantomData<fn(T) -> U>,
        }

        impl<F, C, T, U> Flow for $Step<F, C, T, U>
        where
            F: Send + 'static,
            C: Flow,
            T: 'static,
            U: 'static,
        {
            pass_on!(next);
        }

        impl<F, C, T, U> Collector<T> for $Step<F, C, T, U>
        where
            F: $($bound)+ + Send + 'static,
            C: Collector<$Out>,
            T: Send + 'static,
            U: 'static,
        {
            #[inline]
            fn collect(&mut $self, $record: T, $time: Timestamp) {
                $do
            }
        }
    };
}

step!(
    /// One record to one record.
    MapTo / Map, (Fn(T) -> U), U, |self, record, time| self.next.collect((self.f)(record), time)
);

step!(
    /// One record to one record, with a look at its event time.
    MapTimedTo / MapTimed, (Fn(T, Timestamp) -> U), U, |self, record, time| {
        self.next.collect((self.f)(record, time), time);
    }
);

step!(
    /// Some records pass.
    FilterTo / Filter, (Fn(&T) -> bool), T, |self, record, time| if (self.f)(&record) {
        self.next.collect(record, time);
    }
);

step!(
    /// Some records become others.
    FilterMapTo / FilterMap, (Fn(T) -> Option<U>), U, |self, record, time| if let Some(out) = (self.f)(record) {
        self.next.collect(out, time);
    }
);

step!(
    /// One record to any number of records.
    FlatMapTo / FlatMap, (Fn(T, &mut dyn FnMut(U))), U, |self, record, time| {
        let Self { f, next, .. } = self;
        f(record, &mut |out| next.collect(out, time));
    }
);
