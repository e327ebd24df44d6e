//! Every interleaving of the two actors, up to two preemptions.
#![cfg(potoroo_loom)]

use potoroo_runtime::loom::model;
use potoroo_runtime::sync::Arc;
use potoroo_runtime::sync::atomic::{AtomicU64, Ordering};
use shared_between_actors::{Place, Reader, Writer};

#[test]
fn the_reader_sees_all_or_nothing() {
    model(|small| {
        // In one order only: two workers start, and each gets an actor.
        let place = Arc::new(Place::new());
        let sum = Arc::new(AtomicU64::new(0));
        let (written, read, total) = (place.clone(), place, sum.clone());
        let writer = small.spawn_on(0, move |_| Ok(Writer(written)));
        let reader = small.spawn_on(1, move |_| {
            Ok(Reader {
                place: read,
                sum: total,
            })
        });
        // In every order: what is told here, and what the actors do because of it, until nobody has anything left to do.
        small.explore(|| {
            writer.tell(7);
            reader.tell(());
        });
        // In one order again.
        let sum = sum.load(Ordering::Relaxed);
        assert!(sum == 0 || sum == 7, "the reader has seen {sum}");
    });
}
