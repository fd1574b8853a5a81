//! The MLS working group's vectors, through our provider and storage and OpenMLS directly, in the suites that share their
//! parts with ours. What a passive client is sent there is also given to a conversation of ours, which must refuse it.

#[path = "mls/basics.rs"]
mod basics;
#[path = "mls/messages.rs"]
mod messages;
#[path = "mls/passive.rs"]
mod passive;
#[path = "mls/refusal.rs"]
mod refusal;

use openmls::prelude::Ciphersuite;
use serde_json::Value;

use super::{Outcome, Reason, Tally, hex};

/// Suites 1 and 3.
pub(crate) const SUITES: [Ciphersuite; 2] = [
    Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519,
    Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519,
];

/// Which file it is, by a field that no other has.
const FORMS: [(&str, Form); 14] = [
    ("external_psks", Form::Run(passive::client)),
    ("signer_pub", Form::Run(passive::welcome)),
    ("derive_tree_secret", Form::Run(basics::crypto)),
    ("psk_secret", Form::Run(basics::psk_secret)),
    ("initial_init_secret", Form::Run(basics::key_schedule)),
    ("authenticated_content", Form::Run(basics::transcript)),
    ("vlbytes_header", Form::Run(basics::header)),
    ("mls_welcome", Form::Run(messages::encodings)),
    ("resolutions", Form::Run(messages::tree)),
    ("sender_data", Form::Inner),
    ("proposal_priv", Form::Inner),
    ("n_nodes", Form::Inner),
    ("update_paths", Form::Inner),
    ("tree_before", Form::Inner),
];

#[derive(Clone, Copy)]
enum Form {
    /// Runs one case.
    Run(fn(&Value) -> Result<(), String>),
    /// About a step inside OpenMLS that cannot be called from outside it.
    Inner,
}

fn form(case: &Value) -> Option<Form> {
    FORMS.iter().find(|(field, _)| case.get(field).is_some()).map(|(_, form)| *form)
}

pub(crate) fn is_vectors(cases: &[Value]) -> bool {
    cases.first().is_some_and(|case| form(case).is_some())
}

pub(crate) fn run(cases: &[Value]) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for (number, case) in cases.iter().enumerate() {
        let form = form(case).ok_or_else(|| format!("case {number} is of no known form"))?;
        let of_suite = case.get("cipher_suite").map(|_| suite(case).map(|suite| suite.is_some())).transpose()?;
        tally.add(match form {
            Form::Inner => Outcome::LeftOut(Reason::MlsInner),
            _ if of_suite == Some(false) => Outcome::LeftOut(Reason::MlsSuite),
            Form::Run(run) => Outcome::of(number, run(case)),
        });
    }
    tally.remark = cases.first().and_then(|case| {
        let remark = messages::REMARKS.iter().find(|(field, _)| case.get(field).is_some());
        remark.map(|(_, remark)| *remark)
    });
    Ok(tally)
}

/// The suite of a case; `None` for one that shares less with ours.
fn suite(case: &Value) -> Result<Option<Ciphersuite>, String> {
    let number = case.get("cipher_suite").and_then(Value::as_u64).ok_or("no suite")?;
    Ok(SUITES.into_iter().find(|suite| u64::from(u16::from(*suite)) == number))
}

fn own_suite(case: &Value) -> Result<Ciphersuite, String> {
    suite(case)?.ok_or_else(|| "of another suite".to_owned())
}

/// A library's error as a reason.
fn told(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

fn same(what: &str, made: &[u8], told: &[u8]) -> Result<(), String> {
    if made == told { Ok(()) } else { Err(format!("{what}: other bytes")) }
}
