//! Whole numbers as Redis reads and writes them.
//!
//! Strict where `str::parse` is not: no `+`, no leading zeros, no white space, no `-0`. It lacks floating point.

/// The digits of any number fit.
pub type Digits = [u8; 20];

/// The number that `text` is, written the one way it is written.
#[inline]
pub fn parse(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut number: u64 = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // 19 digits do not overflow.
        number = number * 10 + u64::from(digit);
    }
    if negative {
        0_i64.checked_sub_unsigned(number)
    } else {
        i64::try_from(number).ok()
    }
}

/// The digits of `number`, written into `room`.
#[inline]
pub fn digits(number: i64, room: &mut Digits) -> &[u8] {
    let mut left = number.unsigned_abs();
    let mut at = room.len();
    loop {
        at -= 1;
        room[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if number < 0 {
        at -= 1;
        room[at] = b'-';
    }
    &room[at..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(number in any::<i64>()) {
            let mut room = Digits::default();
            let text = digits(number, &mut room);
            prop_assert_eq!(text.to_vec(), number.to_string().into_bytes());
            prop_assert_eq!(parse(text), Some(number));
        }
    }

    #[test]
    fn the_ends_of_the_range() {
        for number in [0, -1, 9, 10, i64::MAX, i64::MIN] {
            let mut room = Digits::default();
            assert_eq!(parse(digits(number, &mut room)), Some(number));
        }
        assert_eq!(parse(b"9223372036854775808"), None);
        assert_eq!(parse(b"-9223372036854775809"), None);
    }

    #[test]
    fn what_redis_does_not_take_is_no_number() {
        for text in [
            "",
            "-",
            "+1",
            "01",
            "-0",
            " 1",
            "1 ",
            "1.0",
            "x",
            "99999999999999999999",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
