//! Unescaping agrees with the plainest possible reading of the rule.
#![no_main]

use libfuzzer_sys::fuzz_target;
use llmux_protocol::control::unescape;

fn plainly(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < data.len() {
        let octal = data
            .get(at + 1..at + 4)
            .filter(|digits| digits.iter().all(|d| (b'0'..=b'7').contains(d)));
        let value = octal.map(|digits| digits.iter().fold(0, |sum, d| sum * 8 + u32::from(d - b'0')));
        match value.and_then(|value| u8::try_from(value).ok()) {
            Some(byte) if data[at] == b'\\' => {
                out.push(byte);
                at += 4;
            }
            _ => {
                out.push(data[at]);
                at += 1;
            }
        }
    }
    out
}

fuzz_target!(|data: &[u8]| assert_eq!(unescape(data), plainly(data)));
