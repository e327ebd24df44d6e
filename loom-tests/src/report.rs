//! What one run of a model comes to, as the model writes it and the runner reads it.

use serde::{Deserialize, Serialize};

/// The environment variable that names the file to which a model appends its report, one JSON object a line.
pub const REPORT_FILE: &str = "POTOROO_LOOM_REPORT";

/// The environment variable that has models whose space is small explored without a bound.
pub const DEEP: &str = "POTOROO_LOOM_DEEP";

/// What is known of one model when it ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The file in `loom-tests/tests` and the test in it.
    pub model: String,
    /// What its assertions show.
    pub claim: String,
    /// How many threads and messages take part.
    pub size: String,
    /// The bound on preemptions; `None` if there was none.
    pub preemptions: Option<usize>,
    /// How many interleavings were explored, up to the failure if there is one.
    pub interleavings: u64,
    /// How long that took.
    pub seconds: f64,
    /// Whether the claim holds in all of them.
    pub passed: bool,
    /// Whether its time was up before all interleavings below the bound had been explored.
    pub cut: bool,
}

impl Report {
    /// The bound on preemptions in words.
    fn preemptions(&self) -> String {
        self.preemptions
            .map_or_else(|| "no".to_owned(), |bound| bound.to_string())
    }

    /// As far as it was explored, in words.
    pub fn bound(&self) -> String {
        let bound = self.preemptions();
        if self.cut { bound + ", cut short" } else { bound }
    }

    /// What is printed of a model when it has run.
    pub fn text(&self) -> String {
        let (verdict, how_far) = match (self.passed, self.cut) {
            (true, false) => ("holds", "explored"),
            (true, true) => (
                "holds as far as it was explored",
                "explored until its time was up, of more",
            ),
            (false, _) => ("FAILS", "explored up to the failure"),
        };
        format!(
            "{}: {verdict}\n    claim: {}\n    size: {}\n    {} interleavings {how_far}, {} bound on preemptions, in {:.2} s\n",
            self.model,
            self.claim,
            self.size,
            self.interleavings,
            self.preemptions(),
            self.seconds,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_survives_its_way_and_says_what_it_knows() {
        let report = Report {
            model: "inbox::close".into(),
            claim: "M4".into(),
            size: "3 threads".into(),
            preemptions: None,
            interleavings: 12,
            seconds: 0.5,
            passed: false,
            cut: false,
        };
        let line = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&line).unwrap(), report);
        let text = report.text();
        assert!(text.starts_with("inbox::close: FAILS\n"));
        assert!(text.contains("12 interleavings explored up to the failure, no bound on preemptions, in 0.50 s"));
        let cut = Report {
            preemptions: Some(3),
            passed: true,
            cut: true,
            ..report
        };
        assert_eq!(cut.bound(), "3, cut short");
        assert!(
            cut.text()
                .starts_with("inbox::close: holds as far as it was explored\n")
        );
    }
}
