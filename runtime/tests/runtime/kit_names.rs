//! Names: who has them, for how long, and what type they promise.

use potoroo_runtime::kit::{Group, LookupError, Name, RegisterError, Topic};
use potoroo_runtime::{Actor, ActorRef, Context, Fault, Reply, System, Turn};
use std::sync::mpsc;

/// Answers with what it was made with; ends when told nothing.
struct Answer(u64);

impl Actor for Answer {
    type Msg = Option<Reply<u64>>;
    fn handle(&mut self, reply: Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match reply {
            Some(reply) => reply.send(self.0),
            None => ctx.stop(),
        }
        Ok(())
    }
}

struct Other;

impl Actor for Other {
    type Msg = ();
    fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
        Err(Fault::new("told to"))
    }
}

const ANSWER: Name<'static, Answer> = Name::new("answer");

fn quiet(workers: usize) -> System {
    let builder = System::builder().workers(workers).on_failure(|_, _, _| {});
    builder.build().expect("starts")
}

/// Waits until the actor has ended, and everything that belongs to its end has been done.
fn await_end<A: Actor>(system: &System, name: &str, actor: &ActorRef<A>) {
    while actor.is_alive() || system.stats().total().ended == 0 {
        std::thread::yield_now();
    }
    assert_eq!(system.registry().whereis(name), None);
}

#[test]
fn a_name_leads_to_its_actor_and_to_no_other_type() {
    let system = quiet(2);
    let registry = system.registry();
    assert_eq!(registry.lookup(ANSWER), Err(LookupError::Unknown));
    let actor = system.spawn(|_| Ok(Answer(42)));
    registry.register(ANSWER, &actor).expect("free");
    assert_eq!(registry.lookup(ANSWER), Ok(actor.clone()));
    let found: ActorRef<Answer> = registry.lookup("answer").expect("registered");
    assert_eq!(found.ask(Some).wait(), Ok(42));
    let wrong = registry.lookup::<Other>("answer").map(|_| ());
    let Err(LookupError::OtherType { type_name }) = wrong else {
        panic!("{wrong:?}");
    };
    assert!(type_name.ends_with("Answer"), "{type_name}");
    let known = registry.whereis("answer").expect("registered");
    assert_eq!(
        (known.id, known.type_name, &*known.name),
        (actor.id(), type_name, "answer")
    );
}

#[test]
fn a_taken_name_stays_with_the_one_who_has_it() {
    let system = quiet(1);
    let registry = system.registry();
    let first = system.spawn(|_| Ok(Answer(1)));
    let second = system.spawn(|_| Ok(Answer(2)));
    registry.register(ANSWER, &first).expect("free");
    for _ in 0..2 {
        let refused = registry.register(ANSWER, &second);
        assert!(matches!(refused, Err(RegisterError::Taken { by, .. }) if by == first.id()));
    }
    // Several names for one; and a name that was given up is free.
    registry.register("uno", &first).expect("free");
    assert!(registry.unregister("answer"));
    assert!(!registry.unregister("answer"));
    registry.register(ANSWER, &second).expect("free again");
    let names: Vec<_> = registry
        .list()
        .into_iter()
        .map(|entry| (entry.name, entry.id))
        .collect();
    assert_eq!(
        names,
        [("answer".to_owned(), second.id()), ("uno".to_owned(), first.id())]
    );
}

#[test]
fn a_name_goes_with_its_actor_however_it_ends() {
    let system = quiet(2);
    let registry = system.registry();
    let stopped = system.spawn(|_| Ok(Answer(1)));
    registry.register("it", &stopped).expect("free");
    stopped.tell(None);
    await_end(&system, "it", &stopped);

    let system = quiet(2);
    let registry = system.registry();
    let faulty = system.spawn(|_| Ok(Other));
    registry.register("it", &faulty).expect("free");
    faulty.tell(());
    await_end(&system, "it", &faulty);
    // An actor that has ended gets no name.
    assert_eq!(registry.register("it", &faulty), Err(RegisterError::Ended));
    assert_eq!(registry.list(), []);
    let next = system.spawn(|_| Ok(Answer(2)));
    registry.register("it", &next).expect("free");
    assert_eq!(registry.lookup("it"), Ok(next));
    system.shutdown();
    assert_eq!(registry.list(), []);
}

#[test]
fn what_a_lookup_gives_was_alive_while_names_pass_from_hand_to_hand() {
    const HEIRS: u64 = 2000;
    let system = quiet(2);
    let registry = system.registry();
    let looking = {
        let registry = registry.clone();
        std::thread::spawn(move || {
            let mut last = 0;
            while last < HEIRS - 1 {
                if let Ok(actor) = registry.lookup(ANSWER)
                    // It may end between the two.
                    && let Ok(number) = actor.ask(Some).wait()
                {
                    assert!(number >= last, "{number} after {last}");
                    last = number;
                }
            }
        })
    };
    for heir in 0..HEIRS {
        let actor = system.spawn(move |_| Ok(Answer(heir)));
        while let Err(error) = registry.register(ANSWER, &actor) {
            assert!(matches!(error, RegisterError::Taken { .. }), "{error}");
            std::thread::yield_now();
        }
        if heir < HEIRS - 1 {
            actor.tell(None);
        }
    }
    looking.join().expect("no panic");
}

#[test]
fn of_many_who_want_a_name_at_once_one_gets_it() {
    let system = quiet(2);
    for round in 0..50 {
        let name = format!("leader {round}");
        let winners: Vec<_> = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..4)
                .map(|n| {
                    let (system, name) = (&system, &name);
                    scope.spawn(move || {
                        let actor = system.spawn(move |_| Ok(Answer(n)));
                        system.registry().register(name, &actor).is_ok().then_some(actor)
                    })
                })
                .collect();
            tries.into_iter().filter_map(|t| t.join().expect("no panic")).collect()
        });
        assert_eq!(winners.len(), 1);
        assert_eq!(system.registry().lookup(&name), Ok(winners[0].clone()));
    }
}

#[test]
fn actors_register_themselves_and_find_each_other() {
    struct Seeker(mpsc::Sender<Result<u64, String>>);
    impl Actor for Seeker {
        type Msg = ();
        fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
            let found = ctx.registry().lookup(ANSWER)?;
            ctx.ask(&found, Some).then(|this, answer, _| {
                this.0.send(answer.map_err(|error| error.to_string()))?;
                Ok(())
            });
            Ok(())
        }
    }
    let system = quiet(2);
    let answer = system.spawn(|ctx| {
        // From the factory, before the actor is there.
        ctx.registry().register(ANSWER, &ctx.me())?;
        Ok(Answer(7))
    });
    assert_eq!(answer.ask(Some).wait(), Ok(7));
    let (tell, heard) = mpsc::channel();
    system.spawn(|_| Ok(Seeker(tell))).tell(());
    assert_eq!(heard.recv(), Ok(Ok(7)));
}

#[test]
fn a_factory_that_fails_leaves_no_name() {
    let system = quiet(1);
    let actor = system.spawn::<Answer>(|ctx| {
        ctx.registry().register("it", &ctx.me())?;
        Err(Fault::new("no luck"))
    });
    await_end(&system, "it", &actor);
}

#[test]
fn groups_and_topics_have_names_of_one_kind_each() {
    let system = quiet(1);
    let registry = system.registry();
    let group: Group<u32> = registry.group("same").expect("new");
    let actor = system.spawn(|_| Ok(Answer(1)));
    registry.register("same", &actor).expect("another space");
    assert!(registry.group::<u32>("same").is_ok());
    let wrong = registry.group::<u64>("same").map(|_| ());
    assert!(matches!(wrong, Err(LookupError::OtherType { type_name }) if type_name.contains("Group<u32>")));
    assert!(registry.topic::<u32>("same").is_err());
    drop(group);
    // Those that nobody uses do not pile up; those in use stay.
    let kept: Topic<u32> = registry.topic("kept").expect("new");
    for n in 0..100_000 {
        registry.topic::<String>(&format!("room {n}")).expect("new");
    }
    assert!(registry.topic::<u64>("kept").is_err());
    // Forgotten by all, so the name was free for another type before the shard could grow beyond its bound.
    let free = (0..100_000).filter(|n| registry.topic::<u8>(&format!("room {n}")).is_ok());
    assert!(free.count() > 90_000);
    drop(kept);
}
