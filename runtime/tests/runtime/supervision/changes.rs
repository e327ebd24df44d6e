//! Children that come and go while their supervisor runs, and those that do not go in time.

use super::*;
use potoroo_runtime::{ActorId, ChildError};
use std::sync::{Arc, Mutex};

fn start(
    supervisor: &ActorRef<Supervisor>,
    name: &'static str,
    restart: Restart,
    tell: &Sender<Event>,
) -> Result<ActorRef<Mortal>, ChildError> {
    let make = lives(name, tell);
    let start = |reply| SupervisorMsg::start_child(name, restart, make, reply);
    supervisor.ask(start).wait().expect("it lives")
}

fn terminate(supervisor: &ActorRef<Supervisor>, name: &str) -> Result<(), ChildError> {
    let terminate = |reply| SupervisorMsg::terminate_child(name, reply);
    supervisor.ask(terminate).wait().expect("it lives")
}

fn restart(supervisor: &ActorRef<Supervisor>, name: &str) -> Result<(), ChildError> {
    let restart = |reply| SupervisorMsg::restart_child(name, reply);
    supervisor.ask(restart).wait().expect("it lives")
}

fn delete(supervisor: &ActorRef<Supervisor>, name: &str) -> Result<(), ChildError> {
    let delete = |reply| SupervisorMsg::delete_child(name, reply);
    supervisor.ask(delete).wait().expect("it lives")
}

fn names(supervisor: &ActorRef<Supervisor>) -> Vec<String> {
    let children = supervisor.ask(SupervisorMsg::children).wait().expect("it lives");
    children.into_iter().map(|child| child.name).collect()
}

#[test]
fn a_child_that_comes_later_is_one_like_the_others() {
    let system = quiet(2);
    let (tell, _heard) = mpsc::channel();
    let mut tree = system.supervise(ever(Strategy::RestForOne));
    let first = tree.child("first", Restart::Permanent, lives("first", &tell));
    let supervisor = tree.start();
    let second = start(&supervisor, "second", Restart::Permanent, &tell).expect("its name is free");
    assert_eq!(life(&second), Some(1));
    assert_eq!(
        start(&supervisor, "second", Restart::Permanent, &tell),
        Err(ChildError::NameTaken)
    );
    assert_eq!(
        start(&supervisor, "first", Restart::Temporary, &tell),
        Err(ChildError::NameTaken)
    );
    // It comes after those that were there, and is restarted with them.
    second.tell(Wish::Fault);
    assert_eq!((life(&second), life(&first)), (Some(2), Some(1)));
    first.tell(Wish::Fault);
    assert_eq!((life(&first), life(&second)), (Some(2), Some(3)));
    assert_eq!(names(&supervisor), ["first", "second"]);
}

#[test]
fn a_factory_that_fails_counts_against_the_intensity_of_whom_it_was_given_to() {
    let system = quiet(2);
    let supervisor = system
        .supervise(Strategy::OneForOne.intensity(5, Duration::from_secs(3600)))
        .start();
    let (tell, tries) = mpsc::channel();
    let make = move |_: &mut Context<'_, Mortal>| {
        let _ = tell.send(());
        Err(Fault::new("never"))
    };
    let start = |reply| SupervisorMsg::start_child("never", Restart::Permanent, make, reply);
    let child = supervisor
        .ask(start)
        .wait()
        .expect("it answers")
        .expect("its name is free");
    while supervisor.is_alive() || child.is_alive() {
        std::thread::yield_now();
    }
    assert_eq!(tries.iter().count(), 6);
}

#[test]
fn a_terminated_child_waits_until_it_is_wanted_and_so_does_its_mail() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let system = quiet(2);
        let (tell, heard) = mpsc::channel();
        let mut tree = system.supervise(ever(strategy));
        let other = tree.child("other", Restart::Permanent, lives("other", &tell));
        let child = tree.child("child", Restart::Permanent, lives("child", &tell));
        let supervisor = tree.start();
        assert_eq!(life(&child), Some(1));
        assert_eq!(terminate(&supervisor, "child"), Ok(()));
        assert_eq!(terminate(&supervisor, "child"), Ok(()), "it is so already");
        child.tell(Wish::Note(7));
        // Others fail and are restarted; this one stays as it is.
        other.tell(Wish::Fault);
        assert_eq!(life(&other), Some(2));
        assert_eq!(states(&supervisor), [ChildState::Running, ChildState::Stopped]);
        assert_eq!(restart(&supervisor, "child"), Ok(()));
        assert_eq!(restart(&supervisor, "child"), Err(ChildError::Running));
        assert_eq!(life(&child), Some(2));
        let got = heard.try_iter().find(|event| matches!(event, Event::Got(..)));
        assert_eq!(got, Some(Event::Got(2, 7)));
        assert_eq!(system.shutdown().stats.total().dead_letters, 0);
    }
}

#[test]
fn a_child_can_be_terminated_whatever_it_is_doing() {
    let hour = Duration::from_secs(3600);
    let system = quiet(2);
    let (tell, _heard) = mpsc::channel();
    let mut tree = system.supervise(Strategy::OneForOne.intensity(9, hour).backoff(hour..hour));
    let patient = tree.child("patient", Restart::Permanent, lives("patient", &tell));
    tree.child("transient", Restart::Transient, lives("transient", &tell));
    let ended = tree.child("ended", Restart::Transient, lives("ended", &tell));
    let temporary = tree.child("temporary", Restart::Temporary, lives("temporary", &tell));
    let supervisor = tree.start();
    patient.tell(Wish::Fault);
    ended.tell(Wish::Stop);
    assert_eq!(life(&temporary), Some(1));
    while states(&supervisor)[..3] != [ChildState::Down, ChildState::Running, ChildState::Retired] {
        std::thread::yield_now();
    }
    // Between two lives: there is no next, and wanted again it does not wait for the hour.
    assert_eq!(terminate(&supervisor, "patient"), Ok(()));
    assert_eq!(restart(&supervisor, "patient"), Ok(()));
    assert_eq!(life(&patient), Some(2));
    // Ended for good: nothing to do, and no way back.
    assert_eq!(terminate(&supervisor, "ended"), Ok(()));
    assert_eq!(restart(&supervisor, "ended"), Err(ChildError::Ended));
    // A normal end that was asked for is none that a transient child ends for good with.
    assert_eq!(terminate(&supervisor, "transient"), Ok(()));
    assert_eq!(restart(&supervisor, "transient"), Ok(()));
    // A temporary one does.
    assert_eq!(terminate(&supervisor, "temporary"), Ok(()));
    assert_eq!(restart(&supervisor, "temporary"), Err(ChildError::Ended));
    for unknown in [
        terminate(&supervisor, "x"),
        restart(&supervisor, "x"),
        delete(&supervisor, "x"),
    ] {
        assert_eq!(unknown, Err(ChildError::Unknown));
    }
}

#[test]
fn a_deleted_child_has_ended_and_its_name_is_free() {
    let system = quiet(2);
    let (tell, _heard) = mpsc::channel();
    let mut tree = system.supervise(ever(Strategy::OneForOne));
    let [a, b, c] = ["a", "b", "c"].map(|name| tree.child(name, Restart::Permanent, lives(name, &tell)));
    let supervisor = tree.start();
    assert_eq!(life(&c), Some(1));
    assert_eq!(delete(&supervisor, "b"), Err(ChildError::Running));
    assert_eq!(terminate(&supervisor, "b"), Ok(()));
    b.tell(Wish::Note(1));
    assert_eq!(delete(&supervisor, "b"), Ok(()));
    assert_eq!(delete(&supervisor, "b"), Err(ChildError::Unknown));
    while b.is_alive() {
        std::thread::yield_now();
    }
    assert_eq!(names(&supervisor), ["a", "c"]);
    // Those behind it have moved up, and are still the ones they were.
    c.tell(Wish::Fault);
    assert_eq!((life(&c), life(&a)), (Some(2), Some(1)));
    let again = start(&supervisor, "b", Restart::Permanent, &tell).expect("the name is free");
    assert_eq!(life(&again), Some(1));
    assert_eq!(names(&supervisor), ["a", "c", "b"]);
    assert_eq!(system.shutdown().stats.total().dead_letters, 1);
}

#[test]
fn temporary_children_that_came_later_leave_nothing_behind() {
    let system = quiet(2);
    let supervisor = system.supervise(ever(Strategy::OneForOne)).start();
    let (tell, heard) = mpsc::channel();
    for round in 0..300 {
        let child = start(&supervisor, "guest", Restart::Temporary, &tell).expect("the one before has gone");
        child.tell(if round % 2 == 0 { Wish::Stop } else { Wish::Fault });
        while !names(&supervisor).is_empty() {
            std::thread::yield_now();
        }
    }
    let born = heard
        .try_iter()
        .filter(|event| matches!(event, Event::Born(..)))
        .count();
    assert_eq!(born, 300);
    while system.stats().total().spawned - system.stats().total().ended > 2 {
        std::thread::yield_now();
    }
}

#[test]
fn what_was_changed_outlives_the_supervisor() {
    let system = quiet(2);
    let (tell, _heard) = mpsc::channel();
    let mut tree = system.supervise(ever(Strategy::OneForOne));
    let (inner, a, b) = tree.subtree("inner", Restart::Permanent, Strategy::OneForOne, |inner| {
        let [a, b] = ["a", "b"].map(|name| inner.child(name, Restart::Permanent, lives(name, &tell)));
        (inner.supervisor().clone(), a, b)
    });
    tree.start();
    let late = start(&inner, "late", Restart::Permanent, &tell).expect("its name is free");
    assert_eq!(life(&late), Some(1));
    assert_eq!(terminate(&inner, "b"), Ok(()));
    // The supervisor is stopped, and restarted by its own.
    inner.stop();
    assert_eq!((life(&late), life(&a)), (Some(2), Some(2)));
    assert_eq!(
        states(&inner),
        [ChildState::Running, ChildState::Stopped, ChildState::Running]
    );
    assert_eq!(restart(&inner, "b"), Ok(()));
    assert_eq!(life(&b), Some(2));
}

/// Is in a handler until it is let out.
struct Stuck(u32);

enum StuckMsg {
    Begin(Sender<()>, Receiver<()>),
    Life(Reply<u32>),
}

impl Actor for Stuck {
    type Msg = StuckMsg;

    fn handle(&mut self, msg: StuckMsg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            StuckMsg::Begin(begun, until) => {
                begun.send(())?;
                let _ = until.recv();
            }
            StuckMsg::Life(reply) => reply.send(self.0),
        }
        Ok(())
    }
}

fn stuck_lives() -> impl FnMut(&mut Context<'_, Stuck>) -> Result<Stuck, Fault> + Send {
    let mut life = 0;
    move |_| {
        life += 1;
        Ok(Stuck(life))
    }
}

fn be_stuck(child: &ActorRef<Stuck>) -> Sender<()> {
    let ((begun, has_begun), (go, until)) = (mpsc::channel(), mpsc::channel());
    child.tell(StuckMsg::Begin(begun, until));
    has_begun.recv().expect("it begins");
    go
}

/// What was reported to `on_failure`.
type Reports = Arc<Mutex<Vec<(ActorId, String)>>>;

fn reporting() -> (System, Reports) {
    let reports = Reports::default();
    let noted = reports.clone();
    let system = System::builder()
        .workers(2)
        .on_failure(move |id, _, reason| {
            let is_left_over = matches!(reason, ExitReason::LeftOver { .. });
            if is_left_over {
                noted.lock().expect("nobody panics").push((id, reason.to_string()));
            }
        })
        .build()
        .expect("starts");
    (system, reports)
}

#[test]
fn who_does_not_stop_in_time_is_left_over_and_comes_back() {
    let within = Duration::from_millis(10);
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        let (system, reports) = reporting();
        let (tell, _heard) = mpsc::channel();
        let mut tree = system.supervise(ever(strategy).stop_within(within));
        let first = tree.child("first", Restart::Permanent, lives("first", &tell));
        let stuck = tree.child("stuck", Restart::Permanent, stuck_lives());
        let last = tree.child("last", Restart::Permanent, lives("last", &tell));
        let supervisor = tree.start();
        assert_eq!(life(&last), Some(1));
        let go = be_stuck(&stuck);
        first.tell(Wish::Fault);
        // The others do not wait for it.
        assert_eq!((life(&first), life(&last)), (Some(2), Some(2)));
        let states = states(&supervisor);
        assert_eq!(states, [ChildState::Running, ChildState::LeftOver, ChildState::Running]);
        let text = "left over: told to stop, and still busy after 10ms; its supervisor goes on without it";
        assert_eq!(*reports.lock().expect("nobody panics"), [(stuck.id(), text.to_owned())]);
        // It is in its first life still, of which no more is handled, and then in its second.
        drop(go);
        assert_eq!(stuck.ask(StuckMsg::Life).wait(), Ok(2));
        assert_eq!((life(&first), life(&last)), (Some(2), Some(2)));
        assert!(system.shutdown().drained);
    }
}

#[test]
fn a_left_over_child_that_was_terminated_stays_down() {
    let (system, reports) = reporting();
    let supervisor = system.supervise(ever(Strategy::OneForOne)).start();
    let within = Duration::from_millis(10);
    let child =
        |reply| SupervisorMsg::start_child("stuck", Restart::Permanent, stuck_lives(), reply).stop_within(within);
    let stuck = supervisor
        .ask(child)
        .wait()
        .expect("it answers")
        .expect("its name is free");
    let go = be_stuck(&stuck);
    let left_over = Err(ChildError::LeftOver(within));
    assert_eq!(terminate(&supervisor, "stuck"), left_over);
    assert_eq!(terminate(&supervisor, "stuck"), left_over, "and at once");
    assert_eq!(restart(&supervisor, "stuck"), Err(ChildError::Running));
    assert_eq!(delete(&supervisor, "stuck"), Err(ChildError::Running));
    assert_eq!(reports.lock().expect("nobody panics").len(), 1);
    drop(go);
    while states(&supervisor) != [ChildState::Stopped] {
        std::thread::yield_now();
    }
    assert_eq!(restart(&supervisor, "stuck"), Ok(()));
    assert_eq!(stuck.ask(StuckMsg::Life).wait(), Ok(2));
}

#[test]
fn for_ever_is_for_ever_and_one_child_may_have_longer_than_others() {
    let (system, reports) = reporting();
    let (tell, _heard) = mpsc::channel();
    let mut tree = system.supervise(ever(Strategy::OneForAll).stop_within(Duration::from_millis(5)));
    let first = tree.child("first", Restart::Permanent, lives("first", &tell));
    let stuck = tree.child("stuck", Restart::Permanent, stuck_lives());
    tree.stop_within("stuck", Duration::MAX);
    let supervisor = tree.start();
    let go = be_stuck(&stuck);
    first.tell(Wish::Fault);
    while states(&supervisor) != [ChildState::Down, ChildState::Stopping] {
        std::thread::yield_now();
    }
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(states(&supervisor), [ChildState::Down, ChildState::Stopping]);
    drop(go);
    assert_eq!(life(&first), Some(2));
    assert!(reports.lock().expect("nobody panics").is_empty());
}

#[test]
#[should_panic(expected = "there is no child \"nobody\" in this tree")]
fn to_give_time_to_nobody_is_a_mistake() {
    let system = quiet(1);
    let mut tree = system.supervise(Strategy::OneForOne);
    tree.stop_within("nobody", Duration::MAX);
}
