//! A chat for people with `nc`: `potoroo run chat`.
//!
//! Each client is one connection, and a connection is an actor. A room is a topic: what is said is published to those who
//! have joined. A nickname is a name in the registry: it belongs to one living actor, and goes with it. There is no list of
//! clients, no room object and no lock here. A client that does not read is no burden to others: lines for it are left out
//! once too much is unsent, and counted, and after a minute of that the connection ends. It lacks passwords, history, and
//! rooms that span processes.

use crate::cli::small::RunChatArgs;
use crate::error::AppError;
use crate::human::count;
use crate::serve::{start_system, stop_signals};
use crate::terminal::{print, tell};
use potoroo_runtime::io::{CloseReason, Connection, Frame, Frames, Framing, Limits, Link, Listener, Protocol, Serve};
use potoroo_runtime::kit::Topic;
use potoroo_runtime::sys::net::{Admission, TcpListener};
use potoroo_runtime::{ActorId, Context, ExitReason, Fault, Turn};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// The longest line that is accepted.
const LINE_BYTES_MAX: usize = 1024;

/// With more than this unsent, lines for a client are left out.
const UNSENT_BYTES_MAX: usize = 64 * 1024;

/// How long clients may take to hear the last word.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

const LOOK_INTERVAL: Duration = Duration::from_millis(20);

const HELP: &str = "* /nick NAME, /join ROOM, /who, /msg NAME TEXT, /quit; anything else is said in the room\n";

/// A line for many, written once.
#[derive(Clone)]
struct Line {
    from: ActorId,
    text: Arc<str>,
}

/// Told to everybody before the end.
#[derive(Clone)]
struct Goodbye;

/// What is told to a connection.
enum ChatMsg {
    Line(Line),
    Goodbye,
}

impl From<Line> for ChatMsg {
    fn from(line: Line) -> Self {
        Self::Line(line)
    }
}

impl From<Goodbye> for ChatMsg {
    fn from(Goodbye: Goodbye) -> Self {
        Self::Goodbye
    }
}

/// One client.
struct Client {
    name: String,
    room_name: String,
    room: Topic<Line>,
    idle_max: Duration,
    /// Lines that it was too slow for.
    left_out: u64,
}

type ClientContext<'t> = Context<'t, Connection<Client>>;

impl Client {
    /// Publishes to the others in the room.
    fn publish(&self, text: &str, ctx: &ClientContext<'_>) {
        let text = format!("{text}\n").into();
        self.room.publish(Line { from: ctx.id(), text });
    }

    fn join(&mut self, room: &str, link: &mut Link, ctx: &ClientContext<'_>) -> Result<(), Fault> {
        if !is_word(room) {
            link.send(b"* a room is a word of 1 to 20 letters and digits\n");
            return Ok(());
        }
        self.leave(ctx);
        self.room = ctx.registry().topic(&format!("room {room}"))?;
        room.clone_into(&mut self.room_name);
        self.room.subscribe(&ctx.me().recipient());
        self.publish(&format!("* {} has joined {room}", self.name), ctx);
        link.send(
            format!(
                "* you are {} in {room}; others here: {}\n",
                self.name,
                self.room.subscribers() - 1
            )
            .as_bytes(),
        );
        Ok(())
    }

    fn leave(&self, ctx: &ClientContext<'_>) {
        if self.room.unsubscribe(ctx.id()) {
            self.publish(&format!("* {} has left {}", self.name, self.room_name), ctx);
        }
    }

    fn rename(&mut self, name: &str, link: &mut Link, ctx: &ClientContext<'_>) {
        if !is_word(name) {
            link.send(b"* a name is a word of 1 to 20 letters and digits\n");
        } else if let Err(error) = ctx.registry().register(name, &ctx.me()) {
            // Taken, unless it is our own already.
            link.send(format!("* you cannot be {name}: {error}\n").as_bytes());
        } else {
            ctx.registry().unregister(&self.name);
            self.publish(&format!("* {} is now {name}", self.name), ctx);
            link.send(format!("* you are {name}\n").as_bytes());
            name.clone_into(&mut self.name);
        }
    }

    /// A line for one other client, who is found by name.
    fn whisper(&self, rest: &str, link: &mut Link, ctx: &ClientContext<'_>) {
        let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
        match ctx.registry().lookup::<Connection<Self>>(name) {
            Ok(other) => {
                let text = format!("({}) {text}\n", self.name).into();
                other.tell(ChatMsg::Line(Line { from: ctx.id(), text }));
            }
            Err(_) => link.send(format!("* there is no {name}\n").as_bytes()),
        }
    }
}

impl Protocol for Client {
    type Msg = ChatMsg;
    type Codec = Frames;

    fn limits(&self) -> Limits {
        Limits {
            idle_max: Some(self.idle_max),
            // One who does not read holds up nobody else.
            mutes_senders: false,
            ..Limits::default()
        }
    }

    fn opened(&mut self, link: &mut Link, ctx: &mut ClientContext<'_>) -> Turn {
        ctx.registry().register(&self.name, &ctx.me())?;
        ctx.registry()
            .topic::<Goodbye>("goodbye")?
            .subscribe(&ctx.me().recipient());
        link.send(HELP.as_bytes());
        self.join("lobby", link, ctx)
    }

    fn frame(&mut self, frame: Frame<'_>, link: &mut Link, ctx: &mut ClientContext<'_>) -> Turn {
        let line = String::from_utf8_lossy(frame.bytes).replace(char::is_control, "");
        let line = line.trim();
        match line
            .split_once(' ')
            .map_or((line, ""), |(first, rest)| (first, rest.trim()))
        {
            ("", _) => {}
            ("/nick", name) => self.rename(name, link, ctx),
            ("/join", room) => self.join(room, link, ctx)?,
            ("/msg", rest) => self.whisper(rest, link, ctx),
            ("/who", _) => {
                let named = ctx.registry().list().into_iter();
                let here = named.filter(|entry| self.room.is_subscribed(entry.id));
                let names: Vec<_> = here.map(|entry| entry.name).collect();
                link.send(format!("* in {}: {}\n", self.room_name, names.join(", ")).as_bytes());
            }
            ("/quit", _) => link.finish(),
            (word, _) if word.starts_with('/') => link.send(HELP.as_bytes()),
            _ => self.publish(&format!("{}: {line}", self.name), ctx),
        }
        Ok(())
    }

    fn message(&mut self, msg: ChatMsg, link: &mut Link, ctx: &mut ClientContext<'_>) -> Turn {
        match msg {
            ChatMsg::Line(line) if line.from == ctx.id() => {}
            ChatMsg::Line(_) if link.unsent_bytes() > UNSENT_BYTES_MAX => self.left_out += 1,
            ChatMsg::Line(line) => link.send(line.text.as_bytes()),
            ChatMsg::Goodbye => {
                link.send(b"* the server ends; goodbye\n");
                link.finish();
            }
        }
        Ok(())
    }

    fn turn_end(&mut self, link: &mut Link, _: &mut ClientContext<'_>) -> Turn {
        if self.left_out > 0 && link.unsent_bytes() == 0 {
            let left_out = count(std::mem::take(&mut self.left_out));
            link.send(format!("* you read too slowly; lines left out: {left_out}\n").as_bytes());
        }
        Ok(())
    }

    fn closed(&mut self, why: &CloseReason, link: &mut Link, ctx: &mut ClientContext<'_>) -> Turn {
        match why {
            CloseReason::PeerFinished => link.finish(),
            CloseReason::Idle | CloseReason::BadFrame(_) => {
                link.send(format!("* {why}\n").as_bytes());
                link.finish();
            }
            _ => ctx.stop(),
        }
        Ok(())
    }

    /// Whatever has ended this client. Its name goes by itself.
    fn stopping(&mut self, _: &ExitReason, ctx: &mut ClientContext<'_>) {
        self.leave(ctx);
    }
}

/// What rooms and nicknames are made of. Guests have a `-` in theirs, so that nobody can take one.
fn is_word(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Does what the options of `run chat` say, until Ctrl-C.
pub fn run(args: &RunChatArgs) -> Result<(), AppError> {
    let listen = |source| AppError::Listen {
        address: args.listen,
        source,
    };
    let socket = TcpListener::bind(args.listen).map_err(listen)?;
    let address = socket.local_address().map_err(listen)?;
    let interrupted = stop_signals()?;
    let system = start_system(args.workers)?;
    let clients = Admission::new(usize::try_from(args.max_clients).unwrap_or(usize::MAX)).waiting();
    let (admission, idle_max) = (clients.clone(), Duration::from_secs(args.idle_s));
    let mut guests = 0;
    let newcomer = move |_peer| {
        guests += 1;
        Client {
            name: format!("guest-{guests}"),
            room_name: String::new(),
            room: Topic::new(),
            idle_max,
            left_out: 0,
        }
    };
    let framing = Framing::Lines {
        line_bytes_max: LINE_BYTES_MAX,
    };
    system.spawn_on(0, move |ctx| {
        Listener::limited(socket, Serve::new(framing, newcomer), admission, ctx)
    });
    tell(format_args!("listening on {address}"));
    while !interrupted.load(Relaxed) {
        std::thread::sleep(LOOK_INTERVAL);
    }
    // Everybody hears it, and is given a moment to read it.
    if let Ok(everybody) = system.registry().topic("goodbye") {
        everybody.publish(Goodbye);
    }
    let until = Instant::now() + GOODBYE_WITHIN;
    while clients.open() > 0 && Instant::now() < until {
        std::thread::sleep(LOOK_INTERVAL);
    }
    system.shutdown_within(Duration::ZERO);
    print(format_args!("served {} clients", count(clients.admitted())))
}
