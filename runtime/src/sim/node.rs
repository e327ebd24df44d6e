//! Simulated processes: each on a machine of its own, with an address and a disk, to be crashed, paused and started again.

use super::places::Places;
use super::world::SimWorld;
use crate::system::System;
use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};
use std::time::Duration;

type Setup = Rc<dyn Fn() -> System>;

/// What a node is while its run lasts.
pub(super) struct Inner {
    index: usize,
    setup: RefCell<Option<Setup>>,
    system: RefCell<Option<System>>,
}

impl Inner {
    /// Ends the node's system with the run.
    pub(super) fn end(&self, world: &SimWorld) {
        let system = self.system.take();
        world.places.run_at(self.index, || drop(system));
        self.setup.take();
    }
}

/// A simulated process, made by [`Sim::node`](super::Sim::node).
///
/// ```
/// use potoroo_runtime::sim;
/// use potoroo_runtime::sys::files::{InputFile, OutputFile};
/// use std::path::Path;
///
/// sim::explore(|sim| {
///     let node = sim.node("writer");
///     node.run(|| {
///         let mut file = OutputFile::create(Path::new("greeting")).unwrap();
///         file.write(b"hello").unwrap();
///         file.publish().unwrap();
///     });
///     node.crash();
///     node.restart();
///     // What was published has survived.
///     assert_eq!(node.read_file("greeting").unwrap(), b"hello");
///     // Here is another disk.
///     assert!(InputFile::open(Path::new("greeting")).is_err());
/// })
/// .random(20)
/// .run();
/// ```
#[derive(Clone)]
pub struct Node {
    inner: Rc<Inner>,
    world: Weak<SimWorld>,
}

impl Node {
    pub(super) fn named(name: &str, world: &Rc<SimWorld>) -> Self {
        let places = &world.places;
        let index = places.named(name).unwrap_or_else(|| places.add(name));
        let known = world.nodes.borrow().iter().find(|node| node.index == index).cloned();
        let inner = known.unwrap_or_else(|| {
            let inner = Rc::new(Inner {
                index,
                setup: RefCell::default(),
                system: RefCell::default(),
            });
            world.nodes.borrow_mut().push(inner.clone());
            inner
        });
        Self {
            inner,
            world: Rc::downgrade(world),
        }
    }

    pub(super) fn index(&self) -> usize {
        self.inner.index
    }

    fn world(&self) -> Rc<SimWorld> {
        self.world.upgrade().expect("a node is used while its run lasts")
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.world().places.name(self.inner.index)
    }

    /// Where others reach this port of it. On the node itself, the loopback address does as well.
    pub fn address(&self, port: u16) -> SocketAddr {
        SocketAddr::new(Places::address(self.inner.index), port)
    }

    /// Runs `f` as code of this node: the systems it builds belong to the node, and the files and sockets it opens are the
    /// node's.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        self.world().places.run_at(self.inner.index, f)
    }

    /// Starts the program of this node, now and at each [`restart`](Self::restart). It is to build a system and start what
    /// runs in it; the node ends that system with the run.
    pub fn start(&self, program: impl Fn() -> System + 'static) {
        *self.inner.setup.borrow_mut() = Some(Rc::new(program));
        self.boot();
    }

    fn boot(&self) {
        let setup = self.inner.setup.borrow().clone();
        if let Some(setup) = setup {
            let system = self.run(|| setup());
            self.inner.system.replace(Some(system));
        }
    }

    /// The power goes. The node's workers stop for good between two steps, and nothing of what they were about to do is
    /// done: no message is handled, no destructor runs. Its connections are ended, reset, or just say nothing any more; its
    /// disk keeps what a power loss leaves. The memory of its actors is never given back.
    ///
    /// # Panics
    ///
    /// On the scenario's own node.
    pub fn crash(&self) {
        assert!(self.inner.index != 0, "the scenario's own node cannot crash");
        self.world().crash(self.inner.index);
    }

    /// The power goes in the middle of something: before the disk's next operation but so many. An operation that does not
    /// happen any more is an error, as all that follow it; the node's turn ends, and it has no other.
    ///
    /// ```
    /// use potoroo_runtime::sim;
    /// use potoroo_runtime::sys::files::OutputFile;
    /// use std::path::Path;
    ///
    /// sim::explore(|sim| {
    ///     let node = sim.node("writer");
    ///     node.crash_after_disk_operations(2);
    ///     node.run(|| {
    ///         let mut file = OutputFile::create(Path::new("out")).unwrap();
    ///         file.write(b"half").unwrap();
    ///         assert!(file.publish().is_err());
    ///     });
    ///     assert!(node.is_down());
    ///     assert_eq!(node.durable_file("out"), None);
    /// })
    /// .random(20)
    /// .run();
    /// ```
    pub fn crash_after_disk_operations(&self, operations: u64) {
        assert!(self.inner.index != 0, "the scenario's own node cannot crash");
        self.world().disks.fall_after(self.inner.index, operations);
    }

    /// How many operations its disk has done.
    pub fn disk_operations(&self) -> u64 {
        self.world().disks.operations(self.inner.index)
    }

    /// Whether it has crashed and not been started again.
    pub fn is_down(&self) -> bool {
        self.world().places.is_down(self.inner.index)
    }

    /// The power comes back, and the program that [`start`](Self::start) was given runs again, on what the disk kept. A node
    /// that has not crashed crashes first.
    pub fn restart(&self) {
        if !self.is_down() {
            self.crash();
        }
        // Of the boot before: nobody can wait for its end, and nobody does.
        let gone = self.inner.system.take();
        drop(gone);
        self.world().rise(self.inner.index);
        self.boot();
    }

    /// All workers of the node stand still for so long, as if it were swapped out or stopped; what is sent to it arrives.
    pub fn pause(&self, time: Duration) {
        let until = crate::sys::clock::now() + time;
        self.world().places.pause(self.inner.index, until);
    }

    /// A file as the node's programs would read it.
    pub fn read_file(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        self.world().disks.content(self.inner.index, path.as_ref(), false)
    }

    /// A file as it is durable: what a power loss is sure to leave, if nothing of it is being written.
    pub fn durable_file(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        self.world().disks.content(self.inner.index, path.as_ref(), true)
    }

    /// The files that the node's programs would find.
    pub fn files(&self) -> Vec<PathBuf> {
        self.world().disks.names(self.inner.index, false)
    }

    /// Puts a durable file on the disk: what is there before a program starts.
    pub fn put_file(&self, path: impl AsRef<Path>, bytes: &[u8]) {
        self.world().disks.put(self.inner.index, path.as_ref(), bytes);
    }

    /// Turns one bit of a file over, at rest; says whether the file has it.
    pub fn flip_bit(&self, path: impl AsRef<Path>, bit: usize) -> bool {
        self.world().disks.flip(self.inner.index, path.as_ref(), bit)
    }

    /// The disk takes so many bytes more, and is full then; `None`: it has room again.
    pub fn fill_disk_after(&self, bytes: Option<u64>) {
        self.world().disks.set_room(self.inner.index, bytes);
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("index", &self.inner.index)
            .finish_non_exhaustive()
    }
}
