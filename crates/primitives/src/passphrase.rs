//! Passphrases (protocol-spec/01-primitives, section 11): Argon2id (RFC 9106) in front of XChaCha20-Poly1305.
//!
//! ```text
//! struct {
//!   opaque magic[8] = "amanatPB";  uint8 version = 1;
//!   uint32 memory_kib; uint32 passes; uint32 lanes;
//!   opaque salt[16];
//!   opaque sealed<..>;               // nonce ‖ ciphertext ‖ tag, aad = label ‖ all fields above
//!   opaque check[8];                 // start of BLAKE3 over all of the above: tells damage from a wrong passphrase
//! } PassphraseBox;
//! ```
//! The parameters stand in the box with a floor below which it is not opened, so that an attacker cannot weaken it,
//! and a ceiling, so that a hostile file cannot take the machine's memory.

use argon2::{Algorithm, Argon2, Params, Version};
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use crate::{Label, Secret, aead::SealKey};

const MAGIC: &[u8; 9] = b"amanatPB\x01";
const HEADER: usize = 9 + 12 + 16;
const CHECK: usize = 8;

/// Argon2id's cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// The cost of new boxes and the least that is accepted when one is opened.
#[derive(Clone, Copy, Debug)]
pub struct WorkPolicy {
    make: Work,
    floor_kib: u32,
}

impl WorkPolicy {
    /// 256 MiB and three passes, about half a second on the machines this was measured on.
    pub const STANDARD: WorkPolicy =
        WorkPolicy { make: Work { memory_kib: 256 * 1024, passes: 3, lanes: 1 }, floor_kib: 256 * 1024 };

    /// A few microseconds, for tests of what stands above. Not compiled into any binary's reach.
    #[cfg(any(test, feature = "test-util"))]
    pub const FOR_TESTS: WorkPolicy = WorkPolicy { make: Work { memory_kib: 8, passes: 1, lanes: 1 }, floor_kib: 8 };
}

const CEILING_KIB: u32 = 1024 * 1024;
const CEILING_PASSES: u32 = 16;
const CEILING_LANES: u32 = 4;

/// Why a box does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnlockError {
    /// Not a box at all, or cut short, or altered.
    #[error("the file is damaged, or is not what it should be")]
    Damaged,
    /// Argon2id's parameters are below the floor or above the ceiling.
    #[error("the file's passphrase protection is outside the accepted limits")]
    Work,
    /// The box is whole, but this passphrase does not open it.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// Argon2id could not have its memory.
    #[error("not enough memory to check the passphrase")]
    Memory,
}

/// Seals `plain` under `passphrase` for the purpose `label`. Takes about half a second under
/// [`WorkPolicy::STANDARD`]: not for the thread of a user interface.
///
/// # Errors
/// [`UnlockError::Memory`] when Argon2id cannot run.
pub fn lock(
    label: Label,
    passphrase: &[u8],
    policy: &WorkPolicy,
    plain: &[u8],
    rng: &mut dyn CryptoRngCore,
) -> Result<Vec<u8>, UnlockError> {
    let mut out = Vec::with_capacity(HEADER + plain.len() + 64);
    out.extend_from_slice(MAGIC);
    for field in [policy.make.memory_kib, policy.make.passes, policy.make.lanes] {
        out.extend_from_slice(&field.to_be_bytes());
    }
    let mut salt = [0; 16];
    rng.fill_bytes(&mut salt);
    out.extend_from_slice(&salt);
    let key = stretch(passphrase, &salt, policy.make)?;
    let sealed = key.seal(&aad(label, &out), plain, rng);
    out.extend_from_slice(&sealed);
    let check = blake3::hash(&out);
    out.extend_from_slice(check.as_bytes().get(..CHECK).unwrap_or_default());
    Ok(out)
}

/// Opens what [`lock`] made with the same label and passphrase.
///
/// # Errors
/// See [`UnlockError`]; a wrong label reads as a wrong passphrase.
pub fn unlock(
    label: Label,
    passphrase: &[u8],
    policy: &WorkPolicy,
    bytes: &[u8],
) -> Result<Zeroizing<Vec<u8>>, UnlockError> {
    // [PRIM-14]
    let (body, check) = bytes.split_last_chunk::<CHECK>().ok_or(UnlockError::Damaged)?;
    if blake3::hash(body).as_bytes().get(..CHECK) != Some(check.as_slice()) {
        return Err(UnlockError::Damaged);
    }
    let (header, sealed) = body.split_at_checked(HEADER).ok_or(UnlockError::Damaged)?;
    let fields = header.strip_prefix(MAGIC).ok_or(UnlockError::Damaged)?;
    let (memory_kib, fields) = take_u32(fields)?;
    let (passes, fields) = take_u32(fields)?;
    let (lanes, salt) = take_u32(fields)?;
    // [PRIM-13]
    let memory = policy.floor_kib..=CEILING_KIB;
    if !memory.contains(&memory_kib) || !(1..=CEILING_PASSES).contains(&passes) || !(1..=CEILING_LANES).contains(&lanes)
    {
        return Err(UnlockError::Work);
    }
    let key = stretch(passphrase, salt, Work { memory_kib, passes, lanes })?;
    let plain = key.open(&aad(label, header), sealed).map_err(|_| UnlockError::WrongPassphrase)?;
    Ok(Zeroizing::new(plain))
}

fn take_u32(bytes: &[u8]) -> Result<(u32, &[u8]), UnlockError> {
    let (field, rest) = bytes.split_first_chunk().ok_or(UnlockError::Damaged)?;
    Ok((u32::from_be_bytes(*field), rest))
}

fn aad(label: Label, header: &[u8]) -> Vec<u8> {
    [label.as_str().as_bytes(), &[0], header].concat()
}

fn stretch(passphrase: &[u8], salt: &[u8], work: Work) -> Result<SealKey, UnlockError> {
    let params = Params::new(work.memory_kib, work.passes, work.lanes, Some(32)).map_err(|_| UnlockError::Work)?;
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase, salt, &mut key)
        .map_err(|_| UnlockError::Memory)?;
    Ok(SealKey::new(Secret::take(&mut key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::OsRng;

    const POLICY: &WorkPolicy = &WorkPolicy::FOR_TESTS;

    #[test]
    fn the_standard_cost_is_what_chapter_01_says() {
        let WorkPolicy { make, floor_kib } = WorkPolicy::STANDARD;
        assert_eq!(make, Work { memory_kib: 262_144, passes: 3, lanes: 1 });
        assert_eq!(floor_kib, 262_144);
        assert_eq!((CEILING_KIB, CEILING_PASSES, CEILING_LANES), (1_048_576, 16, 4));
    }

    #[test]
    fn damage_and_a_wrong_passphrase_are_told_apart() {
        // [PRIM-14]
        let sealed = lock(Label::KEY_FILE, b"pass", POLICY, b"secret", &mut OsRng).unwrap();
        assert_eq!(unlock(Label::KEY_FILE, b"pass", POLICY, &sealed).unwrap().as_slice(), b"secret");
        assert_eq!(unlock(Label::KEY_FILE, b"Pass", POLICY, &sealed), Err(UnlockError::WrongPassphrase));
        assert_eq!(unlock(Label::VAULT_HEADER, b"pass", POLICY, &sealed), Err(UnlockError::WrongPassphrase));
        for cut in 0..sealed.len() {
            assert_eq!(unlock(Label::KEY_FILE, b"pass", POLICY, &sealed[..cut]), Err(UnlockError::Damaged));
            let mut bad = sealed.clone();
            bad[cut] ^= 0x80;
            assert_eq!(unlock(Label::KEY_FILE, b"pass", POLICY, &bad), Err(UnlockError::Damaged));
        }
    }

    #[test]
    fn weak_or_monstrous_parameters_are_refused() {
        // [PRIM-13]
        let weak = lock(Label::KEY_FILE, b"pass", POLICY, b"secret", &mut OsRng).unwrap();
        assert_eq!(unlock(Label::KEY_FILE, b"pass", &WorkPolicy::STANDARD, &weak), Err(UnlockError::Work));
        let ceilings =
            [(9, POLICY.floor_kib - 1), (9, CEILING_KIB + 1), (13, CEILING_PASSES + 1), (17, CEILING_LANES + 1)];
        for (at, value) in ceilings.into_iter().chain([(9, u32::MAX), (13, 0), (17, 0)]) {
            let mut monstrous = weak[..weak.len() - CHECK].to_vec();
            monstrous[at..at + 4].copy_from_slice(&value.to_be_bytes());
            let check = blake3::hash(&monstrous);
            monstrous.extend_from_slice(&check.as_bytes()[..CHECK]);
            let refused = unlock(Label::KEY_FILE, b"pass", POLICY, &monstrous);
            assert_eq!(refused, Err(UnlockError::Work), "{value} at byte {at}");
        }
    }
}
