//! Credits bound what is under way: a slow sink slows its source, and a job of many records needs no more memory.

use crate::system;
use potoroo_actors::{Pipeline, sink, source};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The credits of one edge, the batch that is being filled and one turn of the source, generously.
const UNDER_WAY_MAX: u64 = 4 * (16 * 256 + 2 * 1024);

#[test]
fn a_source_runs_ahead_of_a_slow_sink_by_its_credits_only() {
    let system = system(2);
    let made = Arc::new(AtomicU64::new(0));
    let (counted, seen) = (made.clone(), made);
    let mut taken = 0_u64;
    let mut ahead_max = 0;
    let (tell, ahead) = std::sync::mpsc::channel();
    let pipeline = Pipeline::new();
    pipeline
        .source(
            "numbers",
            source::generate(1, move |_| {
                let counted = counted.clone();
                (0..200_000_u64).inspect(move |_| {
                    counted.fetch_add(1, Ordering::Relaxed);
                })
            }),
        )
        .key_by(|n| *n)
        .entity(
            "pass",
            |_| (),
            |(), n, out| {
                out.emit(n);
                Ok(())
            },
        )
        .sink(
            "slow",
            sink::each(move |_| {
                taken += 1;
                if taken.is_multiple_of(1000) {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                ahead_max = ahead_max.max(seen.load(Ordering::Relaxed) - taken);
                if taken == 200_000 {
                    tell.send(ahead_max).expect("the test listens");
                }
            }),
        );
    pipeline.start(&system).wait().expect("the job ends");
    let ahead = ahead.recv().expect("the sink saw everything");
    assert!(ahead > 256, "records travel in batches: {ahead}");
    assert!(ahead <= UNDER_WAY_MAX, "{ahead}");
}
