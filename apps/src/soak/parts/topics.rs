//! Topics, groups and names, with members that come and go.
//!
//! What is published is told to all members of that moment, and what is told to a group to one of them or to all; the
//! counts that the kit gives must be those of what arrives.

use crate::market_spread::random::SplitMix64;
use crate::soak::ledger::{Ledger, Post, Ticket};
use crate::soak::part::Part;
use potoroo_runtime::kit::{Group, GroupSender, Publisher, Registry, Topic};
use potoroo_runtime::{Actor, ActorRef, Context, System, Turn};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

const MEMBERS: usize = 16;
const PUBLISHERS: usize = 4;

/// What one publisher says in a round, at most.
const SAID_MAX: u64 = 300;

/// The number of what is published, and by whom.
#[derive(Clone, Copy)]
struct News {
    publisher: usize,
    number: u64,
}

enum Msg {
    News(News),
    Job(Ticket),
}

impl From<News> for Msg {
    fn from(news: News) -> Self {
        Self::News(news)
    }
}

impl From<Ticket> for Msg {
    fn from(ticket: Ticket) -> Self {
        Self::Job(ticket)
    }
}

/// How much news has been told and has come.
#[derive(Default)]
struct Counts {
    told: AtomicU64,
    come: AtomicU64,
}

struct Member {
    ledger: Arc<Ledger>,
    counts: Arc<Counts>,
    last: [u64; PUBLISHERS],
}

impl Actor for Member {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::News(news) => {
                let last = std::mem::replace(&mut self.last[news.publisher], news.number);
                if news.number <= last {
                    self.ledger.complain(format!("news {} came after {last}", news.number));
                }
                self.counts.come.fetch_add(1, Relaxed);
                self.ledger.did(1);
            }
            Msg::Job(ticket) => ticket.handled(),
        }
        Ok(())
    }
}

struct Speaker {
    index: usize,
    counts: Arc<Counts>,
    members: Arc<Post>,
    publisher: Publisher<News>,
    group: GroupSender<Ticket>,
    number: u64,
}

impl Actor for Speaker {
    type Msg = (u64, Ticket);

    fn handle(&mut self, (said, ticket): Self::Msg, _: &mut Context<'_, Self>) -> Turn {
        for _ in 0..said {
            self.number += 1;
            let told = self.publisher.publish(News {
                publisher: self.index,
                number: self.number,
            });
            self.counts.told.fetch_add(told as u64, Relaxed);
            if let Err(ticket) = self.group.tell_one(self.members.ticket()) {
                ticket.given_back();
            }
        }
        ticket.handled();
        Ok(())
    }
}

pub(super) struct Topics {
    ledger: Arc<Ledger>,
    counts: Arc<Counts>,
    registry: Registry,
    topic: Topic<News>,
    group: Group<Ticket>,
    members: Vec<ActorRef<Member>>,
    speakers: Vec<(ActorRef<Speaker>, Arc<Post>)>,
}

impl Topics {
    pub(super) fn start(system: &System) -> Self {
        let (ledger, counts) = (Ledger::new(), Arc::new(Counts::default()));
        let (topic, group) = (Topic::new(), Group::new());
        let members = (0..MEMBERS).map(|_| {
            let member = Member {
                ledger: ledger.clone(),
                counts: counts.clone(),
                last: [0; PUBLISHERS],
            };
            system.spawn(move |_| Ok(member))
        });
        let members = members.collect();
        let of_members = ledger.post("the members of the group");
        let speakers = (0..PUBLISHERS).map(|index| {
            let speaker = Speaker {
                index,
                counts: counts.clone(),
                members: of_members.clone(),
                publisher: topic.publisher(),
                group: group.sender(),
                number: 0,
            };
            (
                system.spawn(move |_| Ok(speaker)),
                ledger.post(format!("publisher {index}")),
            )
        });
        let speakers = speakers.collect();
        Self {
            ledger,
            counts,
            registry: system.registry(),
            topic,
            group,
            members,
            speakers,
        }
    }
}

impl Part for Topics {
    fn name(&self) -> &'static str {
        "topics"
    }

    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn module(&self) -> &'static str {
        module_path!()
    }

    fn begin(&mut self, _: &System, mut random: SplitMix64) {
        for (speaker, post) in &self.speakers {
            speaker.tell((random.below(SAID_MAX), post.ticket()));
        }
        // While they speak.
        for (n, member) in self.members.iter().enumerate() {
            self.ledger.injected(1);
            let name = format!("member {n}");
            match random.below(3) {
                0 => {
                    self.topic.subscribe(&member.recipient());
                    self.group.join(&member.recipient());
                    let known = self.registry.lookup::<Member>(name.as_str()).is_ok();
                    if self.registry.register(name.as_str(), member).is_ok() == known {
                        self.ledger
                            .complain(format!("{name} was registered twice, or not at all"));
                    }
                }
                1 => {
                    self.topic.unsubscribe(member.id());
                    self.group.leave(member.id());
                    self.registry.unregister(&name);
                }
                _ => {}
            }
        }
    }

    fn check(&mut self) {
        let (told, come) = (self.counts.told.load(Relaxed), self.counts.come.load(Relaxed));
        if told != come {
            self.ledger.complain(format!("{told} news were told, {come} came"));
        }
    }
}
