//! Interval joins against the model of all pairs, and against that of bounded lists.

use crate::models::{self, Form};
use crate::{LEFT, Outcome, Pair, RIGHT, Side, Sides, count, run, span, streams};
use potoroo_actors::join::{Full, Offset, after, before};
use potoroo_actors::source::Step;
use potoroo_actors::{IntervalJoin, Stream};
use proptest::prelude::*;

fn offset(nanos: i64) -> Offset {
    let duration = span(nanos.unsigned_abs());
    if nanos < 0 { before(duration) } else { after(duration) }
}

fn pairs<S, B>(join: IntervalJoin<crate::Record, crate::Record, S, B>, form: Form) -> Stream<Pair>
where
    S: potoroo_actors::element::KeySelector<Side>,
    B: potoroo_actors::Branch<Side>,
{
    match form {
        Form::Inner => join.inner("join", |left, right| (Some(left.1), Some(right.1))),
        Form::Left => join.left("join", |left, right| (Some(left.1), right.map(|right| right.1))),
        Form::Full => join.full("join", |left, right| {
            (left.map(|left| left.1), right.map(|right| right.1))
        }),
    }
}

fn joined(steps: &[Step<Side>], partitions: usize, (lower, upper): (i64, i64), form: Form) -> Outcome<Pair> {
    run(steps, partitions, 0, |sides: Sides| {
        pairs(sides.interval(offset(lower), offset(upper)).rejects(LEFT, RIGHT), form)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn an_interval_join_gives_each_pair_of_the_model_once(
        steps in streams(),
        lower in -40_i64..20,
        more in 0_i64..40,
        form in 0_usize..3,
        partitions in 1_usize..4,
    ) {
        let (form, bounds) = (Form::ALL[form], (lower, lower + more));
        prop_assert_eq!(joined(&steps, partitions, bounds, form), models::interval(&steps, bounds, form));
    }

    #[test]
    fn a_bounded_interval_join_keeps_what_the_model_keeps(
        steps in streams(),
        lower in -40_i64..20,
        more in 0_i64..40,
        most in 1_usize..6,
        drops_oldest in any::<bool>(),
        partitions in 1_usize..4,
    ) {
        let bounds = (lower, lower + more);
        let full = if drops_oldest { Full::DropOldest } else { Full::DropIncoming };
        let outcome = run(&steps, partitions, 0, |sides: Sides| {
            let join = sides.interval(offset(bounds.0), offset(bounds.1)).rejects(LEFT, RIGHT);
            pairs(join.at_most(count(most), full), Form::Inner)
        });
        prop_assert_eq!(outcome, models::bounded_interval(&steps, bounds, most, full));
    }
}

#[test]
#[should_panic(expected = "is empty")]
fn an_interval_that_ends_before_it_begins_is_refused() {
    joined(&[], 1, (5, 4), Form::Inner);
}
