//! Records as rows: the text form of `COPY`, in which no value can leave its place.

use crate::sink::Encode;
use std::fmt::{self, Display, Write as _};

/// The values of one row, in the text form of `COPY`.
#[derive(Debug)]
pub struct Row<'a> {
    out: &'a mut Vec<u8>,
    values: usize,
}

impl Row<'_> {
    fn next(&mut self) {
        if self.values > 0 {
            self.out.push(b'\t');
        }
        self.values += 1;
    }

    /// The value of the next column, as it is displayed: text, numbers, `true` and `false`, and whatever else the server reads
    /// as the column's type.
    pub fn value(&mut self, value: impl Display) -> &mut Self {
        self.next();
        // Memory takes everything; what a `Display` says of itself is its own bug.
        let _ = write!(Escaping(self.out), "{value}");
        self
    }

    /// The value of the next column of bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.next();
        self.out.extend(b"\\\\x");
        for byte in bytes {
            let _ = write!(Escaping(self.out), "{byte:02x}");
        }
        self
    }

    /// Null, in the next column.
    pub fn null(&mut self) -> &mut Self {
        self.next();
        self.out.extend(b"\\N");
        self
    }

    /// A value, or null.
    pub fn option(&mut self, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.value(value),
            None => self.null(),
        }
    }
}

/// What would end a value or a row stands behind a backslash.
struct Escaping<'a>(&'a mut Vec<u8>);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            match byte {
                b'\\' => self.0.extend(b"\\\\"),
                b'\t' => self.0.extend(b"\\t"),
                b'\n' => self.0.extend(b"\\n"),
                b'\r' => self.0.extend(b"\\r"),
                byte => self.0.push(byte),
            }
        }
        Ok(())
    }
}

/// Makes rows of records.
pub(super) struct Rows<F> {
    pub(super) row: F,
    pub(super) columns: usize,
}

impl<T, F: FnMut(&T, &mut Row<'_>) + Send + 'static> Encode<T> for Rows<F> {
    fn encode(&mut self, record: &T, out: &mut Vec<u8>) {
        let mut row = Row { out, values: 0 };
        (self.row)(record, &mut row);
        let (values, columns) = (row.values, self.columns);
        assert_eq!(values, columns, "a row must have a value for each column");
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_leave_their_place() {
        let mut out = Vec::new();
        let mut rows = Rows {
            row: |text: &&str, row: &mut Row<'_>| {
                row.value(text)
                    .null()
                    .bytes(b"\\a\n")
                    .option(None::<u8>)
                    .option(Some(1.5));
            },
            columns: 5,
        };
        rows.encode(&"a\tb\\N\r\n", &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "a\\tb\\\\N\\r\\n\t\\N\t\\\\x5c610a\t\\N\t1.5\n"
        );
    }
}
