//! The model cell: what is left of an actor cell when only the mailbox protocol counts.
//!
//! Inbox, notification list and sleep are the runtime's own. Around them, this file repeats the few lines of
//! `actor/cell.rs`, `scheduler/header.rs`, `scheduler/doorbell.rs` and `scheduler/worker.rs` that carry the protocol out,
//! in the same order and with the same orderings, because the originals cannot be had without a poller and an actor;
//! keep them alike. It lacks turns, the control lane and reference counts.
//!
//! The local queue and the content of messages are loom's cells, so a touch that nothing orders is a failure. The
//! oracles are ordinary atomics: loom does not see them, so they add no order that the protocol lacks, and between an
//! operation on the inbox and the oracle that follows it no other thread runs.

use loom::alloc::Track;
use loom::thread::Thread;
use potoroo_runtime::Sleep;
use potoroo_runtime::mailbox::{Chain, Inbox, Notifiable, NotifyList, Pushed, Refused, Taken};
use potoroo_runtime::mutant;
use potoroo_runtime::sync::UnsafeCell;
use potoroo_runtime::sync::atomic::{AtomicPtr, Ordering};
use std::collections::VecDeque;
use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool as Oracle, AtomicUsize as OracleCount, Ordering::Relaxed};

/// A message whose content and life loom watches: reading it without order, or losing it, fails the model.
pub struct Message {
    content: UnsafeCell<(usize, usize)>,
    _life: Track<()>,
}

impl Message {
    /// The message `number` of `sender`.
    pub fn new(sender: usize, number: usize) -> Self {
        let content = UnsafeCell::new((0, 0));
        // SAFETY: nobody else has it yet. Written apart from `new` so that loom sees a write by this thread.
        content.with_mut(|content| unsafe { *content = (sender, number) });
        Self {
            content,
            _life: Track::new(()),
        }
    }

    /// Reads sender and number.
    pub fn open(self) -> (usize, usize) {
        // SAFETY: M4: a message has one owner at a time.
        self.content.with(|content| unsafe { *content })
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message")
    }
}

/// The part of a worker that others touch: its list of notifications and, if it sleeps in this model, its bell.
pub struct Doorbell {
    notified: NotifyList<Cell>,
    bell: Option<Bell>,
}

/// How a worker sleeps: the real protocol, with the token of `park` in the place of the poller's eventfd. Both keep one
/// wake-up for later, and both order only what came before the wake-up.
struct Bell {
    sleep: Sleep,
    sleeper: OnceLock<Thread>,
    /// How many ringers were told to wake the sleeper since it last announced sleep.
    told_to_wake: OracleCount,
}

impl Doorbell {
    /// The doorbell of a worker that never sleeps: the fences of the bell, which could hide that the list or the inbox
    /// lacks an ordering of its own, are left out.
    pub fn silent() -> Self {
        Self {
            notified: NotifyList::new(),
            bell: None,
        }
    }

    /// The doorbell of a worker that sleeps.
    pub fn with_bell() -> Self {
        Self {
            notified: NotifyList::new(),
            bell: Some(Bell {
                sleep: Sleep::new(),
                sleeper: OnceLock::new(),
                told_to_wake: OracleCount::new(0),
            }),
        }
    }

    /// Says which thread sleeps behind this doorbell; before anybody rings.
    pub fn belongs_to(&self, sleeper: &Thread) {
        let known = self.bell().sleeper.set(sleeper.clone());
        assert!(known.is_ok(), "a doorbell belongs to one thread");
    }

    fn bell(&self) -> &Bell {
        self.bell.as_ref().expect("this worker sleeps")
    }

    /// As `Doorbell::notify`.
    fn notify(&self, cell: &Cell) {
        // SAFETY: M2: the caller has the duty. The model keeps its cells until all threads have ended.
        let push = || unsafe { self.notified.push(NonNull::from(cell)) };
        if mutant!("cell_rings_before_it_pushes") {
            if self.bell.is_some() {
                self.ring();
            }
            return push();
        }
        push();
        if self.bell.is_some() {
            self.ring();
        }
    }

    /// As `Doorbell::ring`. Says whether it was this ringer's to wake the sleeper.
    pub fn ring(&self) -> bool {
        let bell = self.bell();
        let mine = bell.sleep.must_wake();
        if mine {
            let others = bell.told_to_wake.fetch_add(1, Relaxed);
            assert_eq!(others, 0, "two ringers were told to wake one sleep");
            bell.sleeper.get().expect("the sleeper is known").unpark();
        }
        mine
    }

    /// As `Worker::sleep`: announces, looks once more, sleeps. If nobody wakes it, loom reports a deadlock.
    pub fn sleep_unless(&self, something_waits: impl FnOnce() -> bool) {
        let bell = self.bell();
        // Between `cancel` and `announce` nobody can win the exchange, so this is when one sleep ends for the oracle.
        bell.told_to_wake.store(0, Relaxed);
        let is_late = !mutant!("cell_looks_before_it_announces");
        if is_late {
            bell.sleep.announce();
        }
        let waits = something_waits();
        if !is_late {
            bell.sleep.announce();
        }
        if !waits {
            loom::thread::park();
        }
        bell.sleep.cancel();
    }

    /// Whether no notification waits; as the worker asks before it sleeps.
    pub fn is_empty(&self) -> bool {
        self.notified.is_empty()
    }

    /// As `Worker::passes_on`: passes each notified cell on to another worker, its notification with it, instead of
    /// accepting it.
    pub fn pass_notifications_on(&self, target: &Self) {
        self.notified.take(|cell| {
            // SAFETY: the model keeps its cells until all threads have ended.
            let cell = unsafe { cell.as_ref() };
            cell.set_home(None);
            target.notify(cell);
        });
    }

    /// As `Worker::take_notifications`. Gives how many there were.
    pub fn take_notifications(&self) -> usize {
        let mut count = 0;
        self.notified.take(|cell| {
            // SAFETY: the model keeps its cells until all threads have ended.
            unsafe { cell.as_ref() }.accept(self);
            count += 1;
        });
        count
    }
}

/// What the home alone touches.
#[derive(Default)]
struct Local {
    queue: VecDeque<Message>,
    closed: bool,
}

/// What is left of an actor cell.
pub struct Cell {
    home: AtomicPtr<Doorbell>,
    link: AtomicPtr<Self>,
    inbox: Inbox<Message>,
    /// The home's (M1), and watched.
    local: UnsafeCell<Local>,
    /// Oracle: somebody holds a notification of this cell, or the cell itself outside of its home (M2).
    underway: Oracle,
}

// SAFETY: the atomics are shared, the inbox is made for it, and the watched rest is the home's (M1), which is what the
// models check.
unsafe impl Send for Cell {}
// SAFETY: as above.
unsafe impl Sync for Cell {}

// SAFETY: the field is used by notification lists alone, and M2 allows one at a time.
unsafe impl Notifiable for Cell {
    fn link(&self) -> &AtomicPtr<Self> {
        &self.link
    }
}

impl Cell {
    /// A cell at home behind `home`. The model keeps the doorbell until all threads have ended.
    pub fn at(home: &Doorbell) -> Self {
        Self {
            home: AtomicPtr::new(address(Some(home))),
            link: AtomicPtr::new(ptr::null_mut()),
            inbox: Inbox::new(),
            local: UnsafeCell::new(Local::default()),
            underway: Oracle::new(false),
        }
    }

    /// As `Header::is_home`.
    pub fn is_home(&self, doorbell: &Doorbell) -> bool {
        ptr::eq(self.home.load(Ordering::Acquire), doorbell)
    }

    /// As `Header::set_home`; M5: only between a successful claim and the take that follows it.
    fn set_home(&self, home: Option<&Doorbell>) {
        assert!(
            self.underway.load(Relaxed),
            "M5: the home changes although the cell is not claimed"
        );
        self.home.store(address(home), Ordering::Release);
    }

    /// As `Header::notify_home`.
    fn notify_home(&self) {
        let home = self.home.load(Ordering::Acquire);
        assert!(!home.is_null(), "M5: a cell without a home is notified");
        // SAFETY: the model keeps its doorbells until all threads have ended.
        unsafe { &*home }.notify(self);
    }

    /// As `ActorCell::tell`, from the worker of `doorbell`.
    pub fn tell(&self, doorbell: &Doorbell, message: Message) -> Result<(), Refused<Message>> {
        if self.is_home(doorbell) {
            self.push_local(message)
        } else {
            self.push_remote(message)
        }
    }

    /// As `ActorCell::push_local`; the caller is the home.
    pub fn push_local(&self, message: Message) -> Result<(), Refused<Message>> {
        if self.inbox.has_messages() && !mutant!("cell_local_tell_without_a_look") {
            self.drain_early();
        }
        let mut message = Some(message);
        // SAFETY: M1, watched.
        self.local.with_mut(|local| unsafe {
            if !(*local).closed {
                (*local).queue.extend(message.take());
            }
        });
        message.map_or(Ok(()), |message| Err(Refused(message)))
    }

    /// Moves what lies in the inbox to the local queue although its notification has not come; the caller is the home.
    pub fn drain_early(&self) {
        let mut taken = self.inbox.take_early().peekable();
        assert!(
            taken.peek().is_none() || self.underway.load(Relaxed),
            "M2: the inbox had messages and no notification was under way"
        );
        self.take_in(taken);
    }

    /// As `ActorCell::deliver_erased`, and the notification that `Outgoing` sends after it: what a turn has gathered.
    pub fn deliver(&self, chain: Chain<Message>) -> Result<(), Refused<Chain<Message>>> {
        if self.inbox.push_chain(chain)? == Pushed::Notify {
            let before = self.underway.swap(true, Relaxed);
            assert!(!before, "M2: a second notification");
            self.notify_home();
        }
        Ok(())
    }

    /// As `ActorCell::push_ready`.
    pub fn push_remote(&self, message: Message) -> Result<(), Refused<Message>> {
        match self.inbox.push(message)? {
            Pushed::Notify => {
                let before = self.underway.swap(true, Relaxed);
                assert!(!before, "M2: a second notification");
                self.notify_home();
            }
            Pushed::Underway => {}
        }
        Ok(())
    }

    /// As `ActorCell::accept_erased`: a notification has come, or the cell out of a deque. One that drifts here has no home
    /// until now.
    pub fn accept(&self, doorbell: &Doorbell) {
        if self.home.load(Relaxed).is_null() {
            self.set_home(Some(doorbell));
        }
        assert!(
            self.is_home(doorbell),
            "M5: a notification came to a worker that is not the home"
        );
        // SAFETY: M1, watched.
        let closed = self.local.with(|local| unsafe { (*local).closed });
        if closed {
            self.arrive();
            return;
        }
        let taken = self.inbox.take();
        self.arrive();
        self.take_in(taken);
    }

    fn arrive(&self) {
        let before = self.underway.swap(false, Relaxed);
        assert!(before, "M2: a notification came that nobody sent");
    }

    fn take_in(&self, taken: impl Iterator<Item = Message>) {
        // SAFETY: M1, watched. Messages leave their nodes inside, which reaches nothing of this cell.
        self.local.with_mut(|local| unsafe { (*local).queue.extend(taken) });
    }

    /// As `Worker::offer`: claims the cell and takes its home away. If it says yes, the caller owns the cell and may hand
    /// it to anybody.
    pub fn leave_home(&self) -> bool {
        if !self.inbox.claim() {
            return false;
        }
        let before = self.underway.swap(true, Relaxed);
        assert!(!before, "M5: claimed while a notification was under way");
        self.set_home(None);
        true
    }

    /// As `Worker::send_off`: claims the cell and moves it straight to another worker, who is notified. The caller is the
    /// home, and is not any more if this says yes.
    pub fn drift_to(&self, target: &Doorbell) -> bool {
        if !self.inbox.claim() {
            return false;
        }
        let before = self.underway.swap(true, Relaxed);
        assert!(!before, "M5: claimed while a notification was under way");
        self.set_home(None);
        target.notify(self);
        true
    }

    /// As `Worker::welcome`: the cell was taken out of a deque.
    pub fn come_home(&self, doorbell: &Doorbell) {
        if mutant!("cell_is_welcomed_before_it_is_home") {
            self.take_in(self.inbox.take());
            self.home.store(address(Some(doorbell)), Ordering::Release);
            return self.arrive();
        }
        self.set_home(Some(doorbell));
        self.accept(doorbell);
    }

    /// As the end of a life: refuses from now on. Gives what was in the inbox and whether a notification must be awaited.
    /// The caller is the home.
    pub fn close(&self) -> (Taken<Message>, bool) {
        let (left, underway) = self.inbox.close();
        assert_eq!(
            underway,
            self.underway.load(Relaxed),
            "M2: closing was told the wrong thing about the notification"
        );
        // SAFETY: M1, watched.
        self.local.with_mut(|local| unsafe { (*local).closed = true });
        (left, underway)
    }

    /// The next message of the local queue, opened; the caller is the home.
    pub fn handle(&self) -> Option<(usize, usize)> {
        // SAFETY: M1, watched.
        let message = self.local.with_mut(|local| unsafe { (*local).queue.pop_front() });
        message.map(Message::open)
    }

    /// Whether no notification is under way and the cell is not on its way either.
    pub fn is_settled(&self) -> bool {
        !self.underway.load(Relaxed)
    }
}

fn address(home: Option<&Doorbell>) -> *mut Doorbell {
    home.map_or(ptr::null_mut(), |home| ptr::from_ref(home).cast_mut())
}

/// What was handled, checked for order: each sender's messages are 0, 1, 2 and so on.
#[derive(Debug, Default)]
pub struct Handled([usize; 3]);

impl Handled {
    /// Takes note of one message.
    pub fn note(&mut self, (sender, number): (usize, usize)) {
        assert_eq!(
            number, self.0[sender],
            "M3: sender {sender} was overtaken, or a message was lost or doubled"
        );
        self.0[sender] += 1;
    }

    /// Handles all that `cell` has on its local queue; the caller is the home.
    pub fn note_all(&mut self, cell: &Cell) {
        while let Some(message) = cell.handle() {
            self.note(message);
        }
    }

    /// How many came from each sender.
    pub fn counts(&self) -> [usize; 3] {
        self.0
    }
}
