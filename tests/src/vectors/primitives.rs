//! Vectors of protocol-spec/01-primitives: hashes, signatures, seals, derivation, passphrases, ids.

use amanat_primitives::{
    ConversationId, DeviceId, Digest, DocumentId, Label, MessageId, MessageSeed, Secret,
    aead::SealKey,
    hash, kdf,
    passphrase::{self, WorkPolicy},
    sealing::{SealingCiphertext, SealingSecret},
    sign::{Signature, SigningKey, VerifyingKey},
};

use super::{
    forge::{self, AYESHA, NOBODY, Repeated, secret},
    judge::InWords as _,
    vector::{Inputs, Outputs, Vector, Verdict},
};

pub(super) fn judge(inputs: &Inputs) -> Verdict {
    let outputs = Outputs::default();
    match inputs.what.as_str() {
        "hash" => {
            let parts = inputs.list("part");
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            outputs.text("hash", hash::digest(label(inputs), &parts)).done()
        }
        "plain_hash" => {
            let mut hasher = hash::StreamHasher::new();
            hasher.update(&inputs.bytes("message"));
            outputs.text("hash", hasher.finish()).done()
        }
        "keyed_hash" => {
            let key = Secret::take(&mut inputs.array("key"));
            outputs.text("hash", hash::keyed(&key, &inputs.bytes("message"))).done()
        }
        "signature" => {
            let (key, signature) = (inputs.array("key"), inputs.array("signature"));
            let (key, signature) = (VerifyingKey::from_bytes(key), Signature::from_bytes(signature));
            key.verify(label(inputs), &inputs.bytes("message"), &signature).in_words()?;
            outputs.done()
        }
        "key_pair" => key_pair(inputs),
        "sealed" => {
            let key = SealKey::new(Secret::take(&mut inputs.array("key")));
            let plain = key.open(&inputs.bytes("aad"), &inputs.bytes("sealed")).map_err(|_| "does_not_open")?;
            outputs.bytes("plain", plain).done()
        }
        "derived" => {
            let key = kdf::derive(&inputs.bytes("ikm"), &inputs.bytes("salt"), label(inputs));
            outputs.bytes("key", key.expose_secret()).done()
        }
        "encapsulated" => {
            let key = SealingSecret::from_seed(Secret::take(&mut inputs.array("sealing")));
            let sent = SealingCiphertext::from_bytes(inputs.array("encapsulated"));
            let shared = key.decapsulate(&sent).ok_or("does_not_open")?;
            outputs.bytes("secret", shared.expose_secret()).done()
        }
        "passphrase_box" => {
            let (passphrase, work) = (inputs.text("passphrase").as_bytes(), WorkPolicy::STANDARD);
            let plain = passphrase::unlock(label(inputs), passphrase, &work, &inputs.bytes("box")).in_words()?;
            outputs.bytes("plain", &*plain).done()
        }
        "id_text" => {
            let text = inputs.text("text");
            let id = match inputs.number("bytes") {
                16 => text.parse::<ConversationId>().map(|id| id.to_string()),
                _ => text.parse::<DeviceId>().map(|id| id.to_string()),
            };
            outputs.text("id", id.map_err(|_| "not_an_id")?).done()
        }
        "message_id" => {
            let (conversation, sender) = place(inputs);
            let seed = MessageSeed::from_bytes(inputs.array("seed"));
            outputs.text("id", MessageId::of(conversation, sender, seed)).done()
        }
        "document_id" => {
            let (conversation, sender) = place(inputs);
            outputs.text("id", DocumentId::of(conversation, sender, &inputs.array("nonce"))).done()
        }
        other => panic!("no {other} in primitives"),
    }
}

fn label(inputs: &Inputs) -> Label {
    let text = inputs.text("label");
    *Label::ALL.iter().find(|label| label.as_str() == text).unwrap_or_else(|| panic!("no label {text}"))
}

fn place(inputs: &Inputs) -> (ConversationId, DeviceId) {
    let (conversation, sender) = (inputs.array("conversation"), inputs.array("sender"));
    (ConversationId::from_bytes(conversation), DeviceId::from_bytes(sender))
}

fn key_pair(inputs: &Inputs) -> Verdict {
    let [signing, noise, sealing] = ["signing", "noise", "sealing"].map(|key| inputs.array::<32>(key)[0]);
    Outputs::default()
        .text("signing_public", forge::public(signing))
        .text("noise_public", forge::noise(noise))
        .text("sealing_public", forge::sealing(sealing))
        .text("key_id", forge::key_id(signing))
        .text("device_id", forge::device_id(signing))
        .done()
}

fn vector(what: &str, name: &str, rules: &str, comment: &str) -> Vector {
    Vector::new("primitives", what, name, rules, comment)
}

pub(super) fn make() -> Vec<Vector> {
    [hashes(), signatures(), seals(), boxes(), ids()].concat()
}

fn hashes() -> Vec<Vector> {
    let hash = |name, rules, comment, label: Label, parts: &[&[u8]]| {
        vector("hash", name, rules, comment).text("label", label.as_str()).list("part", parts)
    };
    let keyed = vector("keyed_hash", "keyed-hash", "-", "BLAKE3 in keyed mode").bytes("key", [0x42; 32]);
    vec![
        hash("hash-no-parts", "PRIM-02", "A hash of nothing is of its label alone", Label::REVOCATION_LIST, &[]),
        hash("hash-one-part", "PRIM-02", "One part, its length before it", Label::KEY_ID, &[b"abc"]),
        hash(
            "hash-two-parts",
            "PRIM-02",
            "Two parts, not the same as the one they make together",
            Label::KEY_ID,
            &[b"a", b"bc"],
        ),
        hash("hash-other-label", "PRIM-01", "The same part under another label", Label::STATEMENT_ID, &[b"abc"]),
        hash("hash-empty-part", "PRIM-02", "A part that is empty counts", Label::KEY_ID, &[b"abc", b""]),
        hash("hash-long", "PRIM-02", "More than a chunk of BLAKE3", Label::CIPHERTEXT, &[&[0xa5; 2500]]),
        vector("plain_hash", "plain-hash", "PRIM-03", "Plain BLAKE3, as b3sum gives it").bytes("message", b"abc"),
        vector("plain_hash", "plain-hash-empty", "PRIM-03", "Plain BLAKE3 of nothing").bytes("message", b""),
        keyed.bytes("message", b"abc"),
    ]
}

fn signatures() -> Vec<Vector> {
    let message = b"what is said".as_slice();
    let key = SigningKey::from_seed(&secret(AYESHA));
    let good = key.sign(Label::STATEMENT, message);
    let of = |name: &str, comment: &str, rules: &str, public: VerifyingKey, signature: &[u8]| {
        vector("signature", name, rules, comment)
            .bytes("key", public.as_bytes())
            .text("label", Label::STATEMENT.as_str())
            .bytes("message", message)
            .bytes("signature", signature)
    };
    let public = key.verifying_key();
    let signed = |name: &str, comment: &str, rules: &str, bytes: [u8; 64]| {
        of(name, comment, rules, public, &bytes).refused("bad_signature")
    };
    let altered = |place: usize| {
        let mut bytes = *good.as_bytes();
        bytes[place] ^= 1;
        bytes
    };
    // The same s, with the group's order added to it.
    let mut above = *good.as_bytes();
    let mut carry = 0u16;
    for (byte, add) in above[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    // R and key of small order, s zero: the equation holds for some messages without the check.
    let identity = {
        let mut point = [0; 32];
        point[0] = 1;
        point
    };
    let small = [identity, [0; 32]].concat();
    let small_r = [identity.as_slice(), &good.as_bytes()[32..]].concat();
    // p + 1 encodes the identity too, but not in its one form.
    let mut noncanonical = [0xff; 32];
    (noncanonical[0], noncanonical[31]) = (0xee, 0x7f);
    vec![
        of("signature", "The label, a zero byte and the message are signed", "PRIM-06", public, good.as_bytes()),
        signed("signature-altered-r", "R altered in a bit", "PRIM-07", altered(0)),
        signed("signature-altered-s", "s altered in a bit", "PRIM-07", altered(32)),
        signed("signature-s-above-order", "s with the group's order added to it", "PRIM-07", above),
        signed(
            "signature-other-label",
            "A signature under another label",
            "PRIM-06",
            *key.sign(Label::POSSESSION, message).as_bytes(),
        ),
        signed(
            "signature-without-label",
            "The message alone is signed",
            "PRIM-06 PRIM-08",
            *key.sign_mls(message).as_bytes(),
        ),
        signed(
            "signature-other-message",
            "Another message is signed",
            "PRIM-06",
            *key.sign(Label::STATEMENT, b"what was said").as_bytes(),
        ),
        of("signature-other-key", "Somebody else's key", "PRIM-07", forge::public(NOBODY), good.as_bytes())
            .refused("bad_signature"),
        of(
            "signature-key-small-order",
            "A key of small order: R and s to suit it are easily made",
            "PRIM-07",
            VerifyingKey::from_bytes(identity),
            &small,
        )
        .refused("bad_signature"),
        of(
            "signature-key-zero",
            "A key of 32 zero bytes, a point of order 4",
            "PRIM-07",
            VerifyingKey::from_bytes([0; 32]),
            &small,
        )
        .refused("bad_signature"),
        signed("signature-r-small-order", "R of small order", "PRIM-07", small_r.try_into().unwrap()),
        of(
            "signature-r-not-canonical",
            "R is the identity in another form than its one",
            "PRIM-07",
            public,
            &[noncanonical.as_slice(), &good.as_bytes()[32..]].concat(),
        )
        .refused("bad_signature"),
        of(
            "signature-key-no-point",
            "32 bytes that are no point",
            "PRIM-07",
            VerifyingKey::from_bytes([2; 32]),
            good.as_bytes(),
        )
        .refused("bad_signature"),
        vector("key_pair", "key-pair", "-", "A device's public keys and its id, from its seeds")
            .bytes("signing", [AYESHA; 32])
            .bytes("noise", [AYESHA + 1; 32])
            .bytes("sealing", [AYESHA + 2; 32]),
    ]
}

/// Of Ed25519's group, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn seals() -> Vec<Vector> {
    let (aad, plain) = (b"its place".as_slice(), b"what is kept".as_slice());
    let sealed = SealKey::new(secret(0x42)).seal(aad, plain, &mut Repeated(0x24));
    let of = |name, comment, key: u8, aad: &[u8], sealed: &[u8]| {
        vector("sealed", name, "PRIM-09", comment).bytes("key", [key; 32]).bytes("aad", aad).bytes("sealed", sealed)
    };
    let altered = |place: usize| {
        let mut bytes = sealed.clone();
        bytes[place] ^= 0x80;
        bytes
    };
    let bad = |name, comment, sealed: &[u8]| of(name, comment, 0x42, aad, sealed).refused("does_not_open");
    let last = sealed.len() - 1;
    let empty = SealKey::new(secret(0x42)).seal(b"", b"", &mut Repeated(0x24));
    let (encapsulated, _) = forge::sealing(0x09).encapsulate(&mut Repeated(0x66)).unwrap();
    let mut dead = *encapsulated.as_bytes();
    dead[1088..].fill(0);
    let kem = |name, rules, comment, bytes: &[u8]| {
        vector("encapsulated", name, rules, comment).bytes("sealing", [0x09; 32]).bytes("encapsulated", bytes)
    };
    vec![
        of("sealed", "A sealed record: nonce 24 repeated", 0x42, aad, &sealed),
        of("sealed-empty", "Nothing, sealed to no place", 0x42, b"", &empty),
        of("sealed-other-key", "Another key", 0x43, aad, &sealed).refused("does_not_open"),
        of("sealed-other-place", "Another place", 0x42, b"its place!", &sealed).refused("does_not_open"),
        bad("sealed-altered-nonce", "The nonce altered in a bit", &altered(0)),
        bad("sealed-altered-text", "The ciphertext altered in a bit", &altered(24)),
        bad("sealed-altered-tag", "The tag altered in a bit", &altered(last)),
        bad("sealed-cut", "The last byte is missing", &sealed[..last]),
        bad("sealed-too-short", "Shorter than nonce and tag", &sealed[..39]),
        vector("derived", "derived", "PRIM-11", "HKDF-SHA256, the label as info")
            .bytes("ikm", [0x42; 32])
            .bytes("salt", [0x17; 16])
            .text("label", Label::VAULT_VALUES.as_str()),
        vector("derived", "derived-without-salt", "PRIM-11", "HKDF-SHA256 with an empty salt")
            .bytes("ikm", [0x42; 32])
            .bytes("salt", b"")
            .text("label", Label::ENTRY_SEAL.as_str()),
        kem("encapsulated", "-", "An X-Wing secret, encapsulated to the seed 09", encapsulated.as_bytes()),
        kem(
            "encapsulated-x25519-zero",
            "ID-55",
            "The X25519 half is zero: the agreement would have the same result whatever the key",
            &dead,
        )
        .refused("does_not_open"),
    ]
}

fn boxes() -> Vec<Vector> {
    let (label, work) = (Label::KEY_FILE, WorkPolicy::STANDARD);
    let locked = passphrase::lock(label, b"for tests only", &work, b"a secret", &mut Repeated(0x5a)).unwrap();
    let of = |name: &str, rules, comment, bytes: &[u8]| {
        vector("passphrase_box", name, rules, comment)
            .text("label", Label::KEY_FILE.as_str())
            .text("passphrase", "for tests only")
            .bytes("box", bytes)
    };
    // Altered, and the check made again: damage that the check does not show.
    let checked = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = locked[..locked.len() - 8].to_vec();
        change(&mut bytes);
        let mut hasher = hash::StreamHasher::new();
        hasher.update(&bytes);
        bytes.extend_from_slice(&hasher.finish().as_bytes()[..8]);
        bytes
    };
    let field = |place: usize, value: u32| {
        move |bytes: &mut Vec<u8>| bytes[9 + 4 * place..13 + 4 * place].copy_from_slice(&value.to_be_bytes())
    };
    let outside =
        |name, comment, place, value| of(name, "PRIM-13", comment, &checked(&field(place, value))).refused("work");
    let mut altered = locked.clone();
    altered[40] ^= 1;
    let wrong = vector("passphrase_box", "passphrase-box-wrong", "PRIM-14", "Another passphrase")
        .text("label", Label::KEY_FILE.as_str())
        .text("passphrase", "for tests onlY")
        .bytes("box", &locked);
    let other = vector("passphrase_box", "passphrase-box-other-label", "PRIM-14", "Locked under another label")
        .text("label", Label::VAULT_HEADER.as_str())
        .text("passphrase", "for tests only")
        .bytes("box", &locked);
    vec![
        of("passphrase-box", "PRIM-13", "A secret under a passphrase; salt and nonce 5a repeated", &locked),
        wrong.refused("wrong_passphrase"),
        other.refused("wrong_passphrase"),
        of("passphrase-box-altered", "PRIM-14", "Altered in a bit", &altered).refused("damaged"),
        of("passphrase-box-cut", "PRIM-14", "Cut short", &locked[..locked.len() - 1]).refused("damaged"),
        of("passphrase-box-none", "PRIM-14", "Shorter than its check", &[1; 7]).refused("damaged"),
        of("passphrase-box-version", "PRIM-14", "Version 2", &checked(&|bytes| bytes[8] = 2)).refused("damaged"),
        of("passphrase-box-short-header", "PRIM-14", "Ends within its fields", &{
            let mut bytes = locked[..30].to_vec();
            let mut hasher = hash::StreamHasher::new();
            hasher.update(&bytes);
            bytes.extend_from_slice(&hasher.finish().as_bytes()[..8]);
            bytes
        })
        .refused("damaged"),
        outside("passphrase-box-little-memory", "A KiB below the least memory", 0, 262_143),
        outside("passphrase-box-much-memory", "A KiB above the most memory", 0, 1_048_577),
        outside("passphrase-box-no-passes", "No passes", 1, 0),
        outside("passphrase-box-many-passes", "17 passes", 1, 17),
        outside("passphrase-box-no-lanes", "No lanes", 2, 0),
        outside("passphrase-box-many-lanes", "5 lanes", 2, 5),
    ]
}

fn ids() -> Vec<Vector> {
    let text = |name, comment, bytes: u8, text: &str| {
        vector("id_text", name, "PRIM-04", comment).text("bytes", bytes).text("text", text)
    };
    let id = Digest::from_bytes([0xab; 32]).to_string();
    let place =
        |vector: Vector| vector.bytes("conversation", [0xc1; 16]).bytes("sender", forge::device_id(AYESHA).as_bytes());
    let message = |name, comment| place(vector("message_id", name, "PRIM-20", comment));
    vec![
        text("id-text-32", "The text of an id of 32 bytes", 32, &id),
        text("id-text-16", "The text of an id of 16 bytes", 16, &id[..32]),
        text("id-text-upper-case", "Upper case", 32, &id.to_uppercase()).refused("not_an_id"),
        text("id-text-short", "A digit is missing", 32, &id[..63]).refused("not_an_id"),
        text("id-text-other-length", "An id of another length", 16, &id).refused("not_an_id"),
        text("id-text-prefix", "With 0x before it", 16, &format!("0x{}", &id[..30])).refused("not_an_id"),
        message("message-id", "The id of a message").bytes("seed", [0x5e; 16]),
        message("message-id-other-seed", "The id of that sender's next message").bytes("seed", [0x5f; 16]),
        place(vector("document_id", "document-id", "PRIM-20", "The id of a document")).bytes("nonce", [0x0d; 16]),
    ]
}
