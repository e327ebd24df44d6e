//! Numbers for people: grouped digits and sizes.
//!
//! It exists so that progress lines, summaries and errors write numbers alike. Durations are in
//! `latency`, next to the only place that measures them. There is no localization.

/// A count with its digits in groups: `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A size in binary units with three digits: `1.50 MiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    if unit == "B" {
        return format!("{bytes} B");
    }
    format!("{} {unit}", three_digits(value))
}

/// A number below a few thousand with three significant digits: `1.23`, `12.3`, `123`.
#[must_use]
pub(crate) fn three_digits(value: f64) -> String {
    // The bounds are where rounding would otherwise write a fourth digit.
    let decimals = match value {
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_of_three() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345, "12,345"),
            (123_456, "123,456"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(count(number), expected);
        }
    }

    #[test]
    fn sizes_have_a_fitting_unit() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.00 KiB"),
            (1_572_864, "1.50 MiB"),
            (104_857_600, "100 MiB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }
}
