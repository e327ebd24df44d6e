//! Trees in the making: who is supervised, and by what rules.
//!
//! The cells of all children are made here and started later, in order: so references are good at once, and what is told
//! before the start waits.

use super::backoff::Backoff;
use super::pool::Pool;
use super::roster::{Restart, Roster, Strategy};
use super::supervisor::{Supervisor, Tree, unlaunched};
use super::window::Window;
use crate::actor::{Actor, ActorRef, Context, Fault, Unlaunched};
use crate::scheduler::header::CellRef;
use crate::sync::{Arc, Mutex, lock};
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// How many restarts are allowed in [`PERIOD`], unless said otherwise.
const INTENSITY: usize = 3;

/// In which time.
const PERIOD: Duration = Duration::from_secs(5);

/// How long a child may take to stop, unless said otherwise.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// The rules of one supervisor. A [`Strategy`] alone is enough: with it 3 restarts are allowed within 5 s, they happen at
/// once, and a child that is stopped has 5 s for that.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    strategy: Strategy,
    intensity: usize,
    period: Duration,
    backoff: Backoff,
    stop_within: Duration,
}

impl From<Strategy> for Settings {
    fn from(strategy: Strategy) -> Self {
        Self {
            strategy,
            intensity: INTENSITY,
            period: PERIOD,
            backoff: Backoff::NONE,
            stop_within: STOP_WITHIN,
        }
    }
}

impl Settings {
    /// Allows `restarts` within any `period`. With one more the supervisor gives up: it ends with
    /// [`ExitReason::RestartLimit`](crate::ExitReason::RestartLimit), and whoever supervises it decides.
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Self {
        (self.intensity, self.period) = (restarts, period);
        self
    }

    /// Waits before a restart, from the first time on: `delays.start`, then each time twice as long, but no longer than
    /// `delays.end`; see [`Backoff`]. A child that has been up for the longer of that and the intensity's period begins
    /// again with the shortest.
    ///
    /// # Panics
    ///
    /// If the range is empty.
    pub fn backoff(mut self, delays: Range<Duration>) -> Self {
        self.backoff = Backoff::new(delays.start, delays.end);
        self
    }

    /// How long a child may take to stop when it is stopped because of another, or because somebody
    /// [asked](crate::SupervisorMsg::terminate_child) for it: 5 s without a word, and `Duration::MAX` is for ever. After
    /// that the supervisor goes on without it, and
    /// [`SystemBuilder::on_failure`](crate::SystemBuilder::on_failure) hears of it as [`ExitReason::LeftOver`]. A handler is
    /// not interrupted: when it has returned, the child ends and comes back to its supervisor. When the supervisor itself
    /// ends, it waits for all its children, however long that takes.
    ///
    /// [`SupervisorBuilder::stop_within`] says otherwise of one child.
    ///
    /// [`ExitReason::LeftOver`]: crate::ExitReason::LeftOver
    pub fn stop_within(mut self, at_most: Duration) -> Self {
        self.stop_within = at_most;
        self
    }

    fn tree(&self) -> Tree {
        let window = Window::new(self.intensity, self.period);
        Tree::new(Roster::new(self.strategy), window, self.backoff, self.stop_within)
    }
}

impl Strategy {
    /// The strategy with [`Settings::intensity`].
    pub fn intensity(self, restarts: usize, period: Duration) -> Settings {
        Settings::from(self).intensity(restarts, period)
    }

    /// The strategy with [`Settings::backoff`].
    pub fn backoff(self, delays: Range<Duration>) -> Settings {
        Settings::from(self).backoff(delays)
    }

    /// The strategy with [`Settings::stop_within`].
    pub fn stop_within(self, at_most: Duration) -> Settings {
        Settings::from(self).stop_within(at_most)
    }
}

/// A supervisor in the making: add children, then [`start`](Self::start). One that is dropped instead starts nobody, and the
/// references it gave lead to actors that have ended.
#[must_use = "nothing starts before `start`"]
pub struct SupervisorBuilder<'a> {
    supervisor: ActorRef<Supervisor>,
    cell: Unlaunched,
    tree: Arc<Mutex<Tree>>,
    /// Starts the supervisor itself.
    launch: Box<dyn FnOnce(Unlaunched) + 'a>,
}

impl<'a> SupervisorBuilder<'a> {
    pub(crate) fn new(parent: CellRef, settings: Settings, launch: impl FnOnce(Unlaunched) + 'a) -> Self {
        Self::make(parent, settings, false, Box::new(launch))
    }

    fn make(parent: CellRef, settings: Settings, restartable: bool, launch: Box<dyn FnOnce(Unlaunched) + 'a>) -> Self {
        let tree = Arc::new(Mutex::new(settings.tree()));
        let (supervisor, cell) = unlaunched(parent, tree.clone(), restartable);
        Self {
            supervisor,
            cell,
            tree,
            launch,
        }
    }

    /// Adds a child. `factory` runs on a worker in the child's first turn, and again at each restart; an error or a panic in
    /// it counts as a failure of the child. The reference stays valid over all restarts, and so does what waits in the
    /// mailbox; the message whose handler failed is dropped.
    pub fn child<A: Actor>(
        &mut self,
        name: impl Into<String>,
        restart: Restart,
        factory: impl FnMut(&mut Context<'_, A>) -> Result<A, Fault> + Send + 'static,
    ) -> ActorRef<A> {
        let (child, cell) = Unlaunched::restartable(self.supervisor.cell_ref(), Box::new(factory), false);
        lock(&self.tree).add(name.into(), restart, None, false, cell);
        child
    }

    /// How long one of the children added so far may take to stop, instead of [`Settings::stop_within`]. A
    /// [subtree](Self::subtree) has for ever without a word, because it waits for children of its own.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, Context, Turn};
    /// # struct Store; impl Actor for Store { type Msg = (); fn handle(&mut self, _: (), _: &mut Context<'_, Self>) -> Turn { Ok(()) } }
    /// use potoroo_runtime::{Restart, Strategy, System};
    /// use std::time::Duration;
    ///
    /// let system = System::new()?;
    /// let mut tree = system.supervise(Strategy::OneForAll.stop_within(Duration::from_secs(1)));
    /// tree.child("index", Restart::Permanent, |_| Ok(Store));
    /// tree.child("store", Restart::Permanent, |_| Ok(Store));
    /// tree.stop_within("store", Duration::from_secs(60)); // It has more to write.
    /// tree.start();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If there is no child of this name.
    pub fn stop_within(&mut self, name: &str, at_most: Duration) {
        let mut tree = lock(&self.tree);
        let found = tree.find(name);
        let Some(index) = found else {
            drop(tree);
            panic!("there is no child {name:?} in this tree: add it first");
        };
        tree.set_stop_within(index, at_most);
    }

    /// Adds `members` children that do the same, and gives a router to them. `factory` gets the number of the member, from
    /// 0; the names are `name-0`, `name-1` and so on.
    ///
    /// # Panics
    ///
    /// If `members` is 0.
    pub fn pool<A: Actor>(
        &mut self,
        name: &str,
        members: usize,
        restart: Restart,
        factory: impl Fn(usize, &mut Context<'_, A>) -> Result<A, Fault> + Send + Sync + 'static,
    ) -> Pool<A> {
        let factory = Arc::new(factory);
        Pool::new((0..members).map(|index| {
            let factory = factory.clone();
            self.child(format!("{name}-{index}"), restart, move |ctx| factory(index, ctx))
        }))
    }

    /// Adds a supervisor as a child, whose own children `build` adds. When they fail too often it fails, and is restarted as
    /// `restart` says, with all of them; references to them stay valid. Gives what `build` gives.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, Context, Turn};
    /// # struct Store; impl Actor for Store { type Msg = (); fn handle(&mut self, _: (), _: &mut Context<'_, Self>) -> Turn { Ok(()) } }
    /// # use Store as Index;
    /// use potoroo_runtime::{Restart, Strategy, System};
    ///
    /// let system = System::new()?;
    /// let mut tree = system.supervise(Strategy::OneForOne);
    /// let (store, index) = tree.subtree("storage", Restart::Permanent, Strategy::OneForAll, |storage| {
    ///     let store = storage.child("store", Restart::Permanent, |_| Ok(Store));
    ///     let index = storage.child("index", Restart::Permanent, |_| Ok(Index));
    ///     (store, index)
    /// });
    /// tree.start();
    /// store.tell(());
    /// index.tell(());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn subtree<R>(
        &mut self,
        name: impl Into<String>,
        restart: Restart,
        settings: impl Into<Settings>,
        build: impl FnOnce(&mut SupervisorBuilder<'_>) -> R,
    ) -> R {
        let parent = self.supervisor.cell_ref();
        let mut subtree = SupervisorBuilder::make(parent, settings.into(), true, Box::new(drop));
        let built = build(&mut subtree);
        lock(&self.tree).add(name.into(), restart, Some(Duration::MAX), false, subtree.cell);
        built
    }

    /// The supervisor that is being made.
    pub fn supervisor(&self) -> &ActorRef<Supervisor> {
        &self.supervisor
    }

    /// Starts the supervisor, which starts its children: one after the other in the order they were added, each when the one
    /// before it has been made.
    pub fn start(self) -> ActorRef<Supervisor> {
        (self.launch)(self.cell);
        self.supervisor
    }
}

impl fmt::Debug for SupervisorBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SupervisorBuilder")
            .field("supervisor", &self.supervisor)
            .finish()
    }
}

impl<'t, B: Actor> Context<'t, B> {
    /// Supervises children on behalf of this actor: they and their supervisor end with it. If they fail too often the
    /// supervisor ends, and this actor hears of it by [`Signal::ChildExited`](crate::Signal::ChildExited); to end with it,
    /// return a fault there or [link](Self::link) to the supervisor.
    ///
    /// ```
    /// use potoroo_runtime::{Actor, ActorRef, Context, Restart, Strategy, Turn};
    /// use std::time::Duration;
    ///
    /// struct Parser;
    /// # impl Actor for Parser { type Msg = String; fn handle(&mut self, _: String, _: &mut Context<'_, Self>) -> Turn { Ok(()) } }
    /// struct Front { parser: ActorRef<Parser> }
    ///
    /// impl Front {
    ///     fn new(ctx: &mut Context<'_, Self>) -> Self {
    ///         let rules = Strategy::OneForOne
    ///             .intensity(5, Duration::from_secs(10))
    ///             .backoff(Duration::from_millis(50)..Duration::from_secs(5));
    ///         let mut tree = ctx.supervise(rules);
    ///         let parser = tree.child("parser", Restart::Permanent, |_| Ok(Parser));
    ///         tree.start();
    ///         Self { parser }
    ///     }
    /// }
    /// # impl Actor for Front { type Msg = String; fn handle(&mut self, line: String, _: &mut Context<'_, Self>) -> Turn { self.parser.tell(line); Ok(()) } }
    /// ```
    pub fn supervise<'a>(&'a mut self, settings: impl Into<Settings>) -> SupervisorBuilder<'a>
    where
        't: 'a,
    {
        SupervisorBuilder::new(self.cell_ref(), settings.into(), move |cell| self.launch(cell))
    }
}
