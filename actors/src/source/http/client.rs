//! The connection of a client: reads a request, decodes its body, has the records taken in, answers.
//!
//! One request at a time: until it is answered nothing more is read, so a client that does not wait for answers has to wait
//! for room all the same.

use super::decoding::{Decoding, Progress};
use super::requests::{BODY_TOO_LONG, Head, Part, Requests};
use super::taking::{Offer, Room, Taken, Ticket};
use crate::job::{DeadLetters, Drain, JobMsg};
use crate::source::{BadRecords, Format};
use potoroo_runtime::io::{CloseReason, Connection, FrameError, Limits, Link, Protocol};
use potoroo_runtime::sys::clock::wall_ns;
use potoroo_runtime::{Context, Recipient, Turn};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// What all connections have in common.
pub(super) struct Service<M: Format> {
    pub(super) format: M,
    pub(super) path: Option<String>,
    /// What becomes of bad records; otherwise the body is refused.
    pub(super) bad_records: Option<BadRecords>,
    pub(super) body_bytes_max: usize,
    pub(super) idle_max: Duration,
    pub(super) request_within: Duration,
    pub(super) room: Room,
    pub(super) taking: Recipient<Offer<M::Record>>,
    pub(super) source: String,
    pub(super) dead_letters: DeadLetters,
    pub(super) job: Recipient<JobMsg>,
}

/// What a connection is told.
pub(super) enum ClientMsg {
    Drain,
    Taken(Taken),
}

impl From<Drain> for ClientMsg {
    fn from(Drain: Drain) -> Self {
        Self::Drain
    }
}

impl From<Taken> for ClientMsg {
    fn from(taken: Taken) -> Self {
        Self::Taken(taken)
    }
}

/// What is going on.
enum State<M: Format> {
    /// No request, or its head has not come.
    Idle,
    /// The body of this request comes.
    Reading(Head),
    Decoding(Box<Decoding<M>>, bool),
    /// The records are offered.
    Offered {
        records: usize,
        bad: u64,
        keep_alive: bool,
    },
    /// The last word is said.
    Finished,
}

/// See the file's head.
pub(super) struct Client<M: Format> {
    service: Arc<Service<M>>,
    /// Its address, or its number.
    peer: String,
    requests: u64,
    state: State<M>,
    /// When the bytes of this turn were read.
    wall_ns: u64,
    drains: bool,
}

/// An answer without its body.
fn reason_of(status: u16) -> &'static str {
    match status {
        202 => "Accepted",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

/// The head and body of an answer.
pub(super) fn answer_of(status: u16, keep_alive: bool, text: &str) -> String {
    let mut answer = format!("HTTP/1.1 {status} {}\r\n", reason_of(status));
    let more = match status {
        405 => "Allow: POST\r\n",
        503 => "Retry-After: 1\r\n",
        _ => "",
    };
    let connection = if keep_alive { "keep-alive" } else { "close" };
    // Writing into memory does not fail.
    let _ = write!(
        answer,
        "{more}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n{text}\n",
        text.len() + 1
    );
    answer
}

/// What a client hears that comes when the job ends.
const ENDING: &str = "the job ends and takes nothing more in";

impl<M: Format> Client<M> {
    pub(super) fn new(service: Arc<Service<M>>, peer: String) -> Self {
        Self {
            service,
            peer,
            requests: 0,
            state: State::Idle,
            wall_ns: wall_ns(),
            drains: false,
        }
    }

    /// Answers, and reads on or ends.
    fn answer(&mut self, status: u16, keep_alive: bool, text: &str, link: &mut Link) {
        let keep_alive = keep_alive && !self.drains;
        link.send(answer_of(status, keep_alive, text).as_bytes());
        if keep_alive {
            self.state = State::Idle;
            link.limits().idle_max = Some(self.service.idle_max);
            link.resume();
        } else {
            self.state = State::Finished;
            link.pause();
            link.finish();
        }
    }

    fn head(&mut self, head: Head, link: &mut Link) {
        self.requests += 1;
        // A body that nobody wants is not waited for: the connection ends.
        let keep_alive = head.keep_alive && !head.has_body;
        let elsewhere = self.service.path.as_ref().is_some_and(|path| *path != head.path);
        if elsewhere {
            self.answer(404, keep_alive, "there is nothing here", link);
        } else if head.method != "POST" {
            self.refuse_method(&head, keep_alive, link);
        } else if self.drains {
            self.answer(503, false, ENDING, link);
        } else if !head.has_body {
            self.answer(202, keep_alive, "0 records", link);
        } else {
            if head.waits {
                link.send(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
            self.state = State::Reading(head);
        }
    }

    fn refuse_method(&mut self, head: &Head, keep_alive: bool, link: &mut Link) {
        let before = link.out().len();
        self.answer(405, keep_alive, "records come by POST", link);
        if head.method == "HEAD" {
            let out = link.out();
            let body = out[before..].windows(4).position(|four| four == b"\r\n\r\n");
            out.truncate(body.map_or(out.len(), |at| before + at + 4));
        }
    }

    fn body(&mut self, body: Vec<u8>, keep_alive: bool, link: &mut Link) {
        let Some(held) = self.service.room.hold(body.len()) else {
            self.answer(503, keep_alive, "too much waits already", link);
            return;
        };
        link.pause();
        // However long it takes now, it is not the client's fault.
        link.limits().idle_max = None;
        let decoding = Decoding::new(&self.service.format, body, held, self.wall_ns);
        self.state = State::Decoding(Box::new(decoding), keep_alive);
    }

    fn accepted(&mut self, records: usize, bad: u64, keep_alive: bool, link: &mut Link) {
        let mut text = format!("{records} records");
        if bad > 0 {
            let _ = write!(text, ", and {bad} that cannot be decoded");
        }
        self.answer(202, keep_alive, &text, link);
    }

    fn decode_on(&mut self, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) {
        let State::Decoding(decoding, keep_alive) = &mut self.state else {
            return;
        };
        let keep_alive = *keep_alive;
        let client = format!("{} request {}", self.peer, self.requests);
        match decoding.decode(&self.service, &client) {
            Progress::More => ctx.run_again(),
            Progress::Bad(bad) => {
                let text = format!("{}\nnothing of this body is taken in", bad.describe());
                self.answer(400, keep_alive, &text, link);
            }
            Progress::JobFailed => self.answer(503, false, "the job has failed", link),
            Progress::Done => {
                let State::Decoding(decoding, _) = std::mem::replace(&mut self.state, State::Idle) else {
                    return;
                };
                let (records, bad, held) = decoding.into_records();
                if records.is_empty() {
                    return self.accepted(0, bad, keep_alive, link);
                }
                self.state = State::Offered {
                    records: records.len(),
                    bad,
                    keep_alive,
                };
                let ticket = Ticket::new(ctx.me().recipient());
                let records = records.into_iter();
                self.service.taking.tell(Offer { records, held, ticket });
            }
        }
    }
}

impl<M: Format> Protocol for Client<M> {
    type Msg = ClientMsg;
    type Codec = Requests;

    fn limits(&self) -> Limits {
        Limits {
            idle_max: Some(self.service.idle_max),
            frame_within: Some(self.service.request_within),
            ..Limits::default()
        }
    }

    fn bytes_read(&mut self, _: usize) {
        self.wall_ns = wall_ns();
    }

    fn frame(&mut self, part: Part, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        match part {
            Part::Head(head) => self.head(head, link),
            Part::Body(body) => match std::mem::replace(&mut self.state, State::Finished) {
                State::Reading(head) => self.body(body, head.keep_alive, link),
                state => self.state = state,
            },
            Part::Refused(refusal) => self.answer(refusal.status, false, refusal.why, link),
        }
        Ok(())
    }

    fn message(&mut self, msg: ClientMsg, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        match (msg, &self.state) {
            (ClientMsg::Drain, State::Decoding(..) | State::Offered { .. } | State::Finished) => self.drains = true,
            (ClientMsg::Drain, State::Reading(_)) => self.answer(503, false, ENDING, link),
            (ClientMsg::Drain, State::Idle) => {
                self.state = State::Finished;
                link.pause();
                link.finish();
            }
            (
                ClientMsg::Taken(taken),
                &State::Offered {
                    records,
                    bad,
                    keep_alive,
                },
            ) => {
                if taken.all {
                    self.accepted(records, bad, keep_alive, link);
                } else {
                    self.answer(503, false, ENDING, link);
                }
            }
            (ClientMsg::Taken(_), _) => {}
        }
        Ok(())
    }

    fn turn_end(&mut self, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        self.decode_on(link, ctx);
        Ok(())
    }

    fn closed(&mut self, why: &CloseReason, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        match why {
            CloseReason::BadFrame(FrameError::TooLong { .. }) => {
                self.answer(BODY_TOO_LONG.status, false, BODY_TOO_LONG.why, link);
            }
            CloseReason::BadFrame(_) => self.answer(400, false, "the request is not whole", link),
            CloseReason::FrameTooSlow { .. } => self.answer(408, false, "the request took too long", link),
            CloseReason::PeerFinished | CloseReason::Idle => link.finish(),
            _ => ctx.stop(),
        }
        Ok(())
    }
}
