//! The forms of a join: whether a record that meets nobody gives a result, and the function that makes results.

use std::marker::PhantomData;

/// Makes results of pairs: each record may be in several.
pub(crate) trait Pairing<L, R>: Clone + Send + Sync + 'static {
    /// The result.
    type Out: Send + 'static;
    /// Whether a left record that meets nobody gives a result.
    const LEFT: bool;
    /// Whether a right record that meets nobody gives a result.
    const RIGHT: bool;

    /// Of two that meet.
    fn both(&self, left: &L, right: &R) -> Self::Out;

    /// Of a left record that meets nobody.
    fn left(&self, left: &L) -> Option<Self::Out>;

    /// Of a right record that meets nobody.
    fn right(&self, right: &R) -> Option<Self::Out>;
}

/// Makes results of records, each of which finds one value or none.
pub(crate) trait Lookup<L, R>: Clone + Send + Sync + 'static {
    /// The result.
    type Out: Send + 'static;

    /// It has found one.
    fn found(&self, left: L, right: &R) -> Self::Out;

    /// It has found none. Gives the record back if that gives no result.
    fn missed(&self, left: L) -> Result<Self::Out, L>;
}

/// Declares a form: a function, and the type that it gives.
macro_rules! form {
    ($(#[$doc:meta])* $Form:ident) => {
        $(#[$doc])*
        pub(crate) struct $Form<F, O> {
            f: F,
            out: PhantomData<fn() -> O>,
        }

        impl<F, O> $Form<F, O> {
            pub(crate) fn new(f: F) -> Self {
                Self { f, out: PhantomData }
            }
        }

        impl<F: Clone, O> Clone for $Form<F, O> {
            fn clone(&self) -> Self {
                Self::new(self.f.clone())
            }
        }
    };
}

form!(
    /// Only what meets gives results.
    Inner
);
form!(
    /// Left records that meet nobody give results by themselves.
    LeftOuter
);
form!(
    /// All records that meet nobody give results by themselves.
    FullOuter
);

impl<L, R, O, F> Pairing<L, R> for Inner<F, O>
where
    O: Send + 'static,
    F: Fn(&L, &R) -> O + Clone + Send + Sync + 'static,
{
    type Out = O;
    const LEFT: bool = false;
    const RIGHT: bool = false;

    fn both(&self, left: &L, right: &R) -> O {
        (self.f)(left, right)
    }

    fn left(&self, _: &L) -> Option<O> {
        None
    }

    fn right(&self, _: &R) -> Option<O> {
        None
    }
}

impl<L, R, O, F> Pairing<L, R> for LeftOuter<F, O>
where
    O: Send + 'static,
    F: Fn(&L, Option<&R>) -> O + Clone + Send + Sync + 'static,
{
    type Out = O;
    const LEFT: bool = true;
    const RIGHT: bool = false;

    fn both(&self, left: &L, right: &R) -> O {
        (self.f)(left, Some(right))
    }

    fn left(&self, left: &L) -> Option<O> {
        Some((self.f)(left, None))
    }

    fn right(&self, _: &R) -> Option<O> {
        None
    }
}

impl<L, R, O, F> Pairing<L, R> for FullOuter<F, O>
where
    O: Send + 'static,
    F: Fn(Option<&L>, Option<&R>) -> O + Clone + Send + Sync + 'static,
{
    type Out = O;
    const LEFT: bool = true;
    const RIGHT: bool = true;

    fn both(&self, left: &L, right: &R) -> O {
        (self.f)(Some(left), Some(right))
    }

    fn left(&self, left: &L) -> Option<O> {
        Some((self.f)(Some(left), None))
    }

    fn right(&self, right: &R) -> Option<O> {
        Some((self.f)(None, Some(right)))
    }
}

impl<L, R, O, F> Lookup<L, R> for Inner<F, O>
where
    O: Send + 'static,
    F: Fn(L, &R) -> O + Clone + Send + Sync + 'static,
{
    type Out = O;

    fn found(&self, left: L, right: &R) -> O {
        (self.f)(left, right)
    }

    fn missed(&self, left: L) -> Result<O, L> {
        Err(left)
    }
}

impl<L, R, O, F> Lookup<L, R> for LeftOuter<F, O>
where
    O: Send + 'static,
    F: Fn(L, Option<&R>) -> O + Clone + Send + Sync + 'static,
{
    type Out = O;

    fn found(&self, left: L, right: &R) -> O {
        (self.f)(left, Some(right))
    }

    fn missed(&self, left: L) -> Result<O, L> {
        Ok((self.f)(left, None))
    }
}
