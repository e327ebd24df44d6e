//! The roster against a model of its children: whatever they do, and in whatever order reports come.

use super::*;
use proptest::prelude::any;
use proptest::strategy::{Just, Strategy as Generator};
use proptest::{collection, prop_assert, prop_assert_eq, prop_oneof, proptest};

/// What a child of the model is doing, and what it has been told.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Model {
    Down,
    Starting,
    Up,
    /// Up, and told to stop.
    Stopping,
    /// Up, told to stop, and given up.
    Late,
    Gone,
}

/// Carries out what the roster says until it waits; time stands at `now`. Gives the children that were started and stopped.
fn settle(roster: &mut Roster, children: &mut [Model], now: Time) -> (Vec<usize>, Vec<usize>) {
    let (mut started, mut stopped) = (Vec::new(), Vec::new());
    loop {
        match roster.next(now) {
            Step::Start(index) => {
                assert_eq!(children[index], Model::Down, "only who is down is started");
                children[index] = Model::Starting;
                started.push(index);
            }
            Step::Stop(index) => {
                assert!(
                    matches!(children[index], Model::Starting | Model::Up),
                    "only who lives is stopped"
                );
                children[index] = Model::Stopping;
                stopped.push(index);
            }
            Step::LeaveOver(index) => {
                assert_eq!(
                    children[index],
                    Model::Stopping,
                    "only who was told to stop can be late"
                );
                children[index] = Model::Late;
            }
            Step::Wait(due) => {
                assert!(due > now);
                return (started, stopped);
            }
            Step::Nothing => return (started, stopped),
        }
    }
}

/// Reports what is pending until nothing is: who starts is up, who stops is down.
fn run(roster: &mut Roster, children: &mut [Model], now: Time) {
    loop {
        settle(roster, children, now);
        let pending = |child: &Model| matches!(child, Model::Starting | Model::Stopping | Model::Late);
        let Some(index) = children.iter().position(pending) else {
            return;
        };
        if children[index] == Model::Starting {
            children[index] = Model::Up;
            roster.started(index);
        } else {
            end(roster, children, index, true, None);
        }
    }
}

/// A life of a child ends.
fn end(roster: &mut Roster, children: &mut [Model], index: usize, normally: bool, due: Option<Time>) -> Ended {
    let ended = roster.ended(index, normally);
    children[index] = if ended == Ended::Retire {
        Model::Gone
    } else {
        Model::Down
    };
    if ended == Ended::Restart {
        roster.restart(index, due);
    }
    ended
}

fn strategies() -> impl Generator<Value = Strategy> {
    prop_oneof![
        Just(Strategy::OneForOne),
        Just(Strategy::OneForAll),
        Just(Strategy::RestForOne)
    ]
}

fn kinds() -> impl Generator<Value = Vec<Restart>> {
    let kind = prop_oneof![
        Just(Restart::Permanent),
        Just(Restart::Transient),
        Just(Restart::Temporary)
    ];
    collection::vec(kind, 1..7)
}

proptest! {
    #[test]
    fn whatever_fails_in_the_end_all_that_should_live_do(
        strategy in strategies(), kinds in kinds(), ends in collection::vec((0_usize..7, any::<bool>(), 0_u64..3), 0..40),
    ) {
        let mut roster = Roster::new(strategy);
        kinds.iter().for_each(|kind| roster.add(*kind, Duration::MAX));
        let mut children = vec![Model::Down; kinds.len()];
        let mut now = Time::from_ns(1);
        settle(&mut roster, &mut children, now);
        for (index, normally, pause) in ends {
            let index = index % kinds.len();
            match children[index] {
                // What has been told to start does, and what lives may end at any moment, told or not.
                Model::Starting if pause == 0 => {
                    children[index] = Model::Up;
                    roster.started(index);
                }
                Model::Starting | Model::Up | Model::Stopping => {
                    let due = (pause > 0).then(|| Time::from_ns(now.as_ns() + pause));
                    end(&mut roster, &mut children, index, normally, due);
                }
                Model::Late => unreachable!("all may take for ever"),
                Model::Down | Model::Gone => now = Time::from_ns(now.as_ns() + pause),
            }
            settle(&mut roster, &mut children, now);
        }
        run(&mut roster, &mut children, Time::from_ns(u64::MAX - 1));
        for (child, kind) in children.iter().zip(&kinds) {
            prop_assert!(*child == Model::Up || *kind != Restart::Permanent && *child == Model::Gone, "{:?}", children);
        }
    }

    #[test]
    fn whoever_is_terminated_wanted_or_late_in_the_end_those_who_are_wanted_live(
        strategy in strategies(), kinds in kinds(), acts in collection::vec((0_usize..7, 0_u8..8), 0..60),
    ) {
        let mut roster = Roster::new(strategy);
        kinds.iter().for_each(|kind| roster.add(*kind, Duration::from_nanos(5)));
        let mut children = vec![Model::Down; kinds.len()];
        let mut wanted = vec![true; kinds.len()];
        let mut now = Time::from_ns(1);
        settle(&mut roster, &mut children, now);
        for (index, act) in acts {
            let index = index % kinds.len();
            match (act, children[index]) {
                (0 | 1, Model::Up | Model::Stopping | Model::Late) => {
                    end(&mut roster, &mut children, index, act == 0, None);
                }
                (2 | 3, Model::Starting) => {
                    children[index] = Model::Up;
                    roster.started(index);
                }
                (4, _) => {
                    roster.unwant(index);
                    wanted[index] = false;
                }
                (5, _) if roster.state(index) == ChildState::Stopped => {
                    prop_assert_eq!((children[index], wanted[index]), (Model::Down, false));
                    roster.want(index);
                    wanted[index] = true;
                }
                _ => now = Time::from_ns(now.as_ns() + 3),
            }
            let (started, _) = settle(&mut roster, &mut children, now);
            prop_assert!(started.iter().all(|index| wanted[*index]), "{started:?} of {wanted:?}");
            // Nobody waits for who is late.
            prop_assert!(children.iter().all(|child| *child != Model::Stopping) || roster.next(now) != Step::Nothing);
        }
        run(&mut roster, &mut children, now);
        for (index, child) in children.iter().enumerate() {
            let is_right = match child {
                Model::Up => wanted[index],
                Model::Down => !wanted[index] && roster.state(index) == ChildState::Stopped,
                Model::Gone => kinds[index] != Restart::Permanent,
                _ => false,
            };
            prop_assert!(is_right, "{index} of {children:?}, wanted are {wanted:?}");
        }
    }

    #[test]
    fn one_failure_concerns_whom_the_strategy_says(strategy in strategies(), count in 1_usize..7, which: usize) {
        let which = which % count;
        let mut roster = Roster::new(strategy);
        (0..count).for_each(|_| roster.add(Restart::Permanent, Duration::MAX));
        let mut children = vec![Model::Down; count];
        let now = Time::from_ns(1);
        run(&mut roster, &mut children, now);
        prop_assert_eq!(end(&mut roster, &mut children, which, false, None), Ended::Restart);
        let (mut started, mut stopped) = (Vec::new(), Vec::new());
        loop {
            let (up, down) = settle(&mut roster, &mut children, now);
            for index in &up {
                children[*index] = Model::Up;
                roster.started(*index);
            }
            for index in &down {
                prop_assert_eq!(end(&mut roster, &mut children, *index, true, None), Ended::AsTold);
            }
            if up.is_empty() && down.is_empty() {
                break;
            }
            // One after the other.
            prop_assert_eq!(up.len() + down.len(), 1);
            started.extend(up);
            stopped.extend(down);
        }
        let concerned: Vec<usize> = match strategy {
            Strategy::OneForOne => vec![which],
            Strategy::OneForAll => (0..count).collect(),
            Strategy::RestForOne => (which..count).collect(),
        };
        prop_assert_eq!(&started, &concerned);
        let told: Vec<usize> = concerned.into_iter().rev().filter(|index| *index != which).collect();
        prop_assert_eq!(stopped, told);
    }
}

#[test]
fn a_pause_holds_back_the_child_or_all_that_are_restarted_with_it() {
    let (now, due) = (Time::from_ns(1), Time::from_ns(100));
    for strategy in [Strategy::OneForOne, Strategy::OneForAll] {
        let mut roster = Roster::new(strategy);
        (0..3).for_each(|_| roster.add(Restart::Permanent, Duration::MAX));
        let mut children = [Model::Down; 3];
        run(&mut roster, &mut children, now);
        end(&mut roster, &mut children, 1, false, Some(due));
        run(&mut roster, &mut children, now);
        assert_eq!(roster.next(now), Step::Wait(due));
        let others = if strategy == Strategy::OneForOne {
            Model::Up
        } else {
            Model::Down
        };
        assert_eq!(children, [others, Model::Down, others]);
        run(&mut roster, &mut children, due);
        assert_eq!(children, [Model::Up; 3]);
    }
}
