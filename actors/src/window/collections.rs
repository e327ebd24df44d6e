//! Aggregates that are ready to use, of whole records: the best few, all of them, folds.

use super::aggregate::Aggregate;

/// The records with the greatest values. See [`top`].
#[derive(Clone, Copy, Debug)]
pub struct Top<F> {
    count: usize,
    value_of: F,
}

/// The `count` records with the greatest values, the greatest first; of equal ones the earliest.
///
/// ```
/// use potoroo_actors::window::{Aggregate, top};
///
/// let best = top(2, |n: &u32| *n);
/// let mut partial = best.identity();
/// for n in [3, 9, 4, 9] {
///     best.update(&mut partial, n);
/// }
/// assert_eq!(best.output(&partial), [9, 9]);
/// ```
pub fn top<T, V: Ord, F: Fn(&T) -> V>(count: usize, value_of: F) -> Top<F> {
    Top { count, value_of }
}

impl<F> Top<F> {
    fn offer<T, V: Ord>(&self, best: &mut Vec<T>, record: T)
    where
        F: Fn(&T) -> V,
    {
        let value = (self.value_of)(&record);
        let at = best.partition_point(|other| (self.value_of)(other) >= value);
        if at < self.count {
            if best.len() == self.count {
                best.pop();
            }
            best.insert(at, record);
        }
    }
}

impl<T, V, F> Aggregate<T> for Top<F>
where
    T: Clone + Send + 'static,
    V: Ord,
    F: Fn(&T) -> V + Clone + Send + Sync + 'static,
{
    type Partial = Vec<T>;
    type Output = Vec<T>;

    fn identity(&self) -> Vec<T> {
        Vec::new()
    }

    fn update(&self, best: &mut Vec<T>, record: T) {
        self.offer(best, record);
    }

    fn combine(&self, best: &mut Vec<T>, later: &Vec<T>) {
        for record in later {
            self.offer(best, record.clone());
        }
    }

    fn output(&self, best: &Vec<T>) -> Vec<T> {
        best.clone()
    }
}

/// All records, in the order in which they came. See [`records`].
#[derive(Clone, Copy, Debug)]
pub struct Records;

/// All records, in the order in which they came; sessions and panes one after the other. For windows that are known to be
/// small.
pub fn records() -> Records {
    Records
}

impl<T: Clone + Send + 'static> Aggregate<T> for Records {
    type Partial = Vec<T>;
    type Output = Vec<T>;

    fn identity(&self) -> Vec<T> {
        Vec::new()
    }

    fn update(&self, all: &mut Vec<T>, record: T) {
        all.push(record);
    }

    fn combine(&self, all: &mut Vec<T>, later: &Vec<T>) {
        all.extend_from_slice(later);
    }

    fn output(&self, all: &Vec<T>) -> Vec<T> {
        all.clone()
    }
}

/// An aggregate of three functions. See [`fold`].
#[derive(Clone, Copy, Debug)]
pub struct Fold<P, U, C> {
    identity: P,
    update: U,
    combine: C,
}

/// An aggregate that is given as it is kept.
///
/// ```
/// use potoroo_actors::window::{Aggregate, fold};
///
/// let all_even = fold(true, |even: &mut bool, n: u32| *even &= n % 2 == 0, |even, later| *even &= later);
/// let mut partial = all_even.identity();
/// all_even.update(&mut partial, 7);
/// assert!(!all_even.output(&partial));
/// ```
pub fn fold<T, P, U, C>(identity: P, update: U, combine: C) -> Fold<P, U, C>
where
    U: Fn(&mut P, T),
    C: Fn(&mut P, &P),
{
    Fold {
        identity,
        update,
        combine,
    }
}

impl<T, P, U, C> Aggregate<T> for Fold<P, U, C>
where
    P: Clone + Send + Sync + 'static,
    U: Fn(&mut P, T) + Clone + Send + Sync + 'static,
    C: Fn(&mut P, &P) + Clone + Send + Sync + 'static,
{
    type Partial = P;
    type Output = P;

    fn identity(&self) -> P {
        self.identity.clone()
    }

    #[inline]
    fn update(&self, partial: &mut P, record: T) {
        (self.update)(partial, record);
    }

    fn combine(&self, partial: &mut P, later: &P) {
        (self.combine)(partial, later);
    }

    fn output(&self, partial: &P) -> P {
        partial.clone()
    }
}
