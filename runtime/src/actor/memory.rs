//! The memory of one actor: its arena, when its state is evacuated, and what happens at its limit.
//!
//! Two moments count. After each message an actor with a limit compares what it uses with the mark below the limit. At
//! the end of each turn an actor with an arena compares its dead bytes with its live ones, and moves its state if too
//! much is dead. Invariants cited: M1 (mailbox/README.md), A2 (arena/README.md). It lacks any limit on what is taken from
//! the heap.

use super::cell::{ActorCell, Extras};
use super::{Actor, ActorRef, Ask, Context, MonitorId, Recipient, Reply, TimerId};
use crate::arena::{Arena, ArenaBytes, Entered, Evacuate};
use crate::scheduler::control::Control;
use crate::scheduler::exit::ExitReason;
use crate::scheduler::header::{ActorId, Attention};
use crate::scheduler::shared::MemoryTuning;
use crate::sys::clock::Time;

/// An actor's memory, made on first use.
pub(super) struct Memory {
    arena: Arena,
    /// The actor has asked for an evacuation.
    wish: bool,
    /// It has been told of pressure, and the pressure has not gone since.
    told: bool,
    /// Evacuating the arena is not tried again below so many dead bytes: the last try freed little.
    not_below_bytes: u64,
    /// The same for sub-arenas.
    slices_not_below_bytes: u64,
}

/// What is worth doing at the end of a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Move the state into a fresh arena.
    Whole,
    /// Have one sub-arena compacted.
    Slice,
}

/// After a try that freed less than half of what was dead, the next one waits until so many times as much is dead.
const BACK_OFF_FACTOR: u64 = 2;

impl Memory {
    fn new(tuning: &MemoryTuning) -> Self {
        let arena = Arena::new();
        arena.limit_owner(tuning.limit_bytes);
        Self {
            arena,
            wish: false,
            told: false,
            not_below_bytes: 0,
            slices_not_below_bytes: 0,
        }
    }

    fn due(&self, tuning: &MemoryTuning) -> Option<Due> {
        let main = self.arena.bytes();
        let worth = |live: u64, dead: u64, not_below: u64| {
            dead > tuning.evacuation_floor_bytes
                && dead >= not_below
                && dead as f64 > live as f64 * tuning.evacuation_factor
        };
        if worth(main.live, main.dead, self.not_below_bytes) || (self.wish && main.dead > 0) {
            return Some(Due::Whole);
        }
        let all = self.arena.owner_bytes();
        // Sub-arenas, and arenas that the state has not left yet.
        let (live, dead) = (all.live.saturating_sub(main.live), all.dead.saturating_sub(main.dead));
        (dead > 0 && (self.wish || worth(live, dead, self.slices_not_below_bytes))).then_some(Due::Slice)
    }
}

impl<A: Actor> Extras<A> {
    /// Enters the actor's arena, if it has one.
    pub(super) fn enter(&mut self) -> Option<Entered> {
        self.memory.as_ref().and_then(|memory| memory.arena.enter())
    }
}

impl<A: Actor> Context<'_, A> {
    fn with_memory<R>(&mut self, f: impl FnOnce(&mut Memory) -> R) -> R {
        let tuning = &self.worker.tuning().memory;
        self.ask_for(Attention::ARENA);
        let entered = &mut self.entered;
        // SAFETY: a context exists only in its actor's turn, on the home (M1); `f` is of this file.
        unsafe {
            self.cell.with_extras(|extras| {
                let memory = extras.memory.get_or_insert_with(|| Box::new(Memory::new(tuning)));
                if entered.is_none() {
                    *entered = memory.arena.enter();
                }
                f(memory)
            })
        }
    }

    /// This actor's arena, made when first asked for. Collections built with the handle live in it.
    ///
    /// After an evacuation this is another one: do not keep the handle in the state, or name it in
    /// [`Actor::arena_state`] like the rest.
    pub fn arena(&mut self) -> Arena {
        self.with_memory(|memory| memory.arena.clone())
    }

    /// What all arenas of this actor hold together; zeros if it has none.
    pub fn arena_bytes(&self) -> ArenaBytes {
        self.entered.as_ref().map(Entered::bytes).unwrap_or_default()
    }

    /// Moves the state into a fresh arena of its size at the end of this turn, if anything is dead. For an actor that
    /// expects to rest. Does nothing for an actor without [`arena_state`](Actor::arena_state). Of several
    /// [`SubArena`](crate::arena::SubArena)s one may be compacted, if it needs it.
    pub fn compact(&mut self) {
        self.with_memory(|memory| memory.wish = true);
    }

    /// Limits what the arenas of this actor may use, in live and dead bytes; in the factory, as a rule. It goes before
    /// [`SystemBuilder::actor_memory_max`](crate::SystemBuilder::actor_memory_max). What the actor takes from the heap
    /// does not count.
    ///
    /// The limit is looked at after each message and at the end of each turn, never during a handler: one handler may
    /// exceed it until it returns, and no allocation fails or ends the process because of it. Above 7/8 the actor gets
    /// [`Signal::MemoryPressure`](super::Signal::MemoryPressure), and an evacuation is tried at the end of the turn. Above
    /// the limit an evacuation of the arena itself is tried at once if it could help, and if it does not the actor ends
    /// with [`ExitReason::OutOfMemory`]. Nobody else notices, but for its parent.
    pub fn limit_memory(&mut self, bytes: u64) {
        self.with_memory(|memory| memory.arena.limit_owner(Some(bytes)));
    }

    /// Whether there is a limit and the actor is near it.
    #[inline(always)]
    pub(super) fn is_under_pressure(&self) -> bool {
        self.entered.as_ref().is_some_and(Entered::is_under_pressure)
    }
}

impl<A: Actor> ActorCell<A> {
    /// Does something about an actor near its limit, after a message; a reason if it is to end.
    #[cold]
    pub(super) fn relieve(&self, actor: &mut A, ctx: &mut Context<'_, A>) -> Option<ExitReason> {
        let mut now = ctx.entered.as_ref().map(Entered::pressure)?;
        if now.used_bytes > now.limit_bytes {
            let excess = now.used_bytes - now.limit_bytes;
            // Evacuation can bring back what is dead, no more.
            let could_help = ctx.with_memory(|memory| {
                let dead = memory.arena.bytes().dead;
                dead >= excess && dead >= memory.not_below_bytes
            });
            if could_help {
                self.evacuate(actor, ctx, Due::Whole);
            }
            now = ctx.entered.as_ref().map(Entered::pressure)?;
            if now.used_bytes > now.limit_bytes {
                ctx.worker.counters().out_of_memory.add(1);
                return Some(ExitReason::OutOfMemory {
                    used_bytes: now.used_bytes,
                    limit_bytes: now.limit_bytes,
                });
            }
        }
        let told = ctx.with_memory(|memory| {
            let told = memory.told;
            memory.told = now.used_bytes > now.mark_bytes;
            told || !memory.told
        });
        if !told {
            ctx.compact();
            // SAFETY: M1: this is a turn of the home.
            unsafe {
                self.push_control(
                    ctx.worker,
                    Control::MemoryPressure {
                        used_bytes: now.used_bytes,
                        limit_bytes: now.limit_bytes,
                    },
                );
            }
        }
        None
    }

    /// Looks at the memory of an actor at the end of a turn; a reason if it is to end.
    pub(super) fn tidy(&self, actor: &mut A, ctx: &mut Context<'_, A>) -> Option<ExitReason> {
        let tuning = ctx.worker.tuning().memory;
        let pressed = ctx.is_under_pressure();
        let due = ctx.with_memory(|memory| {
            let due = memory.due(&tuning);
            if due.is_none() && !pressed {
                memory.wish = false;
                memory.told = false;
            }
            due
        });
        if let Some(due) = due {
            self.evacuate(actor, ctx, due);
        }
        if pressed {
            return self.relieve(actor, ctx);
        }
        None
    }

    /// Moves the state, or has one sub-arena compacted. Whatever the user's code moves or forgets, memory stays valid
    /// as long as anything is in it (A2).
    #[cold]
    fn evacuate(&self, actor: &mut A, ctx: &mut Context<'_, A>, due: Due) {
        let old = ctx.with_memory(|memory| {
            memory.wish = false;
            memory.arena.clone()
        });
        let before = (old.bytes(), old.owner_bytes());
        if actor.arena_state().is_none() {
            // Asked again when there is more to gain: the actor may name its state later.
            ctx.with_memory(|memory| {
                memory.not_below_bytes = before.1.dead.saturating_mul(BACK_OFF_FACTOR);
                memory.slices_not_below_bytes = memory.not_below_bytes;
            });
            return;
        }
        let back_off = |dead: u64| dead.saturating_mul(BACK_OFF_FACTOR);
        match due {
            Due::Slice => {
                old.permit_slice(true);
                if let Some(state) = actor.arena_state() {
                    state.evacuate(&old);
                }
                old.permit_slice(false);
                let after = old.owner_bytes();
                let none = after.dead >= before.1.dead;
                let rest = after.dead.saturating_sub(old.bytes().dead);
                ctx.with_memory(|memory| memory.slices_not_below_bytes = if none { back_off(rest) } else { 0 });
            }
            Due::Whole => {
                let fresh = old.fresh();
                if let Some(state) = actor.arena_state() {
                    state.evacuate(&fresh);
                }
                let moved = fresh.bytes().live;
                if before.0.live > 0 && old.bytes().live >= before.0.live {
                    // Nothing has left.
                    ctx.with_memory(|memory| memory.not_below_bytes = back_off(before.0.dead));
                    return;
                }
                ctx.with_memory(|memory| memory.arena = fresh.clone());
                drop(old);
                let freed = before.1.dead.saturating_sub(fresh.owner_bytes().dead);
                let enough = freed >= before.0.dead / 2;
                ctx.with_memory(|memory| {
                    memory.not_below_bytes = if enough { 0 } else { back_off(before.0.dead) };
                });
                ctx.worker.counters().evacuated_bytes.add(moved);
            }
        }
        ctx.worker.counters().evacuations.add(1);
    }
}

/// The runtime's own names are leaves.
macro_rules! leaves {
    ($($type:ty [$($param:tt)*];)+) => {
        $(
            impl<$($param)*> Evacuate for $type {
                fn evacuate(&mut self, _: &Arena) {}

                fn is_leaf() -> bool {
                    true
                }
            }
        )+
    };
}

leaves! {
    ActorId [];
    TimerId [];
    MonitorId [];
    Time [];
    ActorRef<A> [A: Actor];
    Recipient<M> [M: Send + 'static];
    Reply<R> [R: Send + 'static];
    Ask<R> [R: Send + 'static];
}
