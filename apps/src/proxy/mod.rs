//! A proxy that keeps a server from getting too much: `potoroo run proxy`.
//!
//! What happens to one request is one `async fn`, `forward`, which the client's connection runs in its turns: it waits at
//! the gate, then for the server's response. The gate is an actor with a token bucket: it lets so many through in a second,
//! so many at the same time, and refuses when too many wait. Meanwhile the client's connection reads nothing, so whoever
//! sends more has to wait as well. It lacks streaming (requests and responses are held in memory, and bounded), and
//! connections to the server that are used twice.

pub mod gate;

pub use potoroo_wire::http;

use crate::cli::small::RunProxyArgs;
use crate::error::AppError;
use crate::human::count;
use crate::serve::{start_system, stop_signals};
use crate::terminal::{print, tell};
use gate::{Counts, Gate, GateMsg, Pass};
use http::{Request, Requests, Response, Responses};
use potoroo_runtime::io::{CloseReason, Connection, FrameError, Limits, Link, Listener, ListenerMsg, Protocol, Serve};
use potoroo_runtime::sys::net::{Admission, TcpListener};
use potoroo_runtime::{Actor, ActorRef, AskError, Context, Reply, Turn};
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// How often Ctrl-C is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Where requests go, and what they may take.
#[derive(Clone)]
struct Route {
    gate: ActorRef<Gate>,
    dialer: ActorRef<Dialer>,
    timeout: Duration,
}

/// What happens to one request, from its first byte at the gate to its response.
async fn forward(route: Route, request: Request) -> Response {
    // More than `timeout` never passes: whoever runs this drops it then.
    let pass = route.gate.ask(GateMsg::Enter).within(route.timeout * 2).await;
    let Ok(pass) = pass else {
        return Response::of_proxy(503, "Service Unavailable", "too many requests wait already");
    };
    let exchange = |reply| Exchange { request, pass, reply };
    match route.dialer.ask(exchange).within(route.timeout * 2).await {
        Ok(Ok(response)) => response,
        Ok(Err(reason)) => Response::of_proxy(502, "Bad Gateway", &format!("the server did not answer: {reason}")),
        // Its connection gives up when the time is over, which may be noticed there first.
        Err(AskError::Stopped) => Response::of_proxy(504, "Gateway Timeout", "the server did not answer in time"),
        Err(error) => Response::of_proxy(502, "Bad Gateway", &format!("the server did not answer: {error}")),
    }
}

/// A request on its way to the server.
struct Exchange {
    request: Request,
    pass: Pass,
    reply: Reply<Result<Response, String>>,
}

/// Opens a connection to the server for each exchange, on each worker in turn.
struct Dialer {
    to: SocketAddr,
    timeout: Duration,
    next: usize,
}

impl Actor for Dialer {
    type Msg = Exchange;

    fn handle(&mut self, exchange: Exchange, ctx: &mut Context<'_, Self>) -> Turn {
        let (to, timeout) = (self.to, self.timeout);
        self.next = (self.next + 1) % ctx.workers();
        ctx.spawn_on(self.next, move |ctx| {
            ctx.after(timeout, ()); // Nobody waits for it any more then.
            let upstream = Upstream {
                request: exchange.request.to_bytes(),
                reply: Some(exchange.reply),
                _pass: exchange.pass,
            };
            Connection::connect(to, Responses::to(&exchange.request), upstream, ctx)
        });
        Ok(())
    }
}

/// A connection to the server. With it goes the pass, however it ends.
struct Upstream {
    request: Vec<u8>,
    reply: Option<Reply<Result<Response, String>>>,
    _pass: Pass,
}

impl Protocol for Upstream {
    type Msg = ();
    type Codec = Responses;

    fn opened(&mut self, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        link.send_owned(std::mem::take(&mut self.request));
        Ok(())
    }

    fn frame(&mut self, response: Response, _: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        // What begins with 1 comes before the response.
        if response.status >= 200
            && let Some(reply) = self.reply.take()
        {
            reply.send(Ok(response));
            ctx.stop();
        }
        Ok(())
    }

    fn message(&mut self, (): (), _: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        ctx.stop();
        Ok(())
    }

    fn closed(&mut self, why: &CloseReason, _: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        if let Some(reply) = self.reply.take() {
            reply.send(Err(why.to_string()));
        }
        ctx.stop();
        Ok(())
    }
}

/// A client.
struct Client(Route);

/// The response to the request that this client has sent.
struct Answer {
    response: Response,
    keep_alive: bool,
    is_head: bool,
}

impl Protocol for Client {
    type Msg = Answer;
    type Codec = Requests;

    fn limits(&self) -> Limits {
        Limits {
            idle_max: Some(Duration::from_secs(60).max(self.0.timeout * 2)),
            ..Limits::default()
        }
    }

    fn frame(&mut self, request: Request, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        link.pause(); // One at a time: what else it sends waits.
        let me = ctx.me();
        let (keep_alive, is_head) = (request.keep_alive, request.is_head());
        ctx.run(forward(self.0.clone(), request))
            .within(self.0.timeout)
            .then(move |_, response, _| {
                let response = response.unwrap_or_else(|_| {
                    Response::of_proxy(504, "Gateway Timeout", "the server did not answer in time")
                });
                me.tell(Answer {
                    response,
                    keep_alive,
                    is_head,
                });
                Ok(())
            });
        Ok(())
    }

    fn message(&mut self, answer: Answer, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        answer.response.write(answer.keep_alive, !answer.is_head, link.out());
        if answer.keep_alive {
            link.resume();
        } else {
            link.finish();
        }
        Ok(())
    }

    fn closed(&mut self, why: &CloseReason, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        let complaint = match why {
            CloseReason::PeerFinished => None,
            CloseReason::BadFrame(FrameError::TooLong { .. }) => Some((413, "Content Too Large")),
            CloseReason::BadFrame(_) => Some((400, "Bad Request")),
            _ => {
                ctx.stop();
                return Ok(());
            }
        };
        if let Some((status, reason)) = complaint {
            Response::of_proxy(status, reason, &why.to_string()).write(false, true, link.out());
        }
        link.finish();
        Ok(())
    }
}

/// Does what the options of `run proxy` say, until Ctrl-C.
pub fn run(args: &RunProxyArgs) -> Result<Counts, AppError> {
    let listen = |source| AppError::Listen {
        address: args.listen,
        source,
    };
    let at_most = |number| usize::try_from(number).unwrap_or(usize::MAX);
    let socket = TcpListener::bind(args.listen).map_err(listen)?;
    let address = socket.local_address().map_err(listen)?;
    let interrupted = stop_signals()?;
    let system = start_system(args.workers)?;
    let limits = gate::Limits {
        rate: args.rate as f64,
        burst: args.burst as f64,
        in_flight_max: args.in_flight.get(),
        waiting_max: at_most(args.waiting),
        timeout: Duration::from_secs(args.timeout_s),
    };
    let (to, timeout) = (args.to, limits.timeout);
    let gate = system.spawn(move |ctx| Ok(Gate::new(limits, ctx)));
    let dialer = system.spawn(move |_| Ok(Dialer { to, timeout, next: 0 }));
    let route = Route {
        gate: gate.clone(),
        dialer,
        timeout,
    };
    let clients = Admission::new(at_most(args.max_clients)).waiting();
    let serve = Serve::new(Requests::default(), move |_peer| Client(route.clone()));
    let listener = system.spawn_on(0, move |ctx| Listener::limited(socket, serve, clients, ctx));
    tell(format_args!("listening on {address}"));
    while !interrupted.load(Relaxed) {
        std::thread::sleep(LOOK_INTERVAL);
    }
    // Nobody new, and what is under way is finished, for as long as it may take.
    listener.tell(ListenerMsg::StopAccepting);
    let until = Instant::now() + timeout;
    let counts = loop {
        let counts = gate.ask(GateMsg::Count).wait().map_err(|error| AppError::Job {
            reason: format!("the gate does not answer: {error}"),
        })?;
        if counts.unfinished == 0 || Instant::now() >= until {
            break counts;
        }
        std::thread::sleep(LOOK_INTERVAL);
    };
    system.shutdown_within(Duration::from_secs(1));
    print(format_args!(
        "forwarded {} requests, refused {}",
        count(counts.passed),
        count(counts.refused)
    ))?;
    Ok(counts)
}
