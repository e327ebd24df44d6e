//! Spans across tell and ask: whose child is a handler's span, and what does it follow from?
//!
//! A binary of its own, since the subscriber is the process's; only with the feature `tracing`. The registry beneath it refuses
//! spans that are used after they were closed.

use potoroo_runtime::kit::Stash;
use potoroo_runtime::{Actor, ActorId, ActorRef, Context, Reply, System, Turn};
use std::fmt;
use std::sync::{Mutex, MutexGuard, Once, PoisonError, mpsc};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Subscriber, info_span};
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// What is known of a span; others are named by their place in the list.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    name: &'static str,
    actor: String,
    parent: Option<usize>,
    follows: Option<usize>,
    is_closed: bool,
}

static SEEN: Mutex<Vec<Seen>> = Mutex::new(Vec::new());

fn seen() -> MutexGuard<'static, Vec<Seen>> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The place of a span in the list, kept with the span: ids are given again.
struct Place(usize);

struct Watch;

struct ActorField<'a>(&'a mut String);

impl Visit for ActorField<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "actor" {
            *self.0 = format!("{value:?}");
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Watch {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: LayerContext<'_, S>) {
        let span = context.span(id).expect("it is new");
        let place =
            |span: tracing_subscriber::registry::SpanRef<'_, S>| span.extensions().get::<Place>().map(|place| place.0);
        let mut new = Seen {
            name: attributes.metadata().name(),
            parent: span.parent().and_then(place),
            ..Seen::default()
        };
        attributes.record(&mut ActorField(&mut new.actor));
        let mut seen = seen();
        span.extensions_mut().insert(Place(seen.len()));
        seen.push(new);
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: LayerContext<'_, S>) {
        let place = |id| {
            let span = context.span(id).expect("it is open");
            let place = span.extensions().get::<Place>().map(|place| place.0);
            place.expect("it was seen")
        };
        let (id, follows) = (place(id), place(follows));
        seen()[id].follows = Some(follows);
    }

    fn on_close(&self, id: Id, context: LayerContext<'_, S>) {
        let span = context.span(&id).expect("it closes now");
        if let Some(place) = span.extensions().get::<Place>() {
            seen()[place.0].is_closed = true;
        }
    }
}

fn system() -> System {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        tracing::subscriber::set_global_default(Registry::default().with(Watch)).expect("the first");
    });
    System::builder().workers(2).build().expect("starts")
}

/// The spans in which this actor has handled messages, in order.
fn handled_by(actor: ActorId) -> Vec<(usize, Seen)> {
    let name = actor.to_string();
    let seen = seen();
    let by = seen.iter().enumerate().filter(|(_, span)| span.actor == name);
    by.map(|(at, span)| (at, span.clone())).collect()
}

/// The place of the only span of this name.
fn named(name: &str) -> usize {
    let seen = seen();
    let mut of = (0..seen.len()).filter(|at| seen[*at].name == name);
    match (of.next(), of.next()) {
        (Some(one), None) => one,
        other => panic!("{name}: {other:?}"),
    }
}

/// Answers, passes on, or goes on by itself.
#[derive(Default)]
struct Node {
    next: Option<ActorRef<Node>>,
    put_aside: Option<Stash<Order>>,
}

enum Order {
    Answer(Reply<u64>),
    PassOn(mpsc::Sender<()>),
    AskNext(mpsc::Sender<()>),
    AskNextTimes(u32, mpsc::Sender<()>),
    CountDown(u32, mpsc::Sender<()>),
    Later(mpsc::Sender<()>),
    PutAside,
    Open(mpsc::Sender<()>),
}

impl Actor for Node {
    type Msg = Order;

    fn handle(&mut self, msg: Order, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Order::Answer(reply) => reply.send(1),
            Order::PassOn(done) => match &self.next {
                Some(next) => next.tell(Order::PassOn(done)),
                None => done.send(())?,
            },
            Order::AskNext(done) => {
                let next = self.next.clone().expect("there is one");
                let _within = info_span!("within the handler").entered();
                ctx.ask(&next, Order::Answer).then(move |_, answer, _| {
                    answer?;
                    drop(info_span!("continued"));
                    Ok(done.send(())?)
                });
            }
            Order::AskNextTimes(left, done) => {
                let next = self.next.clone().expect("there is one");
                ask_again(ctx, next, left, done);
            }
            Order::CountDown(0, done) => done.send(())?,
            Order::CountDown(left, done) => ctx.me().tell(Order::CountDown(left - 1, done)),
            Order::Later(done) => {
                ctx.after(Duration::from_millis(1), Order::PassOn(done));
            }
            Order::PutAside => {
                if let Some(stash) = &mut self.put_aside {
                    stash.push(Order::PutAside)?;
                }
            }
            Order::Open(done) => {
                let mut stash = self.put_aside.take().expect("not open yet");
                ctx.unstash(&mut stash);
                ctx.me().tell(Order::PassOn(done));
            }
        }
        Ok(())
    }
}

fn ask_again(ctx: &mut Context<'_, Node>, next: ActorRef<Node>, left: u32, done: mpsc::Sender<()>) {
    ctx.ask(&next.clone(), Order::Answer).then(move |_, answer, ctx| {
        answer?;
        match left {
            0 => done.send(())?,
            _ => ask_again(ctx, next, left - 1, done),
        }
        Ok(())
    });
}

/// So many nodes, each with the one before as its next, on both workers.
fn chain(system: &System, length: usize) -> Vec<ActorRef<Node>> {
    let mut nodes: Vec<ActorRef<Node>> = Vec::new();
    for n in 0..length {
        let next = nodes.last().cloned();
        nodes.push(system.spawn_on(n % 2, move |_| {
            Ok(Node {
                next,
                ..Node::default()
            })
        }));
    }
    nodes.reverse();
    nodes
}

/// Waits until it is done, and the system has ended.
fn finish(system: System, done: &mpsc::Receiver<()>) {
    done.recv().expect("done");
    system.shutdown();
}

#[test]
fn what_is_told_follows_from_where_it_was_told() {
    let system = system();
    let nodes = chain(&system, 3);
    let (tell, done) = mpsc::channel();
    info_span!("told here").in_scope(|| nodes[0].tell(Order::PassOn(tell)));
    finish(system, &done);
    let mut from = named("told here");
    for node in &nodes {
        let handled = handled_by(node.id());
        let [(at, span)] = handled.as_slice() else {
            panic!("{handled:?}");
        };
        assert_eq!((span.name, span.parent, span.follows), ("handle", None, Some(from)));
        from = *at;
    }
}

#[test]
fn what_is_told_outside_of_any_span_follows_from_none() {
    let system = system();
    let nodes = chain(&system, 1);
    let (tell, done) = mpsc::channel();
    nodes[0].tell(Order::PassOn(tell));
    finish(system, &done);
    let handled = handled_by(nodes[0].id());
    assert_eq!(
        (handled.len(), handled[0].1.parent, handled[0].1.follows),
        (1, None, None)
    );
}

#[test]
fn what_is_asked_for_is_part_of_what_asks() {
    let system = system();
    let nodes = chain(&system, 2);
    let answer = info_span!("asked here").in_scope(|| nodes[1].ask(Order::Answer));
    assert_eq!(answer.wait(), Ok(1));
    let (tell, done) = mpsc::channel();
    nodes[0].tell(Order::AskNext(tell));
    finish(system, &done);

    let [(asker, _)] = handled_by(nodes[0].id())[..] else {
        panic!("one message");
    };
    let answers = handled_by(nodes[1].id());
    let parents: Vec<_> = answers.iter().map(|(_, span)| (span.parent, span.follows)).collect();
    let within = named("within the handler");
    assert_eq!(parents, [(Some(named("asked here")), None), (Some(within), None)]);
    // What goes on with the answer is in the span that asked, and that one in the asker's.
    let seen = seen();
    assert_eq!(seen[within].parent, Some(asker));
    let continued = seen.iter().find(|span| span.name == "continued").expect("it was");
    assert_eq!(continued.parent, Some(within));
}

#[test]
fn going_on_by_itself_grows_no_tree() {
    let system = system();
    let nodes = chain(&system, 2);
    let (tell, done) = mpsc::channel();
    nodes[0].tell(Order::CountDown(1000, tell.clone()));
    done.recv().expect("done");
    nodes[0].tell(Order::AskNextTimes(1000, tell));
    finish(system, &done);
    let handled = handled_by(nodes[0].id());
    assert_eq!(handled.len(), 1002);
    for pair in handled[..1001].windows(2) {
        assert_eq!((pair[1].1.parent, pair[1].1.follows), (None, Some(pair[0].0)));
    }
    // Each ask of the chain is made in the span of the one message, so all answers are its children.
    let asker = handled[1001].0;
    let answers = handled_by(nodes[1].id());
    assert_eq!(answers.len(), 1001);
    assert!(answers.iter().all(|(_, span)| span.parent == Some(asker)));
    // And nothing keeps any of them open.
    assert!(handled.iter().chain(&answers).all(|(_, span)| span.is_closed));
}

#[test]
fn timers_come_from_nowhere_and_what_was_put_aside_from_who_put_it_back() {
    let system = system();
    let nodes = chain(&system, 1);
    let (tell, done) = mpsc::channel();
    nodes[0].tell(Order::Later(tell.clone()));
    done.recv().expect("done");
    let node = system.spawn(|_| {
        Ok(Node {
            next: None,
            put_aside: Some(Stash::new(8)),
        })
    });
    node.tell(Order::PutAside);
    node.tell(Order::Open(tell));
    finish(system, &done);
    let timers = handled_by(nodes[0].id());
    assert_eq!((timers.len(), timers[1].1.parent, timers[1].1.follows), (2, None, None));
    let handled = handled_by(node.id());
    let opener = handled[1].0;
    assert_eq!(
        (handled.len(), handled[2].1.parent, handled[2].1.follows),
        (4, None, Some(opener))
    );
}
