//! What a life leaves to the next: nothing but what was told.

use super::*;

#[test]
fn timers_of_a_life_end_with_it() {
    /// Is told by its timers in which life they were set; the last life says so.
    struct Ticking {
        life: u32,
        done: Sender<u32>,
    }
    impl Actor for Ticking {
        type Msg = u32;
        fn handle(&mut self, set_in: u32, _: &mut Context<'_, Self>) -> Turn {
            if set_in != self.life {
                self.done.send(set_in)?;
            } else if self.life < 50 {
                return Err(Fault::new("next"));
            } else {
                self.done.send(0)?;
            }
            Ok(())
        }
    }
    let system = quiet(1);
    let (done, heard) = mpsc::channel();
    let mut tree = system.supervise(ever(Strategy::OneForOne));
    let mut life = 0;
    tree.child("ticking", Restart::Permanent, move |ctx| {
        life += 1;
        let this = life;
        for n in 0..5 {
            ctx.after(Duration::from_micros(100 + n), this);
            ctx.every(Duration::from_micros(150), move || this);
        }
        let done = done.clone();
        Ok(Ticking { life, done })
    });
    tree.start();
    let heard: Vec<_> = heard.iter().take(20).collect();
    assert_eq!(heard, [0; 20], "a timer of an earlier life fired");
}

#[test]
fn an_answer_to_an_earlier_life_finds_nobody() {
    /// Keeps replies until it is told to give them all.
    struct Slow(Vec<Reply<u32>>);
    impl Actor for Slow {
        type Msg = Option<Reply<u32>>;
        fn handle(&mut self, msg: Self::Msg, _: &mut Context<'_, Self>) -> Turn {
            match msg {
                Some(reply) => self.0.push(reply),
                None => (1..).zip(self.0.drain(..)).for_each(|(n, reply)| reply.send(n)),
            }
            Ok(())
        }
    }
    struct Asking {
        life: u32,
        done: Sender<(u32, u32, u32)>,
        slow: ActorRef<Slow>,
    }
    impl Actor for Asking {
        type Msg = bool;
        fn handle(&mut self, fail: bool, ctx: &mut Context<'_, Self>) -> Turn {
            if fail {
                return Err(Fault::new("next"));
            }
            let asked_in = self.life;
            ctx.ask(&self.slow, Some).then(move |this, answer, _| {
                this.done.send((asked_in, this.life, answer?))?;
                Ok(())
            });
            Ok(())
        }
    }
    let system = quiet(2);
    let slow = system.spawn(|_| Ok(Slow(Vec::new())));
    let (done, heard) = mpsc::channel();
    let mut tree = system.supervise(ever(Strategy::OneForOne));
    let (mut life, answers) = (0, slow.clone());
    let asking = tree.child("asking", Restart::Permanent, move |_| {
        life += 1;
        let (done, slow) = (done.clone(), answers.clone());
        Ok(Asking { life, done, slow })
    });
    tree.start();
    // Three asks in the first life, three in the second.
    for fail in [false, false, false, true, false, false, false] {
        asking.tell(fail);
    }
    while system.stats().total().restarts == 0 || heard.try_recv().is_ok() {
        std::thread::yield_now();
    }
    // The asker's asks reach the slow one before this does: it is told only when they were handled.
    struct Counted(ActorRef<Slow>);
    impl Actor for Counted {
        type Msg = ();
        fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
            self.0.tell(None);
            Ok(())
        }
    }
    let counted = system.spawn(move |_| Ok(Counted(slow)));
    let mut answers = Vec::new();
    while answers.len() < 3 {
        counted.tell(());
        answers.extend(heard.recv_timeout(Duration::from_millis(5)));
    }
    assert!(system.shutdown().drained);
    answers.extend(heard.try_iter());
    assert_eq!(answers.len(), 3, "{answers:?}");
    assert!(
        answers
            .iter()
            .all(|(asked_in, heard_in, _)| (*asked_in, *heard_in) == (2, 2)),
        "{answers:?}"
    );
}

/// The resident memory of this process.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = statm.split(' ').nth(1).expect("a field").parse().expect("a number");
    pages * 4096
}

#[test]
fn an_arena_of_100_mb_is_given_back_at_a_restart() {
    struct Hoarder(ArenaVec<u64>);
    impl Actor for Hoarder {
        type Msg = Option<Reply<(u64, usize)>>;
        fn handle(&mut self, msg: Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
            let Some(reply) = msg else {
                return Err(Fault::new("let go"));
            };
            let before = ctx.arena_bytes().live;
            (0..100_000_000 / 8).for_each(|n| self.0.push(n));
            reply.send((before, self.0.len()));
            Ok(())
        }
    }
    const RESTARTS: u64 = 15;
    let system = quiet(1);
    let mut tree = system.supervise(ever(Strategy::OneForOne));
    let hoarder = tree.child("hoarder", Restart::Permanent, |ctx| {
        Ok(Hoarder(ArenaVec::new_in(&ctx.arena())))
    });
    tree.start();
    let start = resident_bytes();
    for _ in 0..RESTARTS {
        let filled = hoarder.ask(Some).wait_for(Duration::from_secs(60));
        assert_eq!(filled, Ok((0, 100_000_000 / 8)), "a new life begins with nothing");
        hoarder.tell(None);
    }
    let (before, _) = hoarder.ask(Some).wait_for(Duration::from_secs(60)).expect("it answers");
    assert_eq!(before, 0);
    let grown = resident_bytes().saturating_sub(start);
    // Other tests run meanwhile; what 15 lives would have left behind is 1.5 GB and more.
    assert!(grown < 900_000_000, "{grown} bytes more than at the start");
}
