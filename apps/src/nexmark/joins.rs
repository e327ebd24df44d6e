//! Queries 3, 8 and 20, which bring two kinds of events together, and 18, which keeps the last of a kind.
//!
//! Both kinds come as one stream of an enumeration, so that an event is moved once and never copied. In 3 and 20 both sides are
//! kept for ever, as the queries say.

use super::event::{Auction, Bid, Event, Person};
use super::newcomers::NewSellers;
use super::{Plan, RESULTS, in_order};
use potoroo_actors::runtime::Turn;
use potoroo_actors::runtime::arena::Arena;
use potoroo_actors::{Branch, KeyContext, KeyedProcess, NodeKind, Stream};
use std::sync::Arc;

/// The category of queries 3 and 20.
pub const CATEGORY: u64 = 10;

/// Whether query 3 looks at people of this state.
#[inline]
pub fn is_near(state: &str) -> bool {
    matches!(state, "or" | "id" | "ca")
}

/// What query 3 brings together.
enum Party {
    Person(Box<Person>),
    Auction { id: u64, seller: u64 },
}

impl Party {
    /// Who sells.
    #[inline]
    fn seller(&self) -> u64 {
        match self {
            Self::Person(person) => person.id,
            Self::Auction { seller, .. } => *seller,
        }
    }

    #[inline]
    fn of(event: Event) -> Option<Self> {
        match event {
            Event::Person(person) if is_near(person.state()) => Some(Self::Person(person)),
            Event::Auction(auction) if auction.category == CATEGORY => Some(Self::Auction {
                id: auction.id,
                seller: auction.seller,
            }),
            _ => None,
        }
    }
}

/// A person and what that person sells.
#[derive(Default)]
struct Seller {
    person: Option<Arc<Person>>,
    auctions: Vec<u64>,
}

/// Query 3: who sells things of category 10 in three states. Each pair of person and auction comes out when its second half
/// comes in.
pub(super) fn q3(events: Stream<Event, impl Branch<Event>>, plan: &Plan) {
    events
        .filter_map(Party::of)
        .key_by(Party::seller)
        .partitions(plan.partitions)
        .entity(
            "sellers",
            |_| Seller::default(),
            |seller: &mut Seller, party, out| {
                match party {
                    Party::Person(person) => {
                        let person: Arc<Person> = Arc::from(person);
                        for auction in &seller.auctions {
                            out.emit((person.clone(), *auction));
                        }
                        seller.person = Some(person);
                    }
                    Party::Auction { id, .. } => {
                        if let Some(person) = &seller.person {
                            out.emit((person.clone(), id));
                        }
                        seller.auctions.push(id);
                    }
                }
                Ok(())
            },
        )
        .sink(RESULTS, plan.total.sum(|(_, auction): &(Arc<Person>, u64)| *auction));
}

/// Query 8: who registers and sells within the same ten seconds; once per person and window.
pub(super) fn q8(events: Stream<Event, impl Branch<Event>>, plan: &Plan) {
    events
        .timestamps(in_order())
        .filter_map(|event| match event {
            Event::Person(person) => Some((person.id, true)),
            Event::Auction(auction) => Some((auction.seller, false)),
            Event::Bid(_) => None,
        })
        .key_by(|(id, _)| *id)
        .partitions(plan.partitions)
        .operator("newcomers", NodeKind::Window, |_| NewSellers::default())
        .sink(RESULTS, plan.total.sum(|person: &u64| *person));
}

/// Query 18: the last bid of each bidder in each auction. Each that comes is the last for the time being.
pub(super) fn q18(events: Stream<Event, impl Branch<Event>>, plan: &Plan) {
    events
        .filter_map(super::stateless::bid)
        .key_by(|bid| (u128::from(bid.bidder) << 64) | u128::from(bid.auction))
        .partitions(plan.partitions)
        .entity(
            "last bids",
            |_| None,
            |last: &mut Option<Bid>, bid, out| {
                out.emit((bid.bidder, bid.auction, bid.price, bid.millis));
                *last = Some(bid);
                Ok(())
            },
        )
        .sink(
            RESULTS,
            plan.total.sum(|(_, _, price, _): &(u64, u64, u64, i64)| *price),
        );
}

/// What query 20 brings together.
enum Item {
    Auction(Box<Auction>),
    Bid(Bid),
}

impl Item {
    #[inline]
    fn auction(&self) -> u64 {
        match self {
            Self::Auction(auction) => auction.id,
            Self::Bid(bid) => bid.auction,
        }
    }

    #[inline]
    fn of(event: Event) -> Option<Self> {
        match event {
            Event::Person(_) => None,
            Event::Auction(auction) => Some(Self::Auction(auction)),
            Event::Bid(bid) => Some(Self::Bid(bid)),
        }
    }
}

/// What is known of an auction in query 20.
enum Known {
    /// Nothing yet; these wait.
    Nothing(Vec<Bid>),
    /// It is of another category: its bids are none of the query's.
    Other,
    Wanted(Arc<Auction>),
}

#[derive(Clone)]
struct Expand;

impl KeyedProcess<u64, Item> for Expand {
    type State = Known;
    type Out = (Bid, Arc<Auction>);

    fn state(&mut self, _: &u64, _: &Arena) -> Known {
        Known::Nothing(Vec::new())
    }

    fn on_record(&mut self, known: &mut Known, item: Item, ctx: &mut KeyContext<'_, u64, Self::Out>) -> Turn {
        match (item, known) {
            (Item::Bid(_), Known::Other) => {}
            (Item::Bid(bid), Known::Wanted(auction)) => ctx.emit((bid, auction.clone())),
            (Item::Bid(bid), Known::Nothing(waiting)) => waiting.push(bid),
            (Item::Auction(auction), known) if auction.category != CATEGORY => *known = Known::Other,
            (Item::Auction(auction), known) => {
                let auction: Arc<Auction> = Arc::from(auction);
                if let Known::Nothing(waiting) = known {
                    for bid in waiting.drain(..) {
                        ctx.emit((bid, auction.clone()));
                    }
                }
                *known = Known::Wanted(auction);
            }
        }
        Ok(())
    }
}

/// Query 20: the bids for things of category 10, with their auctions.
pub(super) fn q20(events: Stream<Event, impl Branch<Event>>, plan: &Plan) {
    events
        .filter_map(Item::of)
        .key_by(Item::auction)
        .partitions(plan.partitions)
        .process("auctions", Expand)
        .sink(RESULTS, plan.total.sum(|(bid, _): &(Bid, Arc<Auction>)| bid.price));
}
