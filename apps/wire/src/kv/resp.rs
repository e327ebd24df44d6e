//! Requests of the Redis protocol: a stream of bytes to commands, without memory of its own per command.
//!
//! A command's words are borrowed from the bytes. What is incomplete is remembered by position, so that a request of many
//! words that comes in many pieces is looked at once. It knows no socket: whoever feeds it keeps the unread bytes and
//! brings them again, longer. It lacks replies (`reply.rs`), and any opinion on what a command means.

use smallvec::SmallVec;

/// The longest line of an inline command, and of a length, in bytes; as Redis has it.
pub const INLINE_BYTES_MAX: usize = 64 * 1024;

/// The most words of one command; as Redis has it.
pub const WORDS_MAX: i64 = 1024 * 1024;

/// The words of a command. Those of most commands lie on the stack.
pub type Words<'a> = SmallVec<[&'a [u8]; 6]>;

/// What the bytes begin with.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// Nothing whole: bring more bytes behind the same ones. At least so many are needed in all, as far as known.
    Incomplete(usize),
    /// A command, and how many bytes it took. No words are an empty line, which is no command.
    Command(Words<'a>, usize),
    /// Nothing that follows can be trusted.
    Broken(ProtocolError),
}

/// Why a stream cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// The number of words is no number, or too large.
    WordCount,
    /// The length of a word is no number, or too large.
    WordLength,
    /// A word does not begin with `$`.
    ExpectedDollar(u8),
    /// A line of an inline command does not end.
    InlineTooLong,
    /// The line with the number of words does not end.
    CountTooLong,
    /// The line with the length of a word does not end.
    LengthTooLong,
    /// An inline command with an open quote.
    Quotes,
    /// One command is longer than this server takes.
    TooLong,
}

impl ProtocolError {
    /// The reply, as Redis words it.
    pub fn write(self, out: &mut Vec<u8>) {
        let text: &[u8] = match self {
            Self::WordCount => b"invalid multibulk length",
            Self::WordLength => b"invalid bulk length",
            Self::InlineTooLong => b"too big inline request",
            Self::CountTooLong => b"too big mbulk count string",
            Self::LengthTooLong => b"too big bulk count string",
            Self::Quotes => b"unbalanced quotes in request",
            Self::TooLong => b"request is longer than max-request-bytes",
            Self::ExpectedDollar(got) => {
                out.extend_from_slice(b"-ERR Protocol error: expected '$', got '");
                // A reply is one line.
                out.push(if matches!(got, b'\r' | b'\n') { b' ' } else { got });
                out.extend_from_slice(b"'\r\n");
                return;
            }
        };
        out.extend_from_slice(b"-ERR Protocol error: ");
        out.extend_from_slice(text);
        out.extend_from_slice(b"\r\n");
    }
}

/// Cuts bytes into commands.
#[derive(Debug)]
pub struct Decoder {
    bytes_max: usize,
    /// What is known of an incomplete request.
    begun: Option<Begun>,
    /// The part of an incomplete inline command that holds no end of a line.
    searched: usize,
}

/// A request of which the first words are there.
#[derive(Debug)]
struct Begun {
    words: usize,
    /// Where the words lie.
    known: Vec<(usize, usize)>,
    /// Where the next one begins.
    at: usize,
}

/// A line that is there, or not yet, or has no end.
enum Line<'a> {
    Whole(&'a [u8], usize),
    Open,
    TooLong,
}

/// The line at `at`, without its end, and where the next one begins.
#[inline]
fn line(bytes: &[u8], at: usize) -> Line<'_> {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest.iter().position(|byte| *byte == b'\r') {
        Some(end) if end > INLINE_BYTES_MAX => Line::TooLong,
        // The byte after the `\r` is skipped unseen, as Redis does.
        Some(end) if end + 1 < rest.len() => Line::Whole(&rest[..end], at + end + 2),
        None if rest.len() > INLINE_BYTES_MAX => Line::TooLong,
        _ => Line::Open,
    }
}

/// A number, written as Redis accepts it: no sign but `-`, no leading zero.
#[inline]
fn length(digits: &[u8]) -> Option<i64> {
    if let [one] = digits {
        return one.is_ascii_digit().then(|| i64::from(one - b'0'));
    }
    super::number::parse(digits)
}

impl Decoder {
    /// A decoder that takes requests of at most so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            begun: None,
            searched: 0,
        }
    }

    /// What `bytes` begin with. After `Incomplete` the same bytes come again, with more behind them; after `Command`
    /// what follows it.
    #[inline]
    pub fn decode<'a>(&mut self, bytes: &'a [u8]) -> Decoded<'a> {
        match bytes.first() {
            None => Decoded::Incomplete(1),
            Some(b'*') => self.request(bytes),
            Some(_) => self.inline(bytes),
        }
    }

    #[inline]
    fn request<'a>(&mut self, bytes: &'a [u8]) -> Decoded<'a> {
        let mut words = Words::new();
        let (count, mut at) = match self.begun.take() {
            None => {
                let (digits, at) = match line(bytes, 1) {
                    Line::Whole(digits, at) => (digits, at),
                    Line::Open => return Decoded::Incomplete(bytes.len() + 1),
                    Line::TooLong => return Decoded::Broken(ProtocolError::CountTooLong),
                };
                match length(digits) {
                    Some(count) if count <= 0 => return Decoded::Command(words, at),
                    Some(count) if count <= WORDS_MAX => (count as usize, at),
                    _ => return Decoded::Broken(ProtocolError::WordCount),
                }
            }
            Some(begun) => return self.resume(bytes, begun),
        };
        while words.len() < count {
            match self.word(bytes, at) {
                Ok((from, to)) => {
                    words.push(&bytes[from..to]);
                    at = to + 2;
                }
                Err(Stop::Broken(error)) => return Decoded::Broken(error),
                Err(Stop::Incomplete(want)) => {
                    // The positions follow from the words, which lie one after the other.
                    let start = bytes.as_ptr().addr();
                    let position = |word: &&[u8]| {
                        let from = word.as_ptr().addr() - start;
                        (from, from + word.len())
                    };
                    self.begun = Some(Begun {
                        words: count,
                        known: words.iter().map(position).collect(),
                        at,
                    });
                    return Decoded::Incomplete(want);
                }
            }
        }
        Decoded::Command(words, at)
    }

    /// Goes on with a request that was incomplete.
    #[cold]
    fn resume<'a>(&mut self, bytes: &'a [u8], mut begun: Begun) -> Decoded<'a> {
        while begun.known.len() < begun.words {
            match self.word(bytes, begun.at) {
                Ok((from, to)) => {
                    begun.known.push((from, to));
                    begun.at = to + 2;
                }
                Err(Stop::Broken(error)) => return Decoded::Broken(error),
                Err(Stop::Incomplete(want)) => {
                    self.begun = Some(begun);
                    return Decoded::Incomplete(want);
                }
            }
        }
        let words = begun.known.iter().map(|(from, to)| &bytes[*from..*to]).collect();
        Decoded::Command(words, begun.at)
    }

    /// Where the word at `at` begins and ends, if all of it is there.
    #[inline]
    fn word(&self, bytes: &[u8], at: usize) -> Result<(usize, usize), Stop> {
        match bytes.get(at) {
            None => return self.wait_for(at + 1, bytes),
            Some(b'$') => {}
            Some(other) => return Err(Stop::Broken(ProtocolError::ExpectedDollar(*other))),
        }
        // Most words are shorter than 10 bytes.
        let (size, from) = match bytes.get(at + 1..at + 4) {
            Some([digit @ b'0'..=b'9', b'\r', _]) => (usize::from(digit - b'0'), at + 4),
            _ => match line(bytes, at + 1) {
                Line::Whole(digits, from) => match length(digits) {
                    Some(size) if size >= 0 => (usize::try_from(size).unwrap_or(usize::MAX), from),
                    _ => return Err(Stop::Broken(ProtocolError::WordLength)),
                },
                Line::Open => return self.wait_for(bytes.len() + 1, bytes),
                Line::TooLong => return Err(Stop::Broken(ProtocolError::LengthTooLong)),
            },
        };
        if size > self.bytes_max {
            return Err(Stop::Broken(ProtocolError::WordLength));
        }
        let to = from + size;
        if to + 2 > bytes.len() {
            return self.wait_for(to + 2, bytes);
        }
        // What stands where the end of the line should be is skipped unseen, as Redis does.
        Ok((from, to))
    }

    fn wait_for<T>(&self, want: usize, bytes: &[u8]) -> Result<T, Stop> {
        // A request that is already longer than the limit is not read to its end.
        if want.max(bytes.len()) > self.bytes_max.saturating_add(INLINE_BYTES_MAX) {
            return Err(Stop::Broken(ProtocolError::TooLong));
        }
        Err(Stop::Incomplete(want))
    }

    /// A line of words, as one types it.
    #[cold]
    fn inline<'a>(&mut self, bytes: &'a [u8]) -> Decoded<'a> {
        let found = bytes[self.searched.min(bytes.len())..]
            .iter()
            .position(|byte| *byte == b'\n');
        let Some(end) = found.map(|at| self.searched + at) else {
            self.searched = bytes.len();
            return if bytes.len() > INLINE_BYTES_MAX {
                Decoded::Broken(ProtocolError::InlineTooLong)
            } else {
                Decoded::Incomplete(bytes.len() + 1)
            };
        };
        self.searched = 0;
        if end > INLINE_BYTES_MAX {
            return Decoded::Broken(ProtocolError::InlineTooLong);
        }
        let text = &bytes[..end];
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        match split(text) {
            Some(words) => Decoded::Command(words, end + 1),
            None => Decoded::Broken(ProtocolError::Quotes),
        }
    }
}

/// Why a word cannot be had.
enum Stop {
    Incomplete(usize),
    Broken(ProtocolError),
}

/// Cuts a line at its white space. Quotes keep it together; escapes within are not taken apart, so a quoted word cannot
/// contain its own quote. `None` if a quote does not end, or ends in the middle of a word.
fn split(mut text: &[u8]) -> Option<Words<'_>> {
    let mut words = Words::new();
    loop {
        text = text.trim_ascii_start();
        let Some(&first) = text.first() else {
            return Some(words);
        };
        if matches!(first, b'"' | b'\'') {
            let end = 1 + text[1..].iter().position(|byte| *byte == first)?;
            words.push(&text[1..end]);
            text = &text[end + 1..];
            if text.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                return None;
            }
        } else {
            let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
            words.push(&text[..end]);
            text = &text[end..];
        }
    }
}

#[cfg(test)]
#[path = "resp_tests.rs"]
mod tests;
