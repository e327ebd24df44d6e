//! The applications that go by event time, against naive computations, what Market Spread says at its start, and input over HTTP.

use potoroo::classics::{alerts, trending_hashtags};
use potoroo_actors::element::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use trending_hashtags::Post;

/// Runs the program on this standard input.
fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_potoroo"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    // Who makes its input up reads none.
    let _ = writer.join().expect("no panic");
    output
}

#[track_caller]
fn lines(arguments: &[&str], input: &str) -> Vec<String> {
    let Output { status, stdout, stderr } = run(arguments, input);
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let text = String::from_utf8(stdout).expect("text");
    text.lines().map(str::to_owned).collect()
}

/// Numbers that look random.
fn numbers(mut state: u64) -> impl Iterator<Item = u64> {
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state >> 33
    })
}

fn seconds(time: Timestamp) -> i64 {
    time.millis() / 1000
}

/// For every window that has a hashtag, the count of each in it, sorted as it is told.
fn naive_trends(posts: &[Post], top: usize, within: i64, every: i64) -> Vec<String> {
    let times = posts.iter().map(|post| seconds(post.at));
    let ends: BTreeSet<i64> = times
        .flat_map(|at| (1..=within / every).map(move |slide| at.div_euclid(every) * every + slide * every))
        .collect();
    let mut told = Vec::new();
    for end in ends {
        let mut counts = BTreeMap::<String, u64>::new();
        for post in posts {
            if (end - within..end).contains(&seconds(post.at)) {
                trending_hashtags::hashtags(&post.text, &mut |tag| *counts.entry(tag).or_default() += 1);
            }
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(tag, count)| (std::cmp::Reverse(*count), tag.clone()));
        if !counts.is_empty() {
            let best = counts.iter().take(top).map(|(tag, count)| format!(" #{tag} {count}"));
            told.push(format!("{}..{end}{}", end - within, best.collect::<String>()));
        }
    }
    told
}

#[test]
fn made_up_posts_have_the_trends_of_a_loop_on_any_number_of_workers() {
    let posts: Vec<_> = trending_hashtags::generate(12_000).collect();
    let expected = naive_trends(&posts, 10, 300, 60);
    assert_eq!(expected.len(), 24, "{expected:#?}");
    for workers in ["1", "3"] {
        let arguments = [
            "run",
            "trending-hashtags",
            "--quiet",
            "--lines=12000",
            "--workers",
            workers,
        ];
        assert_eq!(lines(&arguments, ""), expected, "{workers} workers");
    }
}

#[test]
fn posts_out_of_order_and_equal_counts_have_the_trends_of_a_loop() {
    let mut numbers = numbers(7);
    let mut next = move |below: u64| numbers.next().expect("no end") % below;
    // Many hashtags that come rarely, so that many counts are equal; times before 1970 and gaps, too.
    let posts: Vec<Post> = (0..3000)
        .map(|number| Post {
            at: Timestamp::from_secs(-100 + number / 5 + if number > 2000 { 700 } else { 0 } - next(10) as i64),
            text: (0..next(4)).map(|_| format!("x #T{} ", next(300))).collect(),
        })
        .collect();
    let input: String = posts
        .iter()
        .map(|post| format!("{} {}\n", seconds(post.at), post.text))
        .collect();
    for (top, within, every) in [(3, 60, 10), (50, 20, 20), (1, 7, 1)] {
        let (top_text, within_text, every_text) = (top.to_string(), within.to_string(), every.to_string());
        let arguments = [
            ["run", "trending-hashtags", "--quiet", "--input=stdin"].as_slice(),
            &["--top", &top_text, "--within-s", &within_text, "--every-s", &every_text],
        ];
        let expected = naive_trends(&posts, top, within, every);
        assert_eq!(lines(&arguments.concat(), &input), expected);
    }
}

#[test]
fn windows_that_do_not_fit_are_refused_and_bad_lines_are_dead_letters() {
    let refused = run(&["run", "trending-hashtags", "--within-s=100"], "");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is no multiple of --every-s 60"));
    let Output { stdout, stderr, .. } = run(&["run", "trending-hashtags", "--input=stdin"], "0 #a\nsoon #b\n");
    assert_eq!(String::from_utf8_lossy(&stdout).lines().next(), Some("-240..60 #a 1"));
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(stderr.contains("`soon` is no number of seconds (line 2)"), "{stderr}");
}

/// The alerts of a loop, sorted: users are independent of each other.
fn naive_alerts(transactions: &[alerts::Timed]) -> Vec<String> {
    let mut totals = BTreeMap::<(String, i64), f64>::new();
    for (at, transaction) in transactions {
        let start = seconds(*at).div_euclid(5) * 5;
        *totals.entry((transaction.user.clone(), start)).or_default() += transaction.amount;
    }
    let told = totals
        .iter()
        .filter_map(|((user, start), total)| alerts::of_span(user, Timestamp::from_secs(*start), *total));
    let mut told: Vec<_> = told.collect();
    told.sort();
    told
}

#[test]
fn windowed_alerts_are_those_of_a_loop() {
    let windowed = |more: &[&str], input: &str| {
        let mut got = lines(
            &[&["run", "alerts", "--kind=windowed", "--quiet"], more].concat(),
            input,
        );
        got.sort();
        got
    };
    let made_up: Vec<_> = alerts::generate_timed(5000).collect();
    let expected = naive_alerts(&made_up);
    assert!(expected.len() > 50, "{expected:#?}");
    for workers in ["--workers=1", "--workers=3"] {
        assert_eq!(windowed(&["--transactions=5000", workers], ""), expected, "{workers}");
    }

    let mut numbers = numbers(8);
    let mut next = move |below: u64| numbers.next().expect("no end") % below;
    let transactions: Vec<alerts::Timed> = (0..4000)
        .map(|number| {
            let transaction = alerts::Transaction {
                user: format!("user {}", next(9)),
                amount: next(1201) as f64 - 600.0,
            };
            (Timestamp::from_secs(number / 3 - next(3) as i64), transaction)
        })
        .collect();
    let input: String = transactions
        .iter()
        .map(|(at, transaction)| format!("{} {} {}\n", seconds(*at), transaction.user, transaction.amount))
        .collect();
    let expected = naive_alerts(&transactions);
    assert!(expected.len() > 50, "{expected:#?}");
    assert_eq!(windowed(&["--input=stdin"], &input), expected);
}

#[test]
fn market_spread_says_what_it_guarantees() {
    let directory = tempfile::tempdir().expect("a directory");
    let endpoint = |name: &str| format!("file:{}", directory.path().join(name).display());
    let (orders, quotes, out) = (endpoint("orders"), endpoint("quotes"), endpoint("out"));
    let ends = ["--orders", &orders, "--quotes", &quotes];
    let sent = run(&[&["send", "market-spread", "--messages=1000"][..], &ends].concat(), "");
    assert!(sent.status.success(), "{sent:?}");
    for (more, says) in [([].as_slice(), true), (&["--quiet"], false)] {
        let arguments = [&["run", "market-spread", "--out", &out], &ends[..], more].concat();
        let Output { status, stderr, .. } = run(&arguments, "");
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{stderr}");
        assert_eq!(
            stderr.contains("guarantee: exactly once: after a failure, start again"),
            says,
            "{stderr}"
        );
    }
}

#[test]
fn alphabet_takes_what_is_posted_to_its_path() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_potoroo"))
        .args(["run", "alphabet", "--once", "--input=http://127.0.0.1:0/votes"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("a line");
    let address = line
        .trim_end()
        .strip_prefix("listening for votes on ")
        .expect("an address");
    let mut client = TcpStream::connect(address).expect("it listens");
    let mut post = |path: &str, body: &str, connection: &str| {
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\nContent-Length: {length}\r\n\r\n");
        client.write_all((head + body).as_bytes()).expect("taken");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte).expect("an answer");
            answer.extend(byte);
        }
        let head = String::from_utf8(answer).expect("text");
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let mut text = vec![0; length.expect("a length").parse().expect("a number")];
        client.read_exact(&mut text).expect("a body");
        head + &String::from_utf8(text).expect("text")
    };
    assert!(post("/votes", "a 15\nb 1", "keep-alive").ends_with("2 records\n"));
    let refused = post("/votes", "a 1\n? 1\n", "keep-alive");
    assert!(
        refused.starts_with("HTTP/1.1 400 ") && refused.contains("line 2, byte 4: `?` is none"),
        "{refused}"
    );
    assert!(post("/votes", "a 25\n", "close").ends_with("1 records\n"));
    drop(client);
    let output = child.wait_with_output().expect("it ends");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("text");
    assert!(output.status.success(), "{rest}");
    assert!(rest.contains("guarantee: at most once"), "{rest}");
    let stdout = String::from_utf8(output.stdout).expect("text");
    let lines: BTreeSet<_> = stdout.lines().filter(|line| line.len() < 6).collect();
    assert_eq!(lines, BTreeSet::from(["a 15", "a 40", "b 1"]), "{stdout}");
}
