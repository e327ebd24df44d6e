//! Models of the mailbox hand-off: the real `Inbox` and `NotifyList`, one home.
//!
//! They check M2, M3 and M4 of `runtime/src/mailbox/README.md` for a cell that stays where it is; cells that move are in
//! `order.rs`. The home looks a fixed number of times and once more after all senders have ended, so there is no
//! loop for loom to get lost in. The doorbell is silent: a bell's fences would lend order to what they surround.
#![cfg(potoroo_loom)]

use loom::thread::{self, JoinHandle};
use potoroo_loom_tests::cell::{Cell, Doorbell, Handled, Message};
use potoroo_loom_tests::{meanwhile, model};
use potoroo_runtime::mailbox::Chain;
use potoroo_runtime::sync::Arc;

/// A thread that pushes `count` messages and gives how many were accepted.
fn push(cell: &Arc<Cell>, sender: usize, count: usize) -> JoinHandle<usize> {
    let cell = cell.clone();
    thread::spawn(move || {
        let accepted: Vec<bool> = (0..count)
            .map(|number| cell.push_remote(Message::new(sender, number)).is_ok())
            .collect();
        assert!(
            accepted.is_sorted_by(|first, second| first >= second),
            "refused, then accepted"
        );
        accepted.into_iter().filter(|accepted| *accepted).count()
    })
}

fn join(thread: JoinHandle<usize>) -> usize {
    thread.join().expect("the sender did not panic")
}

#[test]
fn hand_off() {
    model(
        "inbox::hand_off",
        "M2 M3 M4: nothing lost or doubled, each sender in order, one notification under way at a time",
        "3 threads, 2 x 2 messages",
        || {
            let home = Doorbell::silent();
            let cell = Arc::new(Cell::at(&home));
            let senders = [push(&cell, 0, 2), push(&cell, 1, 2)];
            let mut handled = Handled::default();
            for _ in 0..2 {
                home.take_notifications();
                handled.note_all(&cell);
            }
            let _ = senders.map(join);
            home.take_notifications();
            handled.note_all(&cell);
            assert_eq!(handled.counts(), [2, 2, 0]);
            assert!(cell.is_settled());
        },
    );
}

#[test]
fn early_drain() {
    model(
        "inbox::early_drain",
        "M2 M3: local tells drain the inbox early, and the notification still comes exactly once",
        "3 threads, 2 + 1 remote and 2 local messages",
        || {
            let home = Doorbell::silent();
            let cell = Arc::new(Cell::at(&home));
            let senders = [push(&cell, 0, 2), push(&cell, 1, 1)];
            let mut handled = Handled::default();
            assert!(cell.push_local(Message::new(2, 0)).is_ok());
            home.take_notifications();
            assert!(cell.push_local(Message::new(2, 1)).is_ok());
            handled.note_all(&cell);
            let _ = senders.map(join);
            // The drain may come after the last push: then the notification finds nothing, but it comes.
            cell.drain_early();
            home.take_notifications();
            handled.note_all(&cell);
            assert_eq!(handled.counts(), [2, 1, 2]);
            assert!(cell.is_settled());
        },
    );
}

#[test]
fn close() {
    model(
        "inbox::close",
        "M4: each message is handled, left over or given back; closing knows whether a notification will come",
        "3 threads, 2 x 2 messages",
        || {
            let home = Doorbell::silent();
            let cell = Arc::new(Cell::at(&home));
            let senders = [push(&cell, 0, 2), push(&cell, 1, 2)];
            let mut handled = Handled::default();
            home.take_notifications();
            // Without this, a notification is under way only while the inbox shows messages.
            cell.drain_early();
            handled.note_all(&cell);
            let (left, underway) = cell.close();
            left.for_each(|message| handled.note(message.open()));
            let early = home.take_notifications();
            let [first, second] = senders.map(join);
            let late = home.take_notifications();
            assert_eq!(
                early + late,
                usize::from(underway),
                "the memory waits for what does not come, or does not wait"
            );
            assert!(cell.push_remote(Message::new(2, 0)).is_err());
            assert_eq!(handled.counts(), [first, second, 0]);
            assert!(cell.is_settled());
        },
    );
}

#[test]
fn two_cells_on_one_list() {
    model(
        "inbox::two_cells_on_one_list",
        "M2 M4: two cells share a notification list, both are found, whoever pushed them",
        "3 threads, 2 cells, 2 x 2 messages",
        || {
            let home = Doorbell::silent();
            let cells = Arc::new([Cell::at(&home), Cell::at(&home)]);
            let senders = [[0, 1], [1, 0]].map(|order| {
                let cells = cells.clone();
                thread::spawn(move || {
                    for cell in order {
                        let sender = order[0];
                        assert!(cells[cell].push_remote(Message::new(sender, 0)).is_ok());
                    }
                    0
                })
            });
            let mut handled = [Handled::default(), Handled::default()];
            home.take_notifications();
            let _ = senders.map(join);
            home.take_notifications();
            for (handled, cell) in handled.iter_mut().zip(cells.iter()) {
                handled.note_all(cell);
                assert_eq!(handled.counts(), [1, 1, 0]);
                assert!(cell.is_settled());
            }
        },
    );
}

#[test]
fn chains() {
    model(
        "inbox::chains",
        "M2 M3 M4: what a turn has gathered arrives whole and in order, between what others push",
        "3 threads, a chain of 2 and 1 message, 1 message",
        || {
            let home = Doorbell::silent();
            let cell = Arc::new(Cell::at(&home));
            let gathers = meanwhile(&cell, move |cell| {
                let mut chain = Chain::new(Message::new(0, 0));
                chain.add(Message::new(0, 1));
                assert!(cell.deliver(chain).is_ok());
                assert!(cell.push_remote(Message::new(0, 2)).is_ok());
                3
            });
            let other = push(&cell, 1, 1);
            let mut handled = Handled::default();
            home.take_notifications();
            handled.note_all(&cell);
            assert_eq!((join(gathers), join(other)), (3, 1));
            home.take_notifications();
            handled.note_all(&cell);
            assert_eq!(handled.counts(), [3, 1, 0]);
            assert!(cell.is_settled());
        },
    );
}
