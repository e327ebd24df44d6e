//! The inbox on real threads, and each of its promises by itself; the models are in `loom-tests`.

use super::*;
use crate::sync::Arc;

#[test]
fn the_first_push_notifies_and_the_rest_ride_along() {
    let inbox = Inbox::new();
    assert_eq!(inbox.push(1), Ok(Pushed::Notify));
    assert_eq!(inbox.push(2), Ok(Pushed::Underway));
    assert_eq!(inbox.take().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(inbox.push(3), Ok(Pushed::Notify));
}

#[test]
fn an_early_drain_leaves_the_notification_under_way() {
    let inbox = Inbox::new();
    assert_eq!(inbox.push(1), Ok(Pushed::Notify));
    assert_eq!(inbox.take_early().collect::<Vec<_>>(), [1]);
    assert!(!inbox.has_messages());
    assert_eq!(inbox.push(2), Ok(Pushed::Underway));
    assert_eq!(inbox.take().collect::<Vec<_>>(), [2]);
    assert_eq!(inbox.push(3), Ok(Pushed::Notify));
}

#[test]
fn a_cell_with_a_notification_under_way_cannot_be_claimed() {
    let inbox = Inbox::new();
    assert_eq!(inbox.push(1), Ok(Pushed::Notify));
    assert!(!inbox.claim());
    drop(inbox.take());
    assert!(inbox.claim());
    assert!(!inbox.claim());
    assert_eq!(inbox.push(2), Ok(Pushed::Underway));
}

#[test]
fn a_closed_inbox_gives_the_value_back() {
    let inbox = Inbox::new();
    assert_eq!(inbox.push(1), Ok(Pushed::Notify));
    let (left, underway) = inbox.close();
    assert_eq!(left.collect::<Vec<_>>(), [1]);
    assert!(underway);
    assert_eq!(inbox.push(2), Err(Refused(2)));
}

#[test]
fn the_word_counts_and_tells_of_a_flood() {
    let inbox = Inbox::new();
    assert!(inbox.is_calm());
    let mut chain = Chain::new(1);
    chain.add(2);
    let gauge = |waiting, flooded| Gauge { waiting, flooded };
    assert!(matches!(inbox.push_gauged(chain), Ok((Pushed::Notify, seen)) if seen == gauge(2, false)));
    inbox.set_flooded(true);
    assert!(matches!(inbox.push_gauged(Chain::new(3)), Ok((Pushed::Underway, seen)) if seen == gauge(3, true)));
    assert_eq!(inbox.take().collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(inbox.gauge(), gauge(0, true));
    assert!(!inbox.is_calm() && !inbox.has_messages());
    assert!(inbox.claim(), "a flood is no notification");
    assert!(matches!(inbox.push_gauged(Chain::new(4)), Ok((Pushed::Underway, seen)) if seen == gauge(1, true)));
    inbox.set_flooded(false);
    assert_eq!(inbox.take_early().collect::<Vec<_>>(), [4]);
    assert_eq!(inbox.gauge(), gauge(0, false));
    let (_, underway) = inbox.close();
    assert!(underway);
    inbox.set_flooded(true);
    assert_eq!(inbox.push(5), Err(Refused(5)));
}

#[test]
fn the_count_ends_where_the_word_does() {
    let inbox = Inbox::new();
    for n in 0..WAITING_MAX + 10 {
        let _ = inbox.push(n);
    }
    assert_eq!(inbox.gauge().waiting, WAITING_MAX);
    assert!(!inbox.gauge().flooded);
    assert_eq!(inbox.take().count(), WAITING_MAX + 10);
}

#[test]
fn a_chain_arrives_in_its_order_and_is_refused_whole() {
    let chain = |from: u32| {
        let mut chain = Chain::new(from);
        chain.add(from + 1);
        chain.add(from + 2);
        chain
    };
    let inbox = Inbox::new();
    assert!(matches!(inbox.push_chain(chain(1)), Ok(Pushed::Notify)));
    assert_eq!(inbox.push(4), Ok(Pushed::Underway));
    assert!(matches!(inbox.push_chain(chain(5)), Ok(Pushed::Underway)));
    assert_eq!(inbox.take().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    drop(inbox.close());
    let Err(Refused(refused)) = inbox.push_chain(chain(8)) else {
        panic!("a closed inbox accepted");
    };
    assert_eq!(taken(refused.newest).collect::<Vec<_>>(), [8, 9, 10]);
    std::mem::forget(refused);
}

#[test]
fn a_chain_that_goes_nowhere_is_dropped_once() {
    let counted = Arc::new(());
    let mut chain = Chain::new(counted.clone());
    chain.add(counted.clone());
    let erased = chain.erase();
    assert_eq!(Arc::strong_count(&counted), 3);
    // SAFETY: erased above.
    drop(unsafe { erased.restore::<Arc<()>>() });
    assert_eq!(Arc::strong_count(&counted), 1);
}

#[test]
fn what_is_never_taken_is_dropped_once() {
    let counted = Arc::new(());
    let inbox = Inbox::new();
    for _ in 0..3 {
        let _ = inbox.push(counted.clone());
    }
    let mut taken = inbox.take();
    let _ = inbox.push(counted.clone());
    drop(taken.next());
    drop(taken);
    drop(inbox);
    assert_eq!(Arc::strong_count(&counted), 1);
}

#[test]
fn eight_pushers_keep_their_own_order() {
    const PUSHERS: u64 = 8;
    const EACH: u64 = 20_000;
    let inbox = Arc::new(Inbox::new());
    let mut next = [0_u64; PUSHERS as usize];
    std::thread::scope(|scope| {
        for pusher in 0..PUSHERS {
            let inbox = inbox.clone();
            scope.spawn(move || {
                for n in 0..EACH {
                    let _ = inbox.push((pusher, n)).expect("open");
                }
            });
        }
        let mut seen = 0;
        while seen < PUSHERS * EACH {
            for (pusher, n) in inbox.take() {
                assert_eq!(n, next[pusher as usize]);
                next[pusher as usize] += 1;
                seen += 1;
            }
        }
    });
}
