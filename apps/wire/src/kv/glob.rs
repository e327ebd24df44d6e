//! Patterns of keys and channels: `*`, `?`, `[a-z]`, `[^a]`, `\x`, over bytes.
//!
//! As Redis matches them, oddities included: an open `[` goes to the end. It takes time that grows with the product of
//! the lengths, never more: a `*` is tried again only until a later one has been reached.

/// Whether `text` is what `pattern` describes.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // Where to go on if the rest does not match: after the last star, one byte of the text later.
    let mut retry: Option<(usize, usize)> = None;
    let (mut p, mut t) = (0, 0);
    loop {
        let step = match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                retry = Some((p, t));
                continue;
            }
            None if t == text.len() => return true,
            None => None,
            Some(_) => text.get(t).and_then(|byte| one(&pattern[p..], *byte)),
        };
        match step {
            Some(taken) => {
                p += taken;
                t += 1;
            }
            None => match &mut retry {
                Some((after, from)) if *from < text.len() => {
                    *from += 1;
                    (p, t) = (*after, *from);
                }
                _ => return false,
            },
        }
    }
}

/// How long the first item of `pattern` is, if it matches `byte`.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [b'[', set @ ..] => {
            let (found, length) = in_set(set, byte);
            found.then_some(1 + length)
        }
        [literal, ..] => (*literal == byte).then_some(1),
        [] => None,
    }
}

/// Whether `byte` is in the set, and how long the set is with its `]`.
fn in_set(set: &[u8], byte: u8) -> (bool, usize) {
    let negated = set.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut found = false;
    loop {
        match set.get(at..).unwrap_or_default() {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', escaped, ..] => {
                found |= *escaped == byte;
                at += 2;
            }
            [from, b'-', to, ..] => {
                found |= (*from.min(to)..=*from.max(to)).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                found |= *literal == byte;
                at += 1;
            }
        }
    }
    (found != negated, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_redis_matches() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h*llo", "heeeello", true),
            ("h[ae]llo", "hallo", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-b]llo", "hbllo", true),
            ("h[b-a]llo", "hallo", true),
            ("h\\*llo", "h*llo", true),
            ("h\\*llo", "hello", false),
            ("a*b*c", "axxbyybzzc", true),
            ("a*b*c", "axxbyybzz", false),
            ("[a", "a", true),
            ("", "", true),
            ("", "a", false),
            ("a", "", false),
            ("**a", "bba", true),
            ("[\\]]", "]", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = b"a*".repeat(200);
        let text = vec![b'a'; 199];
        assert!(!matches(&pattern, &text));
    }

    proptest! {
        #[test]
        fn no_pattern_panics_and_a_text_without_specials_matches_itself(
            pattern in proptest::collection::vec(any::<u8>(), 0..40),
            text in "[a-z]{0,20}",
        ) {
            matches(&pattern, text.as_bytes());
            prop_assert!(matches(text.as_bytes(), text.as_bytes()));
        }
    }
}
