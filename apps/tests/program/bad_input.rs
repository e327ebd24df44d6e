//! Frames that cannot be processed are told of, one by one, and the rest of the stream goes on.

use crate::support::{Place, connect, frame, ids, option, order, results, run_on_files, run_on_tcp};
use std::io::{Read, Write};
use std::net::Shutdown;

#[test]
fn bad_frames_are_dead_letters_and_good_ones_after_them_count() {
    let place = Place::new();
    let run = run_on_tcp(&[
        "--frame-bytes-max=100".to_owned(),
        format!("--out={}", place.endpoint("results")),
        option("--json", &place.path("json")),
        option("--dead-letters", &place.path("letters")),
    ]);
    let address = run.address("listening for orders");

    // One stream with everything that can be wrong with a frame, between two good ones.
    let mut of_nan = order("BAD001", " NAN", 1.0);
    of_nan[24..32].copy_from_slice(&f64::NAN.to_be_bytes());
    let pieces: [(Vec<u8>, Option<&str>); 7] = [
        (order("GOOD01", "AAAA", 1.0), None),
        (vec![9, 8, 7], Some("message type 9 is not the expected one")),
        (vec![1; 20], Some("the order is 20 bytes long, expected 53")),
        (vec![2; 41], Some("the quote is 41 bytes long, expected 42")),
        (of_nan, Some("the price is not a finite number")),
        (Vec::new(), Some("the frame is empty")),
        (order("GOOD02", "BBBB", 1.0), None),
    ];
    let mut mixed = connect(address);
    let mixed_peer = mixed.local_addr().expect("connected");
    let mut expected = Vec::new();
    let mut offset = 0;
    for (payload, reason) in &pieces {
        mixed.write_all(&frame(payload)).expect("taken");
        if let Some(reason) = reason {
            expected.push(format!("orders {mixed_peer} offset {offset}: {reason}"));
        }
        offset += 4 + payload.len();
    }

    // One that announces too much is closed; what it sent before counts.
    let mut too_long = connect(address);
    let too_long_peer = too_long.local_addr().expect("connected");
    too_long
        .write_all(&frame(&order("GOOD03", "CCCC", 1.0)))
        .expect("taken");
    too_long.write_all(&frame(&[1; 101])).expect("taken");
    expected.push(format!(
        "orders {too_long_peer} offset 57: the frame at byte 57 has a length of 101 bytes, the limit is 100; nothing after"
    ));
    // Closed in order or, with bytes unread, by a reset.
    let closed = too_long.read(&mut [0; 8]);
    assert!(matches!(closed, Ok(0)) || closed.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset));

    // One that ends inside a frame.
    let mut cut = connect(address);
    let cut_peer = cut.local_addr().expect("connected");
    let whole = frame(&order("GOOD04", "DDDD", 1.0));
    cut.write_all(&whole).expect("taken");
    cut.write_all(&whole[..30]).expect("taken");
    cut.shutdown(Shutdown::Write).expect("open");
    expected.push(format!(
        "orders {cut_peer} offset 57: the stream ended within the frame at byte 57: 30 of 57 bytes came"
    ));

    // The first connection has seen all that and lives on.
    mixed.write_all(&frame(&order("GOOD05", "AAAA", 1.0))).expect("taken");
    run.progress(&["5 in (", "5 out,", "7 dead letters"]);
    run.signal("INT");
    run.end().assert_success();

    let letters = place.text("letters");
    assert_eq!(letters.lines().count(), expected.len(), "{letters}");
    for start in &expected {
        assert!(
            letters.lines().any(|line| line.starts_with(start)),
            "no {start} in:\n{letters}"
        );
    }
    let mut found = ids(&results(&place.read("results")));
    found.sort_unstable();
    assert_eq!(found, ["GOOD01", "GOOD02", "GOOD03", "GOOD04", "GOOD05"]);
    let summary = place.summary("json");
    assert_eq!((summary.messages, summary.rejected, summary.dead_letters), (5, 5, 7));
}

#[test]
fn a_flood_of_dead_letters_leaves_standard_error_readable() {
    let place = Place::new();
    let run = run_on_tcp(&[
        "--once".to_owned(),
        format!("--out={}", place.endpoint("results")),
        option("--json", &place.path("json")),
    ]);
    let mut orders = connect(run.address("listening for orders"));
    drop(connect(run.address("listening for quotes")));
    orders.write_all(&frame(&[9]).repeat(1000)).expect("taken");
    drop(orders);
    let ended = run.end();
    ended.assert_success();
    assert_eq!(place.summary("json").dead_letters, 1000);
    let letters: Vec<_> = ended
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("dead letter: "))
        .collect();
    let (shown, kept_back): (Vec<&str>, Vec<&str>) =
        letters.into_iter().partition(|line| line.contains("message type 9"));
    // Ten a second, and they arrive at once; but a second may begin while they do.
    assert!((10..=20).contains(&shown.len()), "{ended:?}");
    let kept_back: usize = kept_back
        .iter()
        .map(|line| {
            line.strip_suffix(" more were not shown")
                .expect("the count")
                .parse::<usize>()
                .expect("a number")
        })
        .sum();
    assert_eq!(shown.len() + kept_back, 1000, "{ended:?}");
}

#[test]
fn a_file_with_a_broken_length_says_that_the_rest_is_left_out() {
    let place = Place::new();
    place.generate(1, 100, 20);
    place.write(
        "orders",
        [
            frame(&order("GOOD01", "AAAA", 1.0)),
            frame(&[1; 99]),
            frame(&order("LOST01", "AAAA", 1.0)),
        ]
        .concat(),
    );
    let run = run_on_files(
        &place,
        &[
            "--frame-bytes-max=53".to_owned(),
            format!("--out={}", place.endpoint("results")),
            option("--dead-letters", &place.path("letters")),
        ],
    );
    run.end().assert_success();
    let letters = place.text("letters");
    assert_eq!(letters.lines().count(), 1, "{letters}");
    for part in [
        "orders offset 57: ",
        "99 bytes, the limit is 53",
        "the rest of the file is left out",
    ] {
        assert!(letters.contains(part), "no {part} in {letters}");
    }
    assert_eq!(ids(&results(&place.read("results"))), ["GOOD01"]);
}

#[test]
fn a_frame_limit_of_zero_closes_every_connection_and_the_job_goes_on() {
    let place = Place::new();
    let run = run_on_tcp(&[
        "--frame-bytes-max=0".to_owned(),
        format!("--out={}", place.endpoint("results")),
        option("--json", &place.path("json")),
        option("--dead-letters", &place.path("letters")),
    ]);
    for _ in 0..2 {
        let mut connection = connect(run.address("listening for orders"));
        connection
            .write_all(&frame(&order("LOST01", "AAAA", 1.0)))
            .expect("taken");
        let closed = connection.read(&mut [0; 8]);
        assert!(matches!(closed, Ok(0) | Err(_)));
    }
    run.progress(&["0 in (", "2 dead letters"]);
    run.signal("TERM");
    run.end().assert_success();
    let summary = place.summary("json");
    assert_eq!((summary.messages, summary.dead_letters), (0, 2));
}
