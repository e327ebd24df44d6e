//! Tests.
use potoroo_runtime::arena::Arena;
use potoroo_runtime::{Actor, Context, Reply, System, Turn};

struct Lender;

impl Actor for Lender {
    type Msg = Reply<Arena>;
    fn handle(&mut self, reply: Reply<Arena>, ctx: &mut Context<'_, Self>) -> Turn {
        reply.send(ctx.arena());
        Ok(())
    }
}

/// An arena of an actor that is gone: what is built in it lies in blocks of the heap.
pub(super) fn arena() -> Arena {
    use std::sync::OnceLock;
    static SYSTEM: OnceLock<System> = OnceLock::new();
    let system = SYSTEM.get_or_init(|| System::builder().workers(1).pin(false).build().unwrap());
    let lender = system.spawn(|_| Ok(Lender));
    let arena = lender.ask(|reply| reply).wait().unwrap();
    lender.stop();
    arena
}
