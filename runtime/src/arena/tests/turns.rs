//! Who may touch a bump: A1 to A3, A5.

use super::super::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn inside_a_turn_memory_comes_from_the_bump() {
    let arena = Arena::new();
    let turn = arena.enter().expect("nobody is inside");
    let mut numbers = ArenaVec::new_in(&arena);
    let mut between = ArenaVec::new_in(&arena);
    for n in 0..1000_u64 {
        numbers.push(n);
        between.push(n);
    }
    assert_eq!(numbers.iter().sum::<u64>(), 499_500);
    let bytes = arena.bytes();
    assert_eq!(bytes.foreign, 0);
    assert!(bytes.live >= 16_000, "{bytes:?}");
    assert!(bytes.dead > 0, "growing left the smaller buffers behind: {bytes:?}");
    assert!(bytes.reserved >= bytes.live + bytes.dead);
    drop(turn);
}

#[test]
fn outside_a_turn_memory_comes_from_the_heap_and_is_freed_with_the_arena() {
    let arena = Arena::new();
    let mut numbers = ArenaVec::new_in(&arena);
    numbers.push(1_u64);
    assert_eq!(arena.bytes().reserved, 0);
    assert!(arena.bytes().foreign >= 8);
    drop(arena);
    // The collection's own handle keeps the memory (A2).
    assert_eq!(numbers, [1]);
}

#[test]
fn nobody_enters_twice() {
    let arena = Arena::new();
    let turn = arena.enter();
    assert!(turn.is_some());
    assert!(arena.enter().is_none());
    let elsewhere = arena.clone();
    let refused = std::thread::spawn(move || elsewhere.enter().is_none()).join();
    assert!(refused.expect("no panic"));
    drop(turn);
    assert!(arena.enter().is_some());
}

#[test]
fn while_its_turn_runs_other_threads_get_memory_from_the_heap() {
    let arena = Arena::new();
    let turn = arena.enter();
    let mut here = ArenaVec::new_in(&arena);
    here.push(1_u64);
    let before = arena.bytes();
    let there = arena.clone();
    let sent = std::thread::spawn(move || {
        assert!(there.enter().is_none());
        ArenaVec::from_iter_in(0..100_u64, &there)
    })
    .join()
    .expect("no panic");
    let after = arena.bytes();
    assert_eq!(before.reserved, after.reserved);
    assert_eq!(after.live, before.live + 800);
    assert_eq!(after.foreign, 824);
    assert!(sent.iter().copied().eq(0..100));
    drop(turn);
}

#[test]
fn leaving_restores_the_outer_arena_also_after_a_panic() {
    let outer = Arena::new();
    let inner = Arena::new();
    let _outer_turn = outer.enter();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _inner_turn = inner.enter();
        panic!("a handler failed");
    }));
    assert!(caught.is_err());
    assert!(outer.is_entered_here());
    assert!(!inner.is_entered_here());
    assert!(inner.enter().is_some(), "the flag was given back");
}

#[test]
fn turns_may_end_in_any_order() {
    let arenas: Vec<Arena> = (0..3).map(|_| Arena::new()).collect();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut turns: Vec<_> = arenas.iter().map(Arena::enter).collect();
        let mut open = [true; 3];
        for ends in order {
            turns[ends] = None;
            open[ends] = false;
            let seen: Vec<bool> = arenas.iter().map(Arena::is_entered_here).collect();
            assert_eq!(seen, open, "{order:?}");
        }
    }
}

#[test]
fn an_outer_arena_stays_open_inside_of_an_inner_one() {
    let actor = Arena::new();
    let _turn = actor.enter();
    let mut kept = ArenaVec::new_in(&actor);
    let mut parcel = Parcel::build(|arena| ArenaVec::from_iter_in(0..10_u64, arena));
    parcel.open(|numbers, _| {
        kept.extend(numbers.drain(..));
        numbers.push(7);
    });
    assert_eq!(kept.len(), 10);
    assert_eq!((actor.bytes().foreign, parcel.bytes().foreign), (0, 0));
}

#[test]
fn the_last_handle_may_go_inside_the_turn() {
    let arena = Arena::new();
    let turn = arena.enter().expect("nobody is inside");
    let sibling = arena.sibling(1024);
    let numbers = ArenaVec::from_iter_in(0..100_u64, &arena);
    drop(arena);
    drop(numbers);
    // The arena is gone, its owner is not: the guard keeps it.
    assert_eq!(turn.bytes().live, 0);
    assert!(turn.bytes().reserved >= 1024);
    let numbers = ArenaVec::from_iter_in(0..100_u64, &sibling);
    assert_eq!(sibling.bytes().foreign, 0);
    drop((sibling, numbers));
    assert_eq!(turn.bytes(), ArenaBytes::default());
    drop(turn);
}

#[test]
fn a_collection_filled_by_several_threads_in_turn_is_whole() {
    let arena = Arena::new();
    let mut numbers = ArenaVec::new_in(&arena);
    for round in 0..4_u64 {
        let handle = arena.clone();
        numbers = std::thread::spawn(move || {
            let _turn = handle.enter().expect("the last turn has ended");
            for n in 0..500 {
                numbers.push(round * 500 + n);
            }
            numbers
        })
        .join()
        .expect("no panic");
    }
    assert!(numbers.iter().copied().eq(0..2000));
    assert_eq!(arena.bytes().foreign, 0);
}

#[test]
fn many_threads_may_take_foreign_blocks_while_the_owner_works() {
    let arena = Arena::new();
    let _turn = arena.enter();
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let arena = arena.clone();
            scope.spawn(move || {
                for round in 0..200 {
                    let numbers = ArenaVec::from_iter_in(0..round, &arena);
                    assert!(numbers.iter().copied().eq(0..round), "thread {thread}");
                }
            });
        }
        for round in 0..1000_u64 {
            let numbers = ArenaVec::from_iter_in(0..round, &arena);
            assert!(numbers.iter().copied().eq(0..round));
        }
    });
    assert_eq!(arena.bytes().live, 0, "all was given back, here and there");
}

#[test]
fn a_panic_in_a_destructor_drops_nothing_twice() {
    use std::cell::Cell;

    struct Fragile<'a>(u32, &'a Cell<u32>);
    impl Drop for Fragile<'_> {
        fn drop(&mut self) {
            self.1.set(self.1.get() + 1);
            assert!(self.0 != 3, "the third cannot be dropped");
        }
    }
    let dropped = Cell::new(0);
    let arena = Arena::new();
    let _turn = arena.enter();
    let vec = ArenaVec::from_iter_in((0..10).map(|n| Fragile(n, &dropped)), &arena);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(vec))).is_err());
    assert!(
        (4..=10).contains(&dropped.get()),
        "{} of 10 were dropped",
        dropped.get()
    );

    dropped.set(0);
    let mut map = ArenaMap::new_in(&arena);
    (0..10).for_each(|n| {
        map.insert(n, Fragile(n, &dropped));
    });
    assert!(catch_unwind(AssertUnwindSafe(|| drop(map))).is_err());
    assert!(
        (1..=10).contains(&dropped.get()),
        "{} of 10 were dropped",
        dropped.get()
    );

    // The arena goes on.
    let numbers = ArenaVec::from_iter_in(0..1000_u64, &arena);
    assert!(numbers.iter().copied().eq(0..1000));
}

#[test]
fn handles_and_collections_are_send_and_sync() {
    fn both<T: Send + Sync>() {}
    both::<Arena>();
    both::<ArenaVec<u64>>();
    both::<ArenaMap<String, u64>>();
    both::<ArenaTable<u64>>();
    both::<ArenaString>();
    both::<ArenaBox<u64>>();
    both::<SubArena<ArenaVec<u64>>>();
    both::<Parcel<ArenaVec<u64>>>();
    both::<Frozen<ArenaVec<u64>>>();
}
