//! What the scheduler can have any cell do, without knowing its type: the functions of its table.
//!
//! Each finds the typed cell behind the header and calls what stands elsewhere. Invariants cited: M1, M5 (mailbox/README.md),
//! S4 (scheduler/README.md).

use super::Actor;
use super::cell::{ActorCell, Content, Envelope};
use super::unanswered::Unanswered;
use crate::mailbox::{Chain, ErasedChain, Pushed, Refused};
use crate::scheduler::control::{AskError, Control};
use crate::scheduler::header::{After, Attention, CellRef, Header, Queued, Table};
use crate::scheduler::letters::{self, DeadLetterCause};
use crate::scheduler::outgoing::Receipt;
use crate::scheduler::worker::Worker;
#[cfg(not(potoroo_loom))]
use crate::sys::simulated::Glimpse;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

impl<A: Actor> ActorCell<A> {
    pub(super) const TABLE: Table = Table {
        run: Self::run_erased,
        panicked: Self::panicked_erased,
        mute: Self::mute_erased,
        accept: Self::accept_erased,
        control: Self::control_erased,
        deliver: Self::deliver_erased,
        bury: Self::bury_erased,
        prefetch: Self::prefetch_erased,
        claim: Self::claim_erased,
        #[cfg(not(potoroo_loom))]
        look: Self::look_erased,
        free: Self::free_erased,
        type_name: std::any::type_name::<A>,
    };

    unsafe fn run_erased(header: NonNull<Header>, worker: &Worker) -> After {
        // SAFETY: the table belongs to this type, and the scheduler keeps the cell alive during its turn (S4).
        unsafe { Self::from_header(header) }.run(worker)
    }

    unsafe fn panicked_erased(header: NonNull<Header>, worker: &Worker, payload: &(dyn Any + Send)) -> After {
        // SAFETY: as above.
        unsafe { Self::from_header(header) }.panicked(worker, payload)
    }

    unsafe fn mute_erased(header: NonNull<Header>, worker: &Worker, receiver: CellRef, again: bool) -> bool {
        // SAFETY: as above.
        unsafe { Self::from_header(header) }.mute(worker, receiver, again)
    }

    unsafe fn accept_erased(header: NonNull<Header>, worker: &Worker) {
        // SAFETY: as above.
        let cell = unsafe { Self::from_header(header) };
        // SAFETY: M1: the notification came to the home.
        let (queued, waits) = cell
            .header
            .plain
            .with(|plain| unsafe { ((*plain).queued, (*plain).attention & Attention::CONTROL != 0) });
        if queued == Queued::Closed {
            // S4: the notification was what the memory waited for. The end had closed the inbox, so it is empty.
            // SAFETY: this is the actor's own count.
            unsafe { Header::release(header) };
            return;
        }
        if queued == Queued::No && worker.passes_on(header) {
            return;
        }
        if cell.header.is_on_its_way() {
            cell.header.set_home(Some(worker.doorbell()));
        }
        // SAFETY: `worker` is the home (M5).
        let source = unsafe { cell.take_in(worker, cell.inbox.take()) };
        if waits {
            // SAFETY: as above.
            unsafe { cell.queue_up(worker, true) };
        } else if queued == Queued::No && source.is_some() {
            // SAFETY: as above; something came, so the cell has just been queued.
            unsafe { worker.consider_drift(header, source) };
        }
    }

    unsafe fn control_erased(header: NonNull<Header>, message: Control) {
        // SAFETY: the table belongs to this type, and the caller holds a reference.
        unsafe { Self::from_header(header) }.control(message);
    }

    unsafe fn deliver_erased(header: NonNull<Header>, chain: ErasedChain) -> Receipt {
        // SAFETY: as above.
        let cell = unsafe { Self::from_header(header) };
        // SAFETY: chains for this cell are of its envelopes.
        let chain: Chain<Envelope<A::Msg>> = unsafe { chain.restore() };
        if !cell.inbox_admits() {
            return cell.sift(chain);
        }
        match cell.inbox.push_gauged(chain) {
            Ok((pushed, gauge)) => Receipt::Delivered {
                notify: pushed == Pushed::Notify,
                flooded: cell.is_too_much(gauge),
            },
            Err(Refused(chain)) => Receipt::Refused(chain.erase()),
        }
    }

    unsafe fn bury_erased(header: NonNull<Header>, chain: ErasedChain) {
        // SAFETY: as above.
        let cell = unsafe { Self::from_header(header) };
        // SAFETY: as above.
        let refused: Chain<Envelope<A::Msg>> = unsafe { chain.restore() };
        let (why, cause) = if cell.inbox.is_closed() {
            (AskError::Stopped, DeadLetterCause::Refused)
        } else {
            (AskError::Rejected, DeadLetterCause::Rejected)
        };
        let _unanswered = Unanswered::because(why);
        let mut messages = 0;
        for envelope in refused.open() {
            messages += u64::from(matches!(envelope.content, Content::Data(_)));
            // Messages are the user's, and so are their destructors.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(envelope)));
        }
        if messages > 0 {
            letters::count(&cell.header, messages, cause);
        }
    }

    unsafe fn prefetch_erased(header: NonNull<Header>) {
        // SAFETY: as above.
        unsafe { Self::from_header(header) }.inbox.prefetch_content();
    }

    unsafe fn claim_erased(header: NonNull<Header>) -> bool {
        // SAFETY: as above.
        unsafe { Self::from_header(header) }.inbox.claim()
    }

    #[cfg(not(potoroo_loom))]
    unsafe fn look_erased(header: NonNull<Header>, each: &mut dyn FnMut(&Glimpse<'_>)) {
        // SAFETY: the table belongs to this type, and all workers stand still.
        unsafe { Self::from_header(header).look(each) };
    }

    unsafe fn free_erased(header: NonNull<Header>) {
        let cell = header.cast::<Self>();
        // A model is told that all of the cell is used here: whatever the home did to it must have come before.
        #[cfg(potoroo_loom)]
        // SAFETY: nobody counts the cell any more, and it has not been freed.
        unsafe { cell.as_ref() }.header.plain.with_mut(|_| ());
        // SAFETY: the last count has gone; the table belongs to this type, for which `create` made the cell.
        unsafe { Self::destroy(cell) };
    }
}
