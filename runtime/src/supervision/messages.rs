//! What a supervisor can be asked: what its children are doing, and that there be more of them, or fewer.
//!
//! Children are named. What is asked is answered by a [`Reply`], with a [`ChildError`] where it cannot be done. It lacks a way to
//! change the strategy or the limits of a running supervisor.

use super::roster::{ChildState, Restart};
use crate::actor::{Actor, ActorId, ActorRef, Context, Fault, Reply, Unlaunched};
use crate::scheduler::header::CellRef;
use std::fmt;
use std::time::Duration;

/// What a supervisor can be told; see [`children`](Self::children) and those below it.
pub struct SupervisorMsg(pub(super) Msg);

/// Makes the cell of a child for this parent and says so to whoever asked, or says why not.
type MakeChild = Box<dyn FnOnce(Result<CellRef, ChildError>) -> Option<Unlaunched> + Send>;

/// A child that comes while the supervisor runs.
pub(super) struct Late {
    pub(super) name: String,
    pub(super) restart: Restart,
    pub(super) stop_within: Option<Duration>,
    pub(super) make: MakeChild,
}

pub(super) enum Msg {
    /// A pause before a restart, or the time to stop, may be over.
    Due,
    Children(Reply<Vec<ChildInfo>>),
    Start(Late),
    Stop(String, Reply<Result<(), ChildError>>),
    Restart(String, Reply<Result<(), ChildError>>),
    Delete(String, Reply<Result<(), ChildError>>),
}

impl SupervisorMsg {
    /// Asks what the children are doing.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, Context, Turn};
    /// # struct Parser; impl Actor for Parser { type Msg = (); fn handle(&mut self, _: (), _: &mut Context<'_, Self>) -> Turn { Ok(()) } }
    /// use potoroo_runtime::{Restart, Strategy, SupervisorMsg, System};
    ///
    /// let system = System::new()?;
    /// let mut tree = system.supervise(Strategy::OneForOne);
    /// tree.child("parser", Restart::Permanent, |_| Ok(Parser));
    /// let supervisor = tree.start();
    /// let children = supervisor.ask(SupervisorMsg::children).wait()?;
    /// assert_eq!((children[0].name.as_str(), children[0].restarts), ("parser", 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn children(reply: Reply<Vec<ChildInfo>>) -> Self {
        Self(Msg::Children(reply))
    }

    /// Adds a child to a running supervisor, after those that it has, and starts it; the answer, its reference, is good at once.
    /// As with [`SupervisorBuilder::child`](crate::SupervisorBuilder::child) otherwise, and a factory that fails counts as a
    /// failure of the child. [`ChildError::NameTaken`] if there is one of this name, also one that was stopped.
    ///
    /// The supervisor forgets a temporary child that was added so when it has ended, and its name is free again.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, Context, Reply, Turn};
    /// # struct Room; impl Actor for Room { type Msg = Reply<u32>; fn handle(&mut self, r: Reply<u32>, _: &mut Context<'_, Self>) -> Turn { r.send(7); Ok(()) } }
    /// use potoroo_runtime::{ChildError, Restart, Strategy, SupervisorMsg, System};
    ///
    /// let system = System::new()?;
    /// let supervisor = system.supervise(Strategy::OneForOne).start();
    /// let start = |name: &str| {
    ///     let name = name.to_owned();
    ///     let make = |_: &mut Context<'_, Room>| Ok(Room);
    ///     supervisor.ask(|reply| SupervisorMsg::start_child(name, Restart::Permanent, make, reply)).wait()
    /// };
    /// let room = start("kitchen")??;
    /// assert_eq!(room.ask(|reply| reply).wait()?, 7);
    /// assert_eq!(start("kitchen")?, Err(ChildError::NameTaken));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start_child<A: Actor>(
        name: impl Into<String>,
        restart: Restart,
        factory: impl FnMut(&mut Context<'_, A>) -> Result<A, Fault> + Send + 'static,
        reply: Reply<Result<ActorRef<A>, ChildError>>,
    ) -> Self {
        let make = move |parent: Result<CellRef, ChildError>| match parent {
            Ok(parent) => {
                let (child, unlaunched) = Unlaunched::restartable(parent, Box::new(factory), false);
                reply.send(Ok(child));
                Some(unlaunched)
            }
            Err(error) => {
                reply.send(Err(error));
                None
            }
        };
        Self(Msg::Start(Late {
            name: name.into(),
            restart,
            stop_within: None,
            make: Box::new(make),
        }))
    }

    /// Of [`start_child`](Self::start_child): how long the child may take to stop, instead of what the supervisor's settings
    /// say. Other messages stay as they are.
    pub fn stop_within(mut self, at_most: Duration) -> Self {
        if let Msg::Start(late) = &mut self.0 {
            late.stop_within = Some(at_most);
        }
        self
    }

    /// Ends the life of a child, and begins no other until [`restart_child`](Self::restart_child). Answered when its life has
    /// ended, or with [`ChildError::LeftOver`] when its time to stop is up. The reference stays valid, and what is told to the
    /// child waits; a temporary child is gone. While a child is being stopped its supervisor starts nobody.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, Context, Reply, Turn};
    /// # struct Room; impl Actor for Room { type Msg = Reply<u32>; fn handle(&mut self, r: Reply<u32>, _: &mut Context<'_, Self>) -> Turn { r.send(7); Ok(()) } }
    /// use potoroo_runtime::{ChildError, ChildState, Restart, Strategy, SupervisorMsg, System};
    ///
    /// let system = System::new()?;
    /// let mut tree = system.supervise(Strategy::OneForOne);
    /// let room = tree.child("kitchen", Restart::Permanent, |_| Ok(Room));
    /// let supervisor = tree.start();
    /// supervisor.ask(|reply| SupervisorMsg::terminate_child("kitchen", reply)).wait()??;
    /// assert_eq!(supervisor.ask(SupervisorMsg::children).wait()?[0].state, ChildState::Stopped);
    ///
    /// supervisor.ask(|reply| SupervisorMsg::restart_child("kitchen", reply)).wait()??;
    /// assert_eq!(room.ask(|reply| reply).wait()?, 7);
    /// let deleted = supervisor.ask(|reply| SupervisorMsg::delete_child("kitchen", reply)).wait()?;
    /// assert_eq!(deleted, Err(ChildError::Running), "it is stopped first");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn terminate_child(name: impl Into<String>, reply: Reply<Result<(), ChildError>>) -> Self {
        Self(Msg::Stop(name.into(), reply))
    }

    /// Begins the next life of a child that was stopped by [`terminate_child`](Self::terminate_child). This is not counted
    /// against the intensity. [`ChildError::Running`] if it was not stopped, [`ChildError::Ended`] if it has ended for good.
    pub fn restart_child(name: impl Into<String>, reply: Reply<Result<(), ChildError>>) -> Self {
        Self(Msg::Restart(name.into(), reply))
    }

    /// Forgets a child that was stopped by [`terminate_child`](Self::terminate_child) or has ended: its name is free, and what
    /// waited for it is dead letters. [`ChildError::Running`] if it has done neither.
    pub fn delete_child(name: impl Into<String>, reply: Reply<Result<(), ChildError>>) -> Self {
        Self(Msg::Delete(name.into(), reply))
    }
}

impl fmt::Debug for SupervisorMsg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Msg::Due => f.write_str("Due"),
            Msg::Children(_) => f.write_str("Children"),
            Msg::Start(late) => write!(f, "StartChild({:?})", late.name),
            Msg::Stop(name, _) => write!(f, "TerminateChild({name:?})"),
            Msg::Restart(name, _) => write!(f, "RestartChild({name:?})"),
            Msg::Delete(name, _) => write!(f, "DeleteChild({name:?})"),
        }
    }
}

/// Why a supervisor does not do with a child what it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChildError {
    /// There is a child of this name already.
    NameTaken,
    /// There is no child of this name.
    Unknown,
    /// It lives, or is about to.
    Running,
    /// It has ended for good.
    Ended,
    /// It has not stopped within this time. It will, when its handler returns, and is not started again then.
    LeftOver(Duration),
}

impl fmt::Display for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTaken => f.write_str("there is a child of this name already: choose another, or delete that one"),
            Self::Unknown => f.write_str("there is no child of this name"),
            Self::Running => f.write_str("the child is running: terminate it first"),
            Self::Ended => f.write_str("the child has ended for good: delete it, and start another"),
            Self::LeftOver(within) => write!(
                f,
                "the child has not stopped within {within:?}: its handler is still busy"
            ),
        }
    }
}

impl std::error::Error for ChildError {}

/// What a supervisor knows of one child.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildInfo {
    /// The name it was given.
    pub name: String,
    /// The actor.
    pub id: ActorId,
    /// What it is doing.
    pub state: ChildState,
    /// How often it has been started again.
    pub restarts: u64,
}
