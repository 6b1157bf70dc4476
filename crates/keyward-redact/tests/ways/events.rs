//! Server-sent events: texts in pieces are one stream, all else is masked by itself.

use keyward_base::ErrorKind;
use keyward_redact::model::events::{MAX_EVENT_LEN, MAX_TEXTS, TOO_MUCH};
use keyward_redact::model::{Events, Field};
use keyward_redact::{Conversation, Redactor};

use crate::{TOKEN, knowing, knowing_token};

const TAG: &str = "abcdefghijklmnop";
const MASK: &str = "•acme account.github_token 42 ·abcdefghijklmnop•";

fn conversation(redactor: &Redactor) -> Conversation {
    Conversation::resume(redactor, TAG).unwrap()
}

fn chat() -> Field {
    let field = Field::new("choices/*/delta/content").unwrap();
    let field = field.told_apart_by("choices/*/index").unwrap();
    field.ended_by_any("choices/*/finish_reason").unwrap()
}

fn blocks() -> Field {
    let field = Field::new("delta/text").unwrap();
    let field = field.told_apart_by("index").unwrap();
    field.ended_by("type", "content_block_stop").unwrap()
}

fn run(mut events: Events, pieces: &[&[u8]]) -> String {
    let mut out = Vec::new();
    for piece in pieces {
        events.push(piece, &mut out).unwrap();
    }
    events.finish(&mut out).unwrap();
    assert_eq!(events.held(), 0);
    String::from_utf8(out).unwrap()
}

/// Whole, byte by byte, and split at each byte.
#[track_caller]
fn gives(redactor: &Redactor, fields: &[Field], text: &str, expected: &str) {
    let events = || conversation(redactor).events(fields.iter().cloned());
    let text = text.as_bytes();
    assert_eq!(run(events(), &[text]), expected);
    let bytes: Vec<&[u8]> = text.chunks(1).collect();
    assert_eq!(run(events(), &bytes), expected);
    for at in 0..text.len() {
        assert_eq!(run(events(), &[&text[..at], &text[at..]]), expected, "{at}");
    }
}

/// What a reader of the stream has: the data of each event.
fn data(stream: &str) -> Vec<String> {
    let stream = stream.replace("\r\n", "\n").replace('\r', "\n");
    let events = stream.split("\n\n").filter(|event| !event.is_empty());
    let data = events.map(|event| {
        let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
        let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
        lines.collect::<Vec<_>>().join("\n")
    });
    data.collect()
}

fn block(index: u32, text: &str) -> String {
    let data = serde_json::json!({
        "type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}
    });
    format!("event: content_block_delta\ndata: {data}\n\n")
}

/// The texts of the stream, by index.
fn texts(stream: &str) -> [String; 2] {
    let mut texts = [String::new(), String::new()];
    for data in data(stream) {
        let Ok(event) = serde_json::from_str::<serde_json::Value>(&data) else {
            continue;
        };
        if let (Some(index), Some(text)) =
            (event["index"].as_u64(), event["delta"]["text"].as_str())
        {
            texts[usize::try_from(index).unwrap()].push_str(text);
        }
    }
    texts
}

#[test]
fn what_is_not_secret_passes_byte_for_byte() {
    let text = "\u{feff}: hello\r\n\r\nid: 7\revent:x\rdata:{\"a\" :\rdata: 1 }\rretry: 10\r\r\n\
                data\ndata:\ndata:  two\nfoo\n\n\n\ndata: last, without end";
    gives(&knowing_token(), &[blocks(), chat()], text, text);
    gives(&knowing_token(), &[], "", "");
    gives(
        &knowing_token(),
        &[],
        "data: [DONE]\n\n",
        "data: [DONE]\n\n",
    );
}

#[test]
fn everything_outside_of_fields_is_masked_by_itself() {
    let text = format!(
        ": {TOKEN}\nid: {TOKEN}\nevent:{TOKEN}\n{TOKEN}\ndata: {{\"{TOKEN}\":\ndata:\"\\u0067{}\"}}\r\n\r\n\
         data: plain {TOKEN}\n\ndata: {TOKEN}",
        &TOKEN[1..]
    );
    let expected = format!(
        ": {MASK}\nid: {MASK}\nevent:{MASK}\n{MASK}\ndata: {{\"{MASK}\":\ndata:\"{MASK}\"}}\r\n\r\n\
         data: plain {MASK}\n\ndata: {MASK}"
    );
    gives(&knowing_token(), &[], &text, &expected);
}

#[test]
fn a_secret_over_many_events_is_one_mask() {
    let redactor = knowing_token();
    let chars: String = TOKEN.chars().map(|c| block(0, &c.to_string())).collect();
    let text = format!("{}{chars}{}", block(0, "It is "), block(0, "."));
    let out = run(
        conversation(&redactor).events([blocks()]),
        &[text.as_bytes()],
    );
    assert_eq!(texts(&out)[0], format!("It is {MASK}."));
    assert_eq!(data(&out).len(), data(&text).len());
    assert!(out.starts_with(&block(0, "It is ")));
}

#[test]
fn at_each_split_of_a_text_over_events_it_reads_as_the_whole() {
    let redactor = knowing(&[
        ("a", "pass•\"wörd🔑one".as_bytes()),
        ("b", b"one-two-three"),
    ]);
    let whole = "é pass•\"wörd🔑one-two-three🔑 pass•\"wö";
    let conversation = conversation(&redactor);
    let expected = conversation.text(whole);
    let splits: Vec<usize> = whole.char_indices().map(|(at, _)| at).collect();
    for first in &splits {
        for second in splits.iter().filter(|at| *at >= first) {
            let text = [
                block(0, &whole[..*first]),
                block(1, "other one-two"),
                block(0, &whole[*first..*second]),
                block(1, "-three "),
                block(0, &whole[*second..]),
            ]
            .concat();
            let out = run(conversation.events([blocks()]), &[text.as_bytes()]);
            let [zero, one] = texts(&out);
            assert_eq!(zero, expected);
            assert_eq!(one, format!("other •b ·{TAG}• "));
        }
    }
}

#[test]
fn the_end_of_a_text_brings_what_was_held_back_just_before_it() {
    let redactor = knowing_token();
    let head = &TOKEN[..20];
    let stop = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n";
    let rest = block(1, "other");
    let text = format!("{}{rest}{stop}{rest}", block(0, &format!("x {head}")));
    let expected = format!("{}{rest}{}{stop}{rest}", block(0, "x "), block(0, head));
    gives(&redactor, &[blocks()], &text, &expected);
    // Nothing more comes once it was given.
    let text = format!("{}{stop}{}", block(0, head), block(0, &TOKEN[20..]));
    let expected = format!(
        "{}{}{stop}{}",
        block(0, ""),
        block(0, head),
        block(0, &TOKEN[20..])
    );
    gives(&redactor, &[blocks()], &text, &expected);
    // Another index does not end it.
    let other = stop.replace(":0", ":1");
    let text = format!("{}{other}{}", block(0, head), block(0, &TOKEN[20..]));
    let out = run(
        conversation(&redactor).events([blocks()]),
        &[text.as_bytes()],
    );
    assert_eq!(texts(&out)[0], MASK);
}

#[test]
fn an_end_in_the_event_of_a_piece_completes_the_piece() {
    let redactor = knowing_token();
    let chunk = |index: u32, text: &str, end: &str| {
        format!(
            "data: {{\"id\":\"{TOKEN}\",\"choices\":[{{\"index\":{index},\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":{end}}}]}}\r\n\r\n"
        )
    };
    let head = &TOKEN[..20];
    let done = "data: [DONE]\r\n\r\n";
    let text = [
        chunk(0, head, "null"),
        chunk(1, head, "null"),
        chunk(0, &TOKEN[20..30], "\"stop\""),
        done.to_owned(),
    ]
    .concat();
    let expected = [
        chunk(0, "", "null"),
        chunk(1, "", "null"),
        chunk(0, &TOKEN[..30], "\"stop\""),
        chunk(1, head, "null"),
        done.to_owned(),
    ]
    .concat()
    .replace(
        &format!("\"id\":\"{TOKEN}\""),
        &format!("\"id\":\"{MASK}\""),
    );
    gives(&redactor, &[chat()], &text, &expected);
}

#[test]
fn several_fields_and_indexes_are_several_texts() {
    let redactor = knowing_token();
    let text = Field::new("a/*/t").unwrap();
    let think = Field::new("think").unwrap();
    let (head, tail) = TOKEN.split_at(20);
    let stream = format!(
        "data: {{\"a\":[{{\"t\":\"{head}\"}},{{\"t\":\"{head}\"}}],\"think\":\"{head}\"}}\n\n\
         data: {{\"a\":[{{\"t\":\"x{tail}\"}},{{\"t\":\"{tail}\"}}],\"think\":\"{tail}\"}}\n\n"
    );
    let expected = format!(
        "data: {{\"a\":[{{\"t\":\"\"}},{{\"t\":\"\"}}],\"think\":\"\"}}\n\n\
         data: {{\"a\":[{{\"t\":\"{head}x{tail}\"}},{{\"t\":\"{MASK}\"}}],\"think\":\"{MASK}\"}}\n\n"
    );
    gives(&redactor, &[text, think], &stream, &expected);
}

#[test]
fn data_that_is_text_may_come_in_pieces_too() {
    let (head, tail) = TOKEN.split_at(20);
    let root = Field::new("").unwrap();
    let text = format!("data: token {head}\n\ndata:{tail} end\ndata: line\n\ndata: \"{head}\"\n\n");
    let expected = format!(
        "data: token \n\ndata: {MASK} end\ndata: line\n\ndata: \"\"\n\ndata: \"{head}\"\n\n"
    );
    let expected = expected.replace("data: •", "data:•");
    gives(&knowing_token(), &[root], &text, &expected);
}

/// What was held back may have more lines than the event that it comes with.
#[test]
fn lines_that_were_held_back_come_with_an_event_of_fewer_lines() {
    let value = b"first-line-of-it\nsecond-line-of-it\nthird-line-of-it";
    let redactor = knowing(&[("k", value)]);
    let fields = [Field::new("").unwrap()];
    let mask = format!("•k ·{TAG}•");
    for ending in ["\n", "\r\n", "\r"] {
        let lined = |text: &str| text.replace('\n', ending);
        let text = lined(
            "data: first-line-of-it\ndata: second-li\n\ndata:X, and so it goes on.\nid: 7\n\n",
        );
        let expected = lined(&format!(
            "data: \n\ndata:{mask}\ndata: second-liX, and so it goes on.\nid: 7\n\n"
        ));
        gives(&redactor, &fields, &text, &expected);
        // With an event of our own, and one that the stream ends in.
        let text = lined("data: second-line-of-it\ndata: third-\n\n: end\ndata");
        let expected = lined(&format!(
            "data: \n\ndata: {mask}\ndata: third-\n\n: end\ndata"
        ));
        let out = run(
            conversation(&redactor).events(fields.clone()),
            &[text.as_bytes()],
        );
        assert_eq!(data(&out).concat(), data(&expected).concat(), "{out}");
    }
}

#[test]
fn half_a_character_waits_for_the_other_half() {
    let redactor = knowing(&[("key", "key🔑word".as_bytes())]);
    let raw = |text: &str| format!("data: {{\"delta\":{{\"text\":\"{text}\"}}}}\n\n");
    let field = Field::new("delta/text").unwrap();
    let text = [
        raw("~\\ud83d"),
        raw("\\udd11~ key\\ud83d"),
        raw(""),
        raw("\\udd11word \\ud800"),
        raw("!"),
    ];
    let expected = [
        raw("~"),
        raw("🔑~ "),
        raw(""),
        raw(&format!("•key ·{TAG}• ")),
        raw("\\ud800!"),
    ];
    let expected = expected.concat();
    gives(&redactor, &[field], &text.concat(), &expected);
}

#[test]
fn of_a_key_that_is_there_twice_the_last_goes_on_with_the_text() {
    let (head, tail) = TOKEN.split_at(20);
    let text = format!("data: {{\"t\":\"{head}\"}}\n\ndata: {{\"t\":\"x\",\"t\":\"{tail}\"}}\n\n");
    let expected = format!("data: {{\"t\":\"\"}}\n\ndata: {{\"t\":\"x\",\"t\":\"{MASK}\"}}\n\n");
    gives(
        &knowing_token(),
        &[Field::new("t").unwrap()],
        &text,
        &expected,
    );
}

#[test]
fn a_stream_that_ends_within_an_event_loses_nothing() {
    let (head, tail) = TOKEN.split_at(20);
    let cut = block(0, &format!("{} end", &tail[..5]));
    let cut = cut.trim_end();
    let text = format!("{}{cut}", block(0, head));
    let rest = format!("{head}{} end", &tail[..5]);
    let empty = block(0, "");
    let expected = format!("{empty}{}{}", block(0, &rest), empty.trim_end());
    gives(&knowing_token(), &[blocks()], &text, &expected);
    let text = format!("data: {{}}\n\n{cut}");
    gives(&knowing_token(), &[blocks()], &text, &text);
}

#[test]
fn data_is_decoded_as_its_readers_decode_it() {
    let (head, tail) = TOKEN.split_at(20);
    let text = [
        b"data: {\"t\":\"\xff",
        head.as_bytes(),
        b"\"}\n\ndata: {\"t\":\"",
        tail.as_bytes(),
        b"\"}\n\n",
    ]
    .concat();
    let field = Field::new("t").unwrap();
    let out = run(conversation(&knowing_token()).events([field]), &[&text]);
    assert_eq!(
        out,
        format!("data: {{\"t\":\"\u{fffd}\"}}\n\ndata: {{\"t\":\"{MASK}\"}}\n\n")
    );
}

#[test]
fn a_byte_order_mark_comes_once() {
    let (head, tail) = TOKEN.split_at(20);
    let event = |text: &str| format!("data: {{\"delta\":{{\"text\":\"{text}\"}}}}\n\n");
    let text = format!("\u{feff}{}data: [DONE]\n\n{}", event(head), event(tail));
    let expected = format!(
        "\u{feff}{}{}data: [DONE]\n\n{}",
        event(""),
        event(head),
        event(tail)
    );
    gives(&knowing_token(), &[blocks()], &text, &expected);
}

#[test]
fn masks_that_came_in_stay_and_those_of_others_are_text() {
    // A name that holds what is another secret.
    let redactor = knowing(&[
        ("acme-production db", TOKEN.as_bytes()),
        ("user", b"acme-production"),
    ]);
    let conversation = conversation(&redactor);
    let once = conversation.text(&format!("{TOKEN} acme-production"));
    assert_eq!(once, format!("•acme-production db ·{TAG}• •user ·{TAG}•"));
    assert_eq!(conversation.text(&once), once);
    let made_up = format!("•acme-production x ·{TAG}• •acme-production db ·bbbbbbbbbbbbbbbb•");
    let masked = made_up.replace("acme-production", &format!("•user ·{TAG}•"));
    assert_eq!(conversation.text(&made_up), masked);
}

#[test]
fn a_character_of_which_half_may_be_secret_comes_whole() {
    let redactor = knowing(&[("bytes", b"\x94\x91key-word")]);
    let text = [block(0, "🔑key"), block(0, "x")].concat();
    let out = run(
        conversation(&redactor).events([blocks()]),
        &[text.as_bytes()],
    );
    assert_eq!(texts(&out)[0], "🔑keyx");
}

#[test]
fn a_byte_order_mark_within_the_stream_is_none() {
    let redactor = knowing(&[("m", b"part-one\npart-two")]);
    let text = "data: part-one\n\u{feff}\ndata: part-two\n\n";
    let expected = format!("data: •m ·{TAG}•\n\u{feff}\n\n");
    gives(&redactor, &[], text, &expected);
}

#[test]
fn only_a_string_at_the_place_in_one_document_is_a_piece() {
    let (head, tail) = TOKEN.split_at(20);
    let field = || [Field::new("t").unwrap()];
    // Deeper than the place.
    let text =
        format!("data: {{\"t\":{{\"b\":\"{head}\"}}}}\n\ndata: {{\"t\":{{\"b\":\"{tail}\"}}}}\n\n");
    gives(&knowing_token(), &field(), &text, &text);
    // Two documents in between, which no reader takes for one, and a number.
    let between = "data: {\"t\":\"x\"}\ndata: {\"t\":\"x\"}\n\ndata: {\"t\":\"x\",\"t\":1}\n\n";
    let text = format!("data: {{\"t\":\"{head}\"}}\n\n{between}data: {{\"t\":\"{tail}\"}}\n\n");
    let expected = format!("data: {{\"t\":\"\"}}\n\n{between}data: {{\"t\":\"{MASK}\"}}\n\n");
    gives(&knowing_token(), &field(), &text, &expected);
}

#[test]
fn texts_of_which_nothing_is_held_back_cost_nothing() {
    let text: String = (0..600).map(|index| block(index, "~")).collect();
    let mut events = conversation(&knowing_token()).events([blocks()]);
    let mut out = Vec::new();
    events.push(text.as_bytes(), &mut out).unwrap();
    assert_eq!(out, text.as_bytes());
    assert_eq!(events.held(), 0);
}

#[test]
fn memory_is_bounded() {
    let redactor = knowing_token();
    let mut out = Vec::new();
    let mut events = conversation(&redactor).events([blocks()]);
    let mut refused = None;
    for _ in 0..=MAX_EVENT_LEN / 65_536 {
        let pushed = events.push(&[b'x'; 65_536], &mut out);
        refused = refused.or(pushed.err());
    }
    let error = refused.unwrap();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert_eq!(error.reason().unwrap().as_str(), "too-long");
    assert!(events.push(b"\n\n", &mut out).is_err());
    assert!(events.finish(&mut out).is_err());
    assert!(out.is_empty());

    let mut events = conversation(&redactor).events([blocks()]);
    let mut opened = 0;
    let error = loop {
        match events.push(block(opened, &TOKEN[..20]).as_bytes(), &mut out) {
            Ok(()) => opened += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.reason(), Some(TOO_MUCH));
    assert_eq!(usize::try_from(opened).unwrap(), MAX_TEXTS);

    let many = Field::new("*").unwrap();
    let mut events = conversation(&redactor).events([many]);
    let all = vec!["\"x\""; 300].join(",");
    let error = events.push(format!("data: [{all}]\n\n").as_bytes(), &mut out);
    assert_eq!(error.unwrap_err().reason(), Some(TOO_MUCH));
}

#[test]
fn fields_are_checked() {
    for path in ["/".repeat(16), "x".repeat(1025)] {
        assert_eq!(Field::new(&path).unwrap_err().kind(), ErrorKind::Misuse);
    }
    let field = Field::new("a/*").unwrap();
    let error = field.clone().told_apart_by("*/*").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    assert!(field.ended_by_any("*/*").is_err());
    let slash = Field::new("a~1b/~0/0").unwrap();
    let text = format!("data: {{\"a/b\":{{\"~\":[\"{}\"]}}}}\n\n", &TOKEN[..20]);
    let out = run(
        conversation(&knowing_token()).events([slash]),
        &[text.as_bytes()],
    );
    assert_eq!(data(&out).len(), 2);
}
