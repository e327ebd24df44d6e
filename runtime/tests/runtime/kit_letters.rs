//! Dead letters: who hears of them, by type, and what their destructors may do.

use potoroo_runtime::{Actor, ActorRef, Context, DeadLetterCause, System, Turn};
use std::sync::{Arc, Mutex, mpsc};

/// Passes on what it is told.
struct Log(mpsc::Sender<u32>);

impl Actor for Log {
    type Msg = u32;
    fn handle(&mut self, n: u32, _: &mut Context<'_, Self>) -> Turn {
        Ok(self.0.send(n)?)
    }
}

/// Ends with the first message.
struct Mayfly;

impl Actor for Mayfly {
    type Msg = Letter;
    fn handle(&mut self, _: Letter, ctx: &mut Context<'_, Self>) -> Turn {
        ctx.stop();
        Ok(())
    }
}

/// Tells somebody its number when it is dropped.
struct Letter(Option<(ActorRef<Log>, u32)>);

impl Drop for Letter {
    fn drop(&mut self) {
        if let Some((log, n)) = self.0.take() {
            log.tell(n);
        }
    }
}

#[test]
fn what_the_destructors_of_refused_messages_send_arrives() {
    struct Sender(ActorRef<Mayfly>, ActorRef<Log>);
    impl Actor for Sender {
        type Msg = u32;
        fn handle(&mut self, n: u32, _: &mut Context<'_, Self>) -> Turn {
            // Gathered and refused at the end of the turn, on the way to another worker.
            for k in 0..10 {
                self.0.tell(Letter(Some((self.1.clone(), 10 * n + k))));
            }
            Ok(())
        }
    }
    let system = System::builder().workers(2).build().expect("starts");
    let mayfly = system.spawn_on(1, |_| Ok(Mayfly));
    mayfly.tell(Letter(None));
    while mayfly.is_alive() {
        std::thread::yield_now();
    }
    let (tell, heard) = mpsc::channel();
    let log = system.spawn_on(1, |_| Ok(Log(tell)));
    let sender = system.spawn_on(0, move |_| Ok(Sender(mayfly, log)));
    for n in 0..50 {
        sender.tell(n);
    }
    drop(sender);
    let mut numbers: Vec<_> = heard.iter().take(500).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..500));
    assert_eq!(system.shutdown().stats.total().dead_letters, 500);
}

fn ended_mayfly(system: &System) -> ActorRef<Mayfly> {
    let mayfly = system.spawn(|_| Ok(Mayfly));
    mayfly.tell(Letter(None));
    while mayfly.is_alive() {
        std::thread::yield_now();
    }
    mayfly
}

/// Tells each of its targets, from a turn.
struct Teller(ActorRef<Mayfly>, u32);

impl Actor for Teller {
    type Msg = ();
    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        for _ in 0..self.1 {
            self.0.tell(Letter(None));
        }
        ctx.stop();
        // Left over: this actor stops before it handles them.
        ctx.me().tell(());
        ctx.me().tell(());
        Ok(())
    }
}

#[test]
fn dead_letters_are_counted_by_type_and_per_system() {
    let systems: [System; 2] = std::array::from_fn(|_| System::builder().workers(2).build().expect("starts"));
    let mayflies = systems.each_ref().map(ended_mayfly);
    // From outside.
    for (mayfly, count) in mayflies.iter().zip([3, 5]) {
        (0..count).for_each(|_| mayfly.tell(Letter(None)));
        mayfly.recipient().tell(Letter(None));
        assert!(mayfly.try_tell(Letter(None)).is_err(), "given back, and so not counted");
    }
    for (system, count) in systems.iter().zip([4, 6]) {
        let letters = system.dead_letters();
        assert_eq!(letters.len(), 1, "{letters:?}");
        assert!(letters[0].type_name.ends_with("Mayfly"));
        assert_eq!((letters[0].refused, letters[0].left_over), (count, 0));
        assert_eq!(system.stats().external_dead_letters, count);
    }
    // From turns, on the same worker and across.
    let [first, _second] = systems;
    for worker in 0..2 {
        let mayfly = mayflies[0].clone();
        first.spawn_on(worker, move |_| Ok(Teller(mayfly, 1000))).tell(());
    }
    let report = first.shutdown();
    let names: Vec<_> = report
        .dead_letters
        .iter()
        .map(|of| (of.refused, of.left_over, of.total()))
        .collect();
    assert_eq!(names, [(2004, 0, 2004), (0, 4, 4)]);
    assert!(report.dead_letters[1].type_name.ends_with("Teller"));
    assert_eq!(report.stats.total().dead_letters, 2004);
    assert_eq!(report.stats.external_dead_letters, 4);
    // Its system has gone; nobody counts, and nothing goes wrong.
    mayflies[0].tell(Letter(None));
}

#[test]
fn a_hook_hears_of_dead_letters_and_may_do_what_it_likes() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let to: Arc<Mutex<Option<ActorRef<Mayfly>>>> = Arc::default();
    let system = System::builder()
        .workers(2)
        .on_dead_letter({
            let (heard, to) = (heard.clone(), to.clone());
            move |letter| {
                heard
                    .lock()
                    .expect("no panic under it")
                    .push((letter.actor, letter.count, letter.cause));
                // A letter that cannot be delivered either is not reported again.
                let to = to.lock().expect("no panic under it").clone();
                to.into_iter().for_each(|to| to.tell(Letter(None)));
                panic!("caught");
            }
        })
        .build()
        .expect("starts");
    let mayfly = ended_mayfly(&system);
    *to.lock().expect("no panic under it") = Some(mayfly.clone());
    mayfly.tell(Letter(None));
    let teller = {
        let mayfly = mayfly.clone();
        system.spawn(move |_| Ok(Teller(mayfly, 1)))
    };
    teller.tell(());
    let report = system.shutdown();
    let heard = heard.lock().expect("no panic under it");
    let causes = [DeadLetterCause::Refused, DeadLetterCause::LeftOver];
    let sums = causes.map(|cause| heard.iter().filter(|of| of.2 == cause).map(|of| of.1).sum::<u64>());
    assert_eq!(sums, [2, 2], "{heard:?}");
    assert!(heard.iter().all(|of| of.0 == mayfly.id() || of.0 == teller.id()));
    // Each call of the hook has added one.
    let refused: u64 = report.dead_letters.iter().map(|of| of.refused).sum();
    assert_eq!(refused, 2 + heard.len() as u64);
}
