//! The wall clock: nanoseconds since 1970, and the time field of a message.
//!
//! The wall clock and not a monotonic one, because sender and receiver are two processes that
//! subtract each other's times. There are no time zones and no leap seconds: the field is UTC.

pub use potoroo_runtime::sys::clock::wall_ns as realtime_ns;

use super::frames::TIME_BYTES;

/// The time field of messages written to files, so that the files are a function of the seed.
pub const FILE_TIME: [u8; TIME_BYTES] = *b"20160902-15:47:52.000";

const MS_PER_DAY: u64 = 24 * 60 * 60 * 1000;

/// A moment as `YYYYMMDD-HH:MM:SS.mmm` in UTC.
///
/// Once per batch, not per message, so counting the years one by one is fast enough.
#[must_use]
pub fn time_field(realtime_ns: u64) -> [u8; TIME_BYTES] {
    let ms = realtime_ns / 1_000_000;
    let mut days = ms / MS_PER_DAY;
    let mut year = 1970;
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    let mut month = 1;
    while days >= days_of_month(year, month) {
        days -= days_of_month(year, month);
        month += 1;
    }
    let ms = ms % MS_PER_DAY;
    let seconds = ms / 1000;
    let mut field = *b"00000000-00:00:00.000";
    put(&mut field[0..4], year);
    put(&mut field[4..6], month);
    put(&mut field[6..8], days + 1);
    put(&mut field[9..11], seconds / 3600);
    put(&mut field[12..14], seconds / 60 % 60);
    put(&mut field[15..17], seconds % 60);
    put(&mut field[18..21], ms % 1000);
    field
}

fn put(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of_year(year: u64) -> u64 {
    365 + u64::from(is_leap(year))
}

fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seconds: u64, ms: u64) -> String {
        let field = time_field(seconds * 1_000_000_000 + ms * 1_000_000 + 999_999);
        String::from_utf8(field.to_vec()).unwrap()
    }

    #[test]
    fn known_moments_have_their_known_dates() {
        assert_eq!(text(0, 0), "19700101-00:00:00.000");
        assert_eq!(text(951_782_399, 7), "20000228-23:59:59.007");
        assert_eq!(text(951_782_400, 0), "20000229-00:00:00.000");
        assert_eq!(text(951_868_800, 0), "20000301-00:00:00.000");
        assert_eq!(text(1_472_831_272, 0).as_bytes(), FILE_TIME);
        assert_eq!(text(4_102_444_799, 999), "20991231-23:59:59.999");
    }

    #[test]
    fn the_clock_is_in_this_century() {
        assert_eq!(time_field(realtime_ns())[..2], *b"20");
    }
}
