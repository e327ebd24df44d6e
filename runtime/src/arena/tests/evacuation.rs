//! Moving state: nothing is lost, what is nested moves too, what is forgotten stays valid.

use super::super::*;
use proptest::prelude::*;

struct Track {
    id: u64,
    name: ArenaString,
    points: ArenaVec<(f64, f64)>,
    last: Option<ArenaBox<u64>>,
}
evacuate!(Track { name, points, last });

struct State {
    arena: Arena,
    tracks: ArenaMap<ArenaString, Track>,
    deep: Vec<Option<ArenaVec<ArenaVec<u32>>>>,
}
evacuate!(State { arena, tracks, deep });

fn state(arena: &Arena, tracks: u64) -> State {
    let mut state = State {
        arena: arena.clone(),
        tracks: ArenaMap::new_in(arena),
        deep: Vec::new(),
    };
    for id in 0..tracks {
        let track = Track {
            id,
            name: ArenaString::from_str_in(&format!("track {id}"), &state.arena),
            points: ArenaVec::from_iter_in((0..id % 7).map(|n| (n as f64, id as f64)), arena),
            last: (id % 2 == 0).then(|| ArenaBox::new_in(id, arena)),
        };
        state
            .tracks
            .insert(ArenaString::from_str_in(&format!("key {id}"), arena), track);
        let rows = (0..id % 3).map(|row| ArenaVec::from_iter_in(0..row as u32, arena));
        state
            .deep
            .push((id % 5 != 0).then(|| ArenaVec::from_iter_in(rows, arena)));
    }
    state
}

fn check(state: &State, tracks: u64) {
    assert_eq!(state.tracks.len() as u64, tracks);
    for id in 0..tracks {
        let track = &state.tracks[format!("key {id}").as_str()];
        assert_eq!(track.id, id);
        assert_eq!(track.name, format!("track {id}").as_str());
        assert!(
            track
                .points
                .iter()
                .copied()
                .eq((0..id % 7).map(|n| (n as f64, id as f64)))
        );
        assert_eq!(track.last.as_deref().copied(), (id % 2 == 0).then_some(id));
        let deep = &state.deep[id as usize];
        assert_eq!(deep.is_some(), id % 5 != 0);
        for (row, numbers) in deep.iter().flatten().enumerate() {
            assert!(numbers.iter().copied().eq(0..row as u32));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn all_of_a_nested_state_moves_and_its_old_arena_goes(tracks in 0..200_u64) {
        let old = Arena::new();
        let turn = old.enter().expect("nobody is inside");
        let mut state = state(&old, tracks);
        let live = old.bytes().live;
        let fresh = old.fresh();
        let chunk = fresh.bytes().reserved;
        state.evacuate(&fresh);
        check(&state, tracks);
        prop_assert_eq!(old.bytes().live, 0, "something was left");
        prop_assert!(fresh.bytes().live <= live);
        prop_assert_eq!((fresh.bytes().dead, fresh.bytes().foreign), (0, 0));
        if live > 0 {
            prop_assert_eq!(fresh.bytes().reserved, chunk, "one chunk was enough");
        }
        drop(old);
        prop_assert_eq!(turn.bytes(), fresh.bytes(), "the old arena is gone");
        // Nothing happens to what is there already.
        state.evacuate(&fresh);
        prop_assert_eq!(turn.bytes(), fresh.bytes());
        check(&state, tracks);
    }
}

#[test]
fn what_is_forgotten_stays_valid_and_keeps_its_arena() {
    let old = Arena::new();
    let turn = old.enter().expect("nobody is inside");
    let mut moved = ArenaVec::from_iter_in(0..100_u64, &old);
    let mut forgotten = ArenaVec::from_iter_in(0..100_u64, &old);
    let fresh = old.fresh();
    moved.evacuate(&fresh);
    drop(old);
    forgotten.push(100);
    assert!(moved.iter().copied().eq(0..100));
    assert!(forgotten.iter().copied().eq(0..101));
    assert!(turn.bytes().live > fresh.bytes().live, "the old arena is still counted");
    drop(forgotten);
    assert_eq!(turn.bytes(), fresh.bytes());
}

#[test]
fn a_panic_on_the_way_leaves_valid_state() {
    /// Cannot be moved if odd.
    struct Stubborn(u64, ArenaVec<u64>);
    impl Evacuate for Stubborn {
        fn evacuate(&mut self, to: &Arena) {
            assert!(self.0 % 8 != 7, "does not want to move");
            self.1.evacuate(to);
        }
    }
    let old = Arena::new();
    let _turn = old.enter();
    let all = (0..20).map(|n| Stubborn(n, ArenaVec::from_iter_in(0..n, &old)));
    let mut all = ArenaVec::from_iter_in(all, &old);
    let fresh = old.fresh();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| all.evacuate(&fresh)));
    assert!(caught.is_err());
    drop(old);
    for Stubborn(n, numbers) in &all {
        assert!(numbers.iter().copied().eq(0..*n));
    }
}

#[test]
fn collections_of_leaves_do_not_look_at_them() {
    struct Watched;
    impl Evacuate for Watched {
        fn evacuate(&mut self, _: &Arena) {
            panic!("a leaf was looked at");
        }
        fn is_leaf() -> bool {
            true
        }
    }
    let arena = Arena::new();
    let _turn = arena.enter();
    let fresh = arena.fresh();
    ArenaVec::from_iter_in([Watched], &arena).evacuate(&fresh);
    vec![Some([Watched])].evacuate(&fresh);
    assert!(<(u64, Option<String>)>::is_leaf());
    assert!(!<(u64, ArenaString)>::is_leaf());
}

#[test]
fn sub_arenas_stay_when_the_rest_moves_and_are_compacted_one_at_a_time() {
    let arena = Arena::new();
    let turn = arena.enter().expect("nobody is inside");
    let mut parts: Vec<SubArena<ArenaMap<u64, u64>>> = (0..4)
        .map(|_| {
            SubArena::new_in(&arena, |arena| {
                let mut map = ArenaMap::new_in(arena);
                map.extend((0..10_000).map(|n| (n, n)));
                map.retain(|n, _| n % 4 == 0);
                map
            })
        })
        .collect();
    for part in &mut parts {
        // Twice as much dead as live.
        let live = part.bytes().live;
        let filler = ArenaVec::<u8>::with_capacity_in(2 * live as usize, part.arena());
        let _not_last = ArenaBox::new_in(0_u8, part.arena());
        drop(filler);
    }
    let dead = |parts: &[SubArena<ArenaMap<u64, u64>>]| parts.iter().filter(|part| part.bytes().dead > 0).count();
    let fresh = arena.fresh();
    parts.evacuate(&fresh);
    assert_eq!(dead(&parts), 4, "the actor's own evacuation does not touch them");
    for left in (0..4).rev() {
        arena.permit_slice(true);
        parts.evacuate(&arena);
        assert_eq!(dead(&parts), left);
    }
    for part in &parts {
        assert_eq!(part.len(), 2500);
        assert!(part.iter().all(|(k, v)| k == v && k % 4 == 0));
    }
    drop(parts);
    assert_eq!(turn.bytes(), fresh.owner_bytes());
    assert_eq!(turn.bytes().live, 0);
}

/// A collection that has never had room for anything holds a handle all the same.
#[test]
fn what_is_empty_and_moves_lets_its_arena_go() {
    let owner = Arena::new();
    let _turn = owner.enter().expect("nobody is inside");
    let fresh = owner.sibling(0);
    let moves: [fn(&Arena, &Arena); 5] = [
        |old, fresh| ArenaMap::<u64, u64>::new_in(old).evacuate(fresh),
        |old, _| assert_eq!(ArenaMap::<u64, u64>::new_in(old).into_iter().len(), 0),
        |old, fresh| ArenaTable::<u64>::new_in(old).evacuate_with(fresh, |n| *n),
        |old, fresh| ArenaVec::<u64>::new_in(old).evacuate(fresh),
        |old, _| assert_eq!(ArenaVec::<u64>::new_in(old).into_iter().len(), 0),
    ];
    for (n, move_it) in moves.into_iter().enumerate() {
        let before = owner.owner_bytes().reserved;
        let old = owner.sibling(1000);
        assert!(owner.owner_bytes().reserved > before);
        move_it(&old, &fresh);
        drop(old);
        assert_eq!(owner.owner_bytes().reserved, before, "move {n} keeps the arena");
    }
}
