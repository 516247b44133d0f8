use proptest::prelude::*;

use super::*;

/// The filtered output and the signals of a stream that comes in one piece.
fn filtered(input: &[u8]) -> (Vec<u8>, Vec<Signal>) {
    in_pieces(input, &[])
}

/// The same of a stream that is cut at the given places.
fn in_pieces(input: &[u8], cuts: &[usize]) -> (Vec<u8>, Vec<Signal>) {
    let mut filter = Filter::new();
    let (mut out, mut signals) = (Vec::new(), Vec::new());
    let mut ends: Vec<usize> = cuts
        .iter()
        .map(|cut| cut % (input.len() + 1))
        .chain([input.len()])
        .collect();
    ends.sort_unstable();
    let mut start = 0;
    for end in ends {
        out.extend_from_slice(&filter.push(Bytes::copy_from_slice(&input[start..end]), &mut signals));
        start = end;
    }
    (out, signals)
}

fn output(input: &[u8]) -> String {
    String::from_utf8_lossy(&filtered(input).0)
        .escape_debug()
        .to_string()
        .replace("\\u{1b}", "^")
}

#[test]
fn ordinary_output_passes_without_a_copy() {
    let chunk =
        Bytes::from_static(b"plain \x1b[1;31mred\x1b[m \x1b]8;;http://x\x1b\\link\x1b]8;;\x07 \xe2\x82\xac");
    let passed = Filter::new().push(chunk.clone(), &mut Vec::new());
    assert_eq!((passed.as_ptr(), passed.len()), (chunk.as_ptr(), chunk.len()));
}

#[test]
fn a_sequence_cut_at_the_end_is_held_back_without_a_copy_of_the_rest() {
    let chunk = Bytes::from_static(b"text\x1b[3");
    let mut filter = Filter::new();
    let passed = filter.push(chunk.clone(), &mut Vec::new());
    assert_eq!((&passed[..], passed.as_ptr()), (&b"text"[..], chunk.as_ptr()));
    assert!(filter.is_waiting());
    assert_eq!(
        &filter.push(Bytes::from_static(b"1mred"), &mut Vec::new())[..],
        b"\x1b[31mred"
    );
    assert!(!filter.is_waiting());
}

#[test]
fn queries_are_taken_out() {
    let queries: &[&[u8]] = &[
        b"\x1b[c",
        b"\x1b[0c",
        b"\x1b[>c",
        b"\x1b[=c",
        b"\x1bZ",
        b"\x1b[5n",
        b"\x1b[6n",
        b"\x1b[?6n",
        b"\x1b[?996n",
        b"\x1b[?2026$p",
        b"\x1b[4$p",
        b"\x1b[>q",
        b"\x1b[>0q",
        b"\x1bP$qm\x1b\\",
        b"\x1b]4;1;?\x1b\\",
        b"\x1b]10;?\x07",
        b"\x1b]11;?\x1b\\",
        b"\x1b]12;?\x07",
        b"\x1b[?u",
        b"\x1bP+q544e\x1b\\",
        b"\x1b[14t",
        b"\x1b[16t",
        b"\x1b[18t",
        b"\x1b[19t",
        b"\x1b[20t",
        b"\x1b[21t",
        b"\x1b[?4m",
        b"\x1b[x",
        b"\x1b[1;1;1;1;2;2*y",
        b"\x1b[1$w",
        b"\x1b[?1;1;0S",
    ];
    for query in queries {
        assert_eq!(
            filtered(&[b"a", *query, b"b"].concat()),
            (b"ab".to_vec(), vec![]),
            "{query:?}"
        );
    }
}

#[test]
fn what_shows_something_passes() {
    let sequences: &[&[u8]] = &[
        b"\x1b[1m",
        b"\x1b[?25l",
        b"\x1b[>4;2m",
        b"\x1b[>1u",
        b"\x1b[<u",
        b"\x1b[2 q",
        b"\x1b[!p",
        b"\x1b[22;0t",
        b"\x1b[23t",
        b"\x1b[1;5r",
        b"\x1b[3S",
        b"\x1b7",
        b"\x1b(0",
        b"\x1b=",
        b"\x1bc",
        b"\x1b#8",
        b"\x1b]4;1;rgb:00/11/22\x1b\\",
        b"\x1b]11;#000000\x07",
        b"\x1b]112\x07",
        b"\x1b]8;id=1;http://x\x1b\\",
    ];
    for sequence in sequences {
        assert_eq!(filtered(sequence), (sequence.to_vec(), vec![]), "{sequence:?}");
    }
}

#[test]
fn window_titles_by_escape_k_are_taken_out() {
    assert_eq!(output(b"a\x1bkzsh\x1b\\b"), "ab");
    // BEL does not end them in tmux.
    assert_eq!(filtered(b"a\x1bkzs\x07h\x1b\\b"), (b"ab".to_vec(), vec![]));
}

#[test]
fn strings_of_no_use_to_a_viewer_are_taken_out() {
    for string in [
        &b"\x1b]52;c;aGk=\x07"[..],
        b"\x1b]1337;File=:AAAA\x07",
        b"\x1b]7;file:///tmp\x1b\\",
        b"\x1bPq#0;2;0;0;0~~\x1b\\",
        b"\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\",
        b"\x1b_Gi=1;AAAA\x1b\\",
        b"\x1b^private\x1b\\",
        b"\x1bXstart\x1b\\",
        b"\x1b[5i",
        b"\x1b[8;10;10t",
        b"\x1b[2I",
    ] {
        assert_eq!(
            filtered(&[b"a", string, b"b"].concat()),
            (b"ab".to_vec(), vec![]),
            "{string:?}"
        );
    }
}

#[test]
fn titles_pass_and_are_told() {
    let input = b"\x1b]0;one\x07\x1b]2; two;2 \x1b\\";
    let titles = vec![Signal::Title("one".into()), Signal::Title("two;2".into())];
    assert_eq!(filtered(input), (input.to_vec(), titles));
}

#[test]
fn status_sequences_are_told_and_taken_out() {
    let (out, signals) =
        filtered(b"\x1b]7501;state=idle\x1b\\\x1b]9;4;1;50\x07\x1b]133;A\x07\x1b]777;notify;a;b\x07");
    let osc = |number, payload: &'static [u8]| Signal::Osc {
        number,
        payload: Bytes::from_static(payload),
    };
    assert_eq!(out, b"");
    let expected = [
        osc(7501, b"state=idle"),
        osc(9, b"4;1;50"),
        osc(133, b"A"),
        osc(777, b"notify;a;b"),
    ];
    assert_eq!(signals, expected);
}

#[test]
fn the_wrapper_is_heard_and_nobody_else_with_its_number() {
    let (out, signals) = filtered(b"x\x1b]7777;llmux;exit=7\x07\x1b]7777;other;exit=0\x07y");
    assert_eq!(out, b"xy");
    assert_eq!(signals, [Signal::Wrapper(Bytes::from_static(b"exit=7"))]);
}

#[test]
fn the_bell_rings_outside_of_strings_only() {
    let (out, signals) = filtered(b"\x07a\x1b]2;t\x07b\x1b[1\x07m");
    assert_eq!(out, b"\x07a\x1b]2;t\x07b\x07\x1b[1m");
    assert_eq!(signals, [Signal::Bell, Signal::Title("t".into()), Signal::Bell]);
}

#[test]
fn controls_inside_a_sequence_go_ahead_of_it() {
    assert_eq!(output(b"a\x1b[3\r\n1mb"), "a\\r\\n^[31mb");
    // ... and survive where the sequence does not.
    assert_eq!(output(b"a\x1b[\nc"), "a\\n");
}

#[test]
fn cancel_substitute_and_escape_end_a_sequence() {
    assert_eq!(output(b"a\x1b[3\x18b"), "ab");
    assert_eq!(output(b"a\x1b[3\x1ab"), "ab");
    assert_eq!(output(b"a\x1b[3\x1b[1mb"), "a^[1mb");
    assert_eq!(output(b"a\x1b\x1b[1mb"), "a^[1mb");
    assert_eq!(output(b"a\x1b_x\x18b"), "ab");
}

#[test]
fn a_title_that_another_sequence_ends_is_closed_for_the_viewer() {
    // The second sequence is dropped: without a terminator of its own the title would swallow the text.
    assert_eq!(output(b"\x1b]2;t\x1b[cb"), "^]2;t^\\\\b");
    assert_eq!(output(b"\x1b]2;t\x18b"), "^]2;t^\\\\b");
}

#[test]
fn only_an_escape_and_a_backslash_end_a_device_control_string() {
    assert_eq!(output(b"a\x1bPtmux;\x1b\x1b]2;x\x18\x07\x1b\x1b\\b\x1b\\c"), "ac");
}

#[test]
fn bytes_of_utf8_are_no_controls() {
    let input = "a\u{9b}31m ě ›".as_bytes();
    assert_eq!(filtered(input), (input.to_vec(), vec![]));
}

#[test]
fn a_sequence_beyond_its_limit_is_swallowed_and_costs_no_memory() {
    let mut filter = Filter::new();
    let mut signals = Vec::new();
    let mut out = filter
        .push(Bytes::from_static(b"a\x1b]7777;llmux;"), &mut signals)
        .to_vec();
    for _ in 0..100 {
        out.extend(filter.push(Bytes::from(vec![b'x'; 16 * 1024]), &mut signals));
        assert!(
            filter.held.capacity() <= 2 * STRING_LIMIT,
            "{}",
            filter.held.capacity()
        );
    }
    out.extend(filter.push(Bytes::from_static(b"\x07b"), &mut signals));
    let digits = [&b"\x1b["[..], &b"1".repeat(300), b"mc"].concat();
    out.extend(filter.push(digits.into(), &mut signals));
    assert_eq!((&out[..], signals), (&b"abc"[..], vec![]));
}

#[test]
fn reset_gives_up_an_unfinished_string() {
    let mut filter = Filter::new();
    filter.push(Bytes::from_static(b"\x1b]2;lost"), &mut Vec::new());
    filter.reset();
    assert_eq!(
        &filter.push(Bytes::from_static(b"text"), &mut Vec::new())[..],
        b"text"
    );
}

/// Pieces that make every state and every end of one likely.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            &b"\x1b"[..], b"\x1b[", b"\x1b]", b"\x1bP", b"\x1b_", b"\x1bk", b"\x1b\\", b"\x07", b"\x18", b"\x1a",
            b"2;", b"7777;llmux;", b"9;", b"52;c;", b"4;1;?", b"?", b">", b"$", b";", b"1", b"m", b"c", b"n", b"p",
            b"t", b"u", b"Z", b"q", b"\n", b"\x7f", b"\xe2\x82\xac", b"\x9b", b"text", b" ", b"(", b"0", b"\\",
        ]).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..4),
        1 => (200_usize..300).prop_map(|length| vec![b'1'; length]),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn where_the_output_is_cut_makes_no_difference(
        input in stream(),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let each_byte: Vec<usize> = (0..input.len()).collect();
        let whole = filtered(&input);
        prop_assert_eq!(&in_pieces(&input, &cuts), &whole);
        prop_assert_eq!(&in_pieces(&input, &each_byte), &whole);
    }

    #[test]
    fn what_passed_passes_again_unchanged(input in stream()) {
        let (once, _) = filtered(&input);
        prop_assert_eq!(&filtered(&once).0, &once);
    }

    #[test]
    fn after_cancel_and_terminator_text_is_text(input in stream()) {
        let mut ended = input;
        ended.extend_from_slice(b"\x18\x1b\\\x1b\\");
        let length = filtered(&ended).0.len();
        ended.extend_from_slice(b"text");
        prop_assert_eq!(&filtered(&ended).0[length..], b"text");
    }
}
