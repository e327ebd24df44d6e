//! The checklist of the folder's README, line by line: each test is named there.

mod collections;
mod counts;
mod evacuation;
mod parcels;
mod pools;
mod turns;

/// The tests named in the README's checklist are there.
#[test]
fn the_checklist_names_tests_that_exist() {
    let sources = [
        ("collections", include_str!("collections.rs")),
        ("counts", include_str!("counts.rs")),
        ("evacuation", include_str!("evacuation.rs")),
        ("parcels", include_str!("parcels.rs")),
        ("pools", include_str!("pools.rs")),
        ("turns", include_str!("turns.rs")),
        ("scratch", include_str!("../scratch.rs")),
        ("memory", include_str!("../../../tests/runtime/memory.rs")),
        ("limits", include_str!("../../../tests/runtime/limits.rs")),
        ("life", include_str!("../../../tests/runtime/life.rs")),
        ("teardown", include_str!("../../../tests/teardown.rs")),
        ("model", include_str!("../../../../loom-tests/tests/arena.rs")),
    ];
    let rows = include_str!("../README.md")
        .lines()
        .filter(|line| line.starts_with("| "));
    let mut named = 0;
    for (module, test) in rows
        .flat_map(|row| row.split('`').skip(1).step_by(2))
        .filter_map(|word| word.split_once("::"))
    {
        let Some((_, source)) = sources.iter().find(|(name, _)| *name == module) else {
            assert_eq!(module, "bumpalo", "`{module}` is no module of tests");
            continue;
        };
        named += 1;
        assert!(
            source.contains(&format!("fn {test}(")),
            "`{module}::{test}` does not exist"
        );
    }
    assert!(named >= 35, "only {named} were found");
}
