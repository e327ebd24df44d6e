//! The children of one supervisor and what is to be done about them next: strategies as plain data.
//!
//! It is told what children report and says which one to stop, start or retire, one step at a time. It lacks actors, timers
//! and counts of restarts, so that all of it can be checked against a model.

use crate::sys::clock::Time;
use std::time::Duration;

/// Whom the failure of one child concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Only itself.
    OneForOne,
    /// All children: they are stopped, the last first, and started again in order.
    OneForAll,
    /// Itself and those that come after it, likewise.
    RestForOne,
}

/// Which ends of a child are followed by another life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// All.
    Permanent,
    /// Those that are not [normal](crate::ExitReason::is_normal).
    Transient,
    /// None.
    Temporary,
}

/// What a child is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildState {
    /// It is between two lives, or before the first.
    Down,
    /// It has been told to live, and has not been made yet.
    Starting,
    /// It lives.
    Running,
    /// It has been told to end this life, because another child has failed or somebody asked for it.
    Stopping,
    /// It has been told to end this life, and has not done so in the time that it was given: its supervisor goes on without it,
    /// and takes it back when its life has ended.
    LeftOver,
    /// It has ended this life because somebody asked for it, and waits to be restarted or deleted.
    Stopped,
    /// It has ended for good.
    Retired,
}

use ChildState as State;

/// What the supervisor does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// End the life of this child, and come back when it has reported.
    Stop(usize),
    /// Start this child.
    Start(usize),
    /// This child has not stopped in time: report it, and come back.
    LeaveOver(usize),
    /// Come back then, or when something is reported.
    Wait(Time),
    /// Come back when something is reported.
    Nothing,
}

/// What the end of a life means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was told to; there is nothing to decide.
    AsTold,
    /// Its end is to be followed by another life: see [`Roster::restart`].
    Restart,
    /// There is no next life.
    Retire,
}

#[derive(Debug)]
struct Member {
    restart: Restart,
    state: State,
    /// It has been up since the supervisor began.
    was_up: bool,
    /// It has to be down before anything is started.
    must_stop: bool,
    /// Not to be started before.
    due: Option<Time>,
    /// Somebody asked that it be stopped, and not that it be started again.
    unwanted: bool,
    /// How long it may take to stop.
    stop_within: Duration,
    /// Until when it may, once it has been told to.
    stop_due: Option<Time>,
}

/// The children, in the order of their start.
#[derive(Debug)]
pub(super) struct Roster {
    strategy: Strategy,
    members: Vec<Member>,
}

impl Roster {
    pub(super) fn new(strategy: Strategy) -> Self {
        Self {
            strategy,
            members: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, restart: Restart, stop_within: Duration) {
        self.members.push(Member {
            restart,
            state: State::Down,
            was_up: false,
            must_stop: false,
            due: None,
            unwanted: false,
            stop_within,
            stop_due: None,
        });
    }

    /// Forgets a child; those after it move up.
    pub(super) fn remove(&mut self, index: usize) {
        self.members.remove(index);
    }

    pub(super) fn set_stop_within(&mut self, index: usize, stop_within: Duration) {
        self.members[index].stop_within = stop_within;
    }

    pub(super) fn stop_within(&self, index: usize) -> Duration {
        self.members[index].stop_within
    }

    /// A child is to end this life and begin no other until it is wanted again.
    pub(super) fn unwant(&mut self, index: usize) {
        let member = &mut self.members[index];
        member.due = None;
        match member.state {
            State::Down => member.state = State::Stopped,
            State::Starting | State::Running | State::Stopping => {
                member.unwanted = true;
                member.must_stop = true;
            }
            State::LeftOver => member.unwanted = true,
            State::Stopped | State::Retired => {}
        }
    }

    /// A child that was stopped because somebody asked for it is to live again.
    pub(super) fn want(&mut self, index: usize) {
        let member = &mut self.members[index];
        debug_assert_eq!(member.state, State::Stopped);
        member.state = State::Down;
        // In its turn, like one that starts for the first time.
        member.was_up = false;
    }

    pub(super) fn state(&self, index: usize) -> ChildState {
        self.members[index].state
    }

    pub(super) fn is_temporary(&self, index: usize) -> bool {
        self.members[index].restart == Restart::Temporary
    }

    pub(super) fn was_up(&self, index: usize) -> bool {
        self.members[index].was_up
    }

    /// All that live are between two lives: the supervisor itself has been restarted.
    pub(super) fn begin_anew(&mut self) {
        for member in &mut self.members {
            match member.state {
                State::Retired | State::Stopped => {}
                _ if member.unwanted => member.state = State::Stopped,
                _ => member.state = State::Down,
            }
            member.unwanted = false;
            member.stop_due = None;
            member.was_up = false;
            member.must_stop = false;
            member.due = None;
        }
    }

    /// A child is up.
    pub(super) fn started(&mut self, index: usize) {
        let member = &mut self.members[index];
        member.was_up = true;
        if member.state == State::Starting {
            member.state = State::Running;
        }
    }

    /// The life of a child has ended.
    pub(super) fn ended(&mut self, index: usize, normally: bool) -> Ended {
        let member = &mut self.members[index];
        let as_told = matches!(member.state, State::Stopping | State::LeftOver);
        member.must_stop = false;
        member.stop_due = None;
        member.state = match std::mem::take(&mut member.unwanted) {
            true => State::Stopped,
            false => State::Down,
        };
        let again = match member.restart {
            Restart::Permanent => true,
            Restart::Transient => as_told || !normally || member.state == State::Stopped,
            Restart::Temporary => false,
        };
        if !again {
            member.state = State::Retired;
            Ended::Retire
        } else if as_told || member.state == State::Stopped {
            Ended::AsTold
        } else {
            Ended::Restart
        }
    }

    /// A child that has ended is to live again, no earlier than `due`, with all that its failure concerns.
    pub(super) fn restart(&mut self, index: usize, due: Option<Time>) {
        let concerned = match self.strategy {
            Strategy::OneForOne => index..index + 1,
            Strategy::OneForAll => 0..self.members.len(),
            Strategy::RestForOne => index..self.members.len(),
        };
        for member in &mut self.members[concerned] {
            member.must_stop = matches!(member.state, State::Starting | State::Running | State::Stopping);
            member.due = member.due.max(due);
        }
    }

    /// The next step; to be asked again after each but the last two.
    pub(super) fn next(&mut self, now: Time) -> Step {
        // First everything that has to be down, the last first, one after the other.
        if let Some(index) = self.members.iter().rposition(|member| member.must_stop) {
            let member = &mut self.members[index];
            if member.state != State::Stopping {
                member.state = State::Stopping;
                member.stop_due = (member.stop_within != Duration::MAX).then(|| now + member.stop_within);
                return Step::Stop(index);
            }
            return match member.stop_due {
                None => Step::Nothing,
                Some(due) if now < due => Step::Wait(due),
                Some(_) => {
                    member.state = State::LeftOver;
                    member.must_stop = false;
                    Step::LeaveOver(index)
                }
            };
        }
        // Then up in order. Children of which one fails alone go in order when they start for the first time.
        let mut wait: Option<Time> = None;
        for (index, member) in self.members.iter_mut().enumerate() {
            let in_order = self.strategy != Strategy::OneForOne || !member.was_up;
            match member.state {
                State::Running | State::LeftOver | State::Stopped | State::Retired => continue,
                State::Starting | State::Stopping => {}
                State::Down => match member.due {
                    Some(due) if now < due => wait = Some(wait.map_or(due, |wait| wait.min(due))),
                    _ => {
                        member.state = State::Starting;
                        member.due = None;
                        return Step::Start(index);
                    }
                },
            }
            if in_order {
                break;
            }
        }
        wait.map_or(Step::Nothing, Step::Wait)
    }
}

#[cfg(all(test, not(potoroo_loom)))]
#[path = "roster_tests.rs"]
mod tests;
