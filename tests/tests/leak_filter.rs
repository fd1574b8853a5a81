//! The leak filter on office messages (protocol-spec/09-policy, section 11): how much of what is planted it finds, in every
//! disguise, and how much it stops for nothing. The messages are made from a seed (`leak_filter/corpus.rs`).

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // what fails, fails the test

#[path = "leak_filter/corpus.rs"]
mod corpus;

use std::collections::{BTreeMap, BTreeSet};

use amanat_identity::Tier;
use amanat_policy::{Action, Finding, Policy, Ready};
use amanat_tests::extent;
use corpus::Message;

/// Messages: without anything in them, and with.
const CLEAN: usize = 10_000;
const PLANTED: usize = 5_000;

fn builtin() -> Ready {
    Policy::builtin().unwrap()
}

/// How many of the planted values are found, and how many there are. Of a table there is one; who has a NICOP has a number
/// that an identity card may have, too.
fn found(policy: &Ready, message: &Message) -> (usize, usize) {
    let kind = message.planted[0].kind;
    let findings = policy.find(&message.text, Tier::Official).list;
    let same = |found: &str| found == kind || (kind == "nicop" && found == "cnic");
    let of_kind: Vec<&Finding> = findings.iter().filter(|finding| same(finding.kind.as_str())).collect();
    let planted: BTreeSet<&str> = message.planted.iter().map(|planted| planted.value.as_str()).collect();
    let there = planted.iter().filter(|value| of_kind.iter().any(|finding| is_it(kind, value, finding)));
    (there.count(), planted.len())
}

/// Whether a finding is of this value: they end alike, or begin alike where there is no end to compare.
fn is_it(kind: &str, value: &str, finding: &Finding) -> bool {
    let read = |text: &str, keep: fn(&char) -> bool| -> Vec<char> {
        let one = |c: char| match c.to_ascii_lowercase() {
            'o' => '0',
            'l' | 'i' => '1',
            c => c,
        };
        text.chars().filter(keep).map(one).collect()
    };
    let both = |keep| (read(value, keep), read(&finding.value, keep));
    let (one, other) = both(if kind == "coordinates" { char::is_ascii_digit } else { char::is_ascii_alphanumeric });
    match kind {
        "table" => true,
        "coordinates" => one.iter().take(4).eq(other.iter().take(4)),
        "email" => one.iter().take(5).eq(other.iter().take(5)),
        // Its tier is in the rule's name.
        "marking" => marked(value).contains(&finding.rule.as_str()),
        _ => one.iter().rev().take(6).eq(other.iter().rev().take(6)),
    }
}

/// The tiers that what is written on paper may be for.
fn marked(value: &str) -> &'static [&'static str] {
    let is = |words: &[&str]| words.iter().any(|word| value.to_uppercase().contains(word));
    match () {
        () if is(&["TOP SECRET", "انتہائی خفیہ"]) => &["top-secret"],
        () if is(&["SECRET", "EYES ONLY", "خفیہ"]) => &["secret"],
        () if is(&["CONFIDENTIAL", "ADDRESSEE", "راز", "مکتوب"]) => &["confidential"],
        () if is(&["RESTRICTED", "محدود"]) => &["restricted"],
        () => &[],
    }
}

// [POL-20] [POL-21] [POL-22] [POL-23]
#[test]
fn what_is_planted_is_found_in_every_disguise() {
    let policy = builtin();
    let seed = extent::seeds(1, 1).start;
    let (mut of_kind, mut of_disguise) = (BTreeMap::new(), BTreeMap::new());
    let mut missed = BTreeMap::new();
    let (mut all, mut hit) = (0, 0);
    for message in corpus::planted(seed, PLANTED) {
        let (found, there) = found(&policy, &message);
        (all, hit) = (all + there, hit + found);
        let (kind, disguise) = (message.planted[0].kind, message.planted[0].disguise);
        let counts: [&mut (usize, usize); 2] =
            [of_kind.entry(kind).or_default(), of_disguise.entry(disguise).or_default()];
        counts.into_iter().for_each(|count| *count = (count.0 + found, count.1 + there));
        if found < there {
            missed.entry((kind, disguise)).or_insert(message.text);
        }
    }
    println!("of {all} planted values {hit} are found; by kind {of_kind:?}, by disguise {of_disguise:?}");
    println!("of each kind and disguise one that is missed: {missed:#?}");
    assert!(hit * 1000 >= all * 995, "{hit} of {all}, seed {seed}");
    for (kind, (found, there)) in of_kind {
        assert!(found * 100 >= there * 97, "{kind}: {found} of {there}, seed {seed}");
    }
    for (disguise, (found, there)) in of_disguise {
        assert!(found * 100 >= there * 90, "{disguise}: {found} of {there}, seed {seed}");
    }
}

// [POL-21] [POL-30]
#[test]
fn hardly_anything_is_stopped_for_nothing() {
    let policy = builtin();
    let seed = extent::seeds(1, 1).start;
    let mut stopped = BTreeMap::<String, Vec<String>>::new();
    let mut count = 0;
    for message in corpus::clean(seed, CLEAN) {
        let findings = policy.find(&message.text, Tier::Official);
        let verdict = policy.judge(&findings, Tier::Official);
        if verdict.action > Action::Allow {
            count += 1;
            let because = &verdict.because[0].0;
            let what = findings.list.iter().find(|finding| finding.kind == *because).unwrap();
            let there = message.text[what.range.clone()].to_owned();
            stopped.entry(format!("{because} by {}", what.rule)).or_default().push(there);
        }
    }
    println!("of {CLEAN} clean messages {count} are stopped: {stopped:#?}");
    assert!(count * 1000 <= CLEAN * 5, "{count} of {CLEAN}, seed {seed}");
}
