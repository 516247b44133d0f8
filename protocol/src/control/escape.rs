//! The escaping of `%output`: bytes below 0x20 and the backslash are written `\ooo`, all else is raw.

use bytes::{Bytes, BytesMut};
use memchr::memchr_iter;

/// Undoes the escaping of `%output`. Total: a backslash that starts no octal byte stays as it is.
#[must_use]
pub fn unescape(data: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(data.len());
    unescape_into(data, &mut out);
    out.freeze()
}

/// Appends `data` unescaped to `out`.
pub(super) fn unescape_into(data: &[u8], out: &mut BytesMut) {
    let mut done = 0;
    for at in memchr_iter(b'\\', data) {
        if at < done {
            continue;
        }
        if let Some(byte) = octal(&data[at + 1..]) {
            out.extend_from_slice(&data[done..at]);
            out.extend_from_slice(&[byte]);
            done = at + 4;
        }
    }
    out.extend_from_slice(&data[done..]);
}

/// Reads three octal digits that make a byte.
fn octal(digits: &[u8]) -> Option<u8> {
    let &[a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] = digits else {
        return None;
    };
    Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Escapes as tmux does.
    fn escape(data: &[u8]) -> Vec<u8> {
        let one = |&byte: &u8| match byte {
            ..0x20 | b'\\' => format!("\\{byte:03o}").into_bytes(),
            _ => vec![byte],
        };
        data.iter().flat_map(one).collect()
    }

    proptest! {
        #[test]
        fn unescaping_undoes_escaping(data: Vec<u8>) {
            prop_assert_eq!(unescape(&escape(&data)), data);
        }

        #[test]
        fn text_without_a_backslash_is_unchanged(text in "[^\\\\]*") {
            prop_assert_eq!(unescape(text.as_bytes()), text.as_bytes());
        }
    }

    #[test]
    fn every_byte_survives() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(unescape(&escape(&all)), all);
    }

    #[test]
    fn a_backslash_that_starts_no_octal_byte_stays() {
        for odd in [
            &b"\\"[..],
            b"\\1",
            b"\\12",
            b"\\8ab",
            b"\\400",
            b"\\\\",
            b"a\\",
            b"\\01x",
        ] {
            assert_eq!(unescape(odd), odd);
        }
        assert_eq!(unescape(b"\\\\101"), &b"\\A"[..]);
    }
}
