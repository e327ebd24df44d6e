//! The text of `INFO`: the fields of Redis's that mean something here, under their names.
//!
//! Memory is what the shards' arenas hold. It lacks the sections on what is not there: persistence, replication.

use super::server::{Shared, VERSION};
use super::store::Held;
use potoroo_runtime::sys::process::{cpu_time, rss_bytes_max};
use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

/// The sections, in their order.
const NAMES: [&str; 6] = ["server", "clients", "memory", "stats", "cpu", "keyspace"];

/// Which sections are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sections(u8);

impl Sections {
    /// Those with these names; without a name, and with `all`, `default` or `everything`, all.
    pub fn named(names: &[&[u8]]) -> Self {
        let mut sections = 0;
        for name in names {
            let name = name.to_ascii_lowercase();
            if matches!(&name[..], b"all" | b"default" | b"everything") {
                sections = u8::MAX;
            }
            if let Some(at) = NAMES.iter().position(|known| known.as_bytes() == name) {
                sections |= 1 << at;
            }
        }
        Self(if names.is_empty() { u8::MAX } else { sections })
    }

    fn has(self, name: &str) -> bool {
        NAMES
            .iter()
            .position(|known| *known == name)
            .is_some_and(|at| self.0 & (1 << at) != 0)
    }
}

/// The text.
pub fn text(shared: &Shared, sections: Sections, held: Held) -> String {
    let mut text = String::new();
    let mut section = |name: &str, fields: &[(&str, String)]| {
        if !sections.has(&name.to_ascii_lowercase()) {
            return;
        }
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        // Writing to a string does not fail.
        let _ = write!(text, "# {name}\r\n");
        for (field, value) in fields {
            let _ = write!(text, "{field}:{value}\r\n");
        }
    };
    let number = |number: u64| number.to_string();
    let uptime_s = shared.started.elapsed().as_secs();
    let totals = shared.totals();
    section(
        "Server",
        &[
            ("redis_version", VERSION.to_owned()),
            ("redis_mode", "standalone".to_owned()),
            ("server_name", "potoroo".to_owned()),
            ("potoroo_version", env!("CARGO_PKG_VERSION").to_owned()),
            ("process_id", number(std::process::id().into())),
            ("tcp_port", number(shared.address.port().into())),
            ("uptime_in_seconds", number(uptime_s)),
            ("uptime_in_days", number(uptime_s / 86_400)),
            ("shards", number(shared.shards.len() as u64)),
            ("workers", number(shared.workers.len() as u64)),
        ],
    );
    section(
        "Clients",
        &[
            ("connected_clients", number(shared.connected.load(Relaxed) as u64)),
            ("maxclients", number(shared.settings.max_clients as u64)),
            ("blocked_clients", number(0)),
        ],
    );
    let rss_max = rss_bytes_max();
    section(
        "Memory",
        &[
            ("used_memory", number(held.used_bytes)),
            ("used_memory_reserved", number(held.reserved_bytes)),
            ("used_memory_rss_peak", number(rss_max)),
            ("maxmemory", number(0)),
            ("maxmemory_policy", "noeviction".to_owned()),
        ],
    );
    section(
        "Stats",
        &[
            ("total_connections_received", number(totals.connections)),
            ("rejected_connections", number(totals.rejected)),
            ("total_commands_processed", number(totals.commands)),
        ],
    );
    section(
        "CPU",
        &[("used_cpu_seconds", format!("{:.6}", cpu_time().as_secs_f64()))],
    );
    let keyspace = format!("keys={},expires={},avg_ttl=0", held.keys, held.expiring);
    if held.keys > 0 {
        section("Keyspace", &[("db0", keyspace)]);
    } else {
        section("Keyspace", &[]);
    }
    text
}
