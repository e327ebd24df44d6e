//! Aggregates of parts, combined, are those of the whole; and those of the whole are what a loop gives.

use super::*;
use proptest::prelude::*;

/// The output of the whole, taken in at once, and of parts that were combined.
fn both<T: Clone, A: Aggregate<T>>(aggregate: &A, all: &[T], cut: usize) -> (A::Output, A::Output) {
    let whole = |records: &[T]| {
        let mut partial = aggregate.identity();
        records
            .iter()
            .cloned()
            .for_each(|record| aggregate.update(&mut partial, record));
        partial
    };
    let (first, second) = all.split_at(cut.min(all.len()));
    let mut combined = aggregate.identity();
    for part in [whole(first), aggregate.identity(), whole(second)] {
        aggregate.combine(&mut combined, &part);
    }
    (aggregate.output(&whole(all)), aggregate.output(&combined))
}

/// A record: a small value, so that there are equal ones, and which it is.
type Record = (u32, usize);

proptest! {
    #[test]
    fn aggregates_are_those_of_a_loop(values in proptest::collection::vec(0_u32..50, 0..200), cut in 0_usize..200) {
        let all: Vec<Record> = values.iter().copied().zip(0..).collect();
        let value = |record: &Record| record.0;
        let count_of = values.len() as u64;
        prop_assert_eq!(both(&count(), &all, cut), (count_of, count_of));
        let total: u64 = values.iter().map(|n| u64::from(*n)).sum();
        prop_assert_eq!(both(&sum(|record: &Record| u64::from(record.0)), &all, cut), (total, total));
        let (least, greatest) = (values.iter().min().copied(), values.iter().max().copied());
        prop_assert_eq!(both(&min(value), &all, cut), (least, least));
        prop_assert_eq!(both(&max(value), &all, cut), (greatest, greatest));
        let first = |wanted: Option<u32>| all.iter().find(|record| Some(record.0) == wanted).copied();
        prop_assert_eq!(both(&min_by(value), &all, cut), (first(least), first(least)));
        prop_assert_eq!(both(&max_by(value), &all, cut), (first(greatest), first(greatest)));
        let mean_of = (count_of > 0).then(|| total as f64 / count_of as f64);
        prop_assert_eq!(both(&mean(|record: &Record| f64::from(record.0)), &all, cut), (mean_of, mean_of));
        let mut best = all.clone();
        best.sort_by_key(|record| std::cmp::Reverse(record.0));
        best.truncate(5);
        prop_assert_eq!(both(&top(5, value), &all, cut), (best.clone(), best));
        prop_assert_eq!(both(&records(), &all, cut), (all.clone(), all.clone()));
        let two = (count(), max(value));
        prop_assert_eq!(both(&two, &all, cut), ((count_of, greatest), (count_of, greatest)));
    }

    #[test]
    fn sketches_are_near_enough(values in proptest::collection::vec(1_u32..100_000, 1..3000), cut in 0_usize..3000) {
        let different = values.iter().collect::<std::collections::BTreeSet<_>>().len() as f64;
        let (whole, combined) = both(&distinct(|n: &u32| *n), &values, cut);
        for estimate in [whole, combined] {
            prop_assert!((estimate as f64 - different).abs() <= 0.1 * different, "{estimate} of {different}");
        }
        let mut sorted = values.clone();
        sorted.sort_unstable();
        let (whole, combined) = both(&quantiles([0.0, 0.5, 1.0], |n: &u32| f64::from(*n)), &values, cut);
        prop_assert_eq!(&whole, &combined);
        for (rank, found) in [0.0, 0.5, 1.0].into_iter().zip(whole) {
            let place = rank * (sorted.len() - 1) as f64;
            let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
            prop_assert!(found >= 0.98 * f64::from(low) && found <= 1.02 * f64::from(high), "{found} at {rank}");
        }
    }
}
