//! The collections against those of std.

use super::super::*;
use proptest::prelude::*;
use std::collections::HashMap;
use std::fmt::Write;

#[derive(Clone, Debug)]
enum VecStep {
    Push(u16),
    Pop,
    Insert(usize, u16),
    Remove(usize),
    SwapRemove(usize),
    Truncate(usize),
    Retain(u16),
    Extend(Vec<u16>),
    Drain(usize, usize),
    Resize(usize, u16),
    Clear,
    ShrinkToFit,
    Evacuate,
}

fn vec_step() -> impl Strategy<Value = VecStep> {
    let at = 0..64_usize;
    prop_oneof![
        4 => any::<u16>().prop_map(VecStep::Push),
        1 => Just(VecStep::Pop),
        2 => (at.clone(), any::<u16>()).prop_map(|(at, n)| VecStep::Insert(at, n)),
        1 => at.clone().prop_map(VecStep::Remove),
        1 => at.clone().prop_map(VecStep::SwapRemove),
        1 => at.clone().prop_map(VecStep::Truncate),
        1 => (2..5_u16).prop_map(VecStep::Retain),
        2 => proptest::collection::vec(any::<u16>(), 0..20).prop_map(VecStep::Extend),
        1 => (at.clone(), at.clone()).prop_map(|(a, b)| VecStep::Drain(a, b)),
        1 => (at, any::<u16>()).prop_map(|(len, n)| VecStep::Resize(len, n)),
        1 => Just(VecStep::Clear),
        1 => Just(VecStep::ShrinkToFit),
        1 => Just(VecStep::Evacuate),
    ]
}

#[derive(Clone, Debug)]
enum MapStep {
    Insert(u8, u32),
    GetOrInsert(u8, u32),
    Remove(u8),
    Add(u8),
    Retain(u8),
    Drain,
    Clear,
    Evacuate,
}

fn map_step() -> impl Strategy<Value = MapStep> {
    prop_oneof![
        8 => (any::<u8>(), any::<u32>()).prop_map(|(k, v)| MapStep::Insert(k, v)),
        4 => (any::<u8>(), any::<u32>()).prop_map(|(k, v)| MapStep::GetOrInsert(k, v)),
        4 => any::<u8>().prop_map(MapStep::Remove),
        4 => any::<u8>().prop_map(MapStep::Add),
        1 => (2..5_u8).prop_map(MapStep::Retain),
        1 => Just(MapStep::Drain),
        1 => Just(MapStep::Clear),
        1 => Just(MapStep::Evacuate),
    ]
}

proptest! {
    #[test]
    fn an_arena_vec_is_a_vec(steps in proptest::collection::vec(vec_step(), 0..100)) {
        let mut arena = Arena::new();
        let _turn = arena.enter();
        let mut vec = ArenaVec::new_in(&arena);
        let mut model = Vec::new();
        for step in steps {
            match step {
                VecStep::Push(n) => {
                    vec.push(n);
                    model.push(n);
                }
                VecStep::Pop => prop_assert_eq!(vec.pop(), model.pop()),
                VecStep::Insert(at, n) => {
                    let at = at.min(model.len());
                    vec.insert(at, n);
                    model.insert(at, n);
                }
                VecStep::Remove(at) if at < model.len() => prop_assert_eq!(vec.remove(at), model.remove(at)),
                VecStep::SwapRemove(at) if at < model.len() => {
                    prop_assert_eq!(vec.swap_remove(at), model.swap_remove(at));
                }
                VecStep::Remove(_) | VecStep::SwapRemove(_) => {}
                VecStep::Truncate(len) => {
                    vec.truncate(len);
                    model.truncate(len);
                }
                VecStep::Retain(of) => {
                    vec.retain(|n| *n % of == 0);
                    model.retain(|n| *n % of == 0);
                }
                VecStep::Extend(more) => {
                    vec.extend_from_slice(&more);
                    vec.extend(more.iter().copied());
                    model.extend_from_slice(&more);
                    model.extend(more);
                }
                VecStep::Drain(a, b) => {
                    let (from, to) = (a.min(b).min(model.len()), a.max(b).min(model.len()));
                    prop_assert!(vec.drain(from..to).eq(model.drain(from..to)));
                }
                VecStep::Resize(len, n) => {
                    vec.resize(len, n);
                    model.resize(len, n);
                }
                VecStep::Clear => {
                    vec.clear();
                    model.clear();
                }
                VecStep::ShrinkToFit => vec.shrink_to_fit(),
                VecStep::Evacuate => {
                    arena = arena.fresh();
                    vec.evacuate(&arena);
                    prop_assert!(vec.arena().is_same(&arena));
                }
            }
            prop_assert_eq!(&vec, &model);
        }
        prop_assert_eq!(arena.bytes().foreign, 0);
        prop_assert_eq!(format!("{vec:?}"), format!("{model:?}"));
        prop_assert_eq!(vec.clone(), model.clone());
        prop_assert!(vec.into_iter().rev().eq(model.into_iter().rev()));
        prop_assert_eq!(arena.bytes().live, 0);
    }

    #[test]
    fn an_arena_map_is_a_map(steps in proptest::collection::vec(map_step(), 0..300)) {
        let mut arena = Arena::new();
        let _turn = arena.enter();
        let mut map = ArenaMap::new_in(&arena);
        let mut model = HashMap::new();
        for step in steps {
            match step {
                MapStep::Insert(k, v) => prop_assert_eq!(map.insert(k, v), model.insert(k, v)),
                MapStep::GetOrInsert(k, v) => {
                    prop_assert_eq!(map.get_or_insert_with(k, || v), model.entry(k).or_insert(v));
                }
                MapStep::Remove(k) => prop_assert_eq!(map.remove(&k), model.remove(&k)),
                MapStep::Add(k) => {
                    prop_assert_eq!(map.contains_key(&k), model.contains_key(&k));
                    if let Some(v) = map.get_mut(&k) {
                        *v = v.wrapping_add(1);
                    }
                    if let Some(v) = model.get_mut(&k) {
                        *v = v.wrapping_add(1);
                    }
                }
                MapStep::Retain(of) => {
                    map.retain(|k, v| k % of == 0 || *v % 2 == 0);
                    model.retain(|k, v| k % of == 0 || *v % 2 == 0);
                }
                MapStep::Drain => {
                    let drained: HashMap<u8, u32> = map.drain().collect();
                    prop_assert_eq!(drained, std::mem::take(&mut model));
                }
                MapStep::Clear => {
                    map.clear();
                    model.clear();
                }
                MapStep::Evacuate => {
                    arena = arena.fresh();
                    map.evacuate(&arena);
                    prop_assert!(map.arena().is_same(&arena));
                }
            }
            prop_assert_eq!(map.len(), model.len());
            prop_assert_eq!(map.is_empty(), model.is_empty());
        }
        for (k, v) in &model {
            prop_assert_eq!(map.get(k), Some(v));
            prop_assert_eq!(&map[k], v);
        }
        prop_assert_eq!(&map, &map.clone());
        prop_assert_eq!(map.keys().count(), model.len());
        prop_assert_eq!(map.values().map(|v| u64::from(*v)).sum::<u64>(), model.values().map(|v| u64::from(*v)).sum());
        map.values_mut().for_each(|v| *v /= 2);
        map.iter_mut().for_each(|(_, v)| *v /= 2);
        model.values_mut().for_each(|v| *v /= 4);
        prop_assert_eq!(map.iter().map(|(k, v)| (*k, *v)).collect::<HashMap<_, _>>(), model.clone());
        prop_assert_eq!(map.into_iter().collect::<HashMap<_, _>>(), model);
        prop_assert_eq!((arena.bytes().live, arena.bytes().foreign), (0, 0));
    }

    #[test]
    fn an_arena_string_is_a_string(parts in proptest::collection::vec((".{0,12}", any::<char>(), 0..4_u8), 0..40)) {
        let arena = Arena::new();
        let _turn = arena.enter();
        let mut text = ArenaString::new_in(&arena);
        let mut model = String::new();
        for (part, c, what) in parts {
            match what {
                0 => {
                    text.push_str(&part);
                    model.push_str(&part);
                }
                1 => {
                    text.push(c);
                    model.push(c);
                }
                2 => {
                    write!(text, "{part}{c}").expect("arena strings take all");
                    write!(model, "{part}{c}").expect("strings take all");
                }
                _ => {
                    prop_assert_eq!(text.pop(), model.pop());
                    let len = model.char_indices().nth(3).map_or(model.len(), |(at, _)| at);
                    text.truncate(len);
                    model.truncate(len);
                }
            }
            prop_assert_eq!(text.as_str(), model.as_str());
        }
        prop_assert_eq!(format!("{text:?} {text}"), format!("{model:?} {model}"));
        let copy = ArenaString::from_str_in(&model, &arena);
        prop_assert_eq!(&copy, &text);
        prop_assert_eq!(copy.cmp(&text), std::cmp::Ordering::Equal);
        let mut map = ArenaMap::new_in(&arena);
        map.insert(copy, 7);
        prop_assert_eq!(map.get(model.as_str()), Some(&7));
    }

    #[test]
    fn a_table_is_a_map(keys in proptest::collection::vec(0_u64..200, 0..400)) {
        let arena = Arena::new();
        let _turn = arena.enter();
        let mut table: ArenaTable<(u64, u64)> = ArenaTable::new_in(&arena);
        let mut model = HashMap::new();
        // A poor hash on purpose: many entries share one.
        let hash = |key: u64| key % 7;
        let half = keys.len() / 2;
        for (at, key) in keys.into_iter().enumerate() {
            if at == half {
                table.evacuate_with(&arena.fresh(), |(k, _)| hash(*k));
            }
            if at % 3 == 2 {
                let removed = table.remove(hash(key), |(k, _)| *k == key);
                prop_assert_eq!(removed.map(|(_, count)| count), model.remove(&key));
                prop_assert!(table.find(hash(key), |(k, _)| *k == key).is_none());
                continue;
            }
            if table.len() == table.capacity() {
                table.move_to(&arena.fresh(), 2 * table.len(), |(k, _)| hash(*k));
                prop_assert!(table.capacity() >= 2 * table.len());
            }
            let entry = table.find_or_insert_with(hash(key), |(k, _)| *k == key, |(k, _)| hash(*k), || (key, 0));
            entry.1 += 1;
            *model.entry(key).or_insert(0) += 1;
            let found = table.find(hash(key), |(k, _)| *k == key);
            prop_assert_eq!(found.map(|(_, count)| count), model.get(&key));
        }
        table.iter_mut().for_each(|(_, count)| *count += 1);
        model.values_mut().for_each(|count| *count += 1);
        prop_assert_eq!(table.len(), model.len());
        for (key, count) in table.iter() {
            prop_assert_eq!(model.get(key), Some(count));
        }
    }
}

#[test]
fn a_box_holds_its_value() {
    /// A list, which needs boxes.
    struct List(u64, Option<ArenaBox<List>>);
    impl Evacuate for List {
        fn evacuate(&mut self, to: &Arena) {
            self.1.evacuate(to);
        }
    }
    let arena = Arena::new();
    let _turn = arena.enter();
    let mut list = List(0, None);
    for n in 1..100 {
        list = List(n, Some(ArenaBox::new_in(list, &arena)));
    }
    let fresh = arena.fresh();
    list.evacuate(&fresh);
    assert_eq!(arena.bytes().live, 0);
    let mut sum = 0;
    let mut next = Some(&list);
    while let Some(List(n, rest)) = next {
        sum += n;
        next = rest.as_deref();
    }
    assert_eq!(sum, 99 * 100 / 2);
    let mut boxed = ArenaBox::new_in(String::from("a"), &fresh);
    boxed.push('b');
    assert_eq!(
        (format!("{boxed} {boxed:?}"), boxed == boxed.clone()),
        ("ab \"ab\"".into(), true)
    );
    assert_eq!(boxed.into_inner(), "ab");
}

#[test]
#[should_panic(expected = "in the middle of a character")]
fn text_is_not_cut_within_a_character() {
    let arena = Arena::new();
    ArenaString::from_str_in("ä", &arena).truncate(1);
}
