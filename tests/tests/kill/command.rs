//! The built `amanat` is killed while it sends and syncs.

use std::{collections::BTreeSet, time::Instant};

use amanat_tests::programs::Office;

use crate::{Moments, interrupted, rounds};

#[test]
fn commands_that_are_killed_lose_and_repeat_nothing() {
    let mut moments = Moments::new();
    let office = Office::new();
    office.enrol("secretary", "restricted");
    office.enrol("director", "restricted");
    let begun = Instant::now();
    let first = office.say("secretary", &["send", "director", "0"]).remove(0);
    let usual = begun.elapsed() * 5 / 4;
    let conversation = first["conversation"].as_str().unwrap().to_owned();
    let (mut done, mut tried) = (vec!["0".to_owned()], BTreeSet::from([0u64]));
    for round in 1..=rounds() as u64 {
        let text = round.to_string();
        tried.insert(round);
        if interrupted(office.by("secretary", &["send", &conversation, &text, "--queue"]), moments.within(usual)) {
            done.push(text);
        }
        let by = if round % 2 == 0 { "director" } else { "secretary" };
        interrupted(office.by(by, &["sync"]), moments.within(usual));
    }
    office.say("secretary", &["sync"]);
    office.say("director", &["sync"]);
    let written = office.texts("secretary", &conversation);
    assert_eq!(office.texts("director", &conversation), written);
    // All that was done is there; what was killed may be, once; and all of it in order.
    let numbers: Vec<u64> = written.iter().map(|text| text.parse().unwrap()).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    assert!(done.iter().all(|text| written.contains(text)), "{done:?} {written:?}");
    assert!(numbers.iter().all(|number| tried.contains(number)));
    for by in ["secretary", "director"] {
        assert_eq!(office.say(by, &["sync"])[0]["received"], 0);
    }
}
