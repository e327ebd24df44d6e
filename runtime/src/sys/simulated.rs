//! The door to a simulated world: what stands in for the operating system on a thread that simulates.
//!
//! A simulation runs on one thread, and that thread says so here. Whatever below would read the clock, start a thread, or
//! wait, asks first whether it runs in a world, and has the world do it: time is virtual then, a waiting caller lets the
//! others go on meanwhile, and every choice that an operating system or a race would make is the world's. On all other
//! threads nothing is different; the question costs one load of a thread-local, and stands only where a system call, a lock
//! or a reading of the clock is near. What the world decides, and by what, is upstairs (`sim`): this floor has its shape.

use super::clock::Time;
use super::poller::Bell;
use crate::sync::global::Arc;
use std::cell::Cell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::path::Path;
use std::ptr::NonNull;
use std::time::Duration;

/// Something to be done on no worker: blocking work, or an alarm.
pub(crate) type Errand = Box<dyn FnOnce()>;

/// What a worker may be asked to do in the place of its next turn, to bring about what seldom happens by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nudge {
    /// Claim so many cells of the run queue and offer them to others.
    Offer(usize),
    /// Send the cell at this place of the run queue to that worker.
    SendOff(usize, usize),
    /// Look around: sockets, timers, what came from outside, hungry neighbors.
    Look,
}

/// What a worker can do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// So many cells wait in its run queue; without any, it still has something of its own to see to.
    Awake {
        /// Cells in the run queue.
        runnable: usize,
    },
    /// It sleeps, until the bell rings or its next timer is due.
    Asleep,
    /// It has gone home.
    Ended,
}

/// A worker, as a world sees it.
pub(crate) trait Stepped {
    /// What it can do at this moment.
    fn standing(&self) -> Standing;

    /// When its next timer is due.
    fn next_timer(&self) -> Option<Time>;

    /// The actor whose cell stands at this place of the run queue.
    fn runnable(&self, place: usize) -> u64;

    /// Whether something waits for it that is no turn: a notification, a cell from outside.
    fn has_mail(&self) -> bool;

    /// Takes in what waits for it, and gives nobody a turn.
    fn take_mail(&self);

    /// Does the next thing: gives a turn to the cell at this place, if there is one; otherwise goes one step on the way to
    /// sleep, or wakes up.
    fn step(&self, place: usize);

    /// How many messages it has given to actors so far.
    fn handled(&self) -> u64;

    /// Does something out of turn.
    fn nudge(&self, nudge: Nudge);

    /// What is wrong at a moment when nothing can run any more: work that nobody will be told of.
    fn forgotten(&self) -> Option<String>;

    /// Shows all actors of the system; asked of its first worker, between turns.
    fn look(&self, each: &mut dyn FnMut(&Glimpse<'_>));
}

/// What can be seen of an actor between two turns.
pub(crate) struct Glimpse<'a> {
    /// Its id, which is unique in the world.
    pub(crate) id: u64,
    /// Its type.
    pub(crate) type_name: &'static str,
    /// Messages that wait.
    pub(crate) data: usize,
    /// How many have been taken out of the mailbox, counted from somewhere.
    pub(crate) taken: usize,
    /// What waits on the control lane.
    pub(crate) control: usize,
    /// Asks that it waits for.
    pub(crate) asks: usize,
    /// Whether it waits for a flooded receiver.
    pub(crate) muted: bool,
    /// Whether it is scheduled, or has been told of what waits.
    pub(crate) scheduled: bool,
    /// Says what the message at this place is, from the front.
    pub(crate) describe: &'a dyn Fn(usize) -> String,
}

/// What stands in for the network: the sockets of a world, by their numbers. Nothing here blocks.
pub(crate) trait Network {
    /// A socket that listens; with `shared`, others may listen at the same address.
    fn listen(&self, address: SocketAddr, shared: bool) -> io::Result<u64>;

    /// The next stream that waits at a listener.
    fn accept(&self, listener: u64) -> io::Result<(u64, SocketAddr)>;

    /// A stream that begins to connect.
    fn connect(&self, address: SocketAddr) -> io::Result<u64>;

    /// Reads what has arrived. Less than was offered means that there is no more.
    fn recv(&self, stream: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Takes what there is room for. Less than was offered means that there is no more.
    fn send(&self, stream: u64, pieces: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Nothing more will be sent.
    fn shut_down_write(&self, stream: u64) -> io::Result<()>;

    /// The error that has ended a stream, once.
    fn take_error(&self, stream: u64) -> io::Result<Option<io::Error>>;

    /// The other side's address, once connected.
    fn peer_address(&self, stream: u64) -> io::Result<SocketAddr>;

    /// The address of a socket of any kind.
    fn local_address(&self, socket: u64) -> io::Result<SocketAddr>;

    /// A socket for datagrams.
    fn bind_datagrams(&self, address: SocketAddr) -> io::Result<u64>;

    /// Sends a datagram, which may reach nobody.
    fn send_to(&self, socket: u64, bytes: &[u8], to: SocketAddr) -> io::Result<usize>;

    /// The next datagram.
    fn recv_from(&self, socket: u64, into: &mut [u8]) -> io::Result<(usize, SocketAddr)>;

    /// Has edges of this socket reported there, from what it is ready for now on.
    fn watch(&self, socket: u64, bell: Arc<Bell>, token: usize) -> io::Result<()>;

    /// Has no more edges reported.
    fn forget(&self, socket: u64);

    /// Nobody holds the socket any more.
    fn close(&self, socket: u64);
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// To be read; it must be there.
    Read,
    /// To be written; what was there goes.
    Create,
    /// To be read and written; it must be there.
    There,
    /// To be read and written; it is made if it is not there.
    Any,
    /// To be read and written; it must not be there.
    New,
}

/// What stands in for the disk: the files that the running node has, by the numbers they get when they are opened.
pub(crate) trait Disk {
    /// Opens a file.
    fn open(&self, path: &Path, how: Opening) -> io::Result<u64>;

    /// Reads from there on: how many bytes, 0 at the end.
    fn read_at(&self, file: u64, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes from there on: how many bytes.
    fn write_at(&self, file: u64, offset: u64, bytes: &[u8]) -> io::Result<usize>;

    /// How long a file is, in bytes.
    fn len(&self, file: u64) -> io::Result<u64>;

    /// Makes what was written to a file durable, but not its name.
    fn sync(&self, file: u64) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;

    /// Gives a file another name, and takes that from whatever has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a name.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Whether the path is a directory.
    fn is_directory(&self, path: &Path) -> bool;

    /// Nobody holds the file any more.
    fn close(&self, file: u64);
}

/// What stands in for the operating system.
pub(crate) trait World {
    /// The virtual time.
    fn now(&self) -> Time;

    /// The virtual time of day, in nanoseconds since 1970.
    fn wall_ns(&self) -> u64;

    /// Takes the worker of a system in place of starting a thread.
    fn adopt(&self, worker: Box<dyn Stepped>);

    /// How many messages a turn handles at most, if the world has a say in it.
    fn turn_messages_max(&self) -> Option<u32>;

    /// Goes on until `done` says yes or time has come to `deadline`; for code outside that would wait.
    fn wait(&self, deadline: Time, done: &mut dyn FnMut() -> bool);

    /// One of `n` alternatives that a race would decide between, on a worker in the middle of something.
    fn choose(&self, n: usize) -> usize;

    /// Somebody else may do something here.
    fn pause(&self);

    /// Does `errand` on no worker: once it is `due`, or at some time soon.
    fn errand(&self, due: Option<Time>, errand: Errand);

    /// The next id of an actor.
    fn next_id(&self) -> u64;

    /// The running turn reaches something that others may reach, other than by a message.
    fn touch(&self, what: u64);

    /// An actor has failed: its id, type and reason.
    fn failed(&self, id: u64, type_name: &'static str, reason: &str);

    /// Has something happen that no node does: the network's part.
    fn event(&self, due: Time, event: Errand);

    /// Lets so much time pass in the middle of something: the disk is slow.
    fn take_time(&self, time: Duration);

    /// Whether the system of this root was on a node that has crashed: nobody can wait for its end.
    fn is_gone(&self, root: u64) -> bool;

    /// The network.
    fn network(&self) -> &dyn Network;

    /// The disk.
    fn disk(&self) -> &dyn Disk;
}

thread_local! {
    /// The world of this thread, while it has one.
    static WORLD: Cell<Option<NonNull<dyn World>>> = const { Cell::new(None) };
}

/// Makes `world` the one of this thread during `f`.
pub(crate) fn enter<R>(world: &dyn World, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<NonNull<dyn World>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            WORLD.set(self.0);
        }
    }
    let here: NonNull<dyn World + '_> = NonNull::from(world);
    // SAFETY: only the lifetime changes; `Restore` takes the pointer back before the borrow of `world` ends, and `with`
    // lends it out for calls that are over by then.
    let here = unsafe { std::mem::transmute::<NonNull<dyn World + '_>, NonNull<dyn World + 'static>>(here) };
    let _restore = Restore(WORLD.replace(Some(here)));
    f()
}

/// Whether this thread simulates.
#[inline]
pub(crate) fn is_on() -> bool {
    WORLD.get().is_some()
}

/// Calls `f` with the world of this thread, if it has one.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(&dyn World) -> R) -> Option<R> {
    // SAFETY: `enter` keeps the world borrowed while the pointer stands here.
    WORLD.get().map(|world| f(unsafe { world.as_ref() }))
}

/// As [`World::pause`], where there is a world.
#[inline]
pub(crate) fn pause() {
    with(|world| world.pause());
}

/// As [`World::touch`], where there is a world.
#[inline]
pub(crate) fn touch(what: u64) {
    with(|world| world.touch(what));
}

/// Waits in the world of this thread until `done` or `deadline`; `false` where there is none.
pub(crate) fn wait(deadline: Time, done: &mut dyn FnMut() -> bool) -> bool {
    with(|world| world.wait(deadline, done)).is_some()
}

/// Calls `f` with the network of this thread's world.
pub(crate) fn network<R>(f: impl FnOnce(&dyn Network) -> io::Result<R>) -> io::Result<R> {
    with(|world| f(world.network())).unwrap_or_else(|| Err(out_of_this_world()))
}

/// Calls `f` with the disk of this thread's world.
pub(crate) fn disk<R>(f: impl FnOnce(&dyn Disk) -> io::Result<R>) -> io::Result<R> {
    with(|world| f(world.disk())).unwrap_or_else(|| Err(out_of_this_world()))
}

fn out_of_this_world() -> io::Error {
    io::Error::other("it belongs to a simulated world, which this thread is not in")
}

/// The error of what a simulated world does not have.
pub(crate) fn unsupported(what: &str) -> io::Error {
    let text = format!("a simulated world has no {what}");
    io::Error::new(io::ErrorKind::Unsupported, text)
}
