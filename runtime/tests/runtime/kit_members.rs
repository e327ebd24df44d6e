//! Topics and groups: who hears what, in what order, while members come and go.

use potoroo_runtime::kit::{Group, GroupSender, Publisher, Topic};
use potoroo_runtime::{Actor, ActorRef, Context, Recipient, Reply, System, Turn};
use std::collections::HashMap;
use std::sync::mpsc;

/// Remembers what it hears: who said it, and the number.
#[derive(Default)]
struct Listener(Vec<(u32, u32)>);

enum Heard {
    Item(u32, u32),
    Tell(Reply<Vec<(u32, u32)>>),
    End,
}

impl From<(u32, u32)> for Heard {
    fn from((from, number): (u32, u32)) -> Self {
        Self::Item(from, number)
    }
}

impl Actor for Listener {
    type Msg = Heard;
    fn handle(&mut self, msg: Heard, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Heard::Item(from, number) => self.0.push((from, number)),
            Heard::Tell(reply) => reply.send(std::mem::take(&mut self.0)),
            Heard::End => ctx.stop(),
        }
        Ok(())
    }
}

fn listeners(system: &System, count: usize) -> Vec<ActorRef<Listener>> {
    (0..count).map(|_| system.spawn(|_| Ok(Listener::default()))).collect()
}

fn heard(listener: &ActorRef<Listener>) -> Vec<(u32, u32)> {
    listener.ask(Heard::Tell).wait().expect("answers")
}

fn system() -> System {
    System::builder().workers(2).build().expect("starts")
}

/// Publishes so many numbers from actors, a few in each turn.
struct Speaker {
    topic: Publisher<(u32, u32)>,
    name: u32,
    next: u32,
    until: u32,
    done: mpsc::Sender<()>,
}

impl Actor for Speaker {
    type Msg = ();
    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        for _ in 0..7.min(self.until - self.next) {
            self.topic.publish((self.name, self.next));
            self.next += 1;
        }
        if self.next < self.until {
            ctx.me().tell(());
        } else {
            self.done.send(())?;
        }
        Ok(())
    }
}

/// Has so many speakers publish, and waits until they have.
fn speak(system: &System, topic: &Topic<(u32, u32)>, speakers: u32, until: u32) {
    let (done, finished) = mpsc::channel();
    for name in 0..speakers {
        let (topic, done) = (topic.publisher(), done.clone());
        let speaker = system.spawn_on(name as usize % system.workers(), move |_| {
            Ok(Speaker {
                topic,
                name,
                next: 0,
                until,
                done,
            })
        });
        speaker.tell(());
    }
    assert_eq!(finished.iter().take(speakers as usize).count(), speakers as usize);
}

#[test]
fn each_subscriber_hears_each_publisher_in_order() {
    let system = system();
    let topic = Topic::new();
    let all = listeners(&system, 20);
    for listener in &all {
        assert!(topic.subscribe(&listener.recipient()));
        assert!(!topic.subscribe(&listener.recipient()), "once is enough");
    }
    assert_eq!(topic.subscribers(), 20);
    speak(&system, &topic, 4, 500);
    for listener in &all {
        // What another worker has sent leaves at the end of its turn, so wait for all of it.
        let mut by_speaker: HashMap<u32, Vec<u32>> = HashMap::new();
        while by_speaker.values().map(Vec::len).sum::<usize>() < 4 * 500 {
            for (from, number) in heard(listener) {
                by_speaker.entry(from).or_default().push(number);
            }
        }
        for numbers in by_speaker.values() {
            assert!(numbers.iter().copied().eq(0..500));
        }
    }
}

#[test]
fn threads_publish_as_well_and_the_last_copy_is_not_cloned() {
    let system = system();
    let topic = Topic::new();
    assert_eq!(topic.publish((0, 0)), 0);
    let all = listeners(&system, 3);
    all.iter().for_each(|listener| {
        topic.subscribe(&listener.recipient());
    });
    let mut publisher = topic.publisher();
    for n in 0..100 {
        assert_eq!(topic.publish((0, 2 * n)), 3);
        assert_eq!(publisher.publish((0, 2 * n + 1)), 3);
    }
    for listener in &all {
        assert!(heard(listener).into_iter().map(|(_, n)| n).eq(0..200));
    }
}

#[test]
fn who_unsubscribes_or_ends_hears_nothing_more() {
    let system = system();
    let topic = Topic::new();
    let mut publisher = topic.publisher();
    let all = listeners(&system, 3);
    all.iter().for_each(|listener| {
        topic.subscribe(&listener.recipient());
    });
    assert_eq!(publisher.publish((0, 1)), 3);
    assert!(topic.unsubscribe(all[0].id()));
    assert!(!topic.unsubscribe(all[0].id()));
    assert!(!topic.is_subscribed(all[0].id()));
    assert_eq!(publisher.publish((0, 2)), 2);
    all[1].tell(Heard::End);
    while topic.subscribers() > 1 {
        std::thread::yield_now();
    }
    assert_eq!(publisher.publish((0, 3)), 1);
    assert_eq!(heard(&all[0]), [(0, 1)]);
    assert_eq!(heard(&all[2]), [(0, 1), (0, 2), (0, 3)]);
    // An actor that has ended cannot subscribe.
    topic.subscribe(&all[1].recipient());
    assert_eq!(topic.subscribers(), 1);
    assert_eq!(system.shutdown().stats.total().dead_letters, 0);
    // Nobody is left when the system has ended.
    assert_eq!((topic.subscribers(), publisher.publish((0, 4))), (0, 0));
}

#[test]
fn ten_thousand_subscribers_hear_everything_while_others_come_and_go() {
    const STEADY: usize = 10_000;
    const ROUNDS: u32 = 30;
    let system = system();
    let topic = Topic::new();
    let steady = listeners(&system, STEADY);
    for listener in &steady {
        topic.subscribe(&listener.recipient());
    }
    let churn = {
        let (topic, fickle) = (topic.clone(), listeners(&system, 200));
        std::thread::spawn(move || {
            for round in 0..20 {
                for listener in &fickle {
                    topic.subscribe(&listener.recipient());
                }
                for (n, listener) in fickle.iter().enumerate() {
                    // Some of them end for good.
                    if n % 20 == round {
                        listener.tell(Heard::End);
                    } else {
                        topic.unsubscribe(listener.id());
                    }
                }
            }
        })
    };
    let mut publisher = topic.publisher();
    for n in 0..ROUNDS {
        assert!(publisher.publish((0, n)) >= STEADY);
    }
    churn.join().expect("no panic");
    for listener in &steady {
        assert!(heard(listener).into_iter().map(|(_, n)| n).eq(0..ROUNDS));
    }
    while topic.subscribers() > STEADY {
        std::thread::yield_now();
    }
    let order: Vec<_> = steady.iter().map(ActorRef::id).collect();
    let group = Group::new();
    steady.iter().for_each(|listener| {
        group.join(&listener.recipient::<(u32, u32)>());
    });
    assert!(group.members().iter().map(Recipient::id).eq(order));
}

#[test]
fn members_of_a_group_take_turns() {
    let system = system();
    let group = Group::new();
    assert_eq!(group.tell_one((0, 0)), Err((0, 0)));
    assert!(group.pick().is_none() && group.is_empty());
    let all = listeners(&system, 3);
    all.iter().for_each(|listener| {
        assert!(group.join(&listener.recipient()));
    });
    assert_eq!((group.len(), group.contains(all[0].id())), (3, true));
    for n in 0..9 {
        group.tell_one((0, n)).expect("somebody is in");
    }
    let mut got: Vec<u32> = Vec::new();
    for listener in &all {
        let numbers = heard(listener);
        assert_eq!(numbers.len(), 3, "{numbers:?}");
        got.extend(numbers.into_iter().map(|(_, n)| n));
    }
    got.sort_unstable();
    assert!(got.into_iter().eq(0..9));
    assert_eq!(group.tell_all((1, 1)), 3);
    assert!(all.iter().all(|listener| heard(listener) == [(1, 1)]));
    // Who has left or ended is passed over.
    assert!(group.leave(all[0].id()));
    all[1].tell(Heard::End);
    while group.len() > 1 {
        std::thread::yield_now();
    }
    for n in 0..4 {
        group.tell_one((2, n)).expect("somebody is in");
    }
    assert_eq!(heard(&all[2]).len(), 4);
}

#[test]
fn a_sender_takes_turns_by_itself_and_sees_who_comes_and_goes() {
    let system = system();
    let group = Group::new();
    let mut sender: GroupSender<(u32, u32)> = group.sender();
    assert_eq!(sender.tell_one((0, 0)), Err((0, 0)));
    let all = listeners(&system, 2);
    group.join(&all[0].recipient());
    sender.tell_one((0, 1)).expect("somebody is in");
    group.join(&all[1].recipient());
    for n in 2..6 {
        sender.tell_one((0, n)).expect("somebody is in");
    }
    assert_eq!(heard(&all[0]), [(0, 1), (0, 3), (0, 5)]);
    assert_eq!(heard(&all[1]), [(0, 2), (0, 4)]);
    group.leave(all[0].id());
    assert_eq!(sender.tell_all((0, 6)), 1);
    assert_eq!(heard(&all[0]), []);
}

#[test]
fn a_membership_that_is_over_leaves_nothing_behind_in_the_member() {
    // What an actor keeps for a group has a handle to it, so a named group whose members have left is unused, and its name
    // free for another type, only if it has been let go: whichever came first, the keepsake or the end of the membership.
    const GROUPS: u32 = 20_000;
    let system = system();
    let registry = system.registry();
    let member = listeners(&system, 1).remove(0);
    for n in 0..GROUPS {
        let group = registry.group(&format!("group {n}")).expect("new");
        group.join(&member.recipient::<(u32, u32)>());
        if n % 2 == 0 {
            // Everything has been kept by now.
            heard(&member);
        }
        group.leave(member.id());
    }
    heard(&member);
    // New names make the registry look for unused ones.
    (0..GROUPS).for_each(|n| drop(registry.group::<u64>(&format!("other {n}"))));
    let free = (0..GROUPS).filter(|n| registry.group::<u64>(&format!("group {n}")).is_ok());
    assert!(free.count() as u32 > GROUPS / 10 * 9);
}
