//! Ends for good: of paused actors, of trees, and of supervised systems in the middle of restarts. And pools.

use super::*;

#[test]
fn a_paused_actor_keeps_what_it_is_told_and_a_shutdown_does_not_wait_for_it() {
    let system = quiet(2);
    let (tell, heard) = mpsc::channel();
    let hour = Duration::from_secs(3600);
    let mut tree = system.supervise(Strategy::OneForOne.intensity(9, hour).backoff(hour..hour));
    let patient = tree.child("patient", Restart::Permanent, lives("patient", &tell));
    let other = tree.child("other", Restart::Permanent, lives("other", &tell));
    let supervisor = tree.start();
    patient.tell(Wish::Fault);
    while states(&supervisor)[0] != ChildState::Down {
        std::thread::yield_now();
    }
    (0..3).for_each(|n| patient.tell(Wish::Note(n)));
    // It is told to stop, has stopped already, and is waited for all the same.
    patient.stop();
    assert_eq!(life(&other), Some(1));
    assert_eq!(states(&supervisor), [ChildState::Down, ChildState::Running]);
    assert!(patient.try_tell(Wish::Note(3)).is_ok());
    let stats = system.shutdown().stats.total();
    assert_eq!((stats.dead_letters, stats.restarts), (4, 0));
    assert!(patient.try_tell(Wish::Note(4)).is_err());
    let born: Vec<_> = heard
        .try_iter()
        .filter(|event| matches!(event, Event::Born("patient", _)))
        .collect();
    assert_eq!(born, [Event::Born("patient", 1)]);
}

#[test]
fn a_stop_from_outside_ends_one_life_and_the_policy_decides() {
    let system = quiet(2);
    let (tell, _heard) = mpsc::channel();
    let mut tree = system.supervise(ever(Strategy::OneForOne));
    let permanent = tree.child("permanent", Restart::Permanent, lives("permanent", &tell));
    let transient = tree.child("transient", Restart::Transient, lives("transient", &tell));
    let supervisor = tree.start();
    for child in [&permanent, &transient] {
        assert_eq!(life(child), Some(1));
        child.stop();
    }
    assert_eq!(life(&permanent), Some(2));
    while transient.is_alive() {
        std::thread::yield_now();
    }
    assert_eq!(states(&supervisor), [ChildState::Running, ChildState::Retired]);
    // The supervisor itself can be stopped, and all go with it.
    supervisor.stop();
    while permanent.is_alive() {
        std::thread::yield_now();
    }
}

#[test]
fn a_tree_that_is_never_started_ends_all_that_was_made_for_it() {
    let system = quiet(1);
    let (tell, heard) = mpsc::channel();
    let mut tree = system.supervise(Strategy::OneForOne);
    let child = tree.child("child", Restart::Permanent, lives("child", &tell));
    let grandchild = tree.subtree("inner", Restart::Permanent, Strategy::OneForOne, |inner| {
        inner.child("grandchild", Restart::Permanent, lives("grandchild", &tell))
    });
    child.tell(Wish::Note(1));
    drop(tree);
    for child in [child, grandchild] {
        assert!(child.try_tell(Wish::Note(2)).is_err());
    }
    drop(tell);
    assert_eq!(heard.iter().count(), 0, "the factories are gone, and nobody was made");
}

#[test]
fn a_shutdown_in_the_middle_of_restarts_ends_everybody_once() {
    for round in 0..60 {
        let system = quiet(2);
        let (tell, heard) = mpsc::channel();
        let strategy = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne][round % 3];
        let mut tree = system.supervise(ever(strategy));
        let outer = tree.child("outer", Restart::Permanent, lives("outer", &tell));
        let rules = strategy.intensity(round % 5, Duration::from_secs(3600));
        let inner = tree.subtree("inner", Restart::Permanent, rules, |inner| {
            ["a", "b", "c"].map(|name| inner.child(name, Restart::Permanent, lives(name, &tell)))
        });
        tree.start();
        for n in 0..round {
            outer.tell(Wish::Child("leaf"));
            inner[n % 3].tell(Wish::Fault);
            if n % 4 == 0 {
                outer.tell(Wish::Fault);
            }
        }
        let total = system
            .shutdown_within(Duration::from_micros(round as u64 * 20))
            .stats
            .total();
        assert_eq!(total.spawned, total.ended, "in round {round}");
        drop(tell);
        let (mut born, mut dropped) = (0, 0);
        for event in heard.try_iter() {
            born += u32::from(matches!(event, Event::Born(..)));
            dropped += u32::from(matches!(event, Event::Dropped(..)));
        }
        assert_eq!(born, dropped, "in round {round}");
    }
}

#[test]
fn a_pool_takes_turns_and_keeps_keys_over_restarts() {
    struct Member(usize);
    enum Job {
        Who(Reply<usize>),
        Fail,
    }
    impl Clone for Job {
        fn clone(&self) -> Self {
            Self::Fail
        }
    }
    impl Actor for Member {
        type Msg = Job;
        fn handle(&mut self, msg: Job, _: &mut Context<'_, Self>) -> Turn {
            match msg {
                Job::Who(reply) => reply.send(self.0),
                Job::Fail => return Err(Fault::new("told to")),
            }
            Ok(())
        }
    }
    let system = quiet(2);
    let mut tree = system.supervise(ever(Strategy::OneForOne));
    let pool = tree.pool("member", 5, Restart::Transient, |index, _| Ok(Member(index)));
    let supervisor = tree.start();
    let who = || pool.ask(Job::Who).wait().expect("it answers");
    assert_eq!(
        (0..10).map(|_| who()).collect::<Vec<_>>(),
        [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
    );
    let keys: Vec<String> = (0..100).map(|n| format!("key {n}")).collect();
    let owners = || -> Vec<_> {
        let owner = |key: &String| pool.by_key(key).ask(Job::Who).wait().expect("it answers");
        keys.iter().map(owner).collect()
    };
    let before = owners();
    assert!((0..5).all(|index| before.contains(&index)), "{before:?}");
    pool.tell_all(Job::Fail);
    assert_eq!(owners(), before);
    let children = supervisor.ask(SupervisorMsg::children).wait().expect("it answers");
    let names: Vec<_> = children
        .iter()
        .map(|child| (child.name.as_str(), child.restarts))
        .collect();
    assert_eq!(
        names,
        [
            ("member-0", 1),
            ("member-1", 1),
            ("member-2", 1),
            ("member-3", 1),
            ("member-4", 1)
        ]
    );
}
