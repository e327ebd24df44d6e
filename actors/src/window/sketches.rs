//! Aggregates that are exact enough in little memory: how many different values, and quantiles.
//!
//! The sketches come from crates: Cloudflare's `cardinality-estimator`, which is exact for a few values and needs eight bytes
//! for them, and `sketches-ddsketch`. Values are hashed as keys are, so that the results of all runs are the same.

use super::aggregate::Aggregate;
use crate::element::Key;
use cardinality_estimator::CardinalityEstimator;
use sketches_ddsketch::{Config, DDSketch};

/// How many different values there are, about. See [`distinct`].
#[derive(Clone, Copy, Debug)]
pub struct Distinct<F>(F);

/// How many different values `value_of` gives: HyperLogLog++ with 4,096 registers, a standard error of 1.6 %; exact for a
/// few values.
///
/// ```
/// use potoroo_actors::window::{Aggregate, distinct};
///
/// let visitors = distinct(|visitor: &u32| *visitor);
/// let mut partial = visitors.identity();
/// for visitor in [7, 8, 7, 9, 7] {
///     visitors.update(&mut partial, visitor);
/// }
/// assert_eq!(visitors.output(&partial), 3);
/// ```
pub fn distinct<T, V: Key, F: Fn(&T) -> V>(value_of: F) -> Distinct<F> {
    Distinct(value_of)
}

impl<T, V, F> Aggregate<T> for Distinct<F>
where
    V: Key,
    F: Fn(&T) -> V + Clone + Send + Sync + 'static,
{
    type Partial = CardinalityEstimator<u64>;
    type Output = u64;

    fn identity(&self) -> Self::Partial {
        CardinalityEstimator::new()
    }

    #[inline]
    fn update(&self, partial: &mut Self::Partial, record: T) {
        partial.insert_hash((self.0)(&record).hash64());
    }

    fn combine(&self, partial: &mut Self::Partial, later: &Self::Partial) {
        partial.merge(later);
    }

    fn output(&self, partial: &Self::Partial) -> u64 {
        partial.estimate() as u64
    }
}

/// Quantiles of a number of each record. See [`quantiles`].
#[derive(Clone, Debug)]
pub struct Quantiles<F> {
    ranks: Vec<f64>,
    number_of: F,
}

/// The values at `ranks`, each between 0 and 1, to within 1 % of the value; none of no records. The lowest values of a spread
/// of more than 2,048 steps of 2 % become one. What is not a finite number does not count.
///
/// ```
/// use potoroo_actors::window::{Aggregate, quantiles};
///
/// let halves = quantiles([0.5], |ms: &f64| *ms);
/// let mut partial = halves.identity();
/// for n in 0..=100 {
///     halves.update(&mut partial, f64::from(n));
/// }
/// assert!((halves.output(&partial)[0] - 50.0).abs() <= 0.5);
/// ```
///
/// # Panics
///
/// If a rank is not between 0 and 1.
pub fn quantiles<T, F: Fn(&T) -> f64>(ranks: impl Into<Vec<f64>>, number_of: F) -> Quantiles<F> {
    let ranks = ranks.into();
    let fits = ranks.iter().all(|rank| (0.0..=1.0).contains(rank));
    assert!(fits, "ranks are between 0 and 1: {ranks:?}");
    Quantiles { ranks, number_of }
}

impl<T, F> Aggregate<T> for Quantiles<F>
where
    F: Fn(&T) -> f64 + Clone + Send + Sync + 'static,
{
    type Partial = DDSketch;
    type Output = Vec<f64>;

    fn identity(&self) -> DDSketch {
        DDSketch::new(Config::defaults())
    }

    fn update(&self, partial: &mut DDSketch, record: T) {
        let number = (self.number_of)(&record);
        if number.is_finite() {
            partial.add(number);
        }
    }

    fn combine(&self, partial: &mut DDSketch, later: &DDSketch) {
        partial.merge(later).expect("all have the same settings");
    }

    fn output(&self, partial: &DDSketch) -> Vec<f64> {
        let at = |rank: &f64| partial.quantile(*rank).ok().flatten();
        self.ranks.iter().filter_map(at).collect()
    }
}
