//! An ask inside the system allocates nothing once its actors have warmed up: shown by counting.
//!
//! A program of its own, because the counting allocator is the whole process's.

use potoroo_runtime::{Actor, ActorRef, AskError, Context, Reply, System, Turn};
use std::alloc::{GlobalAlloc, Layout, System as Heap};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// Counts what is taken.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: passes everything on.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, SeqCst);
        // SAFETY: the caller's promise.
        unsafe { Heap.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { Heap.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// An answer that has room in a control message.
type Near = u64;

/// One that has not.
type Far = [u64; 20];

enum Question {
    Near(u64, Reply<Near>),
    Far(u64, Reply<Far>),
}

struct Answerer;

impl Actor for Answerer {
    type Msg = Question;

    fn handle(&mut self, msg: Question, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            Question::Near(n, reply) => reply.send(n + 1),
            Question::Far(n, reply) => reply.send([n + 1; 20]),
        }
        Ok(())
    }
}

/// Asks again and again, with the answer to the last ask.
struct Asker(ActorRef<Answerer>);

/// How often, which kind, how many asks are warm-up, and who wants to know how many allocations the others took.
struct Job {
    asks: u64,
    far: bool,
    warm_up: u64,
    before: u64,
    reply: Reply<u64>,
}

impl Asker {
    fn ask(&self, n: u64, mut job: Job, ctx: &mut Context<'_, Self>) -> Turn {
        if n == job.warm_up {
            job.before = ALLOCATIONS.load(SeqCst);
        }
        if n == job.asks {
            let after = ALLOCATIONS.load(SeqCst);
            job.reply.send(after - job.before);
            return Ok(());
        }
        if !job.far {
            let near = ctx.ask(&self.0, |back| Question::Near(n, back));
            near.then(move |this, answer: Result<Near, AskError>, ctx| this.ask(answer?, job, ctx));
        } else {
            let far = ctx.ask(&self.0, |back| Question::Far(n, back));
            far.then(move |this, answer: Result<Far, AskError>, ctx| this.ask(answer?[19], job, ctx));
        }
        Ok(())
    }
}

impl Actor for Asker {
    type Msg = Job;

    fn handle(&mut self, job: Job, ctx: &mut Context<'_, Self>) -> Turn {
        self.ask(0, job, ctx)
    }
}

/// The allocations that `asks` asks take after as many.
fn allocations(system: &System, answerer_at: usize, far: bool, asks: u64) -> u64 {
    let answerer = system.spawn_on(answerer_at, |_| Ok(Answerer));
    let asker = system.spawn_on(0, move |_| Ok(Asker(answerer)));
    let (warm_up, before) = (asks, 0);
    let asks = 2 * asks;
    asker
        .ask(|reply| Job {
            asks,
            far,
            warm_up,
            before,
            reply,
        })
        .wait()
        .expect("all are answered")
}

#[test]
fn asks_allocate_nothing() {
    const ASKS: u64 = 1_000;
    let system = System::builder().workers(1).build().expect("starts");
    assert_eq!(allocations(&system, 0, false, ASKS), 0, "within a worker");
    assert_eq!(allocations(&system, 0, true, ASKS), 0, "within a worker, large answers");
    system.shutdown();

    // A worker that goes to sleep hands back what it has of others' nodes, in a new crate: that is the price of a sleep and
    // not of an ask, so here they look out for longer than an answer takes.
    let system = System::builder().workers(2).spin(Duration::from_millis(100));
    let system = system.build().expect("starts");
    let taken = allocations(&system, 1, false, ASKS);
    assert!(
        taken <= ASKS / 50,
        "between workers: {taken} allocations for {ASKS} asks"
    );
    // What has no room in the message lies in a node of the answerer's, and those go back by the thirty.
    let taken = allocations(&system, 1, true, ASKS);
    assert!(
        taken <= ASKS / 25,
        "between workers, large answers: {taken} allocations for {ASKS} asks"
    );
}
