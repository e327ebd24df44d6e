//! What the macro writes, at work.

use potoroo_runtime::{
    Actor, ActorRef, AskError, Context, ExitReason, Fault, Recipient, Reply, Signal, System, TimerId, Turn, actor,
};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

fn system() -> System {
    let builder = System::builder().workers(2).on_failure(|_, _, _| {});
    builder.build().expect("starts")
}

/// Has a method of each kind.
struct Shelf {
    books: Vec<String>,
    waiting: Vec<Reply<usize>>,
    timer: Option<TimerId>,
    log: Sender<String>,
}

#[derive(Debug, PartialEq)]
struct Missing(usize);

#[actor]
impl Shelf {
    const FULL: usize = 3;

    fn new(log: Sender<String>) -> Self {
        Self {
            books: Vec::new(),
            waiting: Vec::new(),
            timer: None,
            log,
        }
    }

    /// Adds a book.
    fn add(&mut self, mut book: String) {
        book.push('.');
        self.books.push(book);
    }

    fn add_two(&mut self, first: String, second: String, ctx: &mut Context<'_, Self>) -> Turn {
        if self.books.len() + 2 > Self::FULL {
            return Err(Fault::new("full"));
        }
        // By itself, as any message.
        ctx.me().tell(ShelfMsg::Add(first));
        ctx.me().tell(ShelfMsg::Add(second));
        Ok(())
    }

    fn count(&self) -> usize {
        self.books.len()
    }

    fn find(&self, at: usize) -> Result<String, Missing> {
        self.books.get(at).cloned().ok_or(Missing(at))
    }

    fn parse_first(&mut self) -> Result<u32, Fault> {
        Ok(self
            .find(0)
            .map_err(|missing| Fault::new(format!("{missing:?}")))?
            .trim_end_matches('.')
            .parse()?)
    }

    fn when_full(&mut self, at_most: Duration, reply: Reply<usize>, ctx: &mut Context<'_, Self>) -> Turn {
        self.waiting.push(reply);
        self.timer = Some(ctx.after(at_most, ShelfMsg::GiveUp));
        Ok(())
    }

    fn give_up(&mut self) {
        let count = self.count();
        self.waiting.drain(..).for_each(|reply| reply.send(count));
    }

    fn r#static(&self, text: &'static str) -> &'static str {
        text
    }

    #[cfg(any())]
    fn never(&mut self, of: NoSuchType) {}

    #[hook]
    fn turn_end(&mut self, _: &mut Context<'_, Self>) -> Turn {
        if self.books.len() >= Self::FULL {
            self.give_up();
        }
        Ok(())
    }

    #[hook]
    fn signal(&mut self, _: Signal, _: &mut Context<'_, Self>) -> Turn {
        Ok(())
    }

    #[hook]
    fn stopping(&mut self, why: &ExitReason, _: &mut Context<'_, Self>) {
        let _ = self.log.send(why.to_string());
    }
}

fn shelf(system: &System) -> (ShelfClient, mpsc::Receiver<String>) {
    let (log, logged) = mpsc::channel();
    (system.spawn(|_| Ok(Shelf::new(log))).into(), logged)
}

#[test]
fn each_kind_of_method_is_a_message() {
    let system = system();
    let (shelf, _logged) = shelf(&system);
    shelf.add("A".to_owned());
    assert_eq!(shelf.count().wait(), Ok(1));
    assert_eq!(shelf.find(0).wait(), Ok(Ok("A.".to_owned())));
    assert_eq!(shelf.find(7).wait(), Ok(Err(Missing(7))));
    assert_eq!(shelf.r#static("text").wait(), Ok("text"));
    let later = shelf.when_full(Duration::from_secs(60));
    shelf.add_two("B".to_owned(), "C".to_owned());
    assert_eq!(later.wait(), Ok(3));
    // The enum does the same, and the client is the reference.
    let reference: &ActorRef<Shelf> = &shelf;
    assert_eq!(reference.ask(ShelfMsg::Count).wait(), Ok(3));
    assert_eq!(
        shelf.ask(|reply| ShelfMsg::Find(2, reply)).wait(),
        Ok(Ok("C.".to_owned()))
    );
    assert_eq!(shelf.clone(), shelf);
}

#[test]
fn a_fault_ends_the_actor_and_an_error_for_the_asker_does_not() {
    let system = system();
    let (first, logged) = shelf(&system);
    first.add("12".to_owned());
    assert_eq!(first.parse_first().wait(), Ok(12));
    (0..3).for_each(|_| first.add("x".to_owned()));
    first.add_two("y".to_owned(), "z".to_owned());
    assert_eq!(logged.recv().as_deref(), Ok("fault: full"));

    let (second, logged) = shelf(&system);
    assert_eq!(second.parse_first().wait(), Err(AskError::Dropped));
    assert_eq!(logged.recv().as_deref(), Ok("fault: Missing(0)"));
}

#[test]
fn methods_can_be_called_without_an_actor() {
    let (log, _logged) = mpsc::channel();
    let mut shelf = Shelf::new(log);
    shelf.add("A".to_owned());
    assert_eq!(shelf.count(), 1);
}

mod elsewhere {
    //! Seen by others, with other names, and the runtime under another path.
    mod runtime {
        pub(super) use potoroo_runtime::{Actor, ActorRef, Ask, Context, Reply, Turn};
    }

    pub(crate) struct Clock(pub(crate) u64);

    #[potoroo_runtime::actor(pub(crate), msg = Request, client = Handle, crate = self::runtime)]
    impl Clock {
        /// The time.
        pub(crate) fn time(&self) -> u64 {
            self.0
        }

        fn tick(&mut self) {
            self.0 += 1;
        }
    }
}

#[test]
fn names_and_visibility_can_be_given() {
    let system = system();
    let clock = elsewhere::Handle::from(system.spawn(|_| Ok(elsewhere::Clock(1))));
    clock.tick();
    assert_eq!(clock.time().wait(), Ok(2));
    assert_eq!(clock.ask(elsewhere::Request::Time).wait(), Ok(2));
}

#[test]
fn actors_ask_each_other_with_the_enum() {
    struct Reader {
        shelf: ShelfClient,
    }
    #[actor]
    impl Reader {
        fn read(&mut self, at: usize, reply: Reply<String>, ctx: &mut Context<'_, Self>) {
            ctx.ask(&self.shelf, |reply| ShelfMsg::Find(at, reply))
                .then(move |_, found, _| {
                    reply.send(format!("{found:?}"));
                    Ok(())
                });
        }
    }
    let system = system();
    let (shelf, _logged) = shelf(&system);
    shelf.add("A".to_owned());
    let reader = ReaderClient::from(system.spawn(|_| Ok(Reader { shelf })));
    assert_eq!(reader.read(0).wait().as_deref(), Ok(r#"Ok(Ok("A."))"#));
    assert_eq!(reader.read(1).wait().as_deref(), Ok("Ok(Err(Missing(1)))"));
}

#[test]
fn an_actor_without_messages_is_one_too() {
    struct Silent(Sender<()>);
    #[actor]
    impl Silent {
        #[hook]
        fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
            let _ = self.0.send(());
        }
    }
    let (log, logged) = mpsc::channel();
    let system = system();
    let silent = SilentClient::from(system.spawn(|_| Ok(Silent(log))));
    silent.stop();
    assert_eq!(logged.recv(), Ok(()));
}

impl From<u32> for ShelfMsg {
    fn from(n: u32) -> Self {
        Self::Add(n.to_string())
    }
}

#[test]
fn what_is_written_is_an_ordinary_enum() {
    let system = system();
    let (shelf, _logged) = shelf(&system);
    let numbers: Recipient<u32> = shelf.recipient();
    numbers.tell(5);
    assert_eq!(shelf.parse_first().wait(), Ok(5));
    fn takes_messages_of<A: Actor<Msg = ShelfMsg>>(_: &ActorRef<A>) {}
    takes_messages_of(&shelf);
}
