//! The failure that the chapter on simulation shows is the one that its program prints.
//!
//! The program stands here once more, so that it runs where its output can be looked at; both are compared with the chapter.

use std::path::Path;

fn chapter() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/19-simulation.md");
    std::fs::read_to_string(path).expect("the chapter")
}

mod program {
    //! What stands between the two lines below stands in the chapter as well, to the letter.

    // The program begins.
    use potoroo_runtime::sim::{self, Sim};
    use potoroo_runtime::{Actor, ActorRef, Context, Reply, Turn};

    #[derive(Default)]
    struct Cell(u64);

    #[derive(Debug)]
    enum CellMsg {
        Read(Reply<u64>),
        Write(u64),
    }

    impl Actor for Cell {
        type Msg = CellMsg;
        fn handle(&mut self, msg: CellMsg, _: &mut Context<'_, Self>) -> Turn {
            match msg {
                CellMsg::Read(reply) => reply.send(self.0),
                CellMsg::Write(value) => self.0 = value,
            }
            Ok(())
        }
        // What messages are called in charts. By default, the name of their type.
        fn describe(msg: &CellMsg) -> String {
            match msg {
                CellMsg::Read(_) => "Read".to_owned(),
                CellMsg::Write(value) => format!("Write({value})"),
            }
        }
    }

    struct Incrementer(ActorRef<Cell>);

    impl Actor for Incrementer {
        type Msg = ();
        fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
            ctx.ask(&self.0, CellMsg::Read).then(|me, value, _| {
                me.0.tell(CellMsg::Write(value? + 1));
                Ok(())
            });
            Ok(())
        }
    }

    fn two_increments(sim: &Sim) {
        let cell = sim.spawn(|_| Ok(Cell::default()));
        for _ in 0..2 {
            let cell = cell.clone();
            sim.spawn(move |_| Ok(Incrementer(cell))).tell(());
        }
        sim.run_until_quiet();
        assert_eq!(cell.ask(CellMsg::Read).wait(), Ok(2), "two increments");
    }
    // The program ends.

    pub(crate) fn failure() -> String {
        let failure = sim::explore(two_increments)
            .exhaustive()
            .check()
            .expect_err("an update is lost");
        failure.to_string()
    }
}

/// The program, as it stands in this file.
fn program() -> String {
    let source = include_str!("simulation.rs");
    let (_, rest) = source.split_once("    // The program begins.\n").expect("a beginning");
    let (program, _) = rest.split_once("    // The program ends.\n").expect("an end");
    let lines = program.lines().map(|line| line.strip_prefix("    ").unwrap_or(line));
    lines.map(|line| line.to_owned() + "\n").collect()
}

#[test]
fn two_increments() {
    assert!(
        chapter().contains(&program()),
        "the chapter has another program than this file"
    );
    let lines: Vec<String> = program::failure()
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    let printed = lines.join("\n");
    assert!(
        chapter().contains(&format!("```text\n{printed}\n```")),
        "the chapter shows another failure than its program prints:\n{printed}"
    );
}
