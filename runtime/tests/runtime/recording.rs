//! The recorder: what it keeps of a running system agrees with the counters, and it is only there when asked for.

use potoroo_runtime::observe::{EventKind, Recording};
use potoroo_runtime::{Actor, ActorRef, Context, ErrorKind, RECORDED_EVENTS_MAX, Reply, System, Turn};
use std::time::Duration;

struct Player;

enum Hit {
    /// So many hits follow, to and fro.
    Ball(u32, ActorRef<Player>, Reply<()>),
    /// Work this long; the last of them says so.
    Work(Duration, Option<Reply<()>>),
    /// Have both work this long.
    Fork([ActorRef<Player>; 2], Duration, Reply<()>),
    /// Tell oneself so many things to do, at once.
    Pile(u32, Reply<()>),
}

impl Actor for Player {
    type Msg = Hit;

    fn handle(&mut self, hit: Hit, ctx: &mut Context<'_, Self>) -> Turn {
        match hit {
            Hit::Ball(0, _, done) => done.send(()),
            Hit::Ball(left, from, done) => from.tell(Hit::Ball(left - 1, ctx.me(), done)),
            Hit::Work(time, done) => {
                std::thread::sleep(time);
                if let Some(done) = done {
                    done.send(());
                }
            }
            Hit::Fork([one, other], time, done) => {
                one.tell(Hit::Work(time, None));
                other.tell(Hit::Work(time, Some(done)));
            }
            Hit::Pile(high, done) => {
                (1..high).for_each(|_| ctx.me().tell(Hit::Work(Duration::ZERO, None)));
                ctx.me().tell(Hit::Work(Duration::ZERO, Some(done)));
            }
        }
        Ok(())
    }
}

const HITS: u32 = 1000;

/// Two players on one worker of two hit a ball to and fro; what was recorded, and the counters.
fn played(events: usize) -> (Recording, potoroo_runtime::SystemStats) {
    let system = System::builder().workers(2).record(events).build().unwrap();
    let [one, other] = [(); 2].map(|()| system.spawn_on(1, |_| Ok(Player)));
    one.ask(|done| Hit::Ball(HITS, other, done)).wait().unwrap();
    let report = system.shutdown();
    (report.recording.expect("asked for"), report.stats)
}

#[test]
fn figures_agree_with_the_counters() {
    let (recording, stats) = played(0);
    assert_eq!(recording.workers.len(), 2);
    for (worker, counted) in recording.workers.iter().zip(&stats.workers) {
        let figures = &worker.figures;
        assert!(worker.events.is_empty() && worker.overwritten > 0);
        let all = [
            figures.turn_ns.count(),
            figures.batch.count(),
            figures.queue_delay_ns.count(),
        ];
        assert_eq!(all, [counted.turns; 3], "{counted:?}");
        assert_eq!(figures.sleep_ns.count(), counted.parks, "{counted:?}");
        assert!(figures.wake_ns.count() <= counted.parks, "{counted:?}");
        assert!(counted.wakes <= counted.parks, "{counted:?}");
        let turns: u64 = figures.types.iter().map(|of_type| of_type.turns).sum();
        let messages: u64 = figures.types.iter().map(|of_type| of_type.messages).sum();
        assert_eq!((turns, messages), (counted.turns, counted.handled));
        let spawned: u64 = figures.types.iter().map(|of_type| of_type.spawned).sum();
        let ended: u64 = figures.types.iter().map(|of_type| of_type.ended).sum();
        assert_eq!((spawned, ended), (counted.spawned, counted.ended));
        assert!(figures.types.is_sorted_by(|a, b| a.longest >= b.longest));
    }
    let total = recording.total();
    let player = total.types.iter().find(|of_type| of_type.name.ends_with("Player"));
    let player = player.expect("it played");
    assert_eq!(player.messages, u64::from(HITS) + 1);
    assert_eq!((player.spawned, player.ended), (2, 2));
}

#[test]
fn events_are_in_order_and_turns_do_not_overlap() {
    let (recording, stats) = played(10_000);
    for (worker, counted) in recording.workers.iter().zip(&stats.workers) {
        assert_eq!(worker.overwritten, 0);
        let count =
            |wanted: fn(&EventKind) -> bool| worker.events.iter().filter(|event| wanted(&event.kind)).count() as u64;
        assert_eq!(count(|kind| matches!(kind, EventKind::Turn { .. })), counted.turns);
        assert_eq!(count(|kind| matches!(kind, EventKind::Sleep { .. })), counted.parks);
        let mut end = None;
        for event in &worker.events {
            assert!(Some(event.begin) >= end, "{event:?} begins before {end:?}");
            end = Some(event.begin + event.length);
        }
    }
    let (recording, _) = played(100);
    let playing = &recording.workers[1];
    assert_eq!(playing.events.len(), 100);
    assert!(playing.overwritten >= u64::from(HITS) - 100);
}

#[test]
fn a_long_turn_is_its_types_longest_and_makes_others_wait() {
    let time = Duration::from_millis(5);
    let system = System::builder().workers(1).record(100).build().unwrap();
    let [boss, one, other] = [(); 3].map(|()| system.spawn_on(0, |_| Ok(Player)));
    boss.ask(|done| Hit::Fork([one, other], time, done)).wait().unwrap();
    let total = system.shutdown().recording.expect("asked for").total();
    let longest = &total.types[0];
    assert!(
        longest.name.ends_with("Player") && longest.longest >= time,
        "{longest:?}"
    );
    assert!(longest.total >= 2 * time, "{longest:?}");
    // To two digits.
    assert!(total.turn_ns.max() >= 4_900_000, "{total:?}");
    assert!(total.queue_delay_ns.max() >= 4_900_000, "{total:?}");
}

#[test]
fn only_those_who_ask_are_recorded() {
    let system = System::builder().workers(1).build().unwrap();
    assert!(system.shutdown().recording.is_none());
    let refused = System::builder().record(RECORDED_EVENTS_MAX + 1).build().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Configuration);
    assert!(
        refused.to_string().contains("at most 4194304 events, not 4194305"),
        "{refused}"
    );
}

#[test]
fn a_full_mailbox_leaves_its_mark() {
    for (pile, marks) in [(100, 69..=100), (32, 1..=32), (5, 0..=5)] {
        let system = System::builder().workers(1).build().unwrap();
        let player = system.spawn(|_| Ok(Player));
        player.ask(|done| Hit::Pile(pile, done)).wait().unwrap();
        let mark = system.shutdown().stats.total().mailbox_max;
        assert!(marks.contains(&mark), "{mark} of {pile}");
    }
}
