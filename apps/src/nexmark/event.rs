//! What happens in the auction house: people register, auctions open, bids are made.
//!
//! The fields are those of the `nexmark` crate. Its events are 168 bytes with up to six texts, each with memory of its own. Here
//! an event is 64 bytes. The texts of bids, which are most of all events, are slices of a block that the bids made one after the
//! other share, as records are that a source finds in what it has read: dropping a bid frees no memory but with the last of its
//! block. People and auctions, which some queries keep for ever, own theirs, so that they keep nothing else alive.

use ::nexmark::event as made;
use potoroo_actors::element::Timestamp;
use std::fmt;
use std::sync::Arc;

/// `N` texts, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Texts<const N: usize> {
    all: Box<str>,
    ends: [u16; N],
}

/// Appends texts; gives where each ends, from where the first begins.
fn append<const N: usize>(texts: [&str; N], all: &mut String) -> [u16; N] {
    let begin = all.len();
    texts.map(|text| {
        all.push_str(text);
        u16::try_from(all.len() - begin).expect("the generator's texts are some hundred bytes")
    })
}

impl<const N: usize> Texts<N> {
    fn new(texts: [&str; N]) -> Self {
        let mut all = String::with_capacity(texts.iter().map(|text| text.len()).sum());
        let ends = append(texts, &mut all);
        Self {
            all: all.into_boxed_str(),
            ends,
        }
    }

    /// Text number `index`.
    fn get(&self, index: usize) -> &str {
        let begin = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.all[begin as usize..self.ends[index] as usize]
    }
}

/// Three texts in a block of many.
#[derive(Clone)]
struct Slices {
    /// Thin, since it is in every event and seldom read.
    block: Arc<String>,
    begin: u32,
    ends: [u16; 3],
}

impl Slices {
    /// Text number `index`.
    fn get(&self, index: usize) -> &str {
        let texts = &self.block[self.begin as usize..];
        let begin = if index == 0 { 0 } else { self.ends[index - 1] };
        &texts[begin as usize..self.ends[index] as usize]
    }

    fn all(&self) -> [&str; 3] {
        [self.get(0), self.get(1), self.get(2)]
    }
}

impl PartialEq for Slices {
    fn eq(&self, other: &Self) -> bool {
        self.all() == other.all()
    }
}

impl Eq for Slices {}

impl fmt::Debug for Slices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all().fmt(f)
    }
}

/// Somebody registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub id: u64,
    /// When, in milliseconds since 1970.
    pub millis: i64,
    texts: Texts<6>,
}

impl Person {
    /// First and last name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.texts.get(0)
    }

    /// Where to write to.
    #[must_use]
    pub fn email_address(&self) -> &str {
        self.texts.get(1)
    }

    /// Sixteen digits.
    #[must_use]
    pub fn credit_card(&self) -> &str {
        self.texts.get(2)
    }

    /// A city of the west coast.
    #[must_use]
    pub fn city(&self) -> &str {
        self.texts.get(3)
    }

    /// Two letters, in lower case.
    #[must_use]
    pub fn state(&self) -> &str {
        self.texts.get(4)
    }

    /// Padding.
    #[must_use]
    pub fn extra(&self) -> &str {
        self.texts.get(5)
    }
}

/// An auction opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auction {
    /// Which.
    pub id: u64,
    /// The first price, in cents.
    pub initial_bid: u64,
    /// The least price at which the item is sold.
    pub reserve: u64,
    /// When, in milliseconds since 1970.
    pub millis: i64,
    /// When it closes, in milliseconds since 1970.
    pub expires_millis: i64,
    /// Who sells.
    pub seller: u64,
    /// What kind of thing.
    pub category: u64,
    texts: Texts<3>,
}

impl Auction {
    /// The name of the thing.
    #[must_use]
    pub fn item_name(&self) -> &str {
        self.texts.get(0)
    }

    /// What it is.
    #[must_use]
    pub fn description(&self) -> &str {
        self.texts.get(1)
    }

    /// Padding.
    #[must_use]
    pub fn extra(&self) -> &str {
        self.texts.get(2)
    }
}

/// Somebody bids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bid {
    /// In which auction.
    pub auction: u64,
    /// Who.
    pub bidder: u64,
    /// How much, in cents.
    pub price: u64,
    /// When, in milliseconds since 1970.
    pub millis: i64,
    texts: Slices,
}

impl Bid {
    /// From where.
    #[must_use]
    pub fn channel(&self) -> &str {
        self.texts.get(0)
    }

    /// From which page.
    #[must_use]
    pub fn url(&self) -> &str {
        self.texts.get(1)
    }

    /// Padding.
    #[must_use]
    pub fn extra(&self) -> &str {
        self.texts.get(2)
    }
}

/// Something happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// One of 50.
    Person(Box<Person>),
    /// Three of 50.
    Auction(Box<Auction>),
    /// 46 of 50.
    Bid(Bid),
}

const _: () = assert!(size_of::<Event>() == 64);

impl Event {
    /// When it happens, in milliseconds since 1970.
    #[inline]
    #[must_use]
    pub fn millis(&self) -> i64 {
        match self {
            Self::Person(person) => person.millis,
            Self::Auction(auction) => auction.millis,
            Self::Bid(bid) => bid.millis,
        }
    }

    /// When it happens.
    #[inline]
    #[must_use]
    pub fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.millis())
    }
}

/// Milliseconds since 1970 are far below 2^63.
fn millis(made: u64) -> i64 {
    made.cast_signed()
}

/// The texts that go into blocks.
fn texts_of(bid: &made::Bid) -> [&str; 3] {
    [&bid.channel, &bid.url, &bid.extra]
}

/// Turns events into ours, whose bids share a block.
#[must_use]
pub fn block(events: Vec<made::Event>) -> Vec<Event> {
    let mut all = String::new();
    let mut places = Vec::new();
    for event in &events {
        if let made::Event::Bid(bid) = event {
            let begin = u32::try_from(all.len()).expect("a block is some kilobytes");
            places.push((begin, append(texts_of(bid), &mut all)));
        }
    }
    all.shrink_to_fit();
    let block = Arc::new(all);
    let mut places = places.into_iter();
    let events = events.into_iter().map(|event| match event {
        made::Event::Person(person) => Event::Person(Box::new(Person {
            id: person.id as u64,
            millis: millis(person.date_time),
            texts: Texts::new([
                &person.name,
                &person.email_address,
                &person.credit_card,
                &person.city,
                &person.state,
                &person.extra,
            ]),
        })),
        made::Event::Auction(auction) => Event::Auction(Box::new(Auction {
            id: auction.id as u64,
            initial_bid: auction.initial_bid as u64,
            reserve: auction.reserve as u64,
            millis: millis(auction.date_time),
            expires_millis: millis(auction.expires),
            seller: auction.seller as u64,
            category: auction.category as u64,
            texts: Texts::new([&auction.item_name, &auction.description, &auction.extra]),
        })),
        made::Event::Bid(bid) => {
            let (begin, ends) = places.next().expect("each bid has a place");
            Event::Bid(Bid {
                auction: bid.auction as u64,
                bidder: bid.bidder as u64,
                price: bid.price as u64,
                millis: millis(bid.date_time),
                texts: Slices {
                    block: block.clone(),
                    begin,
                    ends,
                },
            })
        }
    });
    events.collect()
}

/// A copy with blocks of its own.
#[must_use]
pub fn copy(events: &[Event]) -> Vec<Event> {
    let mut blocks: Option<(&Arc<String>, Arc<String>)> = None;
    let copies = events.iter().map(|event| {
        let mut copy = event.clone();
        if let (Event::Bid(of), Event::Bid(bid)) = (event, &mut copy) {
            let (from, to) = blocks.get_or_insert_with(|| (&of.texts.block, Arc::new(of.texts.block.to_string())));
            if !Arc::ptr_eq(from, &of.texts.block) {
                (*from, *to) = (&of.texts.block, Arc::new(of.texts.block.to_string()));
            }
            bid.texts.block = to.clone();
        }
        copy
    });
    copies.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_fields_are_those_of_the_crate() {
        let config = ::nexmark::config::NexmarkConfig::default;
        let made: Vec<_> = ::nexmark::EventGenerator::new(config()).take(200).collect();
        let events = copy(&block(made.clone()));
        assert_eq!(events.len(), made.len());
        for (made, event) in made.into_iter().zip(events) {
            match (made, event) {
                (made::Event::Person(made), Event::Person(person)) => {
                    assert_eq!((made.id as u64, made.date_time as i64), (person.id, person.millis));
                    assert_eq!(
                        [
                            &*made.name,
                            &*made.email_address,
                            &*made.credit_card,
                            &*made.city,
                            &*made.state,
                            &*made.extra
                        ],
                        [
                            person.name(),
                            person.email_address(),
                            person.credit_card(),
                            person.city(),
                            person.state(),
                            person.extra()
                        ]
                    );
                }
                (made::Event::Auction(made), Event::Auction(auction)) => {
                    assert_eq!(
                        [made.id, made.initial_bid, made.reserve, made.seller, made.category].map(|field| field as u64),
                        [
                            auction.id,
                            auction.initial_bid,
                            auction.reserve,
                            auction.seller,
                            auction.category
                        ]
                    );
                    assert_eq!(
                        (made.date_time as i64, made.expires as i64),
                        (auction.millis, auction.expires_millis)
                    );
                    assert_eq!(
                        [&*made.item_name, &*made.description, &*made.extra],
                        [auction.item_name(), auction.description(), auction.extra()]
                    );
                }
                (made::Event::Bid(made), Event::Bid(bid)) => {
                    assert_eq!(
                        [made.auction, made.bidder, made.price].map(|field| field as u64),
                        [bid.auction, bid.bidder, bid.price]
                    );
                    assert_eq!(made.date_time as i64, bid.millis);
                    assert_eq!(
                        [&*made.channel, &*made.url, &*made.extra],
                        [bid.channel(), bid.url(), bid.extra()]
                    );
                }
                (made, event) => panic!("{made:?} became {event:?}"),
            }
        }
    }
}
