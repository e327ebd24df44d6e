//! `cargo loom`: builds the models with the right flags, runs them one by one, and says what came of it.
//!
//! A model is a test of a file in `loom-tests/tests`; each runs in a process of its own, so that one that aborts takes no
//! other with it. With `--mutants` it is the models that are tested: each deliberate fault must make its model fail. It
//! lacks any knowledge of what the models say.
#![forbid(unsafe_code)]

#[cfg(not(potoroo_loom))]
mod arguments;
#[cfg(not(potoroo_loom))]
mod building;
#[cfg(not(potoroo_loom))]
mod failure;
#[cfg(not(potoroo_loom))]
mod models;
#[cfg(not(potoroo_loom))]
mod mutation;
#[cfg(not(potoroo_loom))]
mod running;
#[cfg(not(potoroo_loom))]
mod table;

#[cfg(not(potoroo_loom))]
fn main() -> std::process::ExitCode {
    use clap::Parser;
    let arguments = arguments::Arguments::parse();
    let done = if arguments.mutants {
        mutation::run(&arguments)
    } else {
        models::run(&arguments)
    };
    match done {
        Ok(true) => std::process::ExitCode::SUCCESS,
        Ok(false) => std::process::ExitCode::FAILURE,
        Err(error) => {
            table::say(format_args!("error: {error}\n"));
            std::process::ExitCode::from(2)
        }
    }
}

/// The runner is built without the cfg that it builds the models with.
#[cfg(potoroo_loom)]
fn main() {
    panic!("cargo loom sets `--cfg potoroo_loom` itself: take it out of RUSTFLAGS");
}
