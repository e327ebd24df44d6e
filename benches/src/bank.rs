//! Savina's bank transactions: a teller orders transfers between accounts; an account waits for the other's answer.
//!
//! A transfer takes four messages: the teller credits the payer, the payer debits the payee and handles nothing but the
//! payee's confirmation until that is there (what comes meanwhile is kept back), then it tells the teller. The payer is
//! one of the first 80 % of the accounts and the payee always has a higher number, so nobody waits in a circle. The
//! teller orders [`BURST`](fan_in::BURST) transfers between two messages to itself, which are not counted. Savina's teller
//! orders all at once.

use crate::{Outcome, fan_in};

use crate::random::Random;
use crate::stage::{self, Cast, Ledger, Play};
use potoroo_runtime::{Actor, ActorRef, Context, ExitReason, Fault, System, Turn};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// A transfer moves less than this.
const AMOUNT_END: u64 = 1_000;

enum Msg {
    /// Setting up: all accounts, and the teller.
    Bank(Arc<Bank>),
    /// From the teller: pay.
    Credit { amount: u32, payee: u32 },
    /// From the payer: take it.
    Debit { amount: u32, payer: u32 },
    /// From the payee: taken.
    Confirm,
}

const _: () = assert!(size_of::<Msg>() == 16, "a small enum with a u64");

/// What everybody knows.
struct Bank {
    accounts: Vec<ActorRef<Account>>,
    teller: ActorRef<Teller>,
}

struct Account {
    index: u32,
    balance: u64,
    /// Whether a payee has not confirmed yet.
    waiting: bool,
    kept_back: VecDeque<Msg>,
    bank: Option<Arc<Bank>>,
    ledger: Arc<Ledger>,
}

impl Actor for Account {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Confirm => {
                self.waiting = false;
                self.bank()?.teller.tell(TellerMsg::Done);
                while !self.waiting {
                    let Some(msg) = self.kept_back.pop_front() else { break };
                    self.serve(msg)?;
                }
            }
            Msg::Bank(bank) => {
                self.bank = Some(bank);
                self.ledger.ready();
            }
            msg if self.waiting => self.kept_back.push_back(msg),
            msg => self.serve(msg)?,
        }
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        self.ledger.add(self.balance.wrapping_mul(u64::from(self.index) + 1));
        // The accounts would keep each other's memory alive.
        self.bank = None;
    }
}

impl Account {
    fn bank(&self) -> Result<&Bank, Fault> {
        self.bank
            .as_deref()
            .ok_or_else(|| Fault::new("a transfer came before the bank was opened"))
    }

    fn serve(&mut self, msg: Msg) -> Turn {
        match msg {
            Msg::Credit { amount, payee } => {
                self.balance = self.balance.wrapping_sub(u64::from(amount));
                self.waiting = true;
                let payer = self.index;
                self.bank()?.accounts[payee as usize].tell(Msg::Debit { amount, payer });
                Ok(())
            }
            Msg::Debit { amount, payer } => {
                self.balance = self.balance.wrapping_add(u64::from(amount));
                self.bank()?.accounts[payer as usize].tell(Msg::Confirm);
                Ok(())
            }
            Msg::Confirm | Msg::Bank(_) => Err(Fault::new("only transfers are kept back")),
        }
    }
}

enum TellerMsg {
    /// Setting up: all accounts.
    Bank(Arc<Bank>),
    NextBurst,
    /// A transfer is over.
    Done,
}

struct Teller {
    bank: Option<Arc<Bank>>,
    random: Random,
    transfers: Range<u64>,
    unfinished: u64,
    ledger: Arc<Ledger>,
}

impl Actor for Teller {
    type Msg = TellerMsg;

    fn handle(&mut self, msg: TellerMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            TellerMsg::Done => {
                self.unfinished -= 1;
                if self.unfinished == 0 {
                    self.ledger.part_finished();
                }
            }
            TellerMsg::NextBurst => {
                let Some(bank) = &self.bank else {
                    return Err(Fault::new("the teller began before the bank was opened"));
                };
                for _ in fan_in::next_burst(&mut self.transfers) {
                    let (payer, payee, amount) = transfer(&mut self.random, bank.accounts.len() as u64);
                    bank.accounts[payer as usize].tell(Msg::Credit {
                        amount: amount as u32,
                        payee: payee as u32,
                    });
                }
                if !self.transfers.is_empty() {
                    ctx.me().tell(TellerMsg::NextBurst);
                }
            }
            TellerMsg::Bank(bank) => {
                self.bank = Some(bank);
                self.ledger.ready();
            }
        }
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        // As with the accounts.
        self.bank = None;
    }
}

/// Payer, payee and amount of the next transfer.
fn transfer(random: &mut Random, accounts: u64) -> (u64, u64, u64) {
    let payer = random.below((accounts * 8 / 10).max(1));
    let payee = payer + 1 + random.below(accounts - payer - 1);
    (payer, payee, random.below(AMOUNT_END))
}

/// The balances after all transfers, one after the other, times the account's number from 1.
fn checksum(accounts: u64, transfers: u64) -> u64 {
    let mut random = Random::new(accounts);
    let mut balances = vec![0_u64; accounts as usize];
    for _ in 0..transfers {
        let (payer, payee, amount) = transfer(&mut random, accounts);
        balances[payer as usize] = balances[payer as usize].wrapping_sub(amount);
        balances[payee as usize] = balances[payee as usize].wrapping_add(amount);
    }
    (1..).zip(balances).fold(0, |all, (number, balance)| {
        all.wrapping_add(balance.wrapping_mul(number))
    })
}

/// Runs a bank of `accounts` with so many `transfers`.
///
/// # Panics
///
/// If a message is lost, if there are less than two accounts, or no transfers.
pub fn run(system: &System, accounts: u64, transfers: u64) -> Outcome {
    assert!(accounts > 1 && transfers > 0, "bank: nothing to transfer");
    let play = Play {
        workload: "bank",
        cast: Cast {
            children: accounts + 1,
            parts: 1,
        },
        messages: 4 * transfers,
        expected: checksum(accounts, transfers),
    };
    stage::perform(system, &play, move |ctx, ledger| {
        let of_teller = ledger.clone();
        let teller = ctx.spawn(move |_| {
            Ok(Teller {
                bank: None,
                random: Random::new(accounts),
                transfers: 0..transfers,
                unfinished: transfers,
                ledger: of_teller,
            })
        });
        let accounts = (0..accounts as u32)
            .map(|index| {
                let ledger = ledger.clone();
                ctx.spawn(move |_| {
                    Ok(Account {
                        index,
                        balance: 0,
                        waiting: false,
                        kept_back: VecDeque::new(),
                        bank: None,
                        ledger,
                    })
                })
            })
            .collect();
        let bank = Arc::new(Bank { accounts, teller });
        bank.accounts
            .iter()
            .for_each(|account| account.tell(Msg::Bank(bank.clone())));
        bank.teller.tell(TellerMsg::Bank(bank.clone()));
        Box::new(move || bank.teller.tell(TellerMsg::NextBurst))
    })
}
