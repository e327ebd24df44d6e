//! Which orders are seen, that a run can be repeated, and that bugs which need a certain order are found.

use potoroo_runtime::sim::{self, Failure, Report, Run, Sim};
use potoroo_runtime::{Actor, ActorRef, Context, Recipient, Reply, Turn};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

/// Tells so many numbers to one receiver, one per turn.
struct Sender {
    to: Recipient<(usize, u64)>,
    name: usize,
    left: u64,
}

impl Actor for Sender {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        self.to.tell((self.name, self.left));
        self.left -= 1;
        if self.left > 0 {
            ctx.me().tell(());
        }
        Ok(())
    }
}

/// Senders to one receiver each, or all to the same; gives the orders in which their messages arrived.
fn arrivals(senders: usize, each: u64, together: bool) -> (Report, usize) {
    let seen = Rc::new(RefCell::new(BTreeSet::new()));
    let noted = seen.clone();
    let report = sim::explore(move |sim| {
        let probes: Vec<_> = (0..senders).map(|_| sim.probe()).collect();
        for name in 0..senders {
            let to = probes[if together { 0 } else { name }].recipient();
            sim.spawn(move |_| Ok(Sender { to, name, left: each })).tell(());
        }
        sim.run_until_quiet();
        let arrived: Vec<_> = probes.iter().map(|probe| probe.drain()).collect();
        noted.borrow_mut().insert(arrived);
    })
    .exhaustive()
    .run();
    let orders = seen.borrow().len();
    (report, orders)
}

#[test]
fn all_orders_are_seen_and_none_twice_over() {
    // Two senders of two: the interleavings of two sequences of two, 4! / (2! 2!).
    let (report, orders) = arrivals(2, 2, true);
    assert!(report.complete);
    assert_eq!(orders, 6);
    // Three senders of one: 3!.
    assert_eq!(arrivals(3, 1, true).1, 6);
    // Three of two: 6! / (2! 2! 2!).
    let (report, orders) = arrivals(3, 2, true);
    assert_eq!(orders, 90);
    assert!(report.runs < 400, "{} runs for 90 orders", report.runs);
}

#[test]
fn turns_that_do_not_meet_are_not_reordered() {
    let (report, orders) = arrivals(4, 3, false);
    assert_eq!((report.runs, orders), (1, 1));
}

/// A balance that is read and written back by message: correct only if nobody else writes in between.
#[derive(Default)]
struct Cell(u64);

enum CellMsg {
    Read(Reply<u64>),
    Write(u64),
}

impl Actor for Cell {
    type Msg = CellMsg;

    fn handle(&mut self, msg: CellMsg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            CellMsg::Read(reply) => reply.send(self.0),
            CellMsg::Write(value) => self.0 = value,
        }
        Ok(())
    }

    fn describe(msg: &CellMsg) -> String {
        match msg {
            CellMsg::Read(_) => "Read".to_owned(),
            CellMsg::Write(value) => format!("Write({value})"),
        }
    }
}

struct Incrementer(ActorRef<Cell>);

impl Actor for Incrementer {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        ctx.ask(&self.0, CellMsg::Read).then(|me, value, _| {
            me.0.tell(CellMsg::Write(value? + 1));
            Ok(())
        });
        Ok(())
    }
}

fn lost_update(sim: &Sim) {
    let cell = sim.spawn(|_| Ok(Cell::default()));
    for _ in 0..2 {
        let cell = cell.clone();
        sim.spawn(move |_| Ok(Incrementer(cell))).tell(());
    }
    sim.run_until_quiet();
    assert_eq!(cell.ask(CellMsg::Read).wait(), Ok(2));
}

fn check_failure(failure: &Failure) {
    let text = failure.to_string();
    assert!(text.contains("left: Ok(1)"), "{text}");
    assert!(text.contains("POTOROO_SIM='"), "{text}");
    assert!(text.contains("● Read") && text.contains("Write(1)"), "{text}");
}

#[test]
fn a_lost_update_is_found_in_every_mode_and_again() {
    let found = [
        sim::explore(lost_update).exhaustive().check(),
        sim::explore(lost_update).pct(1, 100).check(),
        sim::explore(lost_update).random(100).check(),
        sim::explore(lost_update).random(100).workers(1).check(),
    ];
    for (failure, mode) in found.into_iter().zip(0..) {
        let failure = match failure {
            Err(failure) => failure,
            Ok(report) => panic!("mode {mode}: the update is lost in some order, {report}"),
        };
        check_failure(&failure);
        let run = Run::parse(&failure.run.to_string()).expect("what is printed can be read");
        assert_eq!(run, failure.run);
        let again = sim::explore(lost_update);
        let again = match mode {
            0 => again.exhaustive(),
            1 => again.pct(1, 100),
            2 => again,
            _ => again.workers(1),
        };
        let again = again.replay(run).check().expect_err("it is the same run");
        assert_eq!((again.what, again.steps), (failure.what.clone(), failure.steps));
        assert_eq!(again.chart, failure.chart);
    }
}

#[test]
fn a_seed_is_a_run() {
    let hash = |first| sim::explore(busy).random(20).seed(first).workers(3).run().hash;
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
}

/// A ring, a crowd and some who stop: much of what the runtime does.
fn busy(sim: &Sim) {
    let probe = sim.probe();
    for name in 0..5 {
        let to = probe.recipient();
        sim.spawn(move |_| Ok(Sender { to, name, left: 20 })).tell(());
    }
    sim.advance(Duration::from_millis(1));
    sim.run_until_quiet();
    assert_eq!(probe.drain().len(), 100);
}

/// Waits for an answer, but not for ever.
struct Impatient {
    to: ActorRef<Slow>,
    outcome: Recipient<&'static str>,
}

/// Answers after a while.
struct Slow;

impl Actor for Slow {
    type Msg = Reply<()>;

    fn handle(&mut self, reply: Reply<()>, _: &mut Context<'_, Self>) -> Turn {
        reply.send(());
        Ok(())
    }
}

impl Actor for Impatient {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        ctx.ask(&self.to, |reply| reply)
            .within(Duration::from_millis(10))
            .then(|me, answer, _| {
                me.outcome.tell(if answer.is_ok() { "answered" } else { "timed out" });
                Ok(())
            });
        Ok(())
    }
}

#[test]
fn timers_race_with_messages_while_time_passes() {
    let seen = Rc::new(RefCell::new(BTreeSet::new()));
    let noted = seen.clone();
    sim::explore(move |sim| {
        let probe = sim.probe();
        let slow = sim.spawn(|_| Ok(Slow));
        let outcome = probe.recipient();
        sim.spawn(|_| Ok(Impatient { to: slow, outcome })).tell(());
        sim.advance(Duration::from_millis(20));
        noted.borrow_mut().insert(probe.expect(sim));
    })
    .exhaustive()
    .run();
    assert_eq!(*seen.borrow(), BTreeSet::from(["answered", "timed out"]));
}

/// Passes a number on to some of the others, as a table says, and notes what it got from whom.
struct Node {
    name: usize,
    sends: Vec<usize>,
    others: Vec<ActorRef<Node>>,
    got: Vec<(usize, usize)>,
    probe: Recipient<(usize, Vec<(usize, usize)>)>,
}

enum NodeMsg {
    Meet(Vec<ActorRef<Node>>),
    Pass { from: usize, hops: usize },
    Tell,
}

impl Actor for Node {
    type Msg = NodeMsg;

    fn handle(&mut self, msg: NodeMsg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            NodeMsg::Meet(others) => self.others = others,
            NodeMsg::Pass { from, hops } => {
                self.got.push((from, hops));
                if hops > 0 {
                    for to in &self.sends {
                        self.others[*to].tell(NodeMsg::Pass {
                            from: self.name,
                            hops: hops - 1,
                        });
                    }
                }
            }
            NodeMsg::Tell => self.probe.tell((self.name, self.got.clone())),
        }
        Ok(())
    }
}

/// What every node can have got, in the end, over all orders of a search.
fn outcomes(table: &[Vec<usize>], begin: &[(usize, usize)], reduced: bool) -> (BTreeSet<String>, u64) {
    let seen = Rc::new(RefCell::new(BTreeSet::new()));
    let (noted, table, begin) = (seen.clone(), table.to_vec(), begin.to_vec());
    let explore = sim::explore(move |sim| {
        let probe = sim.probe();
        let nodes: Vec<_> = (0..table.len())
            .map(|name| {
                let (sends, probe) = (table[name].clone(), probe.recipient());
                sim.spawn(move |_| {
                    Ok(Node {
                        name,
                        sends,
                        others: Vec::new(),
                        got: Vec::new(),
                        probe,
                    })
                })
            })
            .collect();
        nodes.iter().for_each(|node| node.tell(NodeMsg::Meet(nodes.clone())));
        for (at, hops) in &begin {
            nodes[*at].tell(NodeMsg::Pass {
                from: usize::MAX,
                hops: *hops,
            });
        }
        sim.run_until_quiet();
        let mut all: Vec<_> = nodes
            .iter()
            .map(|node| {
                node.tell(NodeMsg::Tell);
                probe.expect(sim)
            })
            .collect();
        all.sort_unstable();
        noted.borrow_mut().insert(format!("{all:?}"));
    });
    let explore = if reduced {
        explore.exhaustive()
    } else {
        explore.exhaustive_unreduced()
    };
    let report = explore.run();
    assert!(report.complete);
    (seen.take(), report.runs)
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 40, failure_persistence: None, ..Default::default() })]

    /// The reduction leaves out orders, and no outcome: checked against the search that leaves out nothing.
    #[test]
    fn the_reduction_loses_no_outcome(
        table in proptest::collection::vec(proptest::collection::vec(0_usize..3, 0..3), 3),
        begin in proptest::collection::vec((0_usize..3, 0_usize..2), 1..3),
    ) {
        let (all, all_runs) = outcomes(&table, &begin, false);
        let (reduced, runs) = outcomes(&table, &begin, true);
        proptest::prop_assert_eq!(all, reduced);
        proptest::prop_assert!(runs <= all_runs);
    }
}
