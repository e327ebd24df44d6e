//! Every column at every workload, small: what comes out is right. Each run checks it itself, and panics otherwise.
//!
//! Nothing here looks at the time.

use potoroo::nexmark::generate::Made;
use potoroo_peers::stream::measure::{Settings, measure};
use potoroo_peers::stream::{Column, Task, Workload, chart, report};
use std::collections::HashSet;

/// Fifteen seconds of event time, so that windows of ten seconds end meanwhile, and an uneven number.
const EVENTS: u64 = 150_007;

const RECORDS: u64 = 100_003;

#[test]
fn every_column_gives_what_it_must() {
    let made: Vec<Made> = (1..=3).map(|sources| Made::new(EVENTS, sources, true)).collect();
    for workload in Workload::all() {
        let records = match workload {
            Workload::Nexmark(_) => EVENTS,
            _ => RECORDS,
        };
        let task = Task::new(workload, records, 3, &made);
        let mut totals = HashSet::new();
        for workers in 1..=3 {
            for column in Column::ALL.into_iter().filter(|column| column.does(workload, workers)) {
                let total = task.run(column, workers).total;
                assert!(
                    total.out > 0,
                    "{workload} on {column} with {workers} threads gives nothing"
                );
                if workers == 1 {
                    totals.insert((total.out, total.chk));
                }
            }
        }
        assert_eq!(totals.len(), 1, "{workload}: on one thread all give the same");
    }
}

#[test]
#[should_panic(expected = "words_u32 on bare loop with 1 threads")]
fn a_wrong_result_is_no_result() {
    // The loop has the first of two sources only.
    let task = Task::new(Workload::WordsU32, 1_000, 2, &[]);
    task.compare(Column::Loop, 1, task.run(Column::Timely, 2).total);
}

#[test]
fn what_was_measured_can_be_printed_and_drawn() {
    let cells = measure(&Settings {
        columns: Column::ALL.to_vec(),
        workloads: vec!["words_u32".parse().unwrap(), "q3".parse().unwrap()],
        workers: vec![1, 2],
        rounds: 3,
        records: 1_000,
        events: 1_000,
    });
    // Of words the loops on one thread and the engines on one and two; of the query no batches, but two streams.
    assert_eq!(cells.len(), 6 + 7);
    for cell in &cells {
        assert!(cell.lowest() <= cell.median() && cell.median() <= cell.highest());
    }
    assert_eq!(report::rates(&cells).lines().count(), 6);
    assert_eq!(report::memory(&cells).lines().count(), 6);
    assert_eq!(report::json(&cells).matches("\"workload\"").count(), 13);
    let file = std::env::temp_dir().join(format!("peers-stream-{}.svg", std::process::id()));
    chart::draw(&cells, &file).unwrap();
    let svg = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(svg.contains("two streams") && svg.contains("potoroo"), "{svg}");
}

#[test]
fn a_workload_has_one_name() {
    for workload in Workload::all() {
        assert_eq!(workload.name().parse(), Ok(workload));
    }
    assert!("q9".parse::<Workload>().unwrap_err().contains("q8"));
}
