//! Window joins against models that keep a list for every window.

use crate::models::{self, Form, InWindow};
use crate::{LEFT, Outcome, Pair, RIGHT, Side, Sides, run, span, streams};
use potoroo_actors::join::JoinWindows;
use potoroo_actors::source::Step;
use potoroo_actors::window::{Windowed, session, sliding, tumbling};
use proptest::prelude::*;

fn joined(
    steps: &[Step<Side>],
    partitions: usize,
    windows: impl Into<JoinWindows>,
    lateness: u64,
    form: Form,
) -> Outcome<InWindow> {
    run(steps, partitions, 0, |sides: Sides| {
        let join = sides.window(windows).lateness(span(lateness)).rejects(LEFT, RIGHT);
        match form {
            Form::Inner => join.inner("join", |left, right| (Some(left.1), Some(right.1))),
            Form::Left => join.left("join", |left, right| (Some(left.1), right.map(|right| right.1))),
            Form::Full => join.full("join", |left, right| {
                (left.map(|left| left.1), right.map(|right| right.1))
            }),
        }
    })
    .map(|result: Windowed<u8, Pair>| {
        let span = result.span;
        (
            result.key,
            span.start.nanos(),
            span.end.nanos(),
            result.firing,
            result.value,
        )
    })
}

impl<O> Outcome<O> {
    fn map<U: Ord>(self, f: impl Fn(O) -> U) -> Outcome<U> {
        let given = self.given.into_iter().map(|(result, time)| (f(result), time)).collect();
        Outcome::new(given, self.left, self.right)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn joins_in_tumbling_windows_are_those_of_the_model(
        steps in streams(),
        size in 1_u64..40,
        offset in 0_u64..40,
        lateness in prop_oneof![Just(0_u64), 1_u64..50],
        form in 0_usize..3,
        partitions in 1_usize..4,
    ) {
        let form = Form::ALL[form];
        let windows = tumbling(span(size)).offset(span(offset));
        let model = models::aligned(&steps, (size as i64, size as i64, offset as i64), lateness as i64, form);
        prop_assert_eq!(joined(&steps, partitions, windows, lateness, form), model);
    }

    #[test]
    fn joins_in_sliding_windows_are_those_of_the_model(
        steps in streams(),
        slide in 1_u64..12,
        more in 0_u64..30,
        offset in 0_u64..40,
        lateness in prop_oneof![Just(0_u64), 1_u64..50],
        form in 0_usize..3,
        partitions in 1_usize..4,
    ) {
        let (form, size) = (Form::ALL[form], slide + more);
        let windows = sliding(span(size), span(slide)).offset(span(offset));
        let model = models::aligned(&steps, (size as i64, slide as i64, offset as i64), lateness as i64, form);
        prop_assert_eq!(joined(&steps, partitions, windows, lateness, form), model);
    }

    #[test]
    fn joins_in_sessions_are_those_of_the_model(
        steps in streams(),
        gap in 1_u64..30,
        lateness in prop_oneof![Just(0_u64), 1_u64..50],
        form in 0_usize..3,
        partitions in 1_usize..4,
    ) {
        let form = Form::ALL[form];
        let model = models::sessions(&steps, gap as i64, lateness as i64, form);
        prop_assert_eq!(joined(&steps, partitions, session(span(gap)), lateness, form), model);
    }
}

/// A window of more pairs than one slice gives, beside one of few.
#[test]
fn b9_a_window_of_many_pairs_gives_each_of_them_once() {
    use potoroo_actors::element::Either;
    const EACH: u32 = 150;
    let many = (0..EACH).flat_map(|n| [Either::Left((1, n)), Either::Right((1, n))]);
    let few = [Either::Left((2, 0)), Either::Right((2, 0))];
    let steps: Vec<Step<Side>> = many.chain(few).map(|side| Step::At(crate::at(5), side)).collect();
    for form in Form::ALL {
        let model = models::aligned(&steps, (10, 10, 0), 0, form);
        assert_eq!(model.given.len(), (EACH * EACH + 1) as usize);
        assert_eq!(joined(&steps, 1, tumbling(span(10)), 0, form), model);
        let model = models::sessions(&steps, 10, 0, form);
        assert_eq!(joined(&steps, 1, session(span(10)), 0, form), model);
    }
}
