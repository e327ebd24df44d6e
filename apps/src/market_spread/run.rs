//! `run market-spread`: the job on streams from elsewhere.

use super::job::{self, Inputs, RESULTS, SOURCES};
use crate::cli::RunMarketSpreadArgs;
use crate::endpoint::Endpoint;
use crate::error::AppError;
use crate::serve::{self, SharedLatencies, Watch};
use crate::summary::Summary;
use crate::terminal::tell;
use potoroo_actors::sink::{FileSink, TcpSink};
use potoroo_runtime::sys::net::TcpListener;

/// Does what the options of `run market-spread` say. The latency in the summary is counted from the moment a frame was
/// read to the moment its result was encoded for the sink.
pub fn run(args: &RunMarketSpreadArgs) -> Result<Summary, AppError> {
    serve::check_outputs(&args.run, &args.out)?;
    let inputs = match (&args.orders, &args.quotes) {
        (Endpoint::Tcp(orders), Endpoint::Tcp(quotes)) => {
            let orders = listen(*orders)?;
            let quotes = listen(*quotes)?;
            if !args.run.quiet {
                for (name, socket) in [("orders", &orders), ("quotes", &quotes)] {
                    // A socket that was just bound has an address.
                    if let Ok(address) = socket.local_address() {
                        tell(format_args!("listening for {name} on {address}"));
                    }
                }
            }
            Inputs::Tcp {
                orders,
                quotes,
                once: args.run.once,
            }
        }
        (Endpoint::File(orders), Endpoint::File(quotes)) => Inputs::Files {
            orders: orders.clone(),
            quotes: quotes.clone(),
        },
        _ => {
            return Err(AppError::Options(
                "--orders and --quotes must both be tcp:// or both be file:".to_owned(),
            ));
        }
    };
    let dead_letters = serve::dead_letters(args.run.dead_letters.as_deref())?;
    let latencies = SharedLatencies::default();
    let encoder = job::encoder(&latencies);
    let pipeline = match &args.out {
        Endpoint::Tcp(address) => {
            let sink =
                TcpSink::connect(*address, encoder).map_err(|source| AppError::connect("results", *address, source))?;
            job::pipeline(inputs, args.frame_bytes_max, sink, dead_letters)
        }
        Endpoint::File(path) => {
            let sink = FileSink::create(path, encoder).map_err(|source| AppError::write(path, source))?;
            job::pipeline(inputs, args.frame_bytes_max, sink, dead_letters)
        }
    };
    let pipeline = pipeline.map_err(|(path, source)| AppError::read(path, source))?;
    serve::tell_guarantee(&pipeline, args.run.quiet);
    let system = serve::start_system(args.run.workers)?;
    let job = pipeline.start(&system);
    let watch = Watch {
        sources: &SOURCES,
        sink: RESULTS,
        latencies: Some(&latencies),
        quiet: args.run.quiet,
    };
    let served = serve::wait(job, watch)?;
    let messages = served.taken_in(&SOURCES);
    let rejected = served.status.stage(RESULTS).map_or(0, |stage| stage.records_out);
    let summary = serve::summarize(system, &served, messages, rejected, latencies.percentiles());
    serve::report(&summary, args.run.json.as_deref(), args.run.quiet)?;
    Ok(summary)
}

/// A listening socket, or the error that says which.
pub(super) fn listen(address: std::net::SocketAddr) -> Result<TcpListener, AppError> {
    TcpListener::bind(address).map_err(|source| AppError::Listen { address, source })
}
