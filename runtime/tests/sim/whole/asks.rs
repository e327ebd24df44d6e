//! Asks that are answered at once, late or never, and timers of which half are cancelled.

use super::{Shared, lock};
use potoroo_runtime::sim::Sim;
use potoroo_runtime::{Actor, ActorRef, AskError, Context, Reply, Turn};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Answers at once, or later, or never.
#[derive(Default)]
struct Moody {
    late: VecDeque<(u64, Reply<u64>)>,
    never: Vec<Reply<u64>>,
}

/// What is added to a late answer.
const LATE: u64 = 1_000;

enum MoodyMsg {
    Ask(u64, Reply<u64>),
    Later,
}

impl Actor for Moody {
    type Msg = MoodyMsg;

    fn handle(&mut self, msg: MoodyMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            MoodyMsg::Ask(number, reply) if number.is_multiple_of(2) => reply.send(number),
            MoodyMsg::Ask(number, reply) if number % 4 == 1 => {
                self.late.push_back((number, reply));
                ctx.after(Duration::from_millis(30), MoodyMsg::Later);
            }
            MoodyMsg::Ask(_, reply) => self.never.push(reply),
            MoodyMsg::Later => {
                // The one that this was meant for: those behind it wait for a timer each.
                if let Some((number, reply)) = self.late.pop_front() {
                    reply.send(number + LATE);
                }
            }
        }
        Ok(())
    }
}

/// What asks and timers came to.
#[derive(Default)]
struct Outcomes {
    answered: u64,
    timed_out: u64,
    wrong: Option<String>,
    fired: u64,
    must_not_fire: u64,
}

/// Asks with little patience, and sets timers of which it cancels half.
struct Asker {
    to: ActorRef<Moody>,
    left: u64,
    outcomes: Shared<Outcomes>,
}

enum AskerMsg {
    Go,
    Fired { wanted: bool },
}

impl Actor for Asker {
    type Msg = AskerMsg;

    fn handle(&mut self, msg: AskerMsg, ctx: &mut Context<'_, Self>) -> Turn {
        if let AskerMsg::Fired { wanted } = msg {
            let mut outcomes = lock(&self.outcomes);
            outcomes.fired += u64::from(wanted);
            outcomes.must_not_fire += u64::from(!wanted);
            return Ok(());
        }
        if self.left == 0 {
            return Ok(());
        }
        let number = self.left;
        self.left -= 1;
        let is_patient = number.is_multiple_of(3);
        let ask = ctx.ask(&self.to, |reply| MoodyMsg::Ask(number, reply));
        let continuation = move |me: &mut Self, answer: Result<u64, AskError>, ctx: &mut Context<'_, Self>| {
            let mut outcomes = lock(&me.outcomes);
            match answer {
                Ok(answer) if answer == number => outcomes.answered += 1,
                // Only who waits as long as the system says is there when it comes.
                Ok(answer) if answer == number + LATE && is_patient => outcomes.answered += 1,
                // What is answered at once may be so too late, where time races with turns.
                Err(AskError::TimedOut) => outcomes.timed_out += 1,
                other => {
                    outcomes.wrong = Some(format!("to {number} came {other:?}"));
                }
            }
            drop(outcomes);
            ctx.me().tell(AskerMsg::Go);
            Ok(())
        };
        if is_patient {
            ask.then(continuation);
        } else {
            ask.within(Duration::from_millis(10)).then(continuation);
        }
        ctx.after(Duration::from_millis(5), AskerMsg::Fired { wanted: true });
        let unwanted = ctx.after(Duration::from_millis(5), AskerMsg::Fired { wanted: false });
        ctx.cancel(unwanted);
        Ok(())
    }
}

/// Each ask has one outcome, and the right one; timers fire once, or never if they were cancelled.
pub(super) fn asks(sim: &Sim) {
    const ASKERS: u64 = 2;
    const EACH: u64 = 8;
    let outcomes: Shared<Outcomes> = Arc::default();
    let moody = sim.spawn(|_| Ok(Moody::default()));
    for _ in 0..ASKERS {
        let (to, outcomes) = (moody.clone(), outcomes.clone());
        sim.spawn(move |_| {
            Ok(Asker {
                to,
                left: EACH,
                outcomes,
            })
        })
        .tell(AskerMsg::Go);
    }
    // Shorter than the answers take that come late: see the settings of this scenario.
    sim.advance(Duration::from_secs(2));
    sim.run_until_quiet();
    let outcomes = lock(&outcomes);
    assert_eq!(outcomes.wrong, None);
    assert_eq!(outcomes.answered + outcomes.timed_out, ASKERS * EACH);
    assert_eq!((outcomes.fired, outcomes.must_not_fire), (ASKERS * EACH, 0));
}
