//! Tables of entities against `std`'s map, and what they take.

use super::{Entity, KeyGroupTable};
use crate::element::{KEY_GROUPS, Key, KeyGroup, key_group};
use potoroo_runtime::arena::{Arena, ArenaBytes};
use potoroo_runtime::{Actor, Context, System, Turn};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use std::sync::mpsc;

/// Runs what it is told in a turn of its own, where arenas are open.
struct Inside;

impl Actor for Inside {
    type Msg = Box<dyn FnOnce(Arena) + Send>;

    fn handle(&mut self, run: Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        run(ctx.arena());
        Ok(())
    }
}

/// What `run` gives, run with an arena inside of a turn.
fn inside<R: Send + 'static>(run: impl FnOnce(Arena) -> R + Send + 'static) -> R {
    let system = System::builder().workers(1).build().expect("a system");
    let (tell, told) = mpsc::channel();
    system
        .spawn(|_| Ok(Inside))
        .tell(Box::new(move |arena| tell.send(run(arena)).expect("somebody waits")));
    told.recv().expect("nothing panicked")
}

/// Keys of one group, so that it becomes large.
fn keys_of_a_group(count: usize) -> Vec<u64> {
    let keys = (0_u64..).filter(|key| key_group(key.hash64()) == KeyGroup(7));
    keys.take(count).collect()
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A record of the keys from here on, so many.
    Touch(usize, usize),
    Remove(usize, usize),
    /// The group goes to another partition and comes back.
    Move,
}

const KEYS: usize = 3_000;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let range = || (0..KEYS, prop_oneof![1..8_usize, 1..KEYS]);
    let step = prop_oneof![
        4 => range().prop_map(|(from, count)| Step::Touch(from, count)),
        4 => range().prop_map(|(from, count)| Step::Remove(from, count)),
        1 => Just(Step::Move),
    ];
    prop::collection::vec(step, 1..24)
}

/// The same steps with a table of states made by `state`, and with a map.
fn agree<S: Clone + PartialEq + std::fmt::Debug>(steps: &[Step], arena: Arena, state: impl Fn(u64) -> S) {
    let keys = keys_of_a_group(KEYS);
    let range = |from: usize, count: usize| (from..from + count).map(|at| keys[at % KEYS]);
    let mut table = KeyGroupTable::new(arena);
    let mut model: HashMap<u64, S> = HashMap::new();
    for (number, step) in (1..).zip(steps) {
        match *step {
            Step::Touch(from, count) => {
                for key in range(from, count) {
                    let entity = table.entity(key.hash64(), |known| *known == key, || (key, state(0)));
                    assert_eq!(entity.state, *model.entry(key).or_insert_with(|| state(0)));
                    entity.state = state(number);
                    model.insert(key, state(number));
                }
            }
            Step::Remove(from, count) => {
                for key in range(from, count) {
                    let removed = table.remove(key.hash64(), |entity| entity.key == key);
                    assert_eq!(removed.map(|entity| entity.state), model.remove(&key));
                }
            }
            Step::Move => {
                let mut lives = HashSet::new();
                for entity in table.take_group(KeyGroup(7)) {
                    assert!(lives.insert(entity.life), "a life of its own for each");
                    table.put(entity);
                }
            }
        }
        assert_eq!(table.len(), model.len());
        for key in &keys {
            let found = table.get_mut(key.hash64(), |known| known == key);
            let life = found.as_ref().map(|entity| entity.life);
            assert_eq!(found.map(|entity| &entity.state), model.get(key));
            if let Some(life) = life {
                let found = table.find_life(key.hash64(), life).map(|entity| entity.key);
                assert_eq!(found, Some(*key));
            }
        }
        let all: HashMap<u64, S> = table.iter_mut().map(|e| (e.key, e.state.clone())).collect();
        assert_eq!(all, model);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_table_is_a_map(steps in steps(), is_large in any::<bool>()) {
        inside(move |arena| {
            if is_large {
                agree(&steps, arena, |number| [number; 16]);
            } else {
                agree(&steps, arena, |number| number);
            }
        });
    }
}

/// What is held with so many keys, and after all but `left` of them have gone.
fn held<S: Send + 'static>(keys: u64, left: u64, state: fn(u64) -> S) -> (ArenaBytes, ArenaBytes) {
    inside(move |arena| {
        let mut table = KeyGroupTable::new(arena.clone());
        for key in 0..keys {
            table.entity(key.hash64(), |known| *known == key, || (key, state(key)));
        }
        let full = arena.owner_bytes();
        for key in left..keys {
            table.remove(key.hash64(), |entity| entity.key == key);
        }
        assert_eq!(table.len() as u64, left);
        (full, arena.owner_bytes())
    })
}

/// Keys enough for tables and pages of their own in each group.
const MANY: u64 = 600 * KEY_GROUPS as u64;

#[test]
fn large_states_take_little_more_than_their_size() {
    let (full, rest) = held(MANY, 0, |key| [key; 16]);
    let entity = size_of::<Entity<u64, [u64; 16]>>() as u64;
    assert!(full.reserved < MANY * (entity + entity / 3), "{full:?}");
    assert!(full.dead < full.live / 20, "{full:?}");
    assert!(rest.reserved < full.reserved / 10, "{rest:?}");
}

#[test]
fn small_states_leave_nothing_behind_when_their_tables_grow() {
    let (full, rest) = held(MANY, 0, |key| key);
    assert_eq!(size_of::<Entity<u64, u64>>(), 24);
    assert!(full.dead < full.live / 5, "{full:?}");
    assert!(full.reserved < full.live * 5 / 4, "{full:?}");
    assert!(rest.reserved < full.reserved / 4, "{rest:?}");
}

#[test]
fn what_is_left_of_many_keys_takes_what_few_take() {
    let (full, rest) = held(MANY, 10 * KEY_GROUPS as u64, |key| [key; 16]);
    assert!(rest.reserved < full.reserved / 6, "{rest:?}");
}

#[test]
fn keys_that_come_and_go_take_no_more_from_time_to_time() {
    let (early, late) = inside(|arena| {
        let mut table = KeyGroupTable::new(arena.clone());
        let mut held = Vec::new();
        for _ in 0..20 {
            for key in 0..20 * KEY_GROUPS as u64 {
                table.entity(key.hash64(), |known| *known == key, || (key, [key; 16]));
            }
            for key in 0..20 * KEY_GROUPS as u64 {
                table.remove(key.hash64(), |entity| entity.key == key);
            }
            held.push(arena.owner_bytes());
        }
        (held[2], held[19])
    });
    assert!(late.used() <= early.used() + early.used() / 20, "{early:?} {late:?}");
}
