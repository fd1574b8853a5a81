//! External vectors (protocol-spec/04-link, section 3): published Noise cases through the code that links use.
//!
//! The vectors carry payloads and prologues of their own, so they enter one step below the public types, at
//! [`Ik`](crate::handshake::Ik); the ephemeral keys enter where the caller's randomness does.

use std::{collections::BTreeMap, path::Path};

use amanat_primitives::{
    Secret,
    agree::{NoisePublic, NoiseSecret},
};
use data_encoding::HEXLOWER;
use serde_json::Value;

use crate::{Channel, Opener, PATTERN, Sealer, handshake::Ik, sealed};

fn secret(bytes: &[u8]) -> Secret<32> {
    Secret::from_slice(bytes).expect("32 bytes")
}

/// An initiator's sealer and its responder's opener.
pub(crate) fn pair() -> (Sealer, Opener) {
    let (device, relay) = (NoiseSecret::from_secret(secret(&[1; 32])), NoiseSecret::from_secret(secret(&[2; 32])));
    let mut a = Ik::new(&device, Some(&relay.public()), b"", secret(&[3; 32])).unwrap();
    let mut b = Ik::new(&relay, None, b"", secret(&[4; 32])).unwrap();
    let mut message = [0; 256];
    let first = a.write(b"", &mut message).unwrap();
    b.read(&message[..first], &mut []).unwrap();
    let second = b.write(b"", &mut message).unwrap();
    a.read(&message[..second], &mut []).unwrap();
    (a.finish().unwrap().split().0, b.finish().unwrap().split().1)
}

fn hex(case: &Value, field: &str) -> Option<Vec<u8>> {
    case.get(field).map(|text| HEXLOWER.decode(text.as_str().unwrap().as_bytes()).unwrap())
}

fn needed(case: &Value, field: &str) -> Vec<u8> {
    hex(case, field).unwrap_or_else(|| panic!("no field {field}"))
}

/// Runs one case: each message must come out as the file says, and be read back on the other side.
fn run(case: &Value) {
    let device = NoiseSecret::from_secret(secret(&needed(case, "init_static")));
    let relay = NoiseSecret::from_secret(secret(&needed(case, "resp_static")));
    let remote = NoisePublic::from_bytes(needed(case, "init_remote_static").try_into().unwrap());
    assert_eq!(relay.public(), remote);
    let ephemeral = |field| secret(&needed(case, field));
    let mut a = Ik::new(&device, Some(&remote), &needed(case, "init_prologue"), ephemeral("init_ephemeral")).unwrap();
    let mut b = Ik::new(&relay, None, &needed(case, "resp_prologue"), ephemeral("resp_ephemeral")).unwrap();
    let messages: Vec<(Vec<u8>, Vec<u8>)> = case["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| (needed(message, "payload"), needed(message, "ciphertext")))
        .collect();
    let (handshake, transport) = messages.split_at(2);
    let (mut wire, mut opened) = (vec![0; 65_535], vec![0; 65_535]);
    for (i, (payload, expected)) in handshake.iter().enumerate() {
        let (from, to) = if i == 0 { (&mut a, &mut b) } else { (&mut b, &mut a) };
        let length = from.write(payload, &mut wire).unwrap();
        assert_eq!(&wire[..length], expected);
        let length = to.read(&wire[..length], &mut opened).unwrap();
        assert_eq!(&opened[..length], payload);
    }
    assert_eq!(a.handshake_hash(), b.handshake_hash());
    if let Some(hash) = hex(case, "handshake_hash") {
        assert_eq!(a.handshake_hash(), hash);
    }
    let (a, b): (Channel, Channel) = (a.finish().unwrap(), b.finish().unwrap());
    assert_eq!((a.remote(), b.remote()), (&remote, &device.public()));
    let ((a_seal, a_open), (b_seal, b_open)) = (a.split(), b.split());
    let mut directions = [(a_seal, b_open), (b_seal, a_open)];
    for (i, (payload, expected)) in transport.iter().enumerate() {
        let (sealer, opener) = &mut directions[i % 2];
        let length = sealer.seal(payload, &mut wire).unwrap();
        assert_eq!(&wire[..length], expected);
        let length = opener.open(&wire[..length], &mut opened).unwrap();
        assert_eq!(&opened[..length], payload);
    }
}

/// A published case of the pattern: its first message, byte for byte, both ways.
fn run_sealed(case: &Value) {
    let hex = |field: &str| HEXLOWER.decode(case[field].as_str().unwrap().as_bytes()).unwrap();
    let secret = |field: &str| Secret::from_slice(&hex(field)).unwrap();
    let author = NoiseSecret::from_secret(secret("init_static"));
    let reader = NoiseSecret::from_secret(secret("resp_static"));
    let psk = HEXLOWER.decode(case["init_psks"][0].as_str().unwrap().as_bytes()).unwrap();
    let psk = Secret::from_slice(&psk).unwrap();
    let first = &case["messages"][0];
    let field = |name: &str| HEXLOWER.decode(first[name].as_str().unwrap().as_bytes()).unwrap();
    let (payload, expected) = (field("payload"), field("ciphertext"));
    let written =
        sealed::write(&author, &reader.public(), &hex("init_prologue"), &psk, secret("init_ephemeral"), &payload)
            .unwrap();
    assert_eq!(written, expected);
    let (read, remote) = sealed::read(&reader, &hex("resp_prologue"), &psk, &written).unwrap();
    assert_eq!((read, remote), (payload, author.public()));
}

/// Why a case is not ours to run; `None` for one that is.
fn left_out(name: &str) -> Option<&'static str> {
    let mut parts = name.split('_').skip(1);
    let (pattern, dh) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let (cipher, hash) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    if name == PATTERN || name == sealed::SEALED_PATTERN {
        None
    } else if pattern.contains("psk") {
        Some("pattern with a pre-shared key")
    } else if pattern != "IK" {
        Some("another handshake pattern")
    } else if dh != "25519" {
        Some("another key agreement")
    } else if cipher != "ChaChaPoly" {
        Some("another cipher")
    } else {
        assert_ne!(hash, "BLAKE2s", "{name} has no reason to be left out");
        Some("another hash")
    }
}

// [LINK-08]
#[test]
fn external_noise_vectors() {
    let Some(root) = std::env::var_os("AMANAT_VECTORS") else {
        println!("noise: AMANAT_VECTORS is not set; external vectors left out");
        return;
    };
    let folder = Path::new(&root).join("noise");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    let (mut passed, mut keys) = (0, 0);
    let mut omitted: BTreeMap<&str, usize> = BTreeMap::new();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let cases = json["vectors"].as_array().unwrap_or_else(|| panic!("{}: no vectors", file.display()));
        assert!(!cases.is_empty(), "{} has no case", file.display());
        for case in cases {
            match left_out(case["protocol_name"].as_str().unwrap()) {
                None if case["protocol_name"] == sealed::SEALED_PATTERN => {
                    run_sealed(case);
                    keys += 1;
                }
                Some(reason) => *omitted.entry(reason).or_default() += 1,
                None => {
                    run(case);
                    passed += 1;
                }
            }
        }
    }
    println!("noise: {} files, {passed} cases ran and passed; left out: {omitted:?}", files.len());
    println!("noise: {keys} cases of {}", sealed::SEALED_PATTERN);
    assert!(keys > 0, "no case of {}", sealed::SEALED_PATTERN);
    assert!(passed > 0, "no case of {PATTERN} in {}", folder.display());
}
