//! Published Noise cases (cacophony's and snow's), through the code that links and sealed keys use.

use amanat_noise::{
    PATTERN,
    testing::{self, SEALED_PATTERN, Side, Told},
};
use amanat_primitives::{Secret, agree::NoiseSecret};
use serde_json::Value;

use super::{Outcome, Reason, Tally, hex};

pub(crate) fn run(cases: &[Value]) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for (number, case) in cases.iter().enumerate() {
        let name = case.get("protocol_name").and_then(Value::as_str).ok_or("a case without a protocol name")?;
        tally.add(match left_out(name)? {
            Some(reason) => Outcome::LeftOut(reason),
            None if name == SEALED_PATTERN => Outcome::of(number, sealed(case)),
            None => Outcome::of(number, link(case)),
        });
    }
    Ok(tally)
}

/// Why a case is not ours to run; `None` for one that is.
fn left_out(name: &str) -> Result<Option<Reason>, String> {
    if name == PATTERN || name == SEALED_PATTERN {
        return Ok(None);
    }
    let parts: Vec<&str> = name.split('_').collect();
    let ["Noise", pattern, agreement, cipher, hash] = parts[..] else { return Err(format!("protocol {name:?}")) };
    let ours: Vec<&str> = PATTERN.split('_').skip(1).collect();
    Ok(Some(match (pattern.contains("psk"), pattern == ours[0] || pattern == "Xpsk1") {
        (true, false) => Reason::NoisePsk,
        (false, false) => Reason::NoisePattern,
        _ if agreement != ours[1] => Reason::NoiseAgreement,
        _ if cipher != ours[2] => Reason::NoiseCipher,
        _ if hash != ours[3] => Reason::NoiseHash,
        _ => return Err(format!("{name} has no reason to be left out")),
    }))
}

// [LINK-08]
fn link(case: &Value) -> Result<(), String> {
    let (device, relay) = sides(case)?;
    if hex(case, "init_remote_static")? != relay.identity.public().as_bytes() {
        return Err("the responder has another public key".to_owned());
    }
    let hash = case.get("handshake_hash").map(|_| hex(case, "handshake_hash")).transpose()?;
    testing::run_link((device, relay), &told(case)?, hash.as_deref()).map_err(|error| error.to_string())
}

/// A sealed key is one message: the first of its case.
fn sealed(case: &Value) -> Result<(), String> {
    let psk = |side: &str| {
        let psks = case.get(format!("{side}_psks")).and_then(Value::as_array).ok_or("no pre-shared keys")?;
        let [Value::String(psk)] = &psks[..] else { return Err("not one pre-shared key".to_owned()) };
        data_encoding::HEXLOWER.decode(psk.as_bytes()).map_err(|error| error.to_string())
    };
    let (init, resp) = (psk("init")?, psk("resp")?);
    if init != resp {
        return Err("the sides have different pre-shared keys".to_owned());
    }
    let psk = Secret::from_slice(&init).ok_or("pre-shared key of another length")?;
    let told = told(case)?;
    testing::run_sealed(sides(case)?, &psk, told.first().ok_or("no message")?).map_err(|error| error.to_string())
}

fn sides(case: &Value) -> Result<(Side, Side), String> {
    let secret = |name: String| Secret::from_slice(&hex(case, &name)?).ok_or(format!("{name}: another length"));
    let side = |name: &str| {
        // A side that never draws one has none in its case.
        let ephemeral = format!("{name}_ephemeral");
        Ok::<_, String>(Side {
            identity: NoiseSecret::from_secret(secret(format!("{name}_static"))?),
            ephemeral: if case.get(&ephemeral).is_some() { secret(ephemeral)? } else { Secret::take(&mut [0; 32]) },
            prologue: hex(case, &format!("{name}_prologue"))?,
        })
    };
    Ok((side("init")?, side("resp")?))
}

fn told(case: &Value) -> Result<Vec<Told>, String> {
    let messages = case.get("messages").and_then(Value::as_array).ok_or("no messages")?;
    messages.iter().map(|message| Ok((hex(message, "payload")?, hex(message, "ciphertext")?))).collect()
}
