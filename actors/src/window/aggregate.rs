//! What is kept of the records of a window: four functions, as in Wallaroo.
//!
//! A partial result starts at the identity, takes records in, and can be combined with others: so a sliding window is put
//! together from panes, and sessions that meet become one. `combine` is associative with the identity as its neutral element,
//! and gets the earlier part first; it need not be invertible, nor commutative where records come in order.

/// An aggregate of records of type `T`.
///
/// ```
/// use potoroo_actors::window::Aggregate;
///
/// /// The longest word.
/// #[derive(Clone)]
/// struct Longest;
///
/// impl Aggregate<String> for Longest {
///     type Partial = String;
///     type Output = String;
///
///     fn identity(&self) -> String {
///         String::new()
///     }
///
///     fn update(&self, partial: &mut String, word: String) {
///         if word.len() > partial.len() {
///             *partial = word;
///         }
///     }
///
///     fn combine(&self, partial: &mut String, later: &String) {
///         self.update(partial, later.clone());
///     }
///
///     fn output(&self, partial: &String) -> String {
///         partial.clone()
///     }
/// }
/// ```
pub trait Aggregate<T>: Clone + Send + Sync + 'static {
    /// What is kept.
    type Partial: Send + 'static;
    /// What is given.
    type Output: Send + 'static;

    /// Of no records.
    fn identity(&self) -> Self::Partial;

    /// Takes one record in.
    fn update(&self, partial: &mut Self::Partial, record: T);

    /// Takes in what was kept of later records.
    fn combine(&self, partial: &mut Self::Partial, later: &Self::Partial);

    /// What is given of what is kept.
    fn output(&self, partial: &Self::Partial) -> Self::Output;
}

/// Two aggregates of the same records.
impl<T: Clone, A: Aggregate<T>, B: Aggregate<T>> Aggregate<T> for (A, B) {
    type Partial = (A::Partial, B::Partial);
    type Output = (A::Output, B::Output);

    fn identity(&self) -> Self::Partial {
        (self.0.identity(), self.1.identity())
    }

    #[inline]
    fn update(&self, partial: &mut Self::Partial, record: T) {
        self.0.update(&mut partial.0, record.clone());
        self.1.update(&mut partial.1, record);
    }

    fn combine(&self, partial: &mut Self::Partial, later: &Self::Partial) {
        self.0.combine(&mut partial.0, &later.0);
        self.1.combine(&mut partial.1, &later.1);
    }

    fn output(&self, partial: &Self::Partial) -> Self::Output {
        (self.0.output(&partial.0), self.1.output(&partial.1))
    }
}
