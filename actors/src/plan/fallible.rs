//! Stateless steps that may fail, and what becomes of the records that do.

use super::branch::Branch;
use super::stream::Stream;
use crate::exchange::Downstream;
use crate::job::{Deploy, OnError, Show};
use crate::operator::{Attempting, TryTo};
use potoroo_runtime::{Fault, Turn};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A fused step that may fail.
pub struct TryBranch<B, F, T, U> {
    before: B,
    f: F,
    name: String,
    on_error: OnError,
    show: Show<T>,
    gives: PhantomData<fn() -> U>,
}

impl<B, F, T, U> fmt::Debug for TryBranch<B, F, T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryBranch")
            .field("name", &self.name)
            .field("on_error", &self.on_error)
            .finish_non_exhaustive()
    }
}

impl<T, U, B, F> Branch<U> for TryBranch<B, F, T, U>
where
    T: Send + 'static,
    U: Send + 'static,
    B: Branch<T>,
    F: Fn(T, &mut Vec<U>) -> Turn + Clone + Send + Sync + 'static,
{
    fn attach<D: Downstream<U>>(self, down: &D, deploy: &mut Deploy<'_, '_>) {
        let attempting = Attempting::new(&self.name, self.on_error, self.show, deploy);
        let step = TryTo {
            f: self.f,
            attempting: Arc::new(attempting),
            next: down.clone(),
            types: PhantomData,
        };
        self.before.attach(&step, deploy);
    }
}

impl<T, U, B, F> Stream<U, TryBranch<B, F, T, U>> {
    /// What becomes of a record that the step before cannot handle: of its error, and of its panic. Default: the job stops. A
    /// failed record gives nothing.
    ///
    /// ```
    /// use potoroo_actors::runtime::System;
    /// use potoroo_actors::{OnError, Pipeline, sink, source};
    ///
    /// let system = System::new()?;
    /// let pipeline = Pipeline::new();
    /// pipeline
    ///     .source("texts", source::generate(1, |_| ["1", "two", "3"].into_iter()))
    ///     .try_map("numbers", |text: &str| text.parse::<u32>())
    ///     .on_error(OnError::Skip)
    ///     .sink("out", sink::each(|n| assert!(n == 1 || n == 3)));
    /// let mut job = pipeline.start(&system);
    /// while job.wait_for(std::time::Duration::from_secs(1)).is_none() {}
    /// assert_eq!(job.status().stage("numbers").map(|stage| stage.records_failed), Some(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.branch.on_error = on_error;
        self
    }

    /// How dead letters of the step show a record. Called before the step, which takes the record; with other policies than
    /// [`OnError::DeadLetters`] it is not called.
    pub fn record_text(mut self, show: impl Fn(&T) -> String + Send + Sync + 'static) -> Self {
        self.branch.show = Some(Arc::new(show));
        self
    }
}

impl<T: Send + 'static, B: Branch<T>> Stream<T, B> {
    fn attempt<U, F>(self, step: &'static str, name: String, f: F) -> Stream<U, TryBranch<B, F, T, U>> {
        self.then(step, |before| TryBranch {
            before,
            f,
            name,
            on_error: OnError::Stop,
            show: None,
            gives: PhantomData,
        })
    }

    /// Each record becomes another, or fails; see [`on_error`](Stream::on_error). The name appears in the job's status, in
    /// errors and in dead letters.
    pub fn try_map<U, E, F>(
        self,
        name: impl Into<String>,
        f: F,
    ) -> Stream<U, TryBranch<B, impl Fn(T, &mut Vec<U>) -> Turn + Clone + Send + Sync + 'static, T, U>>
    where
        F: Fn(T) -> Result<U, E> + Clone + Send + Sync + 'static,
        U: Send + 'static,
        E: Into<Fault>,
    {
        self.attempt("try_map", name.into(), move |record, given: &mut Vec<U>| {
            given.push(f(record).map_err(Into::into)?);
            Ok(())
        })
    }

    /// Each record becomes another or nothing, or fails; see [`try_map`](Self::try_map).
    pub fn try_filter_map<U, E, F>(
        self,
        name: impl Into<String>,
        f: F,
    ) -> Stream<U, TryBranch<B, impl Fn(T, &mut Vec<U>) -> Turn + Clone + Send + Sync + 'static, T, U>>
    where
        F: Fn(T) -> Result<Option<U>, E> + Clone + Send + Sync + 'static,
        U: Send + 'static,
        E: Into<Fault>,
    {
        self.attempt("try_filter_map", name.into(), move |record, given: &mut Vec<U>| {
            given.extend(f(record).map_err(Into::into)?);
            Ok(())
        })
    }

    /// Each record becomes any number of records: `f` calls its second argument with each. Or it fails, and then gives none
    /// of them; see [`try_map`](Self::try_map).
    pub fn try_flat_map<U, E, F>(
        self,
        name: impl Into<String>,
        f: F,
    ) -> Stream<U, TryBranch<B, impl Fn(T, &mut Vec<U>) -> Turn + Clone + Send + Sync + 'static, T, U>>
    where
        F: Fn(T, &mut dyn FnMut(U)) -> Result<(), E> + Clone + Send + Sync + 'static,
        U: Send + 'static,
        E: Into<Fault>,
    {
        self.attempt("try_flat_map", name.into(), move |record, given: &mut Vec<U>| {
            f(record, &mut |out| given.push(out)).map_err(Into::into)
        })
    }
}
