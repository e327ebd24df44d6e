//! The deliberate faults that the models must find: the table of `cargo loom --mutants`.
//!
//! Each has a place in the source, written with [`potoroo_runtime::mutant!`] or [`potoroo_runtime::weakened!`], and one model
//! that fails when it is made; others may fail as well. A test compares the table with the source, in both directions. It
//! lacks the faults whose names begin with `sim_`, which are the simulator's to find.

/// One deliberate fault.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What `POTOROO_MUTANT` is set to.
    pub name: &'static str,
    /// Where it is made.
    pub file: &'static str,
    /// What is different then.
    pub change: &'static str,
    /// Which model must fail.
    pub model: &'static str,
}

const fn mutant(name: &'static str, file: &'static str, change: &'static str, model: &'static str) -> Mutant {
    Mutant {
        name,
        file,
        change,
        model,
    }
}

const INBOX: &str = "runtime/src/mailbox/inbox.rs";
const NOTIFIED: &str = "runtime/src/mailbox/notified.rs";
const CRATES: &str = "runtime/src/mailbox/crates.rs";
const NODES: &str = "runtime/src/mailbox/nodes.rs";
const SLEEP: &str = "runtime/src/scheduler/sleep.rs";
const TENURE: &str = "runtime/src/scheduler/tenure.rs";
const HEADER: &str = "runtime/src/scheduler/header.rs";
const SHARED: &str = "runtime/src/scheduler/shared.rs";
const DRIFT: &str = "runtime/src/scheduler/drift.rs";
const TIMING: &str = "runtime/src/scheduler/timing.rs";
const OWNER: &str = "runtime/src/arena/owner.rs";
const FOREIGN: &str = "runtime/src/arena/foreign.rs";
const HANDLE: &str = "runtime/src/arena/handle.rs";
const WAKING: &str = "runtime/src/actor/waking.rs";
const OUTSIDE: &str = "runtime/src/actor/outside.rs";
const SLOTS: &str = "runtime/src/actor/slots.rs";
const CELL: &str = "runtime/src/actor/cell.rs";
const LIFE: &str = "runtime/src/actor/life.rs";
const END: &str = "runtime/src/actor/end.rs";
const LINEAGE: &str = "runtime/src/actor/lineage.rs";
const PRESSURE: &str = "runtime/src/actor/pressure.rs";
const CREDITS: &str = "runtime/src/kit/credits.rs";
const MODEL_CELL: &str = "loom-tests/src/cell.rs";
const PARK: &str = "loom-tests/tests/park.rs";
const DEQUE: &str = "loom-tests/src/weak_deque.rs";

/// All of them, by the floor of the runtime that they are on.
#[rustfmt::skip] // A table.
pub const MUTANTS: &[Mutant] = &[
    mutant("inbox_push_without_release", INBOX, "`push`: `AcqRel` → `Acquire`", "inbox::hand_off"),
    mutant("inbox_push_without_acquire", INBOX, "`push`: `AcqRel` → `Release`", "inbox::two_cells_on_one_list"),
    mutant("inbox_push_always_notifies", INBOX, "each `push` has the duty", "schedule::one_push_out_of_idle_schedules"),
    mutant("inbox_push_never_notifies", INBOX, "no `push` has the duty", "schedule::one_push_out_of_idle_schedules"),
    mutant("inbox_push_counts_its_own_only", INBOX, "`push` counts its own chain only", "flood::the_bit_and_the_count_travel_with_the_list"),
    mutant("inbox_push_forgets_the_flood", INBOX, "`push` clears the flooded bit", "flood::a_pusher_into_a_flooded_inbox_knows"),
    mutant("inbox_flood_by_a_store", INBOX, "the flooded bit is set by a store", "flood::the_bit_and_the_count_travel_with_the_list"),
    mutant("inbox_take_without_acquire", INBOX, "`take`: `AcqRel` → `Release`", "inbox::hand_off"),
    mutant("inbox_take_without_release", INBOX, "`take`: `AcqRel` → `Acquire`", "inbox::two_cells_on_one_list"),
    mutant("inbox_take_forgets_the_flood", INBOX, "`take` clears the flooded bit", "flood::a_pusher_into_a_flooded_inbox_knows"),
    mutant("inbox_early_drain_goes_idle", INBOX, "`take_early` leaves `IDLE`", "inbox::early_drain"),
    mutant("inbox_early_drain_without_acquire", INBOX, "`take_early`: `Acquire` → `Relaxed`", "inbox::early_drain"),
    mutant("inbox_claims_always", INBOX, "`claim` says yes always", "schedule::a_claim_and_a_push_exclude_each_other"),
    mutant("inbox_close_relaxed", INBOX, "`close`: `AcqRel` → `Relaxed`", "inbox::close"),
    mutant("inbox_close_sees_lists_only", INBOX, "`close`: only a list counts as under way", "inbox::close"),
    mutant("inbox_newest_first", INBOX, "what is taken is not reversed", "inbox::hand_off"),
    mutant("notify_push_relaxed", NOTIFIED, "`push`: `Release` → `Relaxed`", "inbox::two_cells_on_one_list"),
    mutant("notify_take_without_acquire", NOTIFIED, "`take`: `AcqRel` → `Release`", "inbox::two_cells_on_one_list"),
    mutant("notify_take_reads_the_link_late", NOTIFIED, "the link is read after the cell was given away", "inbox::two_cells_on_one_list"),
    mutant("crates_push_relaxed", CRATES, "`push`: `Release` → `Relaxed`", "nodes::crates"),
    mutant("crates_take_without_acquire", CRATES, "`take`: `AcqRel` → `Release`", "nodes::crates"),
    mutant("nodes_one_is_lost", NODES, "one node of each crate is not taken in", "nodes::nodes_come_back_to_their_pool"),
    mutant("nodes_flush_forgets", NODES, "what was gathered for others is dropped", "nodes::nodes_come_back_to_their_pool"),
    mutant("sleep_announce_without_fence", SLEEP, "`announce`: no fence", "park::notification_and_sleep"),
    mutant("sleep_ring_without_fence", SLEEP, "`must_wake`: no fence", "park::notification_and_sleep"),
    mutant("sleep_ring_by_a_swap", SLEEP, "`must_wake`: a swap, not an exchange of `ASLEEP`", "park::two_ringers"),
    mutant("tenure_revoke_without_fence", TENURE, "`revoke`: no heavy fence", "rescue::a_turn_and_a_rescuer"),
    mutant("tenure_revoke_without_a_look", TENURE, "`revoke` does not look at `held`", "rescue::between_turns_nobody_comes"),
    mutant("tenure_revoke_reads_held_relaxed", TENURE, "`revoke` reads `held` with `Relaxed`", "rescue::a_turn_and_a_rescuer"),
    mutant("tenure_failed_attempt_stays", TENURE, "a failed attempt leaves `RESCUED`", "rescue::between_turns_nobody_comes"),
    mutant("tenure_let_go_relaxed", TENURE, "`let_go`: `Release` → `Relaxed`", "rescue::a_turn_and_a_rescuer"),
    mutant("tenure_begin_turn_relaxed", TENURE, "`begin_turn`: `Release` → `Relaxed`", "rescue::a_turn_and_a_rescuer"),
    mutant("tenure_pass_ends_relaxed", TENURE, "the end of a pass: `Release` → `Relaxed`", "rescue::a_turn_and_a_rescuer"),
    mutant("tenure_reclaim_relaxed", TENURE, "`reclaim`: `Acquire` → `Relaxed`", "rescue::a_turn_and_a_rescuer"),
    mutant("tenure_resume_relaxed", TENURE, "`resume`: `Acquire` → `Relaxed`", "rescue::two_rescuers"),
    mutant("refs_counted_by_a_store", HEADER, "`retain` loads and stores", "life::references_are_counted"),
    mutant("refs_given_up_relaxed", HEADER, "`release`: `Release` → `Relaxed`", "life::a_notification_keeps_the_cell"),
    mutant("refs_freed_without_fence", HEADER, "`release`: no fence before the cell is freed", "life::the_end_meets_the_last_references"),
    mutant("cell_leaves_unannounced", HEADER, "a cell that leaves does not say that something waits in it", "moving_timers::fire_meets_migration"),
    mutant("drift_keeps_its_home", DRIFT, "a cell that drifts keeps its home on its way", "moving_timers::fire_meets_migration"),
    mutant("timer_disarmed_on_any_wheel", TIMING, "cancelling takes a timer off this worker's wheel, wherever it lies", "moving_timers::cancel_meets_migration"),
    mutant("end_rings_nobody", SHARED, "the end of a system is not rung", "quiet::everybody_goes_home"),
    mutant("quiet_overlooks_visitors", SHARED, "`is_quiet` does not ask for threads outside that are telling something", "quiet::quiet_is_never_too_early"),
    mutant("quiet_looks_once", SHARED, "`is_quiet` does not compare two looks", "quiet::quiet_sees_what_crosses"),
    mutant("arena_enter_relaxed", OWNER, "entering: `Acquire` → `Relaxed`", "arena::one_at_a_time"),
    mutant("arena_enter_never_refuses", OWNER, "entering is never refused", "arena::one_at_a_time"),
    mutant("arena_leave_relaxed", OWNER, "leaving: `Release` → `Relaxed`", "arena::a_turn_sees_what_others_have_pushed"),
    mutant("arena_foreign_block_by_a_store", FOREIGN, "a foreign block is linked by a store", "arena::foreign_blocks_and_the_last_handle"),
    mutant("arena_bump_without_a_check", HANDLE, "the bump is used without the check", "arena::one_at_a_time"),
    mutant("wake_without_release", WAKING, "`wake`: `AcqRel` → `Acquire`", "waking::a_wake_is_followed_by_a_poll_that_sees_why"),
    mutant("wake_poll_begins_relaxed", WAKING, "`begin`: `AcqRel` → `Relaxed`", "waking::a_wake_is_followed_by_a_poll_that_sees_why"),
    mutant("wake_poll_begins_by_a_store", WAKING, "`begin`: a store, not a swap", "waking::a_wake_is_followed_by_a_poll_that_sees_why"),
    mutant("wake_during_a_poll_is_forgotten", WAKING, "`end` never sends again", "waking::a_wake_is_followed_by_a_poll_that_sees_why"),
    mutant("ask_answer_rings_nobody", OUTSIDE, "an answer does not wake the thread", "asks::a_thread_outside_gets_the_answer"),
    mutant("ask_answer_wakes_nobody", OUTSIDE, "an answer does not wake the future", "asks::a_future_outside_is_woken_or_ready"),
    mutant("slots_use_a_name_again", SLOTS, "a slot keeps its generation", "timers::fire_meets_cancel"),
    mutant("control_waits_for_data", LIFE, "control is handled when no data waits", "control::nothing_told_after_the_stop_is_handled"),
    mutant("end_drains_and_does_not_close", END, "the end empties the inbox and leaves it open", "control::a_stop_meets_data"),
    mutant("end_never_gives_its_count_up", END, "the actor's own count is kept", "life::the_end_meets_the_last_references"),
    mutant("end_frees_despite_a_notification", END, "the actor's own count goes while a notification is under way", "life::a_notification_keeps_the_cell"),
    mutant("restart_closes_the_inbox", LINEAGE, "a pause between two lives closes the inbox", "restart::a_restart_meets_a_tell"),
    mutant("restart_drops_what_waits", LINEAGE, "a pause between two lives drops the queue", "restart::a_restart_meets_a_tell"),
    mutant("mute_waits_for_one_that_is_relieved", PRESSURE, "who comes too late to be relieved is kept", "mute::a_muted_sender_goes_on"),
    mutant("mute_relief_tells_nobody", PRESSURE, "those who wait are forgotten", "mute::a_muted_sender_goes_on"),
    mutant("mute_keeps_control_away", CELL, "a muted actor is not queued for control", "mute::a_muted_sender_goes_on"),
    mutant("credits_give_relaxed", CREDITS, "`give`: `Release` → `Relaxed`", "credits::two_take_turns"),
    mutant("credits_give_without_fence", CREDITS, "`give`: no fence", "credits::a_waiter_is_served_or_woken"),
    mutant("credits_poll_without_fence", CREDITS, "`poll`: no fence", "credits::a_waiter_is_served_or_woken"),
    mutant("offer_without_fence", PARK, "an offer looks for a searcher without a fence", "park::one_searcher"),
    mutant("cell_local_tell_without_a_look", MODEL_CELL, "a local tell does not look into the inbox", "order::sender_moves"),
    mutant("cell_looks_before_it_announces", MODEL_CELL, "looks for work before it announces sleep", "park::notification_and_sleep"),
    mutant("cell_rings_before_it_pushes", MODEL_CELL, "rings before it pushes", "park::notification_and_sleep"),
    mutant("cell_is_welcomed_before_it_is_home", MODEL_CELL, "a stolen cell is taken before its home is set", "stealing::surplus_taken_back"),
    mutant("deque_push_without_fence", DEQUE, "`push`: no fence", "park::surplus_and_sleep"),
    mutant("deque_pop_by_a_store", DEQUE, "`pop`: a load and a store", "stealing::surplus_taken_back"),
];
