//! Every peer at every workload, tiny: the sums come out, and all peers did the same work.
//!
//! Nothing here looks at the time.

use potoroo_peers::measure::{Settings, measure};
use potoroo_peers::{Peer, Workload, chart, report};
use std::time::Duration;

fn every_workload(peer: Peer) {
    for workload in Workload::ALL {
        // Less than a burst where that is possible, and several.
        for messages in [workload.rounded(100), workload.rounded(5_003)] {
            let bare = Peer::Bare.run(workload, 1, messages).checksum;
            for threads in [1, 2, 3] {
                let outcome = peer.run(workload, threads, messages);
                assert_eq!(
                    (outcome.messages, outcome.checksum),
                    (messages, bare),
                    "{workload} on {peer} with {threads} threads"
                );
            }
        }
    }
}

#[test]
fn the_bare_loop_adds_up() {
    // Relay 1 gets 4, 2, 0 and relay 2 gets 3, 1.
    assert_eq!(Peer::Bare.run(Workload::PingPong, 1, 5).checksum, 6 + 2 * 4);
    assert_eq!(
        Peer::Bare.run(Workload::FanIn8, 1, 5_003).checksum,
        (0..5_003).sum::<u64>()
    );
    every_workload(Peer::Bare);
}

#[test]
fn potoroo_adds_up() {
    every_workload(Peer::Potoroo);
}

#[test]
fn tokio_adds_up() {
    every_workload(Peer::Tokio);
}

#[test]
fn actix_adds_up() {
    every_workload(Peer::Actix);
}

#[test]
fn kameo_adds_up() {
    every_workload(Peer::Kameo);
}

#[test]
fn ractor_adds_up() {
    every_workload(Peer::Ractor);
}

#[test]
fn what_was_measured_can_be_printed_and_drawn() {
    let cells = measure(&Settings {
        peers: vec![Peer::Bare, Peer::Tokio],
        workloads: vec![Workload::PingPong],
        threads: vec![1, 2],
        rounds: 3,
        run: Duration::from_micros(100),
    });
    assert_eq!(cells.len(), 3, "the bare loop has no second thread");
    for cell in &cells {
        assert!(cell.lowest() <= cell.median() && cell.median() <= cell.highest());
    }
    assert_eq!(report::markdown(&cells).lines().count(), 4);
    assert_eq!(report::json(&cells).matches("\"workload\"").count(), 3);
    let file = std::env::temp_dir().join(format!("peers-{}.svg", std::process::id()));
    chart::draw(&cells, &file).unwrap();
    let svg = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(svg.contains("bare loop") && svg.contains("tokio"), "{svg}");
}
