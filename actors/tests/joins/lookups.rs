//! As-of joins and enrichments against models that keep everything.

use crate::models::{self, Form};
use crate::{LEFT, Pair, RIGHT, Record, Side, Sides, count, run, span, streams};
use potoroo_actors::element::Either;
use potoroo_actors::source::Step;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn both(left: Record, right: &Record) -> Pair {
    (Some(left.1), Some(right.1))
}

fn either(left: Record, right: Option<&Record>) -> Pair {
    (Some(left.1), right.map(|right| right.1))
}

/// How many keys have a row at the end.
fn rows(steps: &[Step<Side>]) -> u64 {
    let keys = steps.iter().filter_map(|step| match step {
        Step::At(_, Either::Right((key, _))) => Some(*key),
        _ => None,
    });
    keys.collect::<BTreeSet<u8>>().len() as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn as_of_joins_find_the_version_of_the_model(
        steps in streams(),
        tolerance in proptest::option::of(0_i64..40),
        is_left in any::<bool>(),
        partitions in 1_usize..4,
    ) {
        let form = if is_left { Form::Left } else { Form::Inner };
        // Without a tolerance, the last version of a key is valid for ever.
        let known = if tolerance.is_some() { 0 } else { rows(&steps) };
        let outcome = run(&steps, partitions, known, |sides: Sides| {
            let join = sides.as_of().rejects(LEFT, RIGHT);
            let join = match tolerance {
                Some(tolerance) => join.tolerance(span(tolerance as u64)),
                None => join,
            };
            if is_left { join.left("join", either) } else { join.inner("join", both) }
        });
        prop_assert_eq!(outcome, models::as_of(&steps, tolerance, form));
    }

    #[test]
    fn enrichments_find_the_row_of_the_model(
        steps in streams(),
        wait in 0_usize..4,
        is_left in any::<bool>(),
        partitions in 1_usize..4,
    ) {
        let form = if is_left { Form::Left } else { Form::Inner };
        let model = models::enrich(&steps, wait, form);
        // Keys whose records waited to the end are known until then.
        let lonely = |step: &Step<Side>| match step {
            Step::At(_, Either::Left((key, _))) => Some(*key),
            _ => None,
        };
        let with_row: BTreeSet<u8> = steps
            .iter()
            .filter_map(|step| match step {
                Step::At(_, Either::Right((key, _))) => Some(*key),
                _ => None,
            })
            .collect();
        let waited: BTreeSet<u8> = steps.iter().filter_map(lonely).filter(|key| !with_row.contains(key)).collect();
        let known = rows(&steps) + if wait > 0 { waited.len() as u64 } else { 0 };
        let outcome = run(&steps, partitions, known, |sides: Sides| {
            let join = sides.enrich().unmatched(LEFT);
            let join = if wait > 0 { join.wait(count(wait)) } else { join };
            if is_left { join.left("join", either) } else { join.inner("join", both) }
        });
        prop_assert_eq!(outcome, model);
    }
}
