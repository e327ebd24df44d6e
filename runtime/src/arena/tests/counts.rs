//! What is counted: A4, against a model that keeps a list of blocks.

use super::super::*;
use allocator_api2::alloc::{Allocator, Layout};
use proptest::prelude::*;
use std::ptr::NonNull;

/// What a block header of a foreign block takes.
const HEADER_BYTES: usize = 24;

#[derive(Clone, Debug)]
enum Step {
    Take { bytes: usize, align: usize },
    Give(usize),
    Grow(usize, usize),
    Shrink(usize, usize),
    Enter,
    Leave,
}

fn steps(aligns: &'static [usize]) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..300_usize, proptest::sample::select(aligns)).prop_map(|(bytes, align)| Step::Take { bytes, align }),
        2 => any::<usize>().prop_map(Step::Give),
        // Often the newest block, which is the one that can grow in place.
        2 => (prop_oneof![Just(usize::MAX), any::<usize>()], 0..500_usize).prop_map(|(at, by)| Step::Grow(at, by)),
        2 => (prop_oneof![Just(usize::MAX), any::<usize>()], 0..500_usize).prop_map(|(at, by)| Step::Shrink(at, by)),
        1 => Just(Step::Enter),
        1 => Just(Step::Leave),
    ];
    proptest::collection::vec(step, 1..200)
}

struct Block {
    at: NonNull<u8>,
    layout: Layout,
    /// Every byte has this value.
    content: u8,
}

impl Block {
    fn fill(&self) {
        // SAFETY: the block is ours and that long.
        unsafe { self.at.as_ptr().write_bytes(self.content, self.layout.size()) };
    }

    fn check(&self, bytes: usize) {
        // SAFETY: as above, and it was filled.
        let content = unsafe { std::slice::from_raw_parts(self.at.as_ptr(), bytes) };
        assert!(
            content.iter().all(|byte| *byte == self.content),
            "a block was overwritten"
        );
        assert_eq!(self.at.addr().get() % self.layout.align(), 0);
    }
}

/// Which of the blocks is meant: `usize::MAX` is the newest.
fn pick(at: usize, blocks: &[Block]) -> Option<usize> {
    if at == usize::MAX {
        blocks.len().checked_sub(1)
    } else {
        at.checked_rem(blocks.len())
    }
}

fn run(arena: &Arena, steps: Vec<Step>) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut turn = None;
    let (mut live, mut foreign) = (0, 0);
    for (number, step) in steps.into_iter().enumerate() {
        let before = arena.bytes();
        let inside = turn.is_some();
        // What is given back by the step: all of it is dead then if the step was made outside.
        let mut given = 0;
        match step {
            Step::Enter => turn = turn.or_else(|| arena.enter()),
            Step::Leave => turn = None,
            Step::Take { bytes, align } => {
                let layout = Layout::from_size_align(bytes, align).expect("a layout");
                let at = arena.allocate(layout).expect("memory").cast();
                let block = Block {
                    at,
                    layout,
                    content: number as u8,
                };
                block.fill();
                blocks.push(block);
                live += bytes;
                if !inside && bytes > 0 {
                    foreign += Layout::new::<[usize; 3]>().extend(layout).expect("a layout").0.size();
                }
            }
            Step::Give(at) => {
                if let Some(at) = pick(at, &blocks) {
                    let block = blocks.remove(at);
                    block.check(block.layout.size());
                    given = block.layout.size();
                    live -= given;
                    // SAFETY: it came from this arena and is not used any more.
                    unsafe { arena.deallocate(block.at, block.layout) };
                }
            }
            Step::Grow(at, by) => {
                if let Some(at) = pick(at, &blocks) {
                    let block = &mut blocks[at];
                    let (old, align) = (block.layout, block.layout.align());
                    block.layout = Layout::from_size_align(old.size() + by, align).expect("a layout");
                    // SAFETY: it came from this arena, and the new layout is not smaller.
                    block.at = unsafe { arena.grow(block.at, old, block.layout) }
                        .expect("memory")
                        .cast();
                    block.check(old.size());
                    block.fill();
                    live += by;
                    given = old.size();
                    if !inside && block.layout.size() > 0 {
                        foreign += Layout::new::<[usize; 3]>()
                            .extend(block.layout)
                            .expect("a layout")
                            .0
                            .size();
                    }
                }
            }
            Step::Shrink(at, by) => {
                if let Some(at) = pick(at, &blocks) {
                    let block = &mut blocks[at];
                    let old = block.layout;
                    given = by.min(old.size());
                    block.layout = Layout::from_size_align(old.size() - given, old.align()).expect("a layout");
                    // SAFETY: it came from this arena, and the new layout is not larger.
                    block.at = unsafe { arena.shrink(block.at, old, block.layout) }
                        .expect("memory")
                        .cast();
                    block.check(block.layout.size());
                    live -= given;
                }
            }
        }
        let after = arena.bytes();
        assert_eq!(after.live, live as u64, "live after {number}");
        assert_eq!(after.foreign, foreign as u64, "foreign after {number}");
        let more_dead = after.dead - before.dead;
        if inside {
            assert!(more_dead == 0 || more_dead == given as u64);
        } else {
            assert_eq!(more_dead, given as u64, "outside nothing is taken back");
        }
        assert_eq!(arena.owner_bytes(), after, "one arena is all there is");
        blocks.iter().for_each(|block| block.check(block.layout.size()));
    }
    blocks
}

proptest! {
    #[test]
    fn bytes_are_counted_exactly_inside_and_outside(steps in steps(&[1, 2, 8, 16, 64])) {
        let arena = Arena::new();
        run(&arena, steps);
    }

    #[test]
    fn the_bump_has_used_what_is_live_or_dead(steps in steps(&[1])) {
        // One chunk, nothing wasted by alignment, never outside: then the position of the bump tells.
        let arena = Arena::new_sized(1 << 20);
        let steps = steps.into_iter().filter(|step| !matches!(step, Step::Leave));
        run(&arena, std::iter::once(Step::Enter).chain(steps).collect());
        let _turn = arena.enter();
        let bytes = arena.bytes();
        prop_assert_eq!(bytes.reserved - arena.unused_in_chunk() as u64, bytes.live + bytes.dead);
        prop_assert_eq!(bytes.foreign, 0);
    }
}

#[test]
fn the_last_block_grows_shrinks_and_goes_in_place() {
    let arena = Arena::new_sized(1 << 16);
    let _turn = arena.enter();
    let mut numbers = ArenaVec::new_in(&arena);
    (0..1000_u64).for_each(|n| numbers.push(n));
    assert_eq!(arena.bytes().dead, 0, "nothing was left behind");
    numbers.truncate(10);
    numbers.shrink_to_fit();
    assert_eq!((arena.bytes().live, arena.bytes().dead), (80, 0));
    assert!(numbers.iter().copied().eq(0..10));
    drop(numbers);
    assert_eq!((arena.bytes().live, arena.bytes().dead), (0, 0));
}

#[test]
fn what_is_given_back_elsewhere_is_counted() {
    let arena = Arena::new();
    let turn = arena.enter();
    let inside = ArenaVec::from_iter_in(0..100_u64, &arena);
    drop(turn);
    let outside = ArenaVec::from_iter_in(0..50_u64, &arena);
    assert_eq!(arena.bytes().live, 1200);
    std::thread::spawn(move || drop((inside, outside)))
        .join()
        .expect("no panic");
    let bytes = arena.bytes();
    assert_eq!((bytes.live, bytes.dead), (0, 1200));
    assert_eq!(bytes.foreign, (400 + HEADER_BYTES) as u64);
}

#[test]
fn an_owner_counts_all_its_arenas_and_forgets_those_that_go() {
    let arena = Arena::new();
    let turn = arena.enter();
    let numbers = ArenaVec::from_iter_in(0..100_u64, &arena);
    let mut part = SubArena::new_in(&arena, |arena| ArenaVec::from_iter_in(0..1000_u64, arena));
    assert_eq!(part.bytes().foreign, 0, "a sub-arena is open in its owner's turn");
    assert_eq!(arena.bytes().live, 800);
    assert_eq!(arena.owner_bytes().live, 8800);
    drop(turn);
    part.push(1);
    assert!(arena.owner_bytes().foreign > 0);
    drop(part);
    assert_eq!(arena.owner_bytes(), arena.bytes(), "it was dropped as a whole");
    drop(numbers);
}
