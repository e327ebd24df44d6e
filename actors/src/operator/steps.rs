//! Stateless steps: a collector around a collector.
//!
//! Each is composed with the next at compile time, so a chain of steps is one function to the optimizer: no actor hop,
//! no box, no call through a pointer per record.

use crate::element::{EdgeId, Grant};
use crate::exchange::{Collector, Downstream};
use potoroo_runtime::Recipient;
use std::marker::PhantomData;

/// Passes everything but `collect` on to the next collector.
macro_rules! pass_on {
    ($next:ident: $C:ident) => {
        fn is_ready(&self) -> bool {
            self.$next.is_ready()
        }

        fn flush(&mut self) {
            self.$next.flush();
        }

        fn granted(&mut self, grant: Grant<Self::Buffer>) {
            self.$next.granted(grant);
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
    ($(#[$doc:meta])* $Plan:ident / $Step:ident, ($($bound:tt)+), $Out:ty, |$self:ident, $record:ident| $do:expr) => {
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

            fn close(&self, edge: EdgeId) {
                self.next.close(edge);
            }

            fn connect(
                &self,
                edge: EdgeId,
                me: Recipient<Grant<<Self::Collector as Collector<T>>::Buffer>>,
            ) -> Self::Collector {
                $Step { f: self.f.clone(), next: self.next.connect(edge, me), types: PhantomData }
            }
        }

        $(#[$doc])*
        pub(crate) struct $Step<F, C, T, U> {
            f: F,
            next: C,
            types: PhantomData<fn(T) -> U>,
        }

        impl<F, C, T, U> Collector<T> for $Step<F, C, T, U>
        where
            F: $($bound)+ + Send + 'static,
            C: Collector<$Out>,
            T: Send + 'static,
            U: 'static,
        {
            type Buffer = C::Buffer;

            #[inline]
            fn collect(&mut $self, $record: T) {
                $do
            }

            pass_on!(next: C);
        }
    };
}

step!(
    /// One record to one record.
    MapTo / Map, (Fn(T) -> U), U, |self, record| self.next.collect((self.f)(record))
);

step!(
    /// Some records pass.
    FilterTo / Filter, (Fn(&T) -> bool), T, |self, record| if (self.f)(&record) {
        self.next.collect(record);
    }
);

step!(
    /// One record to any number of records.
    FlatMapTo / FlatMap, (Fn(T, &mut dyn FnMut(U))), U, |self, record| {
        let Self { f, next, .. } = self;
        f(record, &mut |out| next.collect(out));
    }
);
