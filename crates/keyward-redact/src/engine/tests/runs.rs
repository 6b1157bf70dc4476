//! Runs of one byte, in needles and in texts, while needles come and go: what a stream decides at
//! each step is what a slow reference finds of the needles that are known then.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::reference::reach;
use super::{Needle, add, name, seeded};
use crate::Redactor;
use crate::form::{Needles, add_forms};
use crate::masker::{MASK_CHAR, Masker};

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    Flush,
    Add(Index),
    Forget(Index),
    Order,
    TakeOver(Index),
    Text,
}

#[derive(Clone, Debug)]
struct Case {
    seed: u64,
    secrets: Vec<Vec<Needle>>,
    known: usize,
    text: Vec<u8>,
    steps: Vec<Step>,
}

/// A stream, and what is known of it.
struct Stream {
    masker: Masker,
    text: Vec<u8>,
    out: Vec<u8>,
    from: usize,
    /// At least, and at most.
    written: (usize, usize),
}

impl Stream {
    fn new(redactor: &Redactor) -> Self {
        Self {
            masker: redactor.masker().named(),
            text: Vec::new(),
            out: Vec::new(),
            from: 0,
            written: (0, 0),
        }
    }

    /// Checks what a call decided, which has let out `out`.
    fn decided(&mut self, known: &[(usize, &[Needle])], is_over: bool, is_flushed: bool) {
        let text = &self.text;
        let end = text.len() - self.masker.held();
        let mut found = Vec::new();
        let mut first = text.len();
        let mut begun = false;
        for (order, (secret, needles)) in known.iter().enumerate() {
            for needle in *needles {
                for start in self.from..text.len() {
                    if text[start] != needle.0[0] {
                        continue;
                    }
                    match reach(text, start, needle) {
                        Some(Some(end)) => found.push((start, order, end, *secret)),
                        Some(None) => first = first.min(start),
                        None => {}
                    }
                    if start == end {
                        begun |= (0..=7 * if needle.1 { 3 } else { 1 }).any(|less| {
                            let len = text.len().saturating_sub(less);
                            len > start && reach(&text[..len], start, needle) == Some(None)
                        });
                    }
                }
            }
        }
        if !is_over {
            assert!(end <= first, "a beginning at {first} is let go up to {end}");
            let most = known.iter().flat_map(|(_, needles)| *needles);
            let most = most.map(|(bytes, wrapped)| bytes.len() * if *wrapped { 3 } else { 1 });
            assert!(text.len() - end <= most.max().unwrap_or(0) || end == self.from);
            if is_flushed && text.len() - end >= 8 {
                assert!(
                    begun || end == self.from,
                    "held back from {end} for nothing"
                );
            }
        } else {
            assert_eq!(end, text.len());
        }
        found.sort_unstable();
        let ends = found.iter().filter(|(start, ..)| *start < end);
        let least = ends.map(|(_, _, end, _)| *end).max().unwrap_or(0);
        let mut masks: Vec<(usize, usize, usize)> = Vec::new();
        for (start, _, end, secret) in found {
            match masks.last_mut() {
                Some(last) if start < last.1 => last.1 = last.1.max(end),
                _ => masks.push((start, end, secret)),
            }
        }
        masks.retain(|(start, ..)| *start < end);
        // What began in a mask that is written is under it too; or it is not, if it was forgotten
        // before it was decided.
        let (mut expected, mut fit) = (Vec::new(), None);
        for written in (self.written.0..=self.written.1).rev() {
            let (mut at, mut all) = (written, Vec::new());
            for (start, to, secret) in &masks {
                if *start >= at {
                    all.extend_from_slice(&text[at..*start]);
                    all.extend_from_slice(format!("{MASK_CHAR}s{secret}{MASK_CHAR}").as_bytes());
                }
                at = at.max(*to);
            }
            all.extend_from_slice(text.get(at..end).unwrap_or_default());
            if all == self.out {
                let most = at.max(end);
                let low = written.max(least).max(end);
                let (lowest, highest) = fit.unwrap_or((low, most));
                fit = Some((low.min(lowest), most.max(highest)));
            }
            if expected.is_empty() {
                expected = all;
            }
        }
        if let Some(fit) = fit {
            self.written = fit;
        } else {
            assert_eq!(
                String::from_utf8_lossy(&self.out),
                String::from_utf8_lossy(&expected)
            );
        }
        self.from = end;
        self.out.clear();
    }

    fn push(&mut self, piece: &[u8], known: &[(usize, &[Needle])]) {
        self.text.extend_from_slice(piece);
        self.masker.push(piece, &mut self.out);
        self.decided(known, false, false);
    }

    fn flush(&mut self, known: &[(usize, &[Needle])]) {
        self.masker.flush(&mut self.out);
        self.decided(known, false, true);
    }

    fn finish(&mut self, known: &[(usize, &[Needle])]) {
        self.masker.finish(&mut self.out);
        self.decided(known, true, false);
    }
}

fn check(case: &Case) {
    let redactor = Redactor::new(seeded(case.seed)).unwrap();
    let mut known: Vec<(usize, &[Needle])> = Vec::new();
    let mut rest: Vec<usize> = (0..case.secrets.len()).collect();
    for number in rest.drain(..case.known.min(case.secrets.len())) {
        add(&redactor, number, &case.secrets[number]);
        known.push((number, &case.secrets[number]));
    }
    let mut stream = Stream::new(&redactor);
    let mut orders = Vec::new();
    let mut at = 0;
    for step in &case.steps {
        match step {
            Step::Push(len) => {
                let end = (at + len).min(case.text.len());
                stream.push(&case.text[at..end], &known);
                at = end;
            }
            Step::Flush => stream.flush(&known),
            Step::Add(of) => {
                if !rest.is_empty() {
                    let number = rest.remove(of.index(rest.len()));
                    add(&redactor, number, &case.secrets[number]);
                    known.push((number, &case.secrets[number]));
                }
            }
            Step::Forget(of) => {
                if !known.is_empty() {
                    let (number, _) = known.remove(of.index(known.len()));
                    assert!(redactor.forget(&name(number)));
                    rest.push(number);
                }
            }
            Step::Order => {
                let registry = redactor.read();
                orders.extend(registry.engine.unsettled());
                orders.extend(registry.engine.merger());
            }
            Step::TakeOver(of) => {
                if !orders.is_empty() {
                    redactor.build(orders.remove(of.index(orders.len())));
                }
            }
            Step::Text => drop(redactor.bytes(&case.text)),
        }
    }
    for piece in case.text[at..].chunks(9000) {
        stream.push(piece, &known);
    }
    stream.finish(&known);
}

fn run() -> impl Strategy<Value = Vec<u8>> {
    let lens = select(vec![
        1, 2, 3, 4, 5, 6, 7, 7, 8, 8, 9, 10, 11, 12, 13, 14, 14, 15, 15, 16, 17, 22, 23, 24, 31,
        32, 63, 64, 65, 71, 72, 73, 128, 129,
    ]);
    (select(b"aaaab0A\0=".as_slice()), lens).prop_map(|(byte, len)| vec![byte; len])
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(select(b"ab".as_slice()), 1..16),
        vec(select(b"abcdefghijkl".as_slice()), 1..24),
        Just(b"x".to_vec()),
        Just(b"x".to_vec()),
        Just(b"\0".to_vec()),
        Just(Vec::new()),
        Just(Vec::new()),
        Just(b"0123456789-ABCDEFGHIJ".to_vec()),
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let parts = (word(), run(), word(), run(), word(), 0..6_u8);
    let parts = parts.prop_map(
        |(before, first, between, second, after, which)| match which {
            0 => first,
            1 => [before, first].concat(),
            2 => [first, after].concat(),
            3 => [before, first, after].concat(),
            4 => [first, second].concat(),
            _ => [before, first, between, second, after].concat(),
        },
    );
    parts.prop_map(|bytes| {
        if bytes.is_empty() {
            b"aaaaaaaa".to_vec()
        } else {
            bytes
        }
    })
}

fn secret() -> impl Strategy<Value = Vec<Needle>> {
    let one = (bytes(), any::<bool>()).prop_map(|needle| vec![needle]);
    // Many that begin with it, or that end with it: none of its grams is rare.
    let crowd = (bytes(), any::<bool>(), any::<bool>()).prop_map(|(bytes, wrapped, front)| {
        let more = |n| match front {
            true => ([&bytes[..], &vec![b'a'; n]].concat(), wrapped),
            false => ([&vec![b'a'; n], &bytes[..]].concat(), wrapped),
        };
        (0..18).map(more).collect()
    });
    let inner = (
        8..40_usize,
        select(b"\0\xff\x55a \n\"%".as_slice()),
        word(),
        any::<bool>(),
    );
    let forms = inner.prop_map(|(len, byte, end, before)| {
        let value = match before {
            true => [end, vec![byte; len]].concat(),
            false => [vec![byte; len], end].concat(),
        };
        let mut needles = Needles::new(8);
        add_forms(&value, true, &mut needles);
        let forms = needles.into_forms().into_iter();
        forms
            .map(|form| (form.bytes.expose().to_vec(), form.wrapped))
            .collect()
    });
    let both = (bytes(), any::<bool>()).prop_map(|(bytes, first)| {
        // The same bytes as they are and wrapped.
        vec![(bytes.clone(), first), (bytes, !first)]
    });
    prop_oneof![6 => one, 1 => crowd, 2 => forms, 1 => both]
}

fn text(secrets: &[Vec<Needle>]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let needles: Vec<Vec<u8>> = secrets
        .iter()
        .flatten()
        .map(|(bytes, _)| bytes.clone())
        .collect();
    let of = select(needles);
    let ending = select(vec![
        "\n", "\r", "\r\n", "\n\n", "\n\r", "\r\r\n", "\\n", "\\r\\n",
    ]);
    let whole = (of.clone(), any::<u64>(), ending.clone()).prop_map(|(needle, how, ending)| {
        let width = 1 + (how >> 8) as usize % 70;
        let mut out = Vec::new();
        for (i, byte) in needle.iter().enumerate() {
            let here = i > 0
                && match how % 6 {
                    0 => i % width == 0,
                    1 => (how >> (i % 60)) & 7 == 7,
                    2 => i == width % needle.len(),
                    3 => needle.len() - i == width % needle.len(),
                    _ => false,
                };
            if here {
                out.extend_from_slice(ending.as_bytes());
            }
            out.push(*byte);
        }
        out
    });
    let part = (of.clone(), any::<usize>(), any::<bool>()).prop_map(|(needle, cut, front)| {
        let cut = cut % (needle.len() + 1);
        if front {
            needle[..cut].to_vec()
        } else {
            needle[cut..].to_vec()
        }
    });
    // One that ends in another, as far as they agree.
    let lapped = (of.clone(), of).prop_map(|(one, other)| {
        let same = (1..one.len().min(other.len())).rev();
        let same = same.into_iter().find(|len| one.ends_with(&other[..*len]));
        [&one[..], &other[same.unwrap_or(0)..]].concat()
    });
    let noise = vec(select(b"abcx0A= \n\r\0".as_slice()), 0..6);
    let ending = ending.prop_map(|ending| ending.as_bytes().to_vec());
    let pieces = vec(
        prop_oneof![5 => whole, 3 => part, 2 => lapped, 2 => noise, 1 => ending, 3 => run()],
        0..9,
    );
    let gap = prop_oneof![
        12 => Just(Vec::new()),
        1 => (4080..4112_usize).prop_map(|len| vec![b'.'; len]),
        1 => (4080..4112_usize).prop_map(|len| vec![b'a'; len]),
    ];
    (gap, pieces).prop_map(|(gap, pieces)| [gap, pieces.concat()].concat())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..24_usize).prop_map(Step::Push),
        3 => (0..3_usize).prop_map(Step::Push),
        2 => (40..200_usize).prop_map(Step::Push),
        1 => (3900..4200_usize).prop_map(Step::Push),
        4 => Just(Step::Flush),
        2 => any::<Index>().prop_map(Step::Add),
        1 => any::<Index>().prop_map(Step::Forget),
        1 => Just(Step::Order),
        1 => any::<Index>().prop_map(Step::TakeOver),
        1 => Just(Step::Text),
    ];
    vec(step, 0..50)
}

fn case() -> impl Strategy<Value = Case> {
    let secrets = vec(secret(), 1..10);
    secrets.prop_flat_map(|secrets| {
        let text = text(&secrets);
        (any::<u64>(), Just(secrets), 0..10_usize, text, steps()).prop_map(
            |(seed, secrets, known, text, steps)| Case {
                seed,
                secrets,
                known,
                text,
                steps,
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn each_step_decides_what_the_reference_decides(case in case()) {
        check(&case);
    }
}

/// Were the rest of a run read again at each of its bytes, this would take a minute: where the
/// longest needle is forgotten, where needles touch, and where none is.
#[test]
fn no_run_is_read_more_than_once() {
    let turn = vec![b'a'; 16 * 1024];
    for (len, stays) in [(1, true), (6, false), (10, false), (10, true)] {
        let redactor = Redactor::new(seeded(1)).unwrap();
        add(&redactor, 0, &[(vec![b'a'; len], false)]);
        add(&redactor, 1, &[([&turn[..len], b"b"].concat(), false)]);
        // Now both are in one automaton.
        drop(redactor.bytes(&turn));
        assert!(stays || redactor.forget(&name(0)));
        let mut masker = redactor.masker();
        let mut out = Vec::new();
        for _ in 0..500 {
            out.clear();
            masker.push(&turn, &mut out);
        }
        masker.finish(&mut out);
        assert_eq!(out.ends_with(b"a"), !stays);
    }
}
