//! Dead letters: who hears of them, by type, and what their destructors may do.

use potoroo_runtime::{Actor, ActorRef, Context, System, Turn};
use std::sync::mpsc;

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
