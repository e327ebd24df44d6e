//! Limits on the memory of actors: pressure, the end of one actor, and of nobody else.

use potoroo_runtime::arena::{ArenaBytes, ArenaVec, Evacuate};
use potoroo_runtime::{Actor, ActorRef, Context, ExitReason, Reply, Signal, System, Turn};
use std::sync::mpsc::{self, Sender};

/// Takes memory as told; tells of pressure.
struct Hungry {
    kept: Vec<ArenaVec<u8>>,
    heard: Sender<(u64, u64)>,
    limit: u64,
}

enum Eat {
    Keep(usize),
    /// Takes that much and gives it back before the handler ends.
    Waste(usize),
    Ping(Reply<ArenaBytes>),
}

impl Actor for Hungry {
    type Msg = Eat;

    fn handle(&mut self, msg: Eat, ctx: &mut Context<'_, Self>) -> Turn {
        let arena = ctx.arena();
        match msg {
            Eat::Keep(bytes) => self.kept.push(ArenaVec::with_capacity_in(bytes, &arena)),
            Eat::Waste(bytes) => {
                let wasted = ArenaVec::<u8>::with_capacity_in(bytes, &arena);
                self.kept.push(ArenaVec::with_capacity_in(1, &arena));
                drop(wasted);
            }
            Eat::Ping(reply) => reply.send(ctx.arena_bytes()),
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
        if let Signal::MemoryPressure {
            used_bytes,
            limit_bytes,
        } = signal
        {
            assert_eq!(limit_bytes, self.limit);
            self.heard.send((used_bytes, limit_bytes))?;
        }
        Ok(())
    }

    fn arena_state(&mut self) -> Option<&mut dyn Evacuate> {
        Some(&mut self.kept)
    }
}

/// A hungry actor whose reports nobody hears.
fn hungry(limit: u64) -> Hungry {
    Hungry {
        kept: Vec::new(),
        heard: mpsc::channel().0,
        limit,
    }
}

/// Starts a hungry child and tells how it ended.
struct Parent {
    ended: Sender<ExitReason>,
    heard: Sender<(u64, u64)>,
    limit: Option<u64>,
}

impl Actor for Parent {
    type Msg = Reply<ActorRef<Hungry>>;

    fn handle(&mut self, reply: Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        let (heard, limit) = (self.heard.clone(), self.limit);
        reply.send(ctx.spawn(move |ctx| {
            if let Some(limit) = limit {
                ctx.limit_memory(limit);
            }
            Ok(Hungry {
                kept: Vec::new(),
                heard,
                limit: limit.unwrap_or(BY_DEFAULT),
            })
        }));
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
        if let Signal::ChildExited { reason, .. } = signal {
            self.ended.send(reason)?;
        }
        Ok(())
    }
}

/// The limit of actors that set none, in these tests.
const BY_DEFAULT: u64 = 50_000;

struct Family {
    system: System,
    child: ActorRef<Hungry>,
    ended: mpsc::Receiver<ExitReason>,
    heard: mpsc::Receiver<(u64, u64)>,
}

fn family(limit: Option<u64>) -> Family {
    let system = System::builder()
        .workers(1)
        .actor_memory_max(BY_DEFAULT)
        .on_failure(|_, _, _| ())
        .build()
        .expect("starts");
    let ((tell_end, ended), (tell, heard)) = (mpsc::channel(), mpsc::channel());
    let parent = system.spawn(move |_| {
        Ok(Parent {
            ended: tell_end,
            heard: tell,
            limit,
        })
    });
    let child = parent.ask(|reply| reply).wait().expect("an answer");
    Family {
        system,
        child,
        ended,
        heard,
    }
}

#[test]
fn above_its_limit_an_actor_ends_alone() {
    let family = family(Some(100_000));
    let sibling = family.system.spawn(|_| Ok(hungry(BY_DEFAULT)));
    sibling.tell(Eat::Keep(40_000));
    for _ in 0..8 {
        family.child.tell(Eat::Keep(10_000));
    }
    let bytes = family.child.ask(Eat::Ping).wait().expect("still there");
    assert_eq!(bytes.live, 80_000);
    assert!(family.heard.try_recv().is_err(), "no pressure below 7/8");
    family.child.tell(Eat::Keep(10_000));
    assert_eq!(family.heard.recv(), Ok((90_000, 100_000)));
    family.child.tell(Eat::Keep(5_000));
    assert!(family.child.ask(Eat::Ping).wait().is_ok(), "the limit is not reached");
    assert!(family.heard.try_recv().is_err(), "pressure is told once");
    // The message that crosses the limit is handled, the next one is not.
    family.child.tell(Eat::Keep(20_000));
    family.child.tell(Eat::Keep(1));
    match family.ended.recv().expect("the parent hears of it") {
        ExitReason::OutOfMemory {
            used_bytes,
            limit_bytes,
        } => assert_eq!((used_bytes, limit_bytes), (115_000, 100_000)),
        other => panic!("{other}"),
    }
    assert_eq!(sibling.ask(Eat::Ping).wait().expect("untouched").live, 40_000);
    let total = family.system.shutdown().stats.total();
    assert_eq!((total.failed, total.out_of_memory), (1, 1));
}

#[test]
fn the_systems_limit_holds_for_actors_that_set_none() {
    let family = family(None);
    family.child.tell(Eat::Keep(BY_DEFAULT as usize + 1));
    let reason = family.ended.recv().expect("the parent hears of it");
    assert_eq!(
        reason.to_string(),
        "out of memory: its arenas use 50001 bytes, 50000 are allowed"
    );
}

#[test]
fn dead_bytes_do_not_end_an_actor_that_can_be_evacuated() {
    let family = family(Some(100_000));
    family.child.tell(Eat::Keep(10_000));
    for round in 0..100 {
        family.child.tell(Eat::Waste(60_000));
        let bytes = family.child.ask(Eat::Ping).wait();
        let bytes = bytes.unwrap_or_else(|_| panic!("ended in round {round}: {:?}", family.ended.try_recv()));
        assert!(bytes.live < 11_000, "{bytes:?}");
    }
    // One handler may exceed the limit until it returns.
    family.child.tell(Eat::Waste(1_000_000));
    assert!(family.child.ask(Eat::Ping).wait().is_ok());
    assert!(family.ended.try_recv().is_err());
}

#[test]
fn pressure_that_went_is_told_again_when_it_comes_back() {
    let family = family(Some(100_000));
    for _ in 0..3 {
        family.child.tell(Eat::Waste(95_000));
        assert!(family.heard.recv().is_ok());
        // The turn in which it is told ends with an evacuation; the first answer may come in it, the second cannot.
        assert!(family.child.ask(Eat::Ping).wait().is_ok());
        assert_eq!(family.child.ask(Eat::Ping).wait().expect("alive").dead, 0);
    }
}
