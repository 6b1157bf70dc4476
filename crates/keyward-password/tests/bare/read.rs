//! What is read of a bare row.

use super::*;

/// The 23 bytes of facts, and what is sealed in other rows.
fn row(facts: &[u8], encoded: &str, label: &str, context: &[(&str, &str)]) -> Vec<u8> {
    let len = |text: &str| u8::try_from(text.len()).unwrap();
    let mut out = facts.to_vec();
    out.extend([0, len(encoded)]);
    out.extend(encoded.bytes());
    out.push(len(label));
    out.extend(label.bytes());
    out.push(u8::try_from(context.len()).unwrap());
    for (name, value) in context {
        out.push(len(name));
        out.extend(name.bytes());
        out.extend([0, len(value)]);
        out.extend(value.bytes());
    }
    out
}

/// A row has one form: what is not that is not what was written.
#[tokio::test]
async fn a_bare_row_has_one_form() {
    let world = World::new().await;
    let data = memory();
    let written = bare(&["ann"]).await.remove(0);
    let rows = world.both(&data).await;
    let facts = &written.content.data[..23];
    let with = |at: usize, byte: u8| {
        let mut facts = facts.to_vec();
        facts[at] = byte;
        row(&facts, STORED, "", &[])
    };
    let revision = |number: u64| {
        let mut facts = facts.to_vec();
        facts[7..15].copy_from_slice(&number.to_be_bytes());
        row(&facts, STORED, "", &[])
    };
    let both = [("salt", "a"), ("user", "b")];
    let sound = [
        written.content.data.clone(),
        revision(1),
        revision((1 << 53) - 1),
        row(facts, STORED, "pbkdf2", &both),
        row(facts, STORED, &"l".repeat(64), &[("signer_key", "a")]),
    ];
    let long = row(facts, STORED, &"l".repeat(65), &[]);
    let unsound = [
        with(0, b'K'),
        with(4, 0),
        with(5, 3),
        with(6, 2 | 4),
        with(6, 2 | 0x80),
        with(6, 0),
        revision(0),
        revision(1 << 53),
        [written.content.data.as_slice(), &[0]].concat(),
        written.content.data[..written.content.data.len() - 1].to_vec(),
        facts.to_vec(),
        row(facts, "", "", &[]),
        row(facts, STORED, "", &[both[1], both[0]]),
        row(facts, STORED, "", &[both[0], both[0]]),
        row(facts, STORED, "", &[("base64_signer_key", "a")]),
        row(facts, STORED, "", &[("other", "a")]),
        long,
    ];
    let ann = account("ann");
    for (data_of, is_sound) in sound
        .into_iter()
        .map(|row| (row, true))
        .chain(unsound.into_iter().map(|row| (row, false)))
    {
        let content = Content {
            data: data_of,
            ..Content::default()
        };
        plant(&data, &written.key, &content).await;
        if is_sound {
            let loaded = rows.load(&ann).await.unwrap().unwrap();
            assert_eq!(loaded.credential.stored(), Some(STORED));
        } else {
            is_refused(&rows, &ann, None).await;
        }
    }
}
