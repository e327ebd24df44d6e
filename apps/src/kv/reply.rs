//! Replies of the Redis protocol, in both of its versions, straight into a buffer.
//!
//! What differs between the versions is here: nulls, maps and pushes. It knows no command.

use super::number::{self, Digits};

/// Which version a client speaks; RESP 3 after `HELLO 3`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// What a client begins with.
    #[default]
    Two,
    /// With nulls, maps and pushes of their own.
    Three,
}

/// Writes replies behind what is in a buffer.
#[derive(Debug)]
pub struct Reply<'a> {
    /// The buffer.
    pub out: &'a mut Vec<u8>,
    /// The client's version.
    pub version: Version,
}

/// A key holds something else than the command is for.
pub const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
/// An argument, or a value, is no number.
pub const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
/// Options that do not go together, or are none.
pub const SYNTAX: &str = "ERR syntax error";
/// A sum that is no number of 64 bits.
pub const OVERFLOW: &str = "ERR increment or decrement would overflow";

impl<'a> Reply<'a> {
    /// Replies into `out`.
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, version: Version) -> Self {
        Self { out, version }
    }

    #[inline]
    fn line(&mut self, kind: u8, number: i64) {
        if (0..10).contains(&number) {
            self.out.extend_from_slice(&[kind, b'0' + number as u8, b'\r', b'\n']);
            return;
        }
        let mut room = Digits::default();
        let digits = number::digits(number, &mut room);
        self.out.push(kind);
        self.out.extend_from_slice(digits);
        self.out.extend_from_slice(b"\r\n");
    }

    /// A number.
    #[inline]
    pub fn integer(&mut self, number: i64) {
        self.line(b':', number);
    }

    /// A count of things that lie in memory.
    #[inline]
    pub fn count(&mut self, count: usize) {
        self.integer(count as i64);
    }

    /// `OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// A short text of one line.
    pub fn simple(&mut self, text: &str) {
        self.out.push(b'+');
        self.out.extend_from_slice(text.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    /// An error: its code, a blank, its text.
    pub fn error(&mut self, text: &str) {
        self.error_bytes(&[text.as_bytes()]);
    }

    /// An error that quotes what came; what would end its line does not.
    pub fn error_bytes(&mut self, parts: &[&[u8]]) {
        self.out.push(b'-');
        for byte in parts.iter().copied().flatten() {
            self.out.push(if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte });
        }
        self.out.extend_from_slice(b"\r\n");
    }

    /// Bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.line(b'$', bytes.len() as i64);
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Text for people, which RESP 3 marks as such.
    pub fn verbatim(&mut self, text: &str) {
        if self.version == Version::Two {
            return self.bulk(text.as_bytes());
        }
        self.line(b'=', text.len() as i64 + 4);
        self.out.extend_from_slice(b"txt:");
        self.out.extend_from_slice(text.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    /// Nothing, where bytes could be.
    #[inline]
    pub fn null(&mut self) {
        let text: &[u8] = match self.version {
            Version::Two => b"$-1\r\n",
            Version::Three => b"_\r\n",
        };
        self.out.extend_from_slice(text);
    }

    /// Nothing, where an array could be.
    pub fn null_array(&mut self) {
        let text: &[u8] = match self.version {
            Version::Two => b"*-1\r\n",
            Version::Three => b"_\r\n",
        };
        self.out.extend_from_slice(text);
    }

    /// So many replies follow.
    #[inline]
    pub fn array(&mut self, len: usize) {
        self.line(b'*', len as i64);
    }

    /// So many pairs of replies follow.
    pub fn map(&mut self, pairs: usize) {
        match self.version {
            Version::Two => self.line(b'*', pairs as i64 * 2),
            Version::Three => self.line(b'%', pairs as i64),
        }
    }

    /// So many replies follow, none twice.
    pub fn set(&mut self, len: usize) {
        match self.version {
            Version::Two => self.line(b'*', len as i64),
            Version::Three => self.line(b'~', len as i64),
        }
    }

    /// So many replies follow, which nobody asked for at this moment.
    pub fn push(&mut self, len: usize) {
        match self.version {
            Version::Two => self.line(b'*', len as i64),
            Version::Three => self.line(b'>', len as i64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(write: impl Fn(&mut Reply<'_>)) -> [String; 2] {
        [Version::Two, Version::Three].map(|version| {
            let mut out = Vec::new();
            write(&mut Reply::new(&mut out, version));
            String::from_utf8(out).unwrap()
        })
    }

    #[test]
    fn the_versions_differ_in_nulls_maps_and_pushes() {
        assert_eq!(both(|reply| reply.null()), ["$-1\r\n", "_\r\n"]);
        assert_eq!(both(|reply| reply.null_array()), ["*-1\r\n", "_\r\n"]);
        assert_eq!(both(|reply| reply.map(2)), ["*4\r\n", "%2\r\n"]);
        assert_eq!(both(|reply| reply.set(2)), ["*2\r\n", "~2\r\n"]);
        assert_eq!(both(|reply| reply.push(3)), ["*3\r\n", ">3\r\n"]);
        assert_eq!(both(|reply| reply.verbatim("a")), ["$1\r\na\r\n", "=5\r\ntxt:a\r\n"]);
        assert_eq!(both(|reply| reply.integer(-12)), [":-12\r\n", ":-12\r\n"]);
    }

    #[test]
    fn an_error_is_one_line() {
        let [text, _] = both(|reply| reply.error_bytes(&[b"ERR a", b"b\r\nc"]));
        assert_eq!(text, "-ERR ab  c\r\n");
    }
}
