//! Wycheproof's vectors, through the wrappers that the product uses.

use amanat_primitives::{
    Secret,
    aead::{ChunkKey, SealKey},
    kdf,
    sign::{Signature, VerifyingKey},
};
use serde_json::Value;

use super::{Outcome, Reason, Tally, hex};

pub(crate) fn run(json: &Value) -> Result<Tally, String> {
    let algorithm = json.get("algorithm").and_then(Value::as_str).ok_or("no algorithm")?;
    let mut tally = Tally::default();
    for group in json.get("testGroups").and_then(Value::as_array).ok_or("no groups")? {
        for case in group.get("tests").and_then(Value::as_array).ok_or("no tests in a group")? {
            let id = case.get("tcId").ok_or("a case without an id")?;
            let valid = match case.get("result").and_then(Value::as_str) {
                Some("valid") => true,
                Some("invalid") => false,
                // Left to the implementation.
                Some("acceptable") if algorithm == "XDH" => true,
                other => return Err(format!("case {id} has the result {other:?}")),
            };
            tally.add(match algorithm {
                "CHACHA20-POLY1305" => Outcome::of(id, agrees(valid, chunk(case, valid))),
                "XCHACHA20-POLY1305" => Outcome::of(id, agrees(valid, seal(case, valid))),
                "EDDSA" => Outcome::of(id, agrees(valid, signature(group, case))),
                "HKDF-SHA-256" if valid => Outcome::of(id, hkdf(case)),
                "HKDF-SHA-256" => Outcome::LeftOut(Reason::LongOutput),
                "XDH" => Outcome::LeftOut(Reason::Agreement),
                "HMACSHA256" => Outcome::LeftOut(Reason::Hmac),
                "ML-KEM" => Outcome::LeftOut(Reason::MlKem),
                _ => Outcome::LeftOut(Reason::OtherAlgorithm),
            });
        }
    }
    let told = json.get("numberOfTests").and_then(Value::as_u64);
    if told != Some(tally.cases() as u64) {
        return Err(format!("{} cases read, the file says {told:?}", tally.cases()));
    }
    Ok(tally)
}

/// What the code said of a case.
enum Verdict {
    Accepted,
    /// Also where a nonce or signature of the wrong length is not of the type that the code takes.
    Refused,
}

fn agrees(valid: bool, verdict: Result<Verdict, String>) -> Result<(), String> {
    match (verdict?, valid) {
        (Verdict::Accepted, true) | (Verdict::Refused, false) => Ok(()),
        (Verdict::Accepted, false) => Err("accepted, though invalid".to_owned()),
        (Verdict::Refused, true) => Err("refused, though valid".to_owned()),
    }
}

fn chunk(case: &Value, valid: bool) -> Result<Verdict, String> {
    let key = ChunkKey::new(&Secret::from_slice(&hex(case, "key")?).ok_or("key of another length")?);
    let (aad, plain, sealed) = (hex(case, "aad")?, hex(case, "msg")?, hex(case, "ct")?);
    let (Ok(nonce), Ok(tag)) = (hex(case, "iv")?.try_into(), hex(case, "tag")?.try_into()) else {
        return Ok(Verdict::Refused);
    };
    // Where there is no associated data, through the very calls that documents make.
    if valid {
        let mut made = plain.clone();
        let made_tag =
            if aad.is_empty() { key.encrypt(&nonce, &mut made) } else { key.encrypt_with_aad(&nonce, &aad, &mut made) };
        if (made, made_tag) != (sealed.clone(), tag) {
            return Err("encrypts to other bytes".to_owned());
        }
    }
    let mut opened = sealed;
    let result = if aad.is_empty() {
        key.decrypt(&nonce, &mut opened, &tag)
    } else {
        key.decrypt_with_aad(&nonce, &aad, &mut opened, &tag)
    };
    match result {
        Ok(()) if opened == plain => Ok(Verdict::Accepted),
        Ok(()) => Err("decrypts to other bytes".to_owned()),
        Err(_) => Ok(Verdict::Refused),
    }
}

fn seal(case: &Value, valid: bool) -> Result<Verdict, String> {
    let key = SealKey::new(Secret::from_slice(&hex(case, "key")?).ok_or("key of another length")?);
    let (aad, plain, nonce) = (hex(case, "aad")?, hex(case, "msg")?, hex(case, "iv")?);
    if nonce.len() != 24 {
        return Ok(Verdict::Refused);
    }
    let sealed = [nonce.clone(), hex(case, "ct")?, hex(case, "tag")?].concat();
    if valid && key.seal(&aad, &plain, &mut Fixed(nonce)) != sealed {
        return Err("encrypts to other bytes".to_owned());
    }
    match key.open(&aad, &sealed) {
        Ok(opened) if opened == plain => Ok(Verdict::Accepted),
        Ok(_) => Err("decrypts to other bytes".to_owned()),
        Err(_) => Ok(Verdict::Refused),
    }
}

fn signature(group: &Value, case: &Value) -> Result<Verdict, String> {
    let key = group.get("publicKey").ok_or("no key")?;
    let key = VerifyingKey::from_bytes(hex(key, "pk")?.try_into().map_err(|_| "key of another length")?);
    let Ok(bytes) = hex(case, "sig")?.try_into() else {
        return Ok(Verdict::Refused);
    };
    let verified = key.verify_unlabelled(&hex(case, "msg")?, &Signature::from_bytes(bytes));
    Ok(if verified.is_ok() { Verdict::Accepted } else { Verdict::Refused })
}

/// Our output is 32 bytes; HKDF's shorter outputs are the beginnings of its longer ones.
fn hkdf(case: &Value) -> Result<(), String> {
    let derived = kdf::hkdf_sha256(&hex(case, "ikm")?, &hex(case, "salt")?, &hex(case, "info")?);
    let expected = hex(case, "okm")?;
    let both = expected.len().min(32);
    if both == 0 {
        return Err("no output to compare".to_owned());
    }
    if derived.expose_secret()[..both] == expected[..both] { Ok(()) } else { Err("derives other bytes".to_owned()) }
}

/// Gives the vector's nonce where the code draws one.
struct Fixed(Vec<u8>);

impl rand_core::RngCore for Fixed {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        dest.copy_from_slice(&self.0);
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

impl rand_core::CryptoRng for Fixed {}
