//! Wycheproof's vectors, through the wrappers that the product uses.

use amanat_conversation::testing::WideCrypto;
use amanat_primitives::{
    Secret,
    aead::{ChunkKey, SealKey},
    agree::{NoisePublic, NoiseSecret},
    kdf,
    sign::{Signature, VerifyingKey},
};
use openmls::prelude::{AeadType, HashType, OpenMlsCrypto as _, SignatureScheme};
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
                "EDDSA" => Outcome::of(id, agrees(valid, signature(group, case, valid))),
                "HKDF-SHA-256" => Outcome::of(id, hkdf(case, valid)),
                "XDH" => Outcome::of(id, agreement(case)),
                "HMACSHA256" => Outcome::of(id, hmac(case, valid)),
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
    mls_chunk(case, valid)?;
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

/// The same cipher where MLS uses it; a nonce of another length never comes to it.
fn mls_chunk(case: &Value, valid: bool) -> Result<(), String> {
    let (key, nonce, aad, plain) = (hex(case, "key")?, hex(case, "iv")?, hex(case, "aad")?, hex(case, "msg")?);
    if nonce.len() != AeadType::ChaCha20Poly1305.nonce_size() {
        return Ok(());
    }
    let (crypto, kind) = (WideCrypto::new(&[]), AeadType::ChaCha20Poly1305);
    let sealed = [hex(case, "ct")?, hex(case, "tag")?].concat();
    if valid && crypto.aead_encrypt(kind, &key, &plain, &nonce, &aad).map_err(told)? != sealed {
        return Err("MLS encrypts to other bytes".to_owned());
    }
    match crypto.aead_decrypt(kind, &key, &sealed, &nonce, &aad) {
        Ok(opened) if valid && opened == plain => Ok(()),
        Err(_) if !valid => Ok(()),
        _ => Err("MLS decrypts otherwise".to_owned()),
    }
}

fn told(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
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

fn signature(group: &Value, case: &Value, valid: bool) -> Result<Verdict, String> {
    let key = group.get("publicKey").ok_or("no key")?;
    // Where MLS uses it.
    let (content, public, bytes) = (hex(case, "msg")?, hex(key, "pk")?, hex(case, "sig")?);
    let mls = WideCrypto::new(&[]).verify_signature(SignatureScheme::ED25519, &content, &public, &bytes);
    if mls.is_ok() != valid {
        return Err("MLS verifies otherwise".to_owned());
    }
    let key = VerifyingKey::from_bytes(hex(key, "pk")?.try_into().map_err(|_| "key of another length")?);
    let Ok(bytes) = hex(case, "sig")?.try_into() else {
        return Ok(Verdict::Refused);
    };
    let verified = key.verify_unlabelled(&hex(case, "msg")?, &Signature::from_bytes(bytes));
    Ok(if verified.is_ok() { Verdict::Accepted } else { Verdict::Refused })
}

/// Our output is 32 bytes, and HKDF's shorter outputs are the beginnings of its longer ones. The whole, and what is more
/// than HKDF can give, where MLS uses it.
fn hkdf(case: &Value, valid: bool) -> Result<(), String> {
    let (ikm, salt, info, expected) = (hex(case, "ikm")?, hex(case, "salt")?, hex(case, "info")?, hex(case, "okm")?);
    let size = case.get("size").and_then(Value::as_u64).ok_or("no size")?;
    let (crypto, hash) = (WideCrypto::new(&[]), HashType::Sha2_256);
    let extracted = crypto.hkdf_extract(hash, &salt, &ikm).map_err(told)?;
    let made = crypto.hkdf_expand(hash, extracted.as_slice(), &info, usize::try_from(size).map_err(told)?);
    if !valid {
        return if made.is_err() { Ok(()) } else { Err("gives more than HKDF can".to_owned()) };
    }
    if made.map_err(told)?.as_slice() != expected {
        return Err("MLS derives other bytes".to_owned());
    }
    let derived = kdf::hkdf_sha256(&ikm, &salt, &info);
    let both = expected.len().min(32);
    if both == 0 {
        return Err("no output to compare".to_owned());
    }
    if derived.expose_secret()[..both] == expected[..both] { Ok(()) } else { Err("derives other bytes".to_owned()) }
}

/// Where MLS uses it; and, as HKDF's first step is HMAC, what our HKDF makes of a whole tag.
fn hmac(case: &Value, valid: bool) -> Result<(), String> {
    let (key, message, tag) = (hex(case, "key")?, hex(case, "msg")?, hex(case, "tag")?);
    let (crypto, hash) = (WideCrypto::new(&[]), HashType::Sha2_256);
    let made = crypto.hmac(hash, &key, &message).map_err(told)?;
    if tag.is_empty() || made.as_slice().starts_with(&tag) != valid {
        return Err("makes another tag".to_owned());
    }
    if tag.len() == 32 {
        let expanded = crypto.hkdf_expand(hash, &tag, b"info", 32).map_err(told)?;
        if (kdf::hkdf_sha256(&message, &key, b"info").expose_secret()[..] == *expanded.as_slice()) != valid {
            return Err("extracts other bytes".to_owned());
        }
    }
    Ok(())
}

/// Through the agreement that Noise is given. What is the same whatever our key is must be refused. [LINK-10]
fn agreement(case: &Value) -> Result<(), String> {
    let secret = Secret::from_slice(&hex(case, "private")?).ok_or("secret key of another length")?;
    let public = hex(case, "public")?.try_into().map_err(|_| "public key of another length")?;
    let agreed = amanat_noise::testing::agree(&NoiseSecret::from_secret(secret), &NoisePublic::from_bytes(public));
    let expected = hex(case, "shared")?;
    let useless = expected.iter().all(|byte| *byte == 0);
    match agreed {
        Ok(shared) if !useless && expected == shared => Ok(()),
        Err(_) if useless => Ok(()),
        Ok(_) => Err("agrees on other bytes".to_owned()),
        Err(error) => Err(error.to_string()),
    }
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
