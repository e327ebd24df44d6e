//! `kill -9`: what is said to be whole is whole, whenever the program dies.
//!
//! A job that dies begins again from its input, for there are no checkpoints; so what is shown here is that no death leaves
//! half a result, nor anything that is in the next run's way.

use crate::support::{Place, Process, eventually};

const BILL_OF_RIGHTS: &str = include_str!("../data/bill_of_rights.txt");

/// How many times the text is counted in one run, and how many words that are.
const TIMES: usize = 150;
const WORDS: usize = 482 * TIMES;

const KILLS: usize = 20;

const OLD: &[u8] = b"what an earlier run had found\n";

fn count_words(place: &Place) -> Process {
    let input = format!("--input={}", place.endpoint("text"));
    let output = format!("--out={}", place.endpoint("counts"));
    Process::start(["run", "word-count", &input, &output, "--workers=2"])
}

fn is_whole(counts: &[u8]) -> bool {
    let text = std::str::from_utf8(counts).expect("text");
    let last = text.lines().filter(|line| *line == format!("the => {}", 40 * TIMES));
    text.lines().count() == WORDS && last.count() == 1
}

#[test]
fn a_job_that_is_killed_at_any_time_leaves_the_old_result_or_the_new_one() {
    let place = Place::new();
    place.write("text", BILL_OF_RIGHTS.repeat(TIMES));
    count_words(&place).end().assert_success();
    let whole = place.read("counts");
    assert!(is_whole(&whole));
    let mut killed = 0;
    for kill in 0..KILLS {
        place.write("counts", OLD);
        let job = count_words(&place);
        // Each time when a little more has been written; the first time at once.
        let written = (whole.len() * kill / KILLS) as u64;
        eventually("so many bytes", || {
            let length = std::fs::metadata(place.path("counts.partial")).map_or(0, |file| file.len());
            (length >= written || place.read("counts") != OLD).then_some(())
        });
        job.signal("KILL");
        killed += usize::from(job.end().code.is_none());
        let found = place.read("counts");
        assert!(found == OLD || is_whole(&found), "half a result after {written} bytes");
    }
    println!("{killed} of {KILLS} were killed before they had ended");
    assert!(killed > 0, "nobody was killed in time");
    count_words(&place).end().assert_success();
    assert!(is_whole(&place.read("counts")));
    assert_eq!(
        place.names(),
        ["counts", "text"],
        "what the dead had begun is not in the way"
    );
}
