//! Regions that travel.

use super::super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

#[test]
fn a_parcel_grows_in_its_own_memory_wherever_it_is() {
    let mut parcel = Parcel::build_sized(1 << 16, |arena| ArenaVec::from_iter_in(0..10_u64, arena));
    for round in 1..=4_u64 {
        parcel = std::thread::spawn(move || {
            parcel.open(|numbers, _| (0..10).for_each(|n| numbers.push(10 * round + n)));
            parcel
        })
        .join()
        .expect("no panic");
    }
    assert!(parcel.iter().copied().eq(0..50));
    let bytes = parcel.bytes();
    assert_eq!((bytes.foreign, bytes.dead), (0, 0), "grown in place");
    // Outside of `open` it goes on as well, from the heap.
    let mut numbers = parcel.into_inner();
    numbers.extend(50..1000);
    assert!(numbers.iter().copied().eq(0..1000));
    assert!(numbers.arena().bytes().foreign > 0);
}

#[test]
fn a_parcel_can_be_unpacked_into_the_receivers_arena() {
    let actor = Arena::new();
    let turn = actor.enter();
    let parcel = Parcel::build(|arena| {
        let mut map = ArenaMap::new_in(arena);
        (0..100_u64).for_each(|n| {
            map.insert(n, ArenaString::from_str_in(&n.to_string(), arena));
        });
        map
    });
    let map = parcel.unpack_into(&actor);
    assert!(map.arena().is_same(&actor));
    assert!(
        map.iter()
            .all(|(n, text)| text.arena().is_same(&actor) && *text == n.to_string().as_str())
    );
    assert_eq!(actor.bytes().foreign, 0);
    drop(turn);
}

#[test]
fn a_panic_in_an_open_parcel_closes_it() {
    let mut parcel = Parcel::build(|arena| ArenaVec::from_iter_in(0..10_u64, arena));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        parcel.open(|numbers, _| {
            numbers.push(10);
            panic!("a handler failed");
        });
    }));
    assert!(caught.is_err());
    parcel.open(|numbers, _| numbers.push(11));
    assert_eq!((parcel.len(), parcel.bytes().foreign), (12, 0));
}

#[test]
fn frozen_data_is_read_by_many_and_dropped_once() {
    #[derive(Debug)]
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let counted = dropped.clone();
    let frozen = Frozen::build(move |arena| (ArenaVec::from_iter_in(0..1000_u64, arena), Counted(counted)));
    let bytes = frozen.bytes();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let frozen = frozen.clone();
            scope.spawn(move || assert_eq!(frozen.0.iter().sum::<u64>(), 499_500));
        }
    });
    assert_eq!(frozen.bytes(), bytes, "nothing was copied");
    let other = frozen.clone();
    let frozen = frozen.thaw().expect_err("there are two");
    drop(other);
    let mut parcel = frozen.thaw().expect("the only one");
    parcel.open(|(numbers, _), _| numbers.push(1));
    assert_eq!(dropped.load(SeqCst), 0);
    drop(parcel);
    assert_eq!(dropped.load(SeqCst), 1);
}
