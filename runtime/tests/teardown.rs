//! Stopping an actor frees its arena in O(chunks): shown by counting what is given back to the allocator, not by time.
//!
//! A program of its own, because the counting allocator is the whole process's.

use potoroo_runtime::arena::{ArenaMap, ArenaVec};
use potoroo_runtime::{Actor, ActorRef, Context, Reply, Signal, System, Turn};
use std::alloc::{GlobalAlloc, Layout, System as Heap};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Counts what is given back.
struct Counting;

static FREED_BLOCKS: AtomicU64 = AtomicU64::new(0);
static FREED_BYTES: AtomicU64 = AtomicU64::new(0);

// SAFETY: passes everything on.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { Heap.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        FREED_BLOCKS.fetch_add(1, SeqCst);
        FREED_BYTES.fetch_add(layout.size() as u64, SeqCst);
        // SAFETY: the caller's promise.
        unsafe { Heap.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How much state the actor has.
const STATE_BYTES: u64 = 100 << 20;

/// In how many collections, which grow side by side.
const COLLECTIONS: u64 = 32;

struct Heavy {
    vecs: Vec<ArenaVec<u64>>,
    map: ArenaMap<u64, [u64; 7]>,
}

impl Actor for Heavy {
    type Msg = Reply<u64>;

    fn handle(&mut self, reply: Reply<u64>, ctx: &mut Context<'_, Self>) -> Turn {
        for n in 0.. {
            for vec in &mut self.vecs {
                vec.push(n);
            }
            if n % 16 == 0 {
                self.map.insert(n, [n; 7]);
            }
            if ctx.arena_bytes().live >= STATE_BYTES {
                break;
            }
        }
        reply.send(ctx.arena_bytes().live);
        Ok(())
    }
}

/// Answers when its child has ended.
#[derive(Default)]
struct Parent {
    child: Option<ActorRef<Heavy>>,
    reply: Option<Reply<()>>,
}

enum Msg {
    Fill(Reply<u64>),
    Stop(Reply<()>),
}

impl Actor for Parent {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Fill(reply) => {
                let child = ctx.spawn(|ctx: &mut Context<'_, Heavy>| {
                    let arena = ctx.arena();
                    Ok(Heavy {
                        vecs: (0..COLLECTIONS).map(|_| ArenaVec::new_in(&arena)).collect(),
                        map: ArenaMap::new_in(&arena),
                    })
                });
                child.tell(reply);
                self.child = Some(child);
            }
            Msg::Stop(reply) => {
                self.reply = Some(reply);
                if let Some(child) = self.child.take() {
                    child.stop();
                }
            }
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
        if let (Signal::ChildExited { .. }, Some(reply)) = (signal, self.reply.take()) {
            reply.send(());
        }
        Ok(())
    }
}

#[test]
fn stopping_an_actor_with_much_state_frees_a_few_chunks() {
    let system = System::builder().workers(1).build().expect("starts");
    let parent = system.spawn(|_| Ok(Parent::default()));
    let live = parent.ask(Msg::Fill).wait().expect("filled");
    assert!(live >= STATE_BYTES);
    let before = (FREED_BLOCKS.load(SeqCst), FREED_BYTES.load(SeqCst));
    parent.ask(Msg::Stop).wait().expect("stopped");
    let blocks = FREED_BLOCKS.load(SeqCst) - before.0;
    let bytes = FREED_BYTES.load(SeqCst) - before.1;
    assert!(bytes >= STATE_BYTES, "{bytes} bytes were freed");
    // Chunks double: there are about 20 of them. The rest is the actor's cell, its messages and its replies.
    assert!(blocks <= 100, "{blocks} blocks were freed for {live} live bytes");
}
