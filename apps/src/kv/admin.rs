//! Commands on the connection and on the server.
//!
//! All are answered at once, but for `INFO`, which asks the shards what they hold. Settings can be read, not changed. It
//! lacks lists of users, and reports on other clients.

use super::command::{self, COMMANDS, Command, Kind};
use super::glob;
use super::info::Sections;
use super::number;
use super::reply::{NOT_AN_INTEGER, SYNTAX, Version};
use super::round::Finish;
use super::server::VERSION;
use super::session::Session;
use super::store::Op;
use potoroo_runtime::sys::clock::wall_ns;

fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

/// Whether two secrets are equal, in a time that tells nothing of where they differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other)) == 0
}

impl Session {
    pub(super) fn admin(&mut self, command: &Command, words: &[&[u8]]) {
        match command.kind {
            Kind::Ping => self.ping(words),
            Kind::Echo => self.reply().bulk(words[0]),
            Kind::Auth => self.auth(words),
            Kind::Hello => self.hello(words),
            Kind::Select => self.select(words[0]),
            Kind::Quit => {
                self.reply().ok();
                self.leaving = true;
            }
            Kind::Reset => self.reset(),
            Kind::Client => self.client(words),
            Kind::Info => self.sum_of_all(Op::Held, Finish::Info(Sections::named(words))),
            Kind::Config => self.config(words),
            Kind::CommandInfo => self.command_info(words),
            Kind::Time => {
                let micros = (wall_ns() / 1000) as i64;
                let mut reply = self.reply();
                reply.array(2);
                for part in [micros / 1_000_000, micros % 1_000_000] {
                    reply.bulk(number::digits(part, &mut number::Digits::default()));
                }
            }
            _ => {}
        }
    }

    pub(super) fn unknown_subcommand(&mut self, command: &str, what: &[u8]) {
        let what = &what[..what.len().min(128)].to_vec();
        let try_help = format!("'. Try {command} HELP.");
        self.reply()
            .error_bytes(&[b"ERR unknown subcommand '", what, try_help.as_bytes()]);
    }

    fn ping(&mut self, words: &[&[u8]]) {
        let listening = self.is_listening();
        match words {
            [] | [_] if listening && self.version == Version::Two => {
                let mut reply = self.reply();
                reply.array(2);
                reply.bulk(b"pong");
                reply.bulk(words.first().copied().unwrap_or_default());
            }
            [] => self.reply().simple("PONG"),
            [word] => self.reply().bulk(word),
            _ => self.wrong_number("ping"),
        }
    }

    /// Whether these words let the client in; otherwise the reply is written.
    fn let_in(&mut self, user: &[u8], password: &[u8]) -> bool {
        let wanted = self.shared.settings.password.as_deref();
        // Without a password the one user gets in with any.
        let right = user == b"default" && wanted.is_none_or(|wanted| same(wanted.as_bytes(), password));
        if right {
            self.authenticated = true;
        } else {
            self.reply()
                .error("WRONGPASS invalid username-password pair or user is disabled.");
        }
        right
    }

    fn auth(&mut self, words: &[&[u8]]) {
        let (user, password): (&[u8], _) = match words {
            [_] if self.shared.settings.password.is_none() => {
                return self.reply().error(
                    "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
                     configuration is correct?",
                );
            }
            [password] => (b"default", password),
            [user, password] => (user, password),
            _ => return self.reply().error(SYNTAX),
        };
        if self.let_in(user, password) {
            self.reply().ok();
        }
    }

    fn hello(&mut self, words: &[&[u8]]) {
        let mut version = self.version;
        if let Some(word) = words.first() {
            version = match number::parse(word) {
                Some(2) => Version::Two,
                Some(3) => Version::Three,
                Some(_) => return self.reply().error("NOPROTO unsupported protocol version"),
                None => {
                    return self
                        .reply()
                        .error("ERR Protocol version is not an integer or out of range");
                }
            };
        }
        let mut name = None;
        let mut credentials = None;
        let mut rest = words.get(1..).unwrap_or_default();
        while let Some((option, arguments)) = rest.split_first() {
            match arguments {
                [user, password, more @ ..] if is(option, "AUTH") => {
                    credentials = Some((*user, *password));
                    rest = more;
                }
                [new, more @ ..] if is(option, "SETNAME") => {
                    if !is_name(new) {
                        return self.reply().error(BAD_NAME);
                    }
                    name = Some(*new);
                    rest = more;
                }
                _ => {
                    return self
                        .reply()
                        .error_bytes(&[b"ERR Syntax error in HELLO option '", option, b"'"]);
                }
            }
        }
        if let Some((user, password)) = credentials
            && !self.let_in(user, password)
        {
            return;
        }
        if !self.authenticated {
            return self.reply().error(
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> \
                 <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
            );
        }
        if let Some(name) = name {
            self.name = name.to_vec();
        }
        self.version = version;
        let id = self.id as i64;
        let mut reply = self.reply();
        reply.map(7);
        for (field, value) in [("server", "redis"), ("version", VERSION)] {
            reply.bulk(field.as_bytes());
            reply.bulk(value.as_bytes());
        }
        reply.bulk(b"proto");
        reply.integer(if version == Version::Three { 3 } else { 2 });
        reply.bulk(b"id");
        reply.integer(id);
        for (field, value) in [("mode", "standalone"), ("role", "master")] {
            reply.bulk(field.as_bytes());
            reply.bulk(value.as_bytes());
        }
        reply.bulk(b"modules");
        reply.array(0);
    }

    fn select(&mut self, index: &[u8]) {
        match number::parse(index) {
            Some(0) => self.reply().ok(),
            Some(_) => self.reply().error("ERR DB index is out of range"),
            None => self.reply().error(NOT_AN_INTEGER),
        }
    }

    fn reset(&mut self) {
        self.forget_subscriptions();
        self.version = Version::Two;
        self.name.clear();
        self.authenticated = self.shared.settings.password.is_none();
        self.reply().simple("RESET");
    }

    fn client(&mut self, words: &[&[u8]]) {
        let (what, arguments) = (words[0], &words[1..]);
        match arguments {
            [] if is(what, "ID") => {
                let id = self.id as i64;
                self.reply().integer(id);
            }
            [] if is(what, "GETNAME") => {
                let name = std::mem::take(&mut self.name);
                if name.is_empty() {
                    self.reply().null();
                } else {
                    self.reply().bulk(&name);
                }
                self.name = name;
            }
            [name] if is(what, "SETNAME") => {
                if is_name(name) {
                    self.name = name.to_vec();
                    self.reply().ok();
                } else {
                    self.reply().error(BAD_NAME);
                }
            }
            [which, value] if is(what, "SETINFO") => {
                let slot = if is(which, "LIB-NAME") {
                    0
                } else if is(which, "LIB-VER") {
                    1
                } else {
                    return self.reply().error_bytes(&[b"ERR Unrecognized option '", which, b"'"]);
                };
                if is_name(value) {
                    self.library[slot] = value.to_vec();
                    self.reply().ok();
                } else {
                    let text = "ERR lib-name and lib-ver cannot contain spaces, newlines or special characters.";
                    self.reply().error(text);
                }
            }
            [] if is(what, "INFO") || is(what, "LIST") => {
                let text = self.describe();
                self.reply().verbatim(&text);
            }
            [how] if is(what, "NO-EVICT") || is(what, "NO-TOUCH") => {
                if is(how, "ON") || is(how, "OFF") {
                    self.reply().ok();
                } else {
                    self.reply().error(SYNTAX);
                }
            }
            _ if ["ID", "GETNAME", "SETNAME", "SETINFO", "INFO", "NO-EVICT", "NO-TOUCH"]
                .iter()
                .any(|name| is(what, name)) =>
            {
                let name = String::from_utf8_lossy(what).to_ascii_lowercase();
                self.wrong_number(&format!("client|{name}"));
            }
            _ => self.unknown_subcommand("CLIENT", what),
        }
    }

    /// This client, in the words of `CLIENT INFO`.
    fn describe(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!(
            "id={} addr={} laddr={} name={} db=0 sub={} psub={} resp={} user=default lib-name={} lib-ver={}\n",
            self.id,
            self.address,
            self.shared.address,
            text(&self.name),
            self.channels.len(),
            self.patterns.len(),
            if self.version == Version::Three { 3 } else { 2 },
            text(&self.library[0]),
            text(&self.library[1]),
        )
    }

    fn config(&mut self, words: &[&[u8]]) {
        let (what, patterns) = (words[0], &words[1..]);
        if is(what, "GET") && !patterns.is_empty() {
            let found: Vec<_> = self
                .shared
                .settings
                .list(self.shared.address.port())
                .into_iter()
                .filter(|(name, _)| {
                    let fits = |pattern: &&[u8]| glob::matches(&pattern.to_ascii_lowercase(), name.as_bytes());
                    patterns.iter().any(fits)
                })
                .collect();
            let mut reply = self.reply();
            reply.map(found.len());
            for (name, value) in found {
                reply.bulk(name.as_bytes());
                reply.bulk(value.as_bytes());
            }
        } else if is(what, "RESETSTAT") && patterns.is_empty() {
            self.reply().ok();
        } else if is(what, "SET") || is(what, "REWRITE") {
            self.reply()
                .error("ERR settings are given on the command line and do not change");
        } else if is(what, "GET") {
            self.wrong_number("config|get");
        } else {
            self.unknown_subcommand("CONFIG", what);
        }
    }

    fn command_info(&mut self, words: &[&[u8]]) {
        let Some((what, names)) = words.split_first() else {
            self.reply().array(COMMANDS.len());
            COMMANDS.iter().for_each(|command| self.details(command));
            return;
        };
        if is(what, "COUNT") && names.is_empty() {
            self.reply().count(COMMANDS.len());
        } else if is(what, "LIST") && names.is_empty() {
            let mut reply = self.reply();
            reply.array(COMMANDS.len());
            COMMANDS.iter().for_each(|command| reply.bulk(command.name.as_bytes()));
        } else if is(what, "INFO") {
            if names.is_empty() {
                return self.command_info(&[]);
            }
            self.reply().array(names.len());
            for name in names {
                match command::find(name) {
                    Some(command) => self.details(command),
                    None => self.reply().null_array(),
                }
            }
        } else if is(what, "DOCS") {
            let chosen: Vec<_> = match names {
                [] => COMMANDS.iter().collect(),
                names => names.iter().filter_map(|name| command::find(name)).collect(),
            };
            let mut reply = self.reply();
            reply.map(chosen.len());
            for command in chosen {
                reply.bulk(command.name.as_bytes());
                reply.map(3);
                for (field, value) in [
                    ("summary", command.summary),
                    ("since", command.since),
                    ("group", command.group),
                ] {
                    reply.bulk(field.as_bytes());
                    reply.bulk(value.as_bytes());
                }
            }
        } else if is(what, "COUNT") || is(what, "LIST") {
            let name = String::from_utf8_lossy(what).to_ascii_lowercase();
            self.wrong_number(&format!("command|{name}"));
        } else {
            self.unknown_subcommand("COMMAND", what);
        }
    }

    /// A command, as `COMMAND INFO` has it.
    fn details(&mut self, command: &Command) {
        let mut reply = self.reply();
        reply.array(10);
        reply.bulk(command.name.as_bytes());
        reply.integer(command.arity.into());
        let flags = command.sort.flags();
        reply.set(flags.len());
        flags.iter().for_each(|flag| reply.simple(flag));
        command.keys.iter().for_each(|number| reply.integer((*number).into()));
        // Categories of access, tips, key specifications, subcommands.
        reply.set(0);
        reply.array(0);
        reply.array(0);
        reply.array(0);
    }
}

const BAD_NAME: &str = "ERR Client names cannot contain spaces, newlines or special characters.";

fn is_name(name: &[u8]) -> bool {
    name.iter().all(|byte| (b'!'..=b'~').contains(byte))
}
