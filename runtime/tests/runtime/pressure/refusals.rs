//! What is refused: by mailboxes with a hard limit, from within a core and from outside, and by actors that have ended.

use super::*;

/// Collects what it is told, and can be kept from it.
struct Collector {
    open: Arc<AtomicBool>,
    got: Vec<u64>,
}

enum CollectorMsg {
    Shut,
    Item(u64),
    Fill,
    Give(Reply<Vec<u64>>),
}

impl Actor for Collector {
    type Msg = CollectorMsg;

    fn handle(&mut self, msg: CollectorMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            CollectorMsg::Shut => {
                while !self.open.load(Ordering::Acquire) {
                    std::thread::yield_now();
                }
            }
            CollectorMsg::Item(n) => self.got.push(n),
            CollectorMsg::Fill => (0..100).for_each(|n| ctx.me().tell(CollectorMsg::Item(n))),
            CollectorMsg::Give(reply) => reply.send(std::mem::take(&mut self.got)),
        }
        Ok(())
    }
}

fn collector(overflow: Overflow) -> (System, ActorRef<Collector>, Arc<AtomicBool>) {
    let system = System::builder()
        .workers(1)
        .on_failure(|_, _, _| {})
        .build()
        .expect("starts");
    let open = Arc::new(AtomicBool::new(false));
    let shut = open.clone();
    let collector = system.spawn(move |ctx: &mut Context<'_, Collector>| {
        ctx.limit_mailbox(MailboxLimits::default().soft_messages(10).hard(20, overflow));
        Ok(Collector {
            open: shut,
            got: Vec::new(),
        })
    });
    // An answer says that the limits are in force.
    let nothing = collector.ask(CollectorMsg::Give).wait().expect("answers");
    assert!(nothing.is_empty());
    (system, collector, open)
}

/// What was collected; the question may itself be too much for the mailbox, and is asked again.
fn first_given(collector: &ActorRef<Collector>) -> Vec<u64> {
    loop {
        let got = collector.ask(CollectorMsg::Give).wait().unwrap_or_default();
        if !got.is_empty() {
            return got;
        }
    }
}

#[test]
fn a_hard_limit_holds_within_a_core() {
    for (overflow, expected) in [
        (Overflow::Reject, (0..20).collect::<Vec<_>>()),
        (Overflow::DropNewest, (0..20).collect()),
        (Overflow::DropOldest, (80..100).collect()),
    ] {
        let (system, collector, _) = collector(overflow);
        collector.tell(CollectorMsg::Fill);
        // A question in the middle of the flood would take a place in it, and be answered there.
        assert!(system.run_until_quiet(Duration::from_secs(30)));
        assert_eq!(first_given(&collector), expected, "{overflow:?}");
        let total = system.shutdown().stats.total();
        assert!(total.rejected >= 80, "{total:?}");
        assert!(total.dead_letters >= 80, "{total:?}");
    }
}

#[test]
fn a_hard_limit_holds_for_what_comes_from_outside() {
    for overflow in [Overflow::Reject, Overflow::DropNewest, Overflow::DropOldest] {
        let (system, collector, open) = collector(overflow);
        collector.tell(CollectorMsg::Shut);
        for n in 0..1000 {
            collector.tell(CollectorMsg::Item(n));
        }
        let refused = collector.ask(CollectorMsg::Give);
        open.store(true, Ordering::Release);
        assert_eq!(refused.wait(), Err(AskError::Rejected));
        let got = first_given(&collector);
        // So many in the queue, and as many in the inbox.
        assert!(got.len() <= 40, "{overflow:?}: {}", got.len());
        assert!(got.is_sorted());
        // A worker that came late found some in the queue when it took in the rest: then the oldest of them made way.
        if overflow != Overflow::DropOldest {
            assert_eq!(got[0], 0, "the first was there first");
        }
        let stats = system.shutdown().stats;
        let refused = stats.total().dead_letters + stats.external_dead_letters;
        assert!(refused >= 1000 - got.len() as u64, "{stats:?}");
    }
}

#[test]
fn an_actor_may_fail_when_its_mailbox_is_full() {
    let (failed, failures) = mpsc::channel();
    let system = System::builder()
        .workers(1)
        .on_failure(move |_, _, why| {
            let _ = failed.send(matches!(why, ExitReason::MailboxFull { limit: 20 }));
        })
        .build()
        .expect("starts");
    let collector = system.spawn(|ctx: &mut Context<'_, Collector>| {
        ctx.limit_mailbox(MailboxLimits::default().hard(20, Overflow::Fail));
        Ok(Collector {
            open: Arc::default(),
            got: Vec::new(),
        })
    });
    collector.tell(CollectorMsg::Fill);
    assert_eq!(failures.recv(), Ok(true));
    system.shutdown();
}

/// Tells an ended actor something from another worker, by the chain, with questions in it whose askers are elsewhere.
struct Speaker {
    to: ActorRef<Collector>,
    asker: ActorRef<Asker>,
}

/// Hands out the means to answer it.
struct Asker {
    speaker: Option<ActorRef<Speaker>>,
    dropped: u32,
    done: mpsc::Sender<()>,
}

const QUESTIONS: u32 = 100;

impl Actor for Asker {
    type Msg = ActorRef<Speaker>;

    fn handle(&mut self, speaker: ActorRef<Speaker>, ctx: &mut Context<'_, Self>) -> Turn {
        for _ in 0..QUESTIONS {
            ctx.ask(&speaker, |reply| reply).then(|this, answer, _| {
                assert!(answer.is_err());
                this.dropped += 1;
                if this.dropped == QUESTIONS {
                    this.done.send(())?;
                }
                Ok(())
            });
        }
        self.speaker = Some(speaker);
        Ok(())
    }
}

impl Actor for Speaker {
    type Msg = Reply<Vec<u64>>;

    fn handle(&mut self, reply: Reply<Vec<u64>>, _: &mut Context<'_, Self>) -> Turn {
        // Twice, for the second goes by a chain.
        self.to.tell(CollectorMsg::Item(1));
        self.to.tell(CollectorMsg::Give(reply));
        assert_eq!(self.asker, self.asker.clone());
        Ok(())
    }
}

#[test]
fn what_an_ended_actor_refuses_is_dropped_where_its_destructors_may_send() {
    let system = System::builder().workers(3).build().expect("starts");
    let ended = system.spawn_on(0, |ctx: &mut Context<'_, Collector>| {
        ctx.stop();
        Ok(Collector {
            open: Arc::default(),
            got: Vec::new(),
        })
    });
    while ended.is_alive() {
        std::thread::yield_now();
    }
    while system.stats().total().ended == 0 {
        std::thread::yield_now();
    }
    let before = system.stats().total().dead_letters;
    let (done, finished) = mpsc::channel();
    let asker = system.spawn_on(2, move |_| {
        Ok(Asker {
            speaker: None,
            dropped: 0,
            done,
        })
    });
    let speaker = {
        let asker = asker.clone();
        system.spawn_on(1, move |_| Ok(Speaker { to: ended, asker }))
    };
    asker.tell(speaker);
    finished
        .recv()
        .expect("each question is told that there will be no answer");
    let total = system.shutdown().stats.total();
    assert_eq!(total.dead_letters - before, u64::from(2 * QUESTIONS));
}
