//! What is printed: progress to standard error, tables and JSON to standard output.

use serde::Serialize;
use std::fmt;
use std::io::Write;

/// Says something beside the result. If the terminal is gone, so is the reader.
pub(crate) fn say(what: fmt::Arguments<'_>) {
    let _ = std::io::stderr().write_fmt(what);
}

/// Prints a part of the result.
pub(crate) fn print(what: fmt::Arguments<'_>) {
    let _ = std::io::stdout().write_fmt(what);
}

/// Prints one object on a line.
pub(crate) fn json(object: &impl Serialize) -> Result<(), String> {
    let line = serde_json::to_string(object).map_err(|error| error.to_string())?;
    print(format_args!("{line}\n"));
    Ok(())
}

/// A number with its thousands apart.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Rows below a head, each column as wide as it must be; as a table of a text if it is to go into one.
pub(crate) fn rows(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("| {} |\n", padded.collect::<Vec<_>>().join(" | "))
    };
    let mut out = line(head.to_vec());
    let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    out += &line(dashes.iter().map(String::as_str).collect());
    for row in rows {
        out += &line(row.iter().map(String::as_str).collect());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_tables_are_legible() {
        assert_eq!(
            [number(0), number(999), number(1000), number(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        let table = rows(&["a", "bee"], &[vec!["one".into(), "2".into()]]);
        assert_eq!(table, "| a   | bee |\n| --- | --- |\n| one | 2   |\n");
    }
}
