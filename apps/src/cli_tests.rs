//! Defaults are the documented ones, and mistakes are explained.

use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Result<Command, String> {
    let words = line.split_whitespace();
    let parsed = Cli::try_parse_from(std::iter::once("potoroo").chain(words));
    parsed.map(|cli| cli.command).map_err(|e| e.to_string())
}

#[test]
fn the_description_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn defaults_are_the_documented_ones() {
    let Ok(Command::Demo(demo)) = parse("demo") else {
        panic!("not a demo");
    };
    assert_eq!(demo.messages, 10_000_000);
    assert_eq!(demo.rate, Rate::PerSecond(1_000_000));
    assert_eq!((demo.seed, demo.reject_one_in), (1, 100));
    assert!(workers_or_cores(demo.workers).get() >= 1);
    let run = "run market-spread --orders file:o --quotes file:q --out file:r --once";
    let Ok(Command::Run(RunCommand::MarketSpread(run))) = parse(run) else {
        panic!("not a run");
    };
    assert_eq!(run.frame_bytes_max, 65_536);
    assert!(run.run.once && !run.run.quiet);
    let send = "send market-spread --orders file:o --quotes file:q --messages 1_000 --rate max";
    let Ok(Command::Send(SendCommand::MarketSpread(send))) = parse(send) else {
        panic!("not a send");
    };
    assert_eq!((send.messages, send.rate), (1_000, Rate::Max));
    assert_eq!(send.reject_one_in, 70_000);
    let Ok(Command::Bench(bench)) = parse("bench ring --trace x") else {
        panic!("not a benchmark");
    };
    assert_eq!(bench.bench.map(|bench| bench.name), Some("ring"));
    assert_eq!((bench.runs.get(), bench.trace_events), (3, 100_000));
    let universe = send.universe.universe(1).unwrap();
    assert_eq!(universe.instruments().len(), INSTRUMENTS);
}

#[test]
fn mistakes_are_explained() {
    let send = "send market-spread --orders file:o --quotes file:q";
    for (line, reason) in [
        ("demo --rate 0".to_owned(), "would never end"),
        ("demo --reject-one-in 0".to_owned(), "at least 1"),
        ("receive --listen 7200".to_owned(), "tcp://HOST:PORT"),
        (
            "receive --listen tcp://[::1]:0 --schedule seed=1".to_owned(),
            "`start_ns` is missing",
        ),
        (format!("{send} --instruments a.csv"), "--rejected-instruments"),
        (
            format!("{send} --instruments a.csv --rejected-instruments b.csv --symbols 3"),
            "cannot be used with",
        ),
    ] {
        let error = parse(&line).unwrap_err();
        assert!(error.contains(reason), "{line}: {error}");
    }
}

#[test]
fn every_application_explains_itself_at_length() {
    let mut cli = Cli::command();
    let run = cli.find_subcommand_mut("run").expect("a command");
    for name in ["market-spread", "kv", "pool", "chat", "proxy"] {
        let application = run.find_subcommand_mut(name).expect(name);
        let (short, long) = (application.get_about(), application.get_long_about());
        let (short, long) = (short.expect(name).to_string(), long.expect(name).to_string());
        assert!(long.len() > short.len() + 40 && long.starts_with(&short), "{long}");
    }
}

#[test]
fn the_small_applications_have_the_documented_defaults_and_limits() {
    let Ok(Command::Run(RunCommand::Pool(pool))) = parse("run pool") else {
        panic!("not a pool");
    };
    assert_eq!(
        (pool.up_to, pool.jobs, pool.members.get(), pool.fail_one_in),
        (20_000_000, 1_000, 4, 10)
    );
    let Ok(Command::Run(RunCommand::Chat(chat))) = parse("run chat") else {
        panic!("not a chat");
    };
    assert_eq!((chat.listen.port(), chat.max_clients, chat.idle_s), (7000, 1_000, 600));
    let Ok(Command::Run(RunCommand::Proxy(proxy))) = parse("run proxy --to 127.0.0.1:9000") else {
        panic!("not a proxy");
    };
    assert_eq!(
        (proxy.rate, proxy.burst, proxy.in_flight.get(), proxy.waiting),
        (100, 10, 8, 100)
    );
    for line in [
        "run pool --up-to 1G",
        "run proxy",
        "run proxy --to 127.0.0.1:9 --rate 0",
        "run chat --listen 7000",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}
