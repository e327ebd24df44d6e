//! Reads instruments from a CSV file with the columns `_cusip,_name,_price,_ticker`.
//!
//! It exists to run with the published instruments, whose names may hold quoted commas. It is not a
//! CSV library: no line breaks inside quotes, no other separators, no reordered columns.

use std::path::Path;

use super::frames::Symbol;
use super::instruments::{Instrument, UniverseError};

/// The first line that a file must have.
pub const HEADER: &str = "_cusip,_name,_price,_ticker";

/// Prices beyond this would leave an f64 too few digits for exact spreads of cents.
const PRICE_MAX: f64 = 10_000_000.0;

/// Reads one file, all of whose instruments are `rejected` or all not.
pub fn read(path: &Path, rejected: bool) -> Result<Vec<Instrument>, UniverseError> {
    let text = std::fs::read_to_string(path).map_err(|source| UniverseError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    parse(&text, rejected).map_err(|(line, reason)| UniverseError::BadLine {
        path: path.to_owned(),
        line,
        reason,
    })
}

/// Parses a file's text; an error has the number of its line, counted from 1.
pub fn parse(text: &str, rejected: bool) -> Result<Vec<Instrument>, (usize, String)> {
    // Spreadsheets like to put a byte order mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().enumerate();
    match lines.next() {
        Some((_, line)) if line.trim_end() == HEADER => {}
        _ => return Err((1, format!("expected the header `{HEADER}`"))),
    }
    let mut instruments = Vec::new();
    for (at, line) in lines {
        if !line.trim().is_empty() {
            instruments.push(instrument(line, rejected).map_err(|reason| (at + 1, reason))?);
        }
    }
    Ok(instruments)
}

fn instrument(line: &str, rejected: bool) -> Result<Instrument, String> {
    let fields = fields(line)?;
    let [_cusip, _name, price, ticker] = fields.as_slice() else {
        return Err(format!("expected 4 fields, found {}", fields.len()));
    };
    let number: f64 = price
        .trim()
        .parse()
        .map_err(|_| format!("the price `{price}` is not a number"))?;
    // Not `number <= 0.0`, which NaN would pass.
    if !(number > 0.0 && number <= PRICE_MAX) {
        return Err(format!("the price `{price}` is not above 0 and at most {PRICE_MAX}"));
    }
    let symbol = Symbol::new(ticker.trim())
        .ok_or_else(|| format!("the ticker `{ticker}` is not one to four visible ASCII characters"))?;
    Ok(Instrument {
        symbol,
        price: number,
        rejected,
    })
}

/// Splits a line at its commas; inside double quotes a comma is text, and two quotes are one.
fn fields(line: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut characters = line.chars().peekable();
    loop {
        let mut field = String::new();
        if characters.next_if_eq(&'"').is_some() {
            loop {
                match characters.next() {
                    Some('"') if characters.next_if_eq(&'"').is_some() => field.push('"'),
                    Some('"') => break,
                    Some(character) => field.push(character),
                    None => return Err("a quoted field has no closing quote".to_owned()),
                }
            }
            if characters.peek().is_some_and(|&next| next != ',') {
                return Err("a closing quote is followed by more text".to_owned());
            }
        } else {
            while let Some(character) = characters.next_if(|&next| next != ',') {
                field.push(character);
            }
        }
        fields.push(field);
        if characters.next().is_none() {
            return Ok(fields);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_split_outside_quotes() {
        for (line, expected) in [
            ("a,b", vec!["a", "b"]),
            (r#"1,"Smith, Jones & Co",2"#, vec!["1", "Smith, Jones & Co", "2"]),
            (r#""say ""hi""",,"#, vec![r#"say "hi""#, "", ""]),
            ("", vec![""]),
            (",", vec!["", ""]),
        ] {
            assert_eq!(fields(line).unwrap(), expected, "{line}");
        }
        assert!(fields(r#"1,"open"#).is_err());
        assert!(fields(r#""a"b,c"#).is_err());
    }

    #[test]
    fn a_file_becomes_instruments() {
        let text = "\u{feff}_cusip,_name,_price,_ticker\r\n1,\"A, B\",9.50,AB\r\n\r\n2,C,0.97,C.D\r\n";
        let read = parse(text, true).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].symbol, Symbol(*b"  AB"));
        assert_eq!((read[1].price, read[1].rejected), (0.97, true));
    }

    #[test]
    fn errors_have_their_line_and_reason() {
        for (lines, line, reason) in [
            ("", 1, "expected the header"),
            ("ticker\n1,A,1.0,AA", 1, "expected the header"),
            ("_cusip,_name,_price,_ticker\n1,A,1.0,AA\n1,A,1.0", 3, "found 3"),
            ("_cusip,_name,_price,_ticker\n1,A,x,AA", 2, "not a number"),
            ("_cusip,_name,_price,_ticker\n1,A,NaN,AA", 2, "not above 0"),
            ("_cusip,_name,_price,_ticker\n1,A,0,AA", 2, "not above 0"),
            ("_cusip,_name,_price,_ticker\n1,A,1.0,TOOLONG", 2, "TOOLONG"),
        ] {
            let error = parse(lines, false).unwrap_err();
            assert_eq!(error.0, line, "{lines}");
            assert!(error.1.contains(reason), "{lines}: {}", error.1);
        }
    }
}
