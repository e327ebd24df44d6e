//! Aggregates that are ready to use, of numbers and values: counts, sums, means, extremes.

use super::aggregate::Aggregate;
use std::cmp::Ordering;
use std::ops::AddAssign;

/// How many records there are. See [`count`].
#[derive(Clone, Copy, Debug)]
pub struct Count;

/// How many records there are.
///
/// ```
/// use potoroo_actors::window::{Aggregate, count};
///
/// let mut partial = Aggregate::<&str>::identity(&count());
/// count().update(&mut partial, "one");
/// assert_eq!(Aggregate::<&str>::output(&count(), &partial), 1);
/// ```
pub fn count() -> Count {
    Count
}

impl<T> Aggregate<T> for Count {
    type Partial = u64;
    type Output = u64;

    fn identity(&self) -> u64 {
        0
    }

    #[inline]
    fn update(&self, partial: &mut u64, _: T) {
        *partial += 1;
    }

    fn combine(&self, partial: &mut u64, later: &u64) {
        *partial += later;
    }

    fn output(&self, partial: &u64) -> u64 {
        *partial
    }
}

/// The sum of a number of each record. See [`sum`].
#[derive(Clone, Copy, Debug)]
pub struct Sum<F>(F);

/// The sum of what `number_of` gives. Sums of floating-point numbers depend on the order of the records.
///
/// ```
/// use potoroo_actors::window::{Aggregate, sum};
///
/// let lengths = sum(|word: &&str| word.len());
/// let mut partial = lengths.identity();
/// lengths.update(&mut partial, "seven");
/// assert_eq!(lengths.output(&partial), 5);
/// ```
pub fn sum<T, N, F: Fn(&T) -> N>(number_of: F) -> Sum<F> {
    Sum(number_of)
}

impl<T, N, F> Aggregate<T> for Sum<F>
where
    N: AddAssign + Copy + Default + Send + 'static,
    F: Fn(&T) -> N + Clone + Send + Sync + 'static,
{
    type Partial = N;
    type Output = N;

    fn identity(&self) -> N {
        N::default()
    }

    #[inline]
    fn update(&self, partial: &mut N, record: T) {
        *partial += (self.0)(&record);
    }

    fn combine(&self, partial: &mut N, later: &N) {
        *partial += *later;
    }

    fn output(&self, partial: &N) -> N {
        *partial
    }
}

/// The mean of a number of each record. See [`mean`].
#[derive(Clone, Copy, Debug)]
pub struct Mean<F>(F);

/// The mean of what `number_of` gives; nothing of no records.
pub fn mean<T, F: Fn(&T) -> f64>(number_of: F) -> Mean<F> {
    Mean(number_of)
}

impl<T, F> Aggregate<T> for Mean<F>
where
    F: Fn(&T) -> f64 + Clone + Send + Sync + 'static,
{
    type Partial = (f64, u64);
    type Output = Option<f64>;

    fn identity(&self) -> (f64, u64) {
        (0.0, 0)
    }

    #[inline]
    fn update(&self, (sum, count): &mut (f64, u64), record: T) {
        *sum += (self.0)(&record);
        *count += 1;
    }

    fn combine(&self, (sum, count): &mut (f64, u64), later: &(f64, u64)) {
        *sum += later.0;
        *count += later.1;
    }

    fn output(&self, (sum, count): &(f64, u64)) -> Option<f64> {
        (*count > 0).then(|| sum / *count as f64)
    }
}

/// The record with the least or the greatest value. See [`min_by`] and [`max_by`].
#[derive(Clone, Copy, Debug)]
pub struct Extreme<F> {
    value_of: F,
    /// How the better one compares.
    better: Ordering,
}

/// The record with the greatest value, whole; of several the earliest.
///
/// ```
/// use potoroo_actors::window::{Aggregate, max_by};
///
/// let dearest = max_by(|bid: &(u64, &str)| bid.0);
/// let mut partial = dearest.identity();
/// for bid in [(3, "a"), (7, "b"), (7, "c")] {
///     dearest.update(&mut partial, bid);
/// }
/// assert_eq!(dearest.output(&partial), Some((7, "b")));
/// ```
pub fn max_by<T, V: Ord, F: Fn(&T) -> V>(value_of: F) -> Extreme<F> {
    Extreme {
        value_of,
        better: Ordering::Greater,
    }
}

/// The record with the least value, whole; of several the earliest.
pub fn min_by<T, V: Ord, F: Fn(&T) -> V>(value_of: F) -> Extreme<F> {
    Extreme {
        value_of,
        better: Ordering::Less,
    }
}

impl<T, V, F> Aggregate<T> for Extreme<F>
where
    T: Clone + Send + 'static,
    V: Ord,
    F: Fn(&T) -> V + Clone + Send + Sync + 'static,
{
    type Partial = Option<T>;
    type Output = Option<T>;

    fn identity(&self) -> Option<T> {
        None
    }

    #[inline]
    fn update(&self, partial: &mut Option<T>, record: T) {
        let value_of = &self.value_of;
        if partial
            .as_ref()
            .is_none_or(|best| value_of(&record).cmp(&value_of(best)) == self.better)
        {
            *partial = Some(record);
        }
    }

    fn combine(&self, partial: &mut Option<T>, later: &Option<T>) {
        let value_of = &self.value_of;
        if let Some(record) = later
            && partial
                .as_ref()
                .is_none_or(|best| value_of(record).cmp(&value_of(best)) == self.better)
        {
            *partial = Some(record.clone());
        }
    }

    fn output(&self, partial: &Option<T>) -> Option<T> {
        partial.clone()
    }
}

/// The least or the greatest value. See [`min`] and [`max`].
#[derive(Clone, Copy, Debug)]
pub struct ExtremeValue<F> {
    value_of: F,
    better: Ordering,
}

/// The greatest of the values; nothing of no records.
pub fn max<T, V: Ord, F: Fn(&T) -> V>(value_of: F) -> ExtremeValue<F> {
    ExtremeValue {
        value_of,
        better: Ordering::Greater,
    }
}

/// The least of the values; nothing of no records.
pub fn min<T, V: Ord, F: Fn(&T) -> V>(value_of: F) -> ExtremeValue<F> {
    ExtremeValue {
        value_of,
        better: Ordering::Less,
    }
}

impl<F> ExtremeValue<F> {
    #[inline]
    fn offer<V: Ord>(&self, partial: &mut Option<V>, value: V) {
        if partial.as_ref().is_none_or(|best| value.cmp(best) == self.better) {
            *partial = Some(value);
        }
    }
}

impl<T, V, F> Aggregate<T> for ExtremeValue<F>
where
    V: Ord + Clone + Send + 'static,
    F: Fn(&T) -> V + Clone + Send + Sync + 'static,
{
    type Partial = Option<V>;
    type Output = Option<V>;

    fn identity(&self) -> Option<V> {
        None
    }

    #[inline]
    fn update(&self, partial: &mut Option<V>, record: T) {
        self.offer(partial, (self.value_of)(&record));
    }

    fn combine(&self, partial: &mut Option<V>, later: &Option<V>) {
        if let Some(value) = later {
            self.offer(partial, value.clone());
        }
    }

    fn output(&self, partial: &Option<V>) -> Option<V> {
        partial.clone()
    }
}
