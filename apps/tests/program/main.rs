//! The program as its users have it: real processes, real sockets, real signals.
//!
//! One binary, so that it links once. Every child dies with its test, and nothing waits for time to pass: what has to
//! happen first is looked for, with a limit after which the test fails.

mod support;

mod bad_input;
mod bench;
mod chat;
mod classics;
mod demo;
mod exact;
mod failures;
mod flamegraph;
mod killed;
mod kv;
mod pool;
mod proxy;
mod signals;
mod soak;
mod streams;
mod word_count;
