//! Who is restarted with whom, in which order, and when a supervisor gives up.

use super::*;

#[test]
fn more_restarts_than_the_intensity_allows_end_the_supervisor_and_tell_its_parent() {
    struct Parent {
        child: ActorRef<Mortal>,
        tell: Sender<Event>,
    }
    impl Actor for Parent {
        type Msg = ();
        fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
            self.child.tell(Wish::Fault);
            Ok(())
        }
        fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
            if let Signal::ChildExited { reason, .. } = signal {
                assert!(!reason.is_normal());
                let ExitReason::RestartLimit { child, reason } = reason else {
                    return Err(Fault::new(format!("what is {reason}?")));
                };
                assert_eq!(child, self.child.id());
                self.tell.send(Event::Heard(reason.to_string()))?;
            }
            Ok(())
        }
    }
    let system = quiet(2);
    let (tell, heard) = mpsc::channel();
    let parent = system.spawn(move |ctx| {
        let mut tree = ctx.supervise(Strategy::OneForOne.intensity(3, Duration::from_secs(3600)));
        let child = tree.child("child", Restart::Permanent, lives("child", &tell));
        tree.child("other", Restart::Permanent, lives("other", &tell));
        tree.start();
        Ok(Parent { child, tell })
    });
    (0..4).for_each(|_| parent.tell(()));
    let mut events = heard.iter().filter(|event| !matches!(event, Event::Dropped(..)));
    let mut events: Vec<_> = events.by_ref().take(2 + 3 + 4 + 1 + 1).collect();
    assert_eq!(events.pop(), Some(Event::Heard("fault: told to fault".to_owned())));
    // The other child went with its supervisor.
    let other = Event::Stopping("other", 1, "stopped with its parent".to_owned());
    assert_eq!(events.pop(), Some(other));
    assert!(events.contains(&Event::Born("child", 4)));
    assert!(!events.contains(&Event::Born("child", 5)));
}

#[test]
fn each_strategy_with_each_kind_of_child_restarts_whom_it_should() {
    for workers in [1, 2] {
        for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
            for kind in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
                for fails in [false, true] {
                    let system = quiet(workers);
                    let (tell, _heard) = mpsc::channel();
                    let mut tree = system.supervise(ever(strategy));
                    let children = ["a", "b", "c"].map(|name| tree.child(name, kind, lives(name, &tell)));
                    tree.start();
                    assert!(children.iter().all(|child| life(child) == Some(1)));
                    children[1].tell(if fails { Wish::Fault } else { Wish::Stop });
                    // Asked one by one: those that are stopped with it are stopped before it lives again.
                    let b = life(&children[1]);
                    let after = [life(&children[0]), b, life(&children[2])];
                    let again = match kind {
                        Restart::Permanent => true,
                        Restart::Transient => fails,
                        Restart::Temporary => false,
                    };
                    let expected = match (again, strategy) {
                        (false, _) => [Some(1), None, Some(1)],
                        (true, Strategy::OneForOne) => [Some(1), Some(2), Some(1)],
                        (true, Strategy::OneForAll) => [Some(2), Some(2), Some(2)],
                        (true, Strategy::RestForOne) => [Some(1), Some(2), Some(2)],
                    };
                    assert_eq!(after, expected, "{strategy:?} {kind:?} fails: {fails}");
                }
            }
        }
    }
}

#[test]
fn those_that_are_restarted_together_stop_in_reverse_order_and_start_in_order() {
    let system = quiet(2);
    let (tell, heard) = mpsc::channel();
    let mut tree = system.supervise(ever(Strategy::OneForAll));
    let children = ["a", "b", "c", "d"].map(|name| tree.child(name, Restart::Permanent, lives(name, &tell)));
    let brief = tree.child("brief", Restart::Temporary, lives("brief", &tell));
    tree.start();
    assert_eq!(life(&brief), Some(1));
    children[1].tell(Wish::Fault);
    let steps: Vec<_> = heard
        .iter()
        .filter_map(|event| match event {
            Event::Born(name, life) => Some(format!("{name} begins {life}")),
            Event::Stopping(name, life, _) => Some(format!("{name} ends {life}")),
            _ => None,
        })
        .take(5 + 5 + 4)
        .collect();
    assert_eq!(
        steps,
        [
            "a begins 1",
            "b begins 1",
            "c begins 1",
            "d begins 1",
            "brief begins 1", //
            "b ends 1",
            "brief ends 1",
            "d ends 1",
            "c ends 1",
            "a ends 1", //
            "a begins 2",
            "b begins 2",
            "c begins 2",
            "d begins 2",
        ]
    );
    // A temporary child that was stopped with the others does not come back.
    assert_eq!(life(&brief), None);
}

#[test]
fn a_supervisor_that_gives_up_is_restarted_by_its_own_and_its_childrens_references_stay_valid() {
    for workers in [1, 2] {
        let system = quiet(workers);
        let (tell, heard) = mpsc::channel();
        let mut tree = system.supervise(ever(Strategy::OneForAll));
        let sibling = tree.child("sibling", Restart::Permanent, lives("sibling", &tell));
        let rules = Strategy::OneForOne.intensity(1, Duration::from_secs(3600));
        let (a, b) = tree.subtree("inner", Restart::Permanent, rules, |inner| {
            let a = inner.child("a", Restart::Permanent, lives("a", &tell));
            (a, inner.child("b", Restart::Permanent, lives("b", &tell)))
        });
        let top = tree.start();
        assert_eq!((life(&a), life(&b)), (Some(1), Some(1)));
        a.tell(Wish::Fault);
        assert_eq!((life(&a), life(&b), life(&sibling)), (Some(2), Some(1), Some(1)));
        // One more than the inner supervisor takes.
        tell_at_once(&system, &a, vec![Wish::Fault, Wish::Note(7)]);
        let what_waited = heard.iter().find(|event| matches!(event, Event::Got(..)));
        assert_eq!(what_waited, Some(Event::Got(3, 7)));
        assert_eq!(life(&a), Some(3));
        // The sibling was restarted with the inner supervisor, and before it.
        assert_eq!((life(&b), life(&sibling)), (Some(2), Some(2)));
        // The other way round: the sibling's failure restarts the inner supervisor with all of its children.
        sibling.tell(Wish::Fault);
        assert_eq!((life(&sibling), life(&a), life(&b)), (Some(3), Some(4), Some(3)));
        assert_eq!(states(&top), [ChildState::Running; 2]);
        let total = system.shutdown().stats.total();
        assert_eq!(total.spawned, total.ended);
    }
}
