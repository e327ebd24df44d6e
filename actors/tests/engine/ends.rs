//! How jobs end: at the end of their input, by draining, by a failure that says what happened.

use crate::{Collected, system};
use potoroo_actors::runtime::Fault;
use potoroo_actors::{Pipeline, sink, source};
use std::time::Duration;

#[test]
fn an_empty_input_ends_the_job() {
    let system = system(2);
    let out = Collected::<u64>::new();
    let pipeline = Pipeline::new();
    pipeline
        .source("nothing", source::generate(3, |_| std::iter::empty()))
        .sink("out", sink::each(out.taker()));
    pipeline.start(&system).wait().expect("the job ends");
    assert_eq!(out.take(), [0_u64; 0]);
}

#[test]
fn draining_passes_on_all_that_was_taken_in() {
    let system = system(2);
    let out = Collected::new();
    let pipeline = Pipeline::new();
    pipeline
        .source("endless", source::generate(1, |_| 0_u64..))
        .key_by(|n| n % 7)
        .entity(
            "pass",
            |_| (),
            |(), n, out| {
                out.emit(n);
                Ok(())
            },
        )
        .sink("out", sink::each(out.taker()));
    let mut job = pipeline.start(&system);
    while job.status().stage("out").is_none_or(|stage| stage.records_in < 10_000) {
        assert_eq!(
            job.wait_for(Duration::from_millis(1)),
            None,
            "nothing ends an endless input"
        );
    }
    job.drain();
    let outcome = loop {
        if let Some(outcome) = job.wait_for(Duration::from_secs(1)) {
            break outcome;
        }
    };
    assert_eq!(outcome, Ok(()));
    let made = job.status().stage("endless").expect("a stage").records_out;
    let mut out = out.take();
    out.sort_unstable();
    assert!(out.into_iter().eq(0..made), "what was made arrived, once");
}

#[test]
fn a_handler_that_fails_fails_the_job_and_names_the_stage() {
    for panics in [false, true] {
        let system = system(2);
        let pipeline = Pipeline::new();
        pipeline
            .source("numbers", source::generate(1, |_| 0..100_000_u64))
            .key_by(|n| n % 3)
            .entity(
                "fragile",
                |_| (),
                move |(), n, out| {
                    if n == 77_777 {
                        assert!(!panics, "unlucky {n}");
                        return Err(Fault::new(format!("unlucky {n}")));
                    }
                    out.emit(n);
                    Ok(())
                },
            )
            .sink("out", sink::each(|_| {}));
        let error = pipeline.start(&system).wait().expect_err("the stage fails").to_string();
        assert!(
            error.contains("'fragile'") && error.contains("unlucky 77777"),
            "{error}"
        );
    }
}

#[test]
fn a_system_that_shuts_down_ends_its_jobs() {
    let system = system(2);
    let pipeline = Pipeline::new();
    pipeline
        .source("endless", source::generate(1, |_| 0_u64..))
        .sink("out", sink::each(|_| {}));
    let job = pipeline.start(&system);
    let report = system.shutdown_within(Duration::from_millis(50));
    assert!(!report.drained, "an endless input is never quiet");
    assert!(job.wait().is_err());
}
