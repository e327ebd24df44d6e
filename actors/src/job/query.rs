//! Asking a running job for the state of a key.
//!
//! A stage that may be asked has a tag, which names it and says of what types its keys and answers are. A question goes through
//! the job actor, which knows when everything stands, to the partition that owns the key, and is answered there between
//! two turns: so an answer is one whole state, as some record left it, and no question waits for a lock or holds one. It
//! lacks answers about several keys at one instant, and questions about a job that has ended.

use super::JobMsg;
use super::deploy::JobActor;
use potoroo_runtime::{ActorRef, Ask, AskError, Reply};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

/// Names what may be asked of a stage, and says of what types its keys and answers are.
///
/// ```
/// use potoroo_actors::QueryTag;
///
/// static TOTALS: QueryTag<u32, u64> = QueryTag::new("totals");
/// assert_eq!(TOTALS.name(), "totals");
/// ```
pub struct QueryTag<K, V> {
    name: &'static str,
    json: Option<Json<K, V>>,
    types: PhantomData<fn(K) -> V>,
}

/// How keys are read and answers written, for those who ask from outside of the program.
struct Json<K, V> {
    key: fn(&str) -> Result<K, String>,
    answer: fn(&V) -> Result<String, String>,
}

fn key_of<K: DeserializeOwned>(text: &str) -> Result<K, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn text_of<V: Serialize>(answer: &V) -> Result<String, String> {
    serde_json::to_string(answer).map_err(|error| error.to_string())
}

impl<K, V> QueryTag<K, V> {
    /// A tag; the name tells it from the pipeline's other ones.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            json: None,
            types: PhantomData,
        }
    }

    /// A tag that may also be asked for as text, key and answer as JSON: see [`Queries::ask_json`].
    pub const fn json(name: &'static str) -> Self
    where
        K: DeserializeOwned,
        V: Serialize,
    {
        Self {
            name,
            json: Some(Json {
                key: key_of::<K>,
                answer: text_of::<V>,
            }),
            types: PhantomData,
        }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<K, V> Clone for QueryTag<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for QueryTag<K, V> {}

impl<K, V> Clone for Json<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Json<K, V> {}

impl<K, V> fmt::Debug for QueryTag<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let types = std::any::type_name::<fn(K) -> V>();
        write!(f, "QueryTag<{types}>({:?})", self.name)
    }
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// There is no such tag, nor such a stage.
    #[error("nothing is called '{name}' here; what can be asked for: {}", list(offered))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What could have been.
        offered: Vec<&'static str>,
    },
    /// There is such a stage, and none of its state may be asked for.
    #[error("stage '{stage}' cannot be asked: it was not made `queryable`")]
    NotQueryable {
        /// The stage.
        stage: String,
    },
    /// The tag of this name has keys or answers of other types, or none that can be written as text.
    #[error("'{name}' has other types: {types}")]
    WrongType {
        /// The tag.
        name: &'static str,
        /// What its keys and answers are.
        types: &'static str,
    },
    /// The key cannot be read.
    #[error("this is no key of '{name}': {reason}")]
    Key {
        /// The tag.
        name: &'static str,
        /// Why.
        reason: String,
    },
    /// What makes an answer of the state has panicked, or the answer cannot be written. The job goes on.
    #[error("'{name}' cannot be answered: {reason}")]
    Failed {
        /// The tag.
        name: &'static str,
        /// Why.
        reason: String,
    },
    /// The job has ended, or the stage has, which has nothing more to come.
    #[error("the job, or this stage of it, has ended")]
    Ended,
    /// The answer has not come in time.
    #[error("no answer in time")]
    TimedOut,
}

fn list(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    }
}

impl From<AskError> for QueryError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::TimedOut => Self::TimedOut,
            _ => Self::Ended,
        }
    }
}

/// What comes back of a question.
type Answered<V> = Result<Option<V>, QueryError>;

/// Brings a key to its partition, which shows its state.
pub(crate) type Shower<K, St> = Arc<dyn Fn(K, Box<dyn FnOnce(Option<&St>) + Send>) + Send + Sync>;

type Asker<K, V> = Arc<dyn Fn(K, Reply<Answered<V>>) + Send + Sync>;

type TextAsker = Box<dyn Fn(&str, Reply<Answered<String>>) + Send + Sync>;

/// What one stage offers.
struct Offer {
    name: &'static str,
    types: &'static str,
    /// An [`Asker`].
    ask: Box<dyn Any + Send + Sync>,
    ask_text: Option<TextAsker>,
}

/// What all stages of a job offer.
#[derive(Clone, Default)]
pub(crate) struct Offers(Arc<Mutex<Vec<Offer>>>);

impl Offers {
    /// A stage may be asked: `show` brings a key to its partition, `view` makes the answer there.
    pub(crate) fn add<K, St, V, F>(&self, tag: QueryTag<K, V>, view: &F, show: &Shower<K, St>)
    where
        K: Send + 'static,
        St: 'static,
        V: Send + 'static,
        F: Fn(&St) -> V + Clone + Send + Sync + 'static,
    {
        let ask: Asker<K, V> = {
            let (show, view) = (show.clone(), view.clone());
            Arc::new(move |key, reply| {
                let view = view.clone();
                show(
                    key,
                    Box::new(move |state| reply.send(contained_view(tag.name, &view, state))),
                );
            })
        };
        let ask_text = tag.json.map(|json| -> TextAsker {
            let (show, view) = (show.clone(), view.clone());
            Box::new(move |key, reply| {
                let key = match (json.key)(key) {
                    Ok(key) => key,
                    Err(reason) => return reply.send(Err(QueryError::Key { name: tag.name, reason })),
                };
                let view = view.clone();
                let write = move |answer: V| {
                    (json.answer)(&answer).map_err(|reason| QueryError::Failed { name: tag.name, reason })
                };
                show(
                    key,
                    Box::new(move |state| {
                        let answer = contained_view(tag.name, &view, state);
                        reply.send(answer.and_then(|answer| answer.map(write).transpose()));
                    }),
                );
            })
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Offer {
            name: tag.name,
            types: std::any::type_name::<fn(K) -> V>(),
            ask: Box::new(ask),
            ask_text,
        });
    }

    fn names(&self) -> Vec<&'static str> {
        let offers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        offers.iter().map(|offer| offer.name).collect()
    }

    /// Calls `f` with the offer of this name; gives why there is none.
    fn find<R>(&self, name: &str, is_stage: bool, f: impl FnOnce(&Offer) -> R) -> Result<R, QueryError> {
        let offers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(offer) = offers.iter().find(|offer| offer.name == name) {
            return Ok(f(offer));
        }
        drop(offers);
        let name = name.to_owned();
        Err(if is_stage {
            QueryError::NotQueryable { stage: name }
        } else {
            let offered = self.names();
            QueryError::Unknown { name, offered }
        })
    }
}

/// A question never harms the job: what panics over it fails it alone.
fn contained_view<St, V>(name: &'static str, view: &impl Fn(&St) -> V, state: Option<&St>) -> Answered<V> {
    let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| state.map(view)));
    answer.map_err(|payload| QueryError::Failed {
        name,
        reason: format!("panic: {}", super::panic_text(&*payload)),
    })
}

/// A question that waits for the job actor's turn.
pub(crate) type Question = Box<dyn FnOnce(&Offers, &dyn Fn(&str) -> bool) + Send>;

/// Where to ask for the states of a job. Cheap to clone, and does not keep the job from ending.
#[derive(Clone)]
pub struct Queries {
    job: ActorRef<JobActor>,
}

impl Queries {
    pub(crate) fn new(job: ActorRef<JobActor>) -> Self {
        Self { job }
    }

    /// Asks for the state of a key; `None` comes back if it has none. To be waited for by a thread, or awaited.
    pub fn ask<K, V>(&self, tag: &QueryTag<K, V>, key: K) -> Query<V>
    where
        K: Send + 'static,
        V: Send + 'static,
    {
        let name = tag.name;
        self.put(move |offers, is_stage, reply| {
            let asker = offers.find(name, is_stage(name), |offer| {
                let asker = offer.ask.downcast_ref::<Asker<K, V>>().cloned();
                asker.ok_or(QueryError::WrongType {
                    name: offer.name,
                    types: offer.types,
                })
            });
            match asker.and_then(|asker| asker) {
                Ok(ask) => ask(key, reply),
                Err(error) => reply.send(Err(error)),
            }
        })
    }

    /// Asks for the state of a key by text: the name of a tag that was made with [`QueryTag::json`], and a key as JSON. What
    /// comes back is JSON.
    pub fn ask_json(&self, name: &str, key: &str) -> Query<String> {
        let (name, key) = (name.to_owned(), key.to_owned());
        self.put(move |offers, is_stage, reply| {
            // The reply goes with the question, or says why there is none.
            let mut reply = Some(reply);
            let found = offers.find(&name, is_stage(&name), |offer| match (&offer.ask_text, reply.take()) {
                (Some(ask), Some(reply)) => ask(&key, reply),
                (_, unused) => {
                    if let Some(reply) = unused {
                        reply.send(Err(QueryError::WrongType {
                            name: offer.name,
                            types: offer.types,
                        }));
                    }
                }
            });
            if let (Err(error), Some(reply)) = (found, reply) {
                reply.send(Err(error));
            }
        })
    }

    fn put<V: Send + 'static>(
        &self,
        question: impl FnOnce(&Offers, &dyn Fn(&str) -> bool, Reply<Answered<V>>) + Send + 'static,
    ) -> Query<V> {
        Query(
            self.job
                .ask(|reply| JobMsg::Query(Box::new(move |offers, is_stage| question(offers, is_stage, reply)))),
        )
    }
}

impl fmt::Debug for Queries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queries").finish_non_exhaustive()
    }
}

/// A question under way: a future, and something that threads can wait for.
#[must_use = "a question that nobody waits for is not worth asking"]
pub struct Query<V: Send + 'static>(Ask<Answered<V>>);

impl<V: Send + 'static> Query<V> {
    /// Waits for at most `at_most` instead of the system's time-out for asks.
    pub fn within(self, at_most: Duration) -> Self {
        Self(self.0.within(at_most))
    }

    /// Blocks the calling thread until the answer comes.
    ///
    /// # Panics
    ///
    /// On a worker: an actor runs the query as a future instead, with [`Context::run`](potoroo_runtime::Context::run).
    pub fn wait(self) -> Result<Option<V>, QueryError> {
        self.0.wait()?
    }
}

impl<V: Send + 'static> Future for Query<V> {
    type Output = Result<Option<V>, QueryError>;

    fn poll(mut self: Pin<&mut Self>, task: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(task).map(|answer| answer?)
    }
}

impl<V: Send + 'static> fmt::Debug for Query<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Query")
    }
}
