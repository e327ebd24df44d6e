//! Watermarks of channels, by the names of the cases that other engines got wrong.

use super::*;

const A: EdgeId = EdgeId::new(1);
const B: EdgeId = EdgeId::new(2);
const C: EdgeId = EdgeId::new(3);

fn at(n: i64) -> Timestamp {
    Timestamp::from_nanos(n)
}

fn watermark(n: i64) -> Mark {
    Mark::Watermark(at(n))
}

/// Inputs with these edges, deployed.
fn inputs(edges: &[EdgeId]) -> Inputs {
    let mut inputs = Inputs::new();
    for edge in edges {
        inputs.opened(*edge);
    }
    assert!(!inputs.ended(DEPLOYMENT) || edges.is_empty());
    inputs
}

fn news(inputs: &mut Inputs) -> Vec<Mark> {
    std::iter::from_fn(|| inputs.news()).collect()
}

#[test]
fn an_end_that_overtakes_its_announcement_counts_once() {
    let mut inputs = Inputs::new();
    assert!(!inputs.ended(A));
    inputs.opened(A);
    inputs.heard(C);
    inputs.marked(C, watermark(9));
    assert!(!inputs.ended(C), "it has come and gone before it is announced");
    inputs.opened(C);
    inputs.opened(B);
    assert!(!inputs.ended(DEPLOYMENT));
    assert!(inputs.ended(B));
    assert_eq!(news(&mut inputs), [Mark::Watermark(Timestamp::MAX)]);
}

#[test]
fn w1_a_channels_watermark_never_decreases() {
    let mut inputs = inputs(&[A]);
    inputs.marked(A, watermark(10));
    assert_eq!(news(&mut inputs), [watermark(10)]);
    inputs.marked(A, watermark(7));
    assert_eq!(news(&mut inputs), []);
    inputs.opened(B);
    inputs.marked(B, watermark(20));
    inputs.marked(A, watermark(12));
    assert_eq!(news(&mut inputs), [watermark(12)]);
}

#[test]
fn w2_the_output_does_not_decrease_when_an_idle_input_wakes_with_an_older_value() {
    let mut inputs = inputs(&[A, B]);
    inputs.marked(A, watermark(5));
    inputs.marked(B, watermark(3));
    assert_eq!(news(&mut inputs), [watermark(3)]);
    inputs.marked(B, Mark::Idle);
    assert_eq!(news(&mut inputs), [watermark(5)]);
    inputs.marked(A, watermark(50));
    assert_eq!(news(&mut inputs), [watermark(50)]);
    inputs.marked(B, watermark(4));
    assert_eq!(news(&mut inputs), [], "held, not taken back");
    inputs.marked(A, watermark(60));
    assert_eq!(news(&mut inputs), [], "the woken input is waited for");
    inputs.marked(B, watermark(55));
    assert_eq!(news(&mut inputs), [watermark(55)]);
}

#[test]
fn w3_all_idle_gives_the_greatest_once_whatever_the_order() {
    for order in [[A, B, C], [C, B, A], [B, C, A], [A, C, B]] {
        let mut inputs = inputs(&[A, B, C]);
        for (edge, time) in [(A, 5), (B, 9), (C, 7)] {
            inputs.marked(edge, watermark(time));
        }
        let mut all = news(&mut inputs);
        for edge in order {
            inputs.marked(edge, Mark::Idle);
            all.extend(news(&mut inputs));
        }
        assert_eq!(all.last(), Some(&Mark::Idle), "{order:?}");
        assert_eq!(all.iter().rev().nth(1), Some(&watermark(9)), "{order:?}");
        assert!(all.iter().filter(|mark| **mark == Mark::Idle).count() == 1);
        assert_eq!(news(&mut inputs), []);
        inputs.heard(A);
        assert_eq!(news(&mut inputs), [Mark::Active]);
    }
}

#[test]
fn w4_a_quiet_input_is_not_idle() {
    let mut inputs = inputs(&[A, B]);
    inputs.marked(A, watermark(1_000));
    for _ in 0..100 {
        assert_eq!(
            news(&mut inputs),
            [],
            "B has said nothing, and nothing about being idle"
        );
    }
    inputs.marked(B, watermark(1));
    assert_eq!(news(&mut inputs), [watermark(1)]);
}

#[test]
fn w6_an_input_that_is_idle_from_the_start_holds_nothing_and_may_join_late() {
    let mut inputs = inputs(&[A, B]);
    inputs.marked(B, Mark::Idle);
    inputs.marked(A, watermark(8));
    assert_eq!(news(&mut inputs), [watermark(8)]);
    inputs.heard(B);
    assert_eq!(
        inputs.watermark(),
        at(8),
        "a first record of B is on time if it is at 8 or after"
    );
    inputs.marked(A, watermark(9));
    assert_eq!(news(&mut inputs), []);
    inputs.marked(B, watermark(8));
    inputs.marked(B, watermark(9));
    assert_eq!(news(&mut inputs), [watermark(9)]);
}

#[test]
fn w8_the_end_is_after_everything_and_told_once() {
    let mut inputs = inputs(&[A, B]);
    inputs.marked(A, watermark(3));
    assert!(!inputs.ended(A));
    assert_eq!(news(&mut inputs), []);
    inputs.marked(B, watermark(6));
    assert_eq!(
        news(&mut inputs),
        [watermark(6)],
        "an input that has ended holds nothing"
    );
    assert!(inputs.ended(B));
    assert_eq!(news(&mut inputs), [Mark::Watermark(Timestamp::MAX)]);
    assert_eq!(news(&mut inputs), []);
}
