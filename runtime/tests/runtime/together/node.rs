//! The actor of these tests: what it is told, what comes of that at random, and what is counted.

use super::*;

/// Counted when it is dropped.
pub(super) struct Counted(pub(super) Arc<Books>);

impl Drop for Counted {
    fn drop(&mut self) {
        count(&self.0.dropped);
    }
}

/// Tells whether a continuation was called or dropped.
pub(super) struct Asked {
    books: Arc<Books>,
    is_called: bool,
}

impl Asked {
    fn call(&mut self) {
        self.is_called = true;
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        count(if self.is_called {
            &self.books.called
        } else {
            &self.books.abandoned
        });
    }
}

/// An answer, by whom and its number; long, so that not all answers are carried alike.
pub(super) type Answer = (u64, u64, [u64; 3]);

pub(super) enum Msg {
    Told {
        fuel: u8,
        seed: u64,
        /// From whom, and its number.
        from: Option<(u64, u64)>,
        /// A request, and who made it.
        reply: Option<(u64, Reply<Answer>)>,
        _counted: Counted,
    },
    /// From a timer: not told by anybody.
    Tick(u8, u64),
}

pub(super) struct Node {
    books: Arc<Books>,
    kept: Vec<(u64, Reply<Answer>)>,
}

/// The next random number (SplitMix64).
pub(super) fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The number of an actor for the books.
pub(super) fn name(actor: &ActorRef<Node>) -> u64 {
    actor.id().to_string()[1..].parse().expect("a number")
}

impl Node {
    pub(super) fn new(books: &Arc<Books>) -> Self {
        Self {
            books: books.clone(),
            kept: Vec::new(),
        }
    }

    fn any(&self, seed: &mut u64) -> ActorRef<Self> {
        let actors = self.books.actors.get().expect("told after the beginning");
        actors[random(seed) as usize % actors.len()].clone()
    }

    fn told(&self, fuel: u8, seed: u64, ctx: &Context<'_, Self>, to: &ActorRef<Self>) -> Msg {
        let (me, to) = (name(&ctx.me()), name(to));
        count(&self.books.told);
        Msg::Told {
            fuel,
            seed,
            from: Some((me, self.books.number(me, to))),
            reply: None,
            _counted: Counted(self.books.clone()),
        }
    }

    fn answer(&self, (asker, reply): (u64, Reply<Answer>), me: u64) {
        reply.send((me, self.books.number(me, asker | 1 << 63), [me; 3]));
    }

    fn ask(&self, fuel: u8, seed: &mut u64, ctx: &mut Context<'_, Self>) {
        let (to, me) = (self.any(seed), ctx.me());
        let (books, name_of_me) = (self.books.clone(), name(&me));
        let mut msg = self.told(fuel, random(seed), ctx, &to);
        count(&books.asked);
        let mut asked = Asked {
            books: books.clone(),
            is_called: false,
        };
        ctx.ask(&to, |answer: Reply<Answer>| {
            if let Msg::Told { reply, .. } = &mut msg {
                *reply = Some((name_of_me, answer));
            }
            msg
        })
        .then(move |_, answer, _| {
            asked.call();
            match answer {
                Ok((by, number, same)) => {
                    assert_eq!(same, [by; 3]);
                    books.comes(by, name_of_me | 1 << 63, number);
                }
                Err(AskError::TimedOut) => count(&books.timed_out),
                Err(_) => {}
            }
            Ok(())
        });
    }

    /// Does something, decided by the seed.
    fn act(&mut self, fuel: u8, seed: &mut u64, ctx: &mut Context<'_, Self>) -> Turn {
        let further = fuel.checked_sub(1);
        match (random(seed) % 48, further) {
            (0..=17, Some(fuel)) => {
                let to = self.any(seed);
                to.tell(self.told(fuel, random(seed), ctx, &to));
            }
            (18..=20, Some(fuel)) => {
                // Many at once, of which nothing comes.
                let to = self.any(seed);
                for _ in 0..random(seed) % 20 * u64::from(fuel) {
                    to.tell(self.told(0, 0, ctx, &to));
                }
            }
            (21, Some(fuel)) => {
                let to = self.any(seed);
                let msg = self.told(fuel, random(seed), ctx, &to);
                if to.try_tell(msg).is_err() {
                    // It was not told after all; dropped, it has been counted as that.
                    self.books.told.fetch_sub(1, Ordering::SeqCst);
                    self.books.dropped.fetch_sub(1, Ordering::SeqCst);
                }
            }
            (22..=29, Some(fuel)) => self.ask(fuel, seed, ctx),
            (30, Some(fuel)) => {
                let books = self.books.clone();
                let pinned = random(seed).is_multiple_of(2);
                let child = if pinned {
                    let worker = random(seed) as usize % ctx.workers();
                    ctx.spawn_on(worker, move |_| Ok(Self::new(&books)))
                } else {
                    ctx.spawn(move |_| Ok(Self::new(&books)))
                };
                child.tell(self.told(fuel, random(seed), ctx, &child));
            }
            (31, Some(fuel)) => {
                let seed = random(seed);
                ctx.after(Duration::from_micros(seed % 1000), Msg::Tick(fuel, seed));
            }
            (32, Some(fuel)) => {
                let (mut polls, seed) = (random(seed) % 4, random(seed));
                let pending = future::poll_fn(move |task| {
                    if polls == 0 {
                        return Poll::Ready(());
                    }
                    polls -= 1;
                    let waker = task.waker().clone();
                    if polls == 1 {
                        thread::spawn(move || waker.wake());
                    } else {
                        waker.wake();
                    }
                    Poll::Pending
                });
                ctx.run(pending).then(move |this, (), ctx| {
                    let mut seed = seed;
                    this.act(fuel, &mut seed, ctx)
                });
            }
            (33, Some(fuel)) => {
                let seed = random(seed);
                ctx.blocking(move || seed).then(move |this, outcome, ctx| {
                    let mut seed = outcome.unwrap_or_default();
                    this.act(fuel, &mut seed, ctx)
                });
            }
            (34, _) => ctx.run_again(),
            (35..=38 | 43, _) if self.books.calm => {}
            (35, _) => return Err(Fault::new("decided to")),
            (36, _) => panic!("decided to"),
            (37, _) if random(seed).is_multiple_of(4) => ctx.stop(),
            (38, _) if random(seed).is_multiple_of(4) => self.any(seed).stop(),
            (39, _) => thread::sleep(Duration::from_micros(random(seed) % 4000)),
            (40 | 41, _) => {
                ctx.set_pressure(true);
                ctx.signal_after(Duration::from_micros(random(seed) % 1000));
            }
            (42, _) => {
                let other = self.any(seed);
                ctx.monitor(&other);
            }
            (43, _) if random(seed).is_multiple_of(4) => {
                let other = self.any(seed);
                ctx.link(&other);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Actor for Node {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
        let me = name(&ctx.me());
        let (fuel, mut seed) = match msg {
            Msg::Tick(fuel, seed) => (fuel, seed),
            Msg::Told {
                fuel,
                mut seed,
                from,
                reply,
                _counted,
            } => {
                count(&self.books.handled);
                if let Some((from, number)) = from {
                    self.books.comes(from, me, number);
                }
                if let Some(request) = reply {
                    match random(&mut seed) % 8 {
                        0 => drop(request),
                        1 | 2 => {
                            self.kept.push(request);
                            ctx.signal_after(Duration::from_micros(seed % 1000));
                        }
                        _ => self.answer(request, me),
                    }
                }
                (fuel, seed)
            }
        };
        for _ in 0..1 + random(&mut seed) % 4 {
            self.act(fuel, &mut seed, ctx)?;
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
        if let Signal::Timer(_) = signal {
            ctx.set_pressure(false);
            let me = name(&ctx.me());
            let kept = std::mem::take(&mut self.kept);
            kept.into_iter().for_each(|request| self.answer(request, me));
        }
        Ok(())
    }
}
