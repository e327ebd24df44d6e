//! What the applications read from outside: [`kv`] has Redis's protocol, [`http`] as much of HTTP/1 as the proxy needs,
//! [`market_spread`] its frames and the files of its instruments.
//!
//! It exists so that the fuzzer builds the parsers of bytes that strangers send, and not the pipelines behind them. Nothing
//! here has a socket, an actor or a state; what is done with what was read is in the applications, which name these modules
//! as their own.
#![forbid(unsafe_code)]

pub mod http;

/// The protocol of Redis's clients, and what their words mean.
pub mod kv {
    pub mod glob;
    pub mod number;
    pub mod resp;
}

/// The bytes of Market Spread: frames, the instruments they are about, and the names of orders.
pub mod market_spread {
    pub mod frame_error;
    pub mod frames;
    pub mod instruments;
    pub mod instruments_csv;
    pub mod order_ids;
    pub mod random;
}
