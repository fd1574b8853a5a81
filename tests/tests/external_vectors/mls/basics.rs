//! Labelled derivations, signatures and encryption of MLS (RFC 9420, sections 5 and 8), on our provider's cryptography.

use amanat_conversation::testing::WideCrypto;
use openmls::prelude::{
    Ciphersuite, HpkeCiphertext, OpenMlsCrypto as _, VLBytes,
    hash_ref::HashReference,
    tls_codec::{Deserialize as _, Serialize as _},
};
use serde_json::Value;

use super::{SUITES, hex, own_suite, same, told};

struct Kdf {
    crypto: WideCrypto,
    suite: Ciphersuite,
}

impl Kdf {
    fn of(case: &Value) -> Result<Self, String> {
        Ok(Self { crypto: WideCrypto::new(&SUITES), suite: own_suite(case)? })
    }

    fn extract(&self, salt: &[u8], ikm: &[u8]) -> Result<Vec<u8>, String> {
        let made = self.crypto.hkdf_extract(self.suite.hash_algorithm(), salt, ikm).map_err(told)?;
        Ok(made.as_slice().to_vec())
    }

    fn expand(&self, secret: &[u8], label: &str, context: &[u8], length: usize) -> Result<Vec<u8>, String> {
        let short = u16::try_from(length).map_err(told)?;
        let info = [&short.to_be_bytes()[..], &labelled(label)?, &vector(context)?].concat();
        let made = self.crypto.hkdf_expand(self.suite.hash_algorithm(), secret, &info, length).map_err(told)?;
        Ok(made.as_slice().to_vec())
    }

    fn derive(&self, secret: &[u8], label: &str) -> Result<Vec<u8>, String> {
        self.expand(secret, label, &[], self.suite.hash_length())
    }
}

fn vector(bytes: &[u8]) -> Result<Vec<u8>, String> {
    VLBytes::new(bytes.to_vec()).tls_serialize_detached().map_err(told)
}

fn labelled(label: &str) -> Result<Vec<u8>, String> {
    vector(format!("MLS 1.0 {label}").as_bytes())
}

fn text<'a>(case: &'a Value, field: &str) -> Result<&'a str, String> {
    case.get(field).and_then(Value::as_str).ok_or_else(|| format!("no {field}"))
}

fn number(case: &Value, field: &str) -> Result<usize, String> {
    let number = case.get(field).and_then(Value::as_u64).ok_or_else(|| format!("no {field}"))?;
    usize::try_from(number).map_err(told)
}

pub(crate) fn crypto(case: &Value) -> Result<(), String> {
    let kdf = Kdf::of(case)?;
    let part = |name: &str| case.get(name).ok_or_else(|| format!("no {name}"));

    let it = part("ref_hash")?;
    let label = text(it, "label")?.as_bytes();
    let made = HashReference::new(&hex(it, "value")?, kdf.suite, &kdf.crypto, label).map_err(told)?;
    same("ref_hash", made.as_slice(), &hex(it, "out")?)?;

    let it = part("expand_with_label")?;
    let made = kdf.expand(&hex(it, "secret")?, text(it, "label")?, &hex(it, "context")?, number(it, "length")?)?;
    same("expand_with_label", &made, &hex(it, "out")?)?;

    let it = part("derive_secret")?;
    same("derive_secret", &kdf.derive(&hex(it, "secret")?, text(it, "label")?)?, &hex(it, "out")?)?;

    let it = part("derive_tree_secret")?;
    let generation = u32::try_from(number(it, "generation")?).map_err(told)?.to_be_bytes();
    let made = kdf.expand(&hex(it, "secret")?, text(it, "label")?, &generation, number(it, "length")?)?;
    same("derive_tree_secret", &made, &hex(it, "out")?)?;

    signature(&kdf, part("sign_with_label")?)?;
    encryption(&kdf, part("encrypt_with_label")?)
}

fn signature(kdf: &Kdf, it: &Value) -> Result<(), String> {
    let content = [labelled(text(it, "label")?)?, vector(&hex(it, "content")?)?].concat();
    let (scheme, key) = (kdf.suite.signature_algorithm(), hex(it, "pub")?);
    let mut given = hex(it, "signature")?;
    kdf.crypto.verify_signature(scheme, &content, &key, &given).map_err(told)?;
    let made = kdf.crypto.sign(scheme, &content, &hex(it, "priv")?).map_err(told)?;
    // Ed25519 has one signature of one key for one text.
    same("sign_with_label", &made, &given)?;
    given[0] ^= 1;
    match kdf.crypto.verify_signature(scheme, &content, &key, &given) {
        Ok(()) => Err("a changed signature verifies".to_owned()),
        Err(_) => Ok(()),
    }
}

fn encryption(kdf: &Kdf, it: &Value) -> Result<(), String> {
    let info = [labelled(text(it, "label")?)?, vector(&hex(it, "context")?)?].concat();
    let (key, plain) = (hex(it, "priv")?, hex(it, "plaintext")?);
    let mut given =
        HpkeCiphertext { kem_output: hex(it, "kem_output")?.into(), ciphertext: hex(it, "ciphertext")?.into() };
    let open = |sealed: &HpkeCiphertext| kdf.crypto.hpke_open(kdf.suite.hpke_config(), sealed, &key, &info, &[]);
    same("encrypt_with_label", &open(&given).map_err(told)?, &plain)?;
    let made = kdf.crypto.hpke_seal(kdf.suite.hpke_config(), &hex(it, "pub")?, &info, &[], &plain).map_err(told)?;
    same("encrypt_with_label, made anew", &open(&made).map_err(told)?, &plain)?;
    let mut bytes = given.ciphertext.as_slice().to_vec();
    bytes[0] ^= 1;
    given.ciphertext = bytes.into();
    match open(&given) {
        Ok(_) => Err("a changed ciphertext opens".to_owned()),
        Err(_) => Ok(()),
    }
}

/// Section 8.4: every pre-shared key in turn.
pub(crate) fn psk_secret(case: &Value) -> Result<(), String> {
    let kdf = Kdf::of(case)?;
    let zero = vec![0; kdf.suite.hash_length()];
    let psks = case.get("psks").and_then(Value::as_array).ok_or("no psks")?;
    let count = u16::try_from(psks.len()).map_err(told)?;
    let mut secret = zero.clone();
    for (index, psk) in (0_u16..).zip(psks) {
        // External: the type, the id, and the nonce.
        let id = [vec![1], vector(&hex(psk, "psk_id")?)?, vector(&hex(psk, "psk_nonce")?)?].concat();
        let context = [&id[..], &index.to_be_bytes(), &count.to_be_bytes()].concat();
        let extracted = kdf.extract(&zero, &hex(psk, "psk")?)?;
        let input = kdf.expand(&extracted, "derived psk", &context, kdf.suite.hash_length())?;
        secret = kdf.extract(&input, &secret)?;
    }
    same("psk_secret", &secret, &hex(case, "psk_secret")?)
}

/// Section 8: each epoch's secrets from the one before.
pub(crate) fn key_schedule(case: &Value) -> Result<(), String> {
    let kdf = Kdf::of(case)?;
    let mut init = hex(case, "initial_init_secret")?;
    for epoch in case.get("epochs").and_then(Value::as_array).ok_or("no epochs")? {
        let check = |field: &str, made: &[u8]| same(field, made, &hex(epoch, field)?);
        let context = hex(epoch, "group_context")?;
        let joiner = kdf.extract(&init, &hex(epoch, "commit_secret")?)?;
        let joiner = kdf.expand(&joiner, "joiner", &context, kdf.suite.hash_length())?;
        check("joiner_secret", &joiner)?;
        let member = kdf.extract(&joiner, &hex(epoch, "psk_secret")?)?;
        check("welcome_secret", &kdf.derive(&member, "welcome")?)?;
        let secret = kdf.expand(&member, "epoch", &context, kdf.suite.hash_length())?;
        for (field, label) in [
            ("sender_data_secret", "sender data"),
            ("encryption_secret", "encryption"),
            ("exporter_secret", "exporter"),
            ("epoch_authenticator", "authentication"),
            ("external_secret", "external"),
            ("confirmation_key", "confirm"),
            ("membership_key", "membership"),
            ("resumption_psk", "resumption"),
            ("init_secret", "init"),
        ] {
            check(field, &kdf.derive(&secret, label)?)?;
        }
        let external = kdf.crypto.derive_hpke_keypair(kdf.suite.hpke_config(), &hex(epoch, "external_secret")?);
        check("external_pub", &external.map_err(told)?.public)?;
        let it = epoch.get("exporter").ok_or("no exporter")?;
        let hashed = kdf.crypto.hash(kdf.suite.hash_algorithm(), &hex(it, "context")?).map_err(told)?;
        let derived = kdf.derive(&hex(epoch, "exporter_secret")?, text(it, "label")?)?;
        same("exporter", &kdf.expand(&derived, "exported", &hashed, number(it, "length")?)?, &hex(it, "secret")?)?;
        init = hex(epoch, "init_secret")?;
    }
    Ok(())
}

/// Section 8.2: the confirmation tag stands last in an authenticated commit.
pub(crate) fn transcript(case: &Value) -> Result<(), String> {
    let kdf = Kdf::of(case)?;
    let content = hex(case, "authenticated_content")?;
    let at = content.len().checked_sub(1 + kdf.suite.hash_length()).ok_or("too short for a tag")?;
    let (input, tag) = content.split_at(at);
    let hash = |before: &[u8], input: &[u8]| {
        kdf.crypto.hash(kdf.suite.hash_algorithm(), &[before, input].concat()).map_err(told)
    };
    let confirmed = hash(&hex(case, "interim_transcript_hash_before")?, input)?;
    same("confirmed_transcript_hash_after", &confirmed, &hex(case, "confirmed_transcript_hash_after")?)?;
    let made =
        kdf.crypto.hmac(kdf.suite.hash_algorithm(), &hex(case, "confirmation_key")?, &confirmed).map_err(told)?;
    same("the confirmation tag", &vector(made.as_slice())?, tag)?;
    same("interim_transcript_hash_after", &hash(&confirmed, tag)?, &hex(case, "interim_transcript_hash_after")?)
}

/// Section 2.1.2: the length of a vector, read with as many bytes behind it.
pub(crate) fn header(case: &Value) -> Result<(), String> {
    /// More is not read: it would be a gibibyte.
    const READ: usize = 1 << 20;
    let (header, length) = (hex(case, "vlbytes_header")?, number(case, "length")?);
    if length <= READ {
        let bytes = [&header[..], &vec![7; length]].concat();
        let read = VLBytes::tls_deserialize_exact(&bytes).map_err(told)?;
        same("the vector, read", read.as_slice(), &vec![7; length])?;
        return same("the vector, written", &vector(read.as_slice())?, &bytes);
    }
    // The header alone says the length of what does not follow: of all lengths, only this one is short by so much.
    match VLBytes::tls_deserialize_exact(&header) {
        Ok(_) => Err("read without its bytes".to_owned()),
        Err(_) => {
            let read = openmls::prelude::tls_codec::vlen::read_length(&mut header.as_slice()).map_err(told)?;
            if read.0 == length { Ok(()) } else { Err(format!("read as {}", read.0)) }
        }
    }
}
