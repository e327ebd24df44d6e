//! A step that turns records into bytes, for sinks of bytes.

use potoroo_actors::Encode;
use potoroo_actors::element::{EdgeId, Grant, Mark, Timestamp};
use potoroo_actors::exchange::{Collector, Downstream, Flow, ToOne, Wiring};

/// The plan of the step.
#[derive(Clone, Debug)]
pub struct EncodingTo<E> {
    pub(super) encode: E,
    pub(super) next: ToOne<Vec<u8>>,
}

impl<T, E: Encode<T> + Clone + Sync> Downstream<T> for EncodingTo<E> {
    type Collector = Encoding<E, <ToOne<Vec<u8>> as Downstream<Vec<u8>>>::Collector>;

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
        Encoding {
            encode: self.encode.clone(),
            next: self.next.connect(edge, wiring),
        }
    }
}

/// See [`EncodingTo`].
#[derive(Debug)]
pub struct Encoding<E, C> {
    encode: E,
    next: C,
}

impl<E: Send + 'static, C: Flow> Flow for Encoding<E, C> {
    fn mark(&mut self, mark: Mark) {
        self.next.mark(mark);
    }

    fn is_ready(&self) -> bool {
        self.next.is_ready()
    }

    fn flush(&mut self) {
        self.next.flush();
    }

    fn granted(&mut self, grant: Grant) -> Option<Grant> {
        self.next.granted(grant)
    }

    fn end(&mut self) {
        self.next.end();
    }

    fn has_ended(&self) -> bool {
        self.next.has_ended()
    }

    fn batches_in_flight(&self) -> usize {
        self.next.batches_in_flight()
    }
}

impl<T, E: Encode<T>, C: Collector<Vec<u8>>> Collector<T> for Encoding<E, C> {
    fn collect(&mut self, record: T, time: Timestamp) {
        let mut bytes = Vec::new();
        self.encode.encode(&record, &mut bytes);
        self.next.collect(bytes, time);
    }
}
