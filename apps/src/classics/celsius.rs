//! Celsius: temperatures in degrees Celsius come in, in degrees Fahrenheit they go out, with six decimals.
//!
//! Stateless, so it shows what the ends cost. As lines a number each; as frames, Wallaroo's 4 bytes of a float, big-endian.
//! `run multi-sink` is the same with a second output, which gets the same results.

use crate::cli::classics::{RunMultiSinkArgs, RunStreamArgs};
use crate::ends::{self, Form, INPUT, OUT, text};
use crate::error::AppError;
use crate::summary::Summary;
use potoroo_actors::source::{Arrival, Decode, Framed};
use std::io::Write;

/// The name of the second sink.
const ALSO: &str = "also";

/// The rule.
pub fn fahrenheit(celsius: f32) -> f32 {
    celsius * 1.8 + 32.0
}

fn format(form: Form) -> Framed<impl Decode<Record = f32>> {
    let decode = move |bytes: &[u8], _: Arrival| {
        let celsius = match form {
            Form::Lines => {
                let text = text(bytes)?.trim();
                text.parse().map_err(|_| format!("`{text}` is no number"))?
            }
            Form::Frames => {
                let bytes = bytes
                    .try_into()
                    .map_err(|_| format!("{} bytes, expected 4", bytes.len()))?;
                f32::from_be_bytes(bytes)
            }
        };
        if celsius.is_finite() {
            Ok(celsius)
        } else {
            Err(format!("{celsius} is no temperature"))
        }
    };
    Framed::new(form.framing(), decode)
}

fn encode(fahrenheit: &f32, out: &mut Vec<u8>) {
    // Memory takes everything.
    let _ = writeln!(out, "{fahrenheit:.6}");
}

/// Does what the options of `run celsius` say.
pub fn run(args: &RunStreamArgs) -> Result<Summary, AppError> {
    ends::run(&args.run, &[&args.out], |pipeline| {
        let source = args.input.open("temperatures", format(args.form), &args.run)?;
        pipeline
            .source(INPUT, source)
            .map(fahrenheit)
            .sink(OUT, args.out.open(encode)?);
        Ok(())
    })
}

/// Does what the options of `run multi-sink` say.
pub fn run_multi_sink(args: &RunMultiSinkArgs) -> Result<Summary, AppError> {
    let RunMultiSinkArgs { stream, also } = args;
    ends::run(&stream.run, &[&stream.out, also], |pipeline| {
        let source = stream.input.open("temperatures", format(stream.form), &stream.run)?;
        let results = pipeline.source(INPUT, source).map(fahrenheit).share("results");
        results.stream().sink(OUT, stream.out.open(encode)?);
        results.stream().sink(ALSO, also.open(encode)?);
        Ok(())
    })
}
