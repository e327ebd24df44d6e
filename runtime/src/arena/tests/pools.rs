//! Chunks used again: A8, A9.

use super::super::*;

/// Fills an arena with about so many bytes, in as many chunks as it takes.
fn fill(arena: &Arena, bytes: usize) -> ArenaVec<ArenaBox<[u8; 100]>> {
    let _turn = arena.enter();
    ArenaVec::from_iter_in((0..bytes / 100).map(|n| ArenaBox::new_in([n as u8; 100], arena)), arena)
}

#[test]
fn an_arena_that_goes_leaves_its_largest_chunk_to_the_next() {
    let pool = BumpPool::new(1 << 20);
    let _pool = pool.enter();
    drop(fill(&Arena::new(), 100_000));
    let kept = pool.bytes();
    assert!(kept >= 32 * 1024, "{kept} bytes are kept");
    assert_eq!(pool.reused(), 0);
    // Too large for an arena that asks for nothing, right for one that asks.
    assert_eq!(Arena::new().bytes().reserved, 0);
    let sized = Arena::new_sized(kept / 2);
    assert_eq!(sized.bytes().reserved, kept as u64);
    assert_eq!((pool.reused(), pool.bytes()), (1, 0));
    let content = fill(&sized, kept / 4);
    assert!(
        (0..)
            .zip(&content)
            .all(|(n, bytes)| bytes.iter().all(|byte| *byte == n as u8))
    );
}

#[test]
fn small_arenas_begin_with_what_small_ones_have_left() {
    let pool = BumpPool::new(1 << 20);
    let _pool = pool.enter();
    for _ in 0..10 {
        let arena = Arena::new();
        drop(fill(&arena, 300));
    }
    assert_eq!(pool.reused(), 9);
}

#[test]
fn a_pool_has_a_bound_and_belongs_to_one_thread() {
    let pool = BumpPool::new(64 * 1024);
    let entered = pool.enter();
    let arenas: Vec<Arena> = (0..100).map(|_| Arena::new_sized(4000)).collect();
    drop(arenas);
    let kept = pool.bytes();
    assert!((32 * 1024..=64 * 1024).contains(&kept), "{kept} bytes are kept");
    drop(fill(&Arena::new_sized(1_000_000), 1_000_000));
    assert_eq!(pool.bytes(), kept, "more than its part of the pool");
    // On another thread nobody takes from here or gives to here.
    std::thread::spawn(|| drop(Arena::new_sized(4000)))
        .join()
        .expect("no panic");
    assert_eq!((pool.bytes(), pool.reused()), (kept, 0));
    drop(entered);
    drop(Arena::new_sized(4000));
    assert_eq!((pool.bytes(), pool.reused()), (kept, 0));
}

#[test]
fn an_arena_with_a_handle_left_gives_nothing_away() {
    let pool = BumpPool::new(1 << 20);
    let _pool = pool.enter();
    let arena = Arena::new();
    let content = fill(&arena, 1000);
    drop(arena);
    assert_eq!(pool.bytes(), 0, "the content keeps it (A2)");
    drop(content);
    assert!(pool.bytes() > 0);
}
