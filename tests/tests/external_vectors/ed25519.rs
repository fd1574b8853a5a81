//! CCTV's Ed25519 edge cases, through the check that all our signatures go through.

use amanat_primitives::sign::{Signature, VerifyingKey};
use serde_json::Value;

use super::{Outcome, Tally, hex};

pub(crate) fn is_vectors(cases: &[Value]) -> bool {
    cases.first().is_some_and(|case| ["key", "sig", "msg", "flags"].iter().all(|key| case.get(key).is_some()))
}

pub(crate) fn run(cases: &[Value]) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for case in cases {
        let number = case.get("number").ok_or("a case without a number")?;
        tally.add(Outcome::of(number, check(case)));
    }
    Ok(tally)
}

/// Strict: points of small order and non-canonical encodings are refused, and so is what only verifies times the
/// cofactor. A component of small order in an otherwise ordinary point is no reason to refuse.
fn check(case: &Value) -> Result<(), String> {
    let flags = match case.get("flags") {
        Some(Value::Array(flags)) => flags.as_slice(),
        Some(Value::Null) => &[],
        _ => return Err("no flags".to_owned()),
    };
    let mut accept = true;
    for flag in flags {
        match flag.as_str() {
            Some("low_order_component_A" | "low_order_component_R") => {}
            Some(
                "low_order_A" | "low_order_R" | "non_canonical_A" | "non_canonical_R" | "low_order_residue"
                | "reencoded_k",
            ) => accept = false,
            _ => return Err(format!("unknown flag {flag}")),
        }
    }
    let key = VerifyingKey::from_bytes(hex(case, "key")?.try_into().map_err(|_| "key of another length")?);
    let signature = Signature::from_bytes(hex(case, "sig")?.try_into().map_err(|_| "signature of another length")?);
    let message = case.get("msg").and_then(Value::as_str).ok_or("no msg")?;
    let accepted = key.verify_unlabelled(message.as_bytes(), &signature).is_ok();
    if accepted == accept { Ok(()) } else { Err(format!("accepted: {accepted}, expected: {accept}")) }
}
