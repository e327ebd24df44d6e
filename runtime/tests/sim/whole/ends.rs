//! Families that are ended while they are told things: each message has one fate, each end is told once.

use super::{Shared, lock};
use potoroo_runtime::sim::Sim;
use potoroo_runtime::{Actor, ActorRef, Context, ExitReason, Reply, Signal, Turn};
use std::sync::Arc;

/// What became of numbered messages, and when lives ended.
#[derive(Default)]
struct Fates {
    handled: u64,
    undelivered: u64,
    ended: Vec<(usize, Option<usize>)>,
    down: u64,
}

/// Has children, is told something, and is ended at some point.
struct Mortal {
    name: usize,
    parent: Option<usize>,
    fates: Shared<Fates>,
}

enum MortalMsg {
    Number,
    Child(usize, Reply<ActorRef<Mortal>>),
}

impl Actor for Mortal {
    type Msg = MortalMsg;

    fn handle(&mut self, msg: MortalMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            MortalMsg::Number => lock(&self.fates).handled += 1,
            MortalMsg::Child(name, reply) => {
                let (fates, parent) = (self.fates.clone(), Some(self.name));
                reply.send(ctx.spawn(move |_| Ok(Mortal { name, parent, fates })));
            }
        }
        Ok(())
    }

    fn undelivered(&mut self, msg: MortalMsg) {
        if let MortalMsg::Number = msg {
            lock(&self.fates).undelivered += 1;
        }
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        lock(&self.fates).ended.push((self.name, self.parent));
    }
}

/// Watches all it is told of.
struct Mourner(Shared<Fates>);

impl Actor for Mourner {
    type Msg = ActorRef<Mortal>;

    fn handle(&mut self, msg: ActorRef<Mortal>, ctx: &mut Context<'_, Self>) -> Turn {
        ctx.monitor(&msg);
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
        if let Signal::Down { .. } = signal {
            lock(&self.0).down += 1;
        }
        Ok(())
    }
}

/// Tells all of a list one number after the other, from inside.
struct Teller(Vec<ActorRef<Mortal>>, u64);

impl Actor for Teller {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        for mortal in &self.0 {
            mortal.tell(MortalMsg::Number);
        }
        self.1 -= 1;
        if self.1 > 0 {
            ctx.me().tell(());
        }
        Ok(())
    }
}

/// Whoever ends hands over what it was told, ends after its children, and is mourned once.
pub(super) fn ends(sim: &Sim) {
    const FAMILIES: usize = 3;
    const CHILDREN: usize = 2;
    const EACH: u64 = 8;
    let fates: Shared<Fates> = Arc::default();
    let mourned = fates.clone();
    let mourner = sim.spawn(move |_| Ok(Mourner(mourned)));
    let mut all = Vec::new();
    let mut heads = Vec::new();
    for family in 0..FAMILIES {
        let of_head = fates.clone();
        let name = family * 10;
        let head = sim.spawn(move |_| {
            Ok(Mortal {
                name,
                parent: None,
                fates: of_head,
            })
        });
        for child in 1..=CHILDREN {
            let child = head.ask(|reply| MortalMsg::Child(name + child, reply)).wait();
            all.push(child.expect("it has a child"));
        }
        all.push(head.clone());
        heads.push(head);
    }
    all.iter().for_each(|mortal| mourner.tell(mortal.clone()));
    let tellers: Vec<_> = (0..2)
        .map(|_| {
            let all = all.clone();
            sim.spawn(move |_| Ok(Teller(all, EACH)))
        })
        .collect();
    tellers.iter().for_each(|teller| teller.tell(()));
    for _ in 0..sim.choose(120) {
        sim.step();
    }
    heads.iter().for_each(ActorRef::stop);
    sim.run_until_quiet();
    let count = all.len();
    let refused: u64 = sim.dead_letters().iter().map(|letters| letters.refused).sum();
    let fates = lock(&fates);
    assert_eq!(fates.ended.len(), count, "everybody has ended");
    for (place, (name, parent)) in fates.ended.iter().enumerate() {
        let orphaned = fates.ended[..place].iter().any(|(before, _)| Some(*before) == *parent);
        assert!(!orphaned, "{name} has outlived its parent");
    }
    assert_eq!(fates.down, count as u64, "each end is told once");
    let told = 2 * EACH * count as u64;
    assert_eq!(
        fates.handled + fates.undelivered + refused,
        told,
        "each number has one fate"
    );
}
