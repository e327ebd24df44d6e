//! Prints what becomes of one slow actor that many producers flood: how fast it works, and how much waits for it.
//!
//! `cargo run --release -p potoroo-benches --bin flood [-- --quick] [--seconds N] [--producers N]`. About 30 s for each of four
//! rows (100 ms with `--quick`), or for the one of so many producers. The actor takes about 200 ns a message; producers tell it a hundred in a turn and go on as fast as they
//! may. The first row is one producer with one message under way, which floods nobody and pays for the way there and back with
//! each message. With back-pressure the rate does not fall with the number of producers, the most that ever waits is bounded by
//! the marks and what each producer sends in a turn, and the memory of the process stays where it is.

use potoroo_benches::idle_memory::resident_bytes;
use potoroo_runtime::{Actor, ActorRef, Context, Reply, System, Turn};
use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

/// How many messages a producer tells in a turn.
const BATCH: u64 = 100;

/// Rounds of a multiplication that depends on the one before: about 200 ns.
const WORK: u64 = 200;

enum SlowMsg {
    Item,
    /// As an item, and answered.
    Ping(ActorRef<Producer>),
    Count(Reply<(u64, usize)>),
}

/// Takes its time, and notes how much waits.
#[derive(Default)]
struct Slow {
    handled: u64,
    most: usize,
}

impl Actor for Slow {
    type Msg = SlowMsg;

    fn handle(&mut self, msg: SlowMsg, ctx: &mut Context<'_, Self>) -> Turn {
        self.most = self.most.max(ctx.queue_len());
        if let SlowMsg::Count(reply) = msg {
            reply.send((self.handled, self.most));
            return Ok(());
        }
        black_box((0..WORK).fold(self.handled, |x, n| (x ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        self.handled += 1;
        if let SlowMsg::Ping(producer) = msg {
            producer.tell(());
        }
        Ok(())
    }
}

struct Producer {
    to: ActorRef<Slow>,
    floods: bool,
}

impl Actor for Producer {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        if self.floods {
            (0..BATCH).for_each(|_| self.to.tell(SlowMsg::Item));
            ctx.me().tell(());
        } else {
            self.to.tell(SlowMsg::Ping(ctx.me()));
        }
        Ok(())
    }
}

struct Row {
    rate_millions: f64,
    most: usize,
    mutes: u64,
    grown_mib: f64,
}

/// `producers` for a while; 0 is one that floods nobody.
fn measure(producers: usize, time: Duration) -> Result<Row, Box<dyn Error>> {
    let system = System::builder().workers(2).build()?;
    let slow = system.spawn_on(0, |_| Ok(Slow::default()));
    for _ in 0..producers.max(1) {
        let to = slow.clone();
        let floods = producers > 0;
        let producer = system.spawn_on(1, move |_| Ok(Producer { to, floods }));
        producer.tell(());
    }
    // Growing to the marks is no growth.
    thread::sleep(time / 10);
    let (before, begun) = (slow.ask(SlowMsg::Count).wait()?, Instant::now());
    let resident = resident_bytes();
    thread::sleep(time);
    let after = slow.ask(SlowMsg::Count).wait()?;
    let seconds = begun.elapsed().as_secs_f64();
    let grown = resident_bytes().saturating_sub(resident);
    let mutes = system.stats().total().mutes;
    // Producers never end by themselves.
    system.shutdown_within(Duration::ZERO);
    Ok(Row {
        rate_millions: (after.0 - before.0) as f64 / seconds / 1e6,
        most: after.1,
        mutes,
        grown_mib: grown as f64 / (1 << 20) as f64,
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().collect();
    let quick = words.iter().any(|word| word == "--quick");
    // The number behind a word, if the word is there.
    let number = |word: &str| match words.iter().position(|one| one == word) {
        None => Ok(None),
        Some(at) => match words.get(at + 1).map(|number| number.parse::<u64>()) {
            Some(Ok(number)) if number > 0 => Ok(Some(number)),
            _ => Err(format!("{word} wants a whole number, at least 1")),
        },
    };
    let seconds = number("--seconds")?.unwrap_or(30);
    let rows = match number("--producers")? {
        Some(producers) => vec![producers as usize],
        None => vec![0, 1, 8, 64],
    };
    let time = if quick {
        Duration::from_millis(100)
    } else {
        Duration::from_secs(seconds)
    };
    println!("| producers | handled, M/s | most that waited | mutes | memory grown, MiB |");
    println!("|---|---|---|---|---|");
    for producers in rows {
        eprint!("{producers} producers ...\r");
        let row = measure(producers, time)?;
        let name = match producers {
            0 => "one, one message under way".to_owned(),
            count => count.to_string(),
        };
        println!(
            "| {name} | {:.2} | {} | {} | {:.1} |",
            row.rate_millions, row.most, row.mutes, row.grown_mib
        );
        std::io::stdout().flush()?;
    }
    Ok(())
}
