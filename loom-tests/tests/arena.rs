//! Models of the arena: the real `Arena`, with its real owner, list of foreign blocks and counts.
//!
//! They check A1 and A2 of `runtime/src/arena/README.md`. The bump is a cell that loom watches, so a touch that nothing
//! orders is a failure; foreign blocks come from an allocator that loom watches, so a block that is not freed is one too. The
//! elements are watched as well: what is read from a block must have been ordered after what was written into it.
#![cfg(potoroo_loom)]

use loom::alloc::Track;
use loom::thread;
use potoroo_loom_tests::model;
use potoroo_runtime::arena::{Arena, ArenaVec};
use potoroo_runtime::sync::Arc;
use potoroo_runtime::sync::atomic::{AtomicUsize, Ordering};

/// Elements that loom reports if they are leaked.
type Watched = ArenaVec<Track<u64>>;

fn fill(arena: &Arena, numbers: std::ops::Range<u64>) -> Watched {
    let mut vec = ArenaVec::with_capacity_in(2, arena);
    numbers.for_each(|n| vec.push(Track::new(n)));
    vec
}

fn check(vec: &Watched, numbers: std::ops::Range<u64>) {
    assert!(
        vec.iter().map(|n| *n.get_ref()).eq(numbers),
        "A2: a block was overwritten or freed"
    );
}

#[test]
fn one_at_a_time() {
    model(
        "arena::one_at_a_time",
        "A1: of three who enter one is inside at a time, and each sees what the one before did to the bump",
        "3 threads, each tries to enter once and takes a block",
        || {
            let arena = Arena::for_model();
            let inside = Arc::new(AtomicUsize::new(0));
            let turn = |arena: &Arena, inside: &AtomicUsize, from: u64| {
                let entered = arena.enter();
                if entered.is_some() {
                    // Relaxed, so that this oracle orders nothing.
                    assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0, "A1: two are inside");
                }
                let vec = fill(arena, from..from + 2);
                check(&vec, from..from + 2);
                if entered.is_some() {
                    inside.fetch_sub(1, Ordering::Relaxed);
                }
                drop(entered);
                vec
            };
            let others: Vec<_> = (1..3)
                .map(|thread| {
                    let (arena, inside) = (arena.clone(), inside.clone());
                    thread::spawn(move || turn(&arena, &inside, 10 * thread))
                })
                .collect();
            let mine = turn(&arena, &inside, 0);
            for (thread, other) in (1..).zip(others) {
                check(&other.join().expect("no panic"), 10 * thread..10 * thread + 2);
            }
            check(&mine, 0..2);
            drop(mine);
            assert_eq!(arena.bytes().live, 0, "A4: all was given back");
        },
    );
}

#[test]
fn foreign_blocks_and_the_last_handle() {
    model(
        "arena::foreign_blocks_and_the_last_handle",
        "A2: blocks taken from outside are all freed, once, by whoever drops the last handle",
        "3 threads, 2 foreign blocks and 1 of the bump",
        || {
            let arena = Arena::for_model();
            let others: Vec<_> = (1..3)
                .map(|thread| {
                    let arena = arena.clone();
                    thread::spawn(move || {
                        let vec = fill(&arena, 10 * thread..10 * thread + 2);
                        drop(arena);
                        check(&vec, 10 * thread..10 * thread + 2);
                    })
                })
                .collect();
            let turn = arena.enter();
            let mine = fill(&arena, 0..2);
            drop(turn);
            drop(arena);
            check(&mine, 0..2);
            drop(mine);
            for other in others {
                other.join().expect("no panic");
            }
        },
    );
}

#[test]
fn a_turn_sees_what_others_have_pushed() {
    model(
        "arena::a_turn_sees_what_others_have_pushed",
        "A1, A2: a collection that was filled outside moves into a turn, grows there and is dropped elsewhere",
        "3 threads, 1 collection",
        || {
            let arena = Arena::for_model();
            let handle = arena.clone();
            let other = thread::spawn(move || fill(&handle, 0..2));
            let handle = arena.clone();
            let turn = thread::spawn(move || {
                let _turn = handle.enter();
                check(&fill(&handle, 10..12), 10..12);
            });
            let mut vec = other.join().expect("no panic");
            let entered = arena.enter();
            vec.push(Track::new(2));
            check(&vec, 0..3);
            drop(entered);
            drop(vec);
            turn.join().expect("no panic");
            assert_eq!(arena.bytes().live, 0, "A4: all was given back");
        },
    );
}
