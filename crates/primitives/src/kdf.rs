//! Key derivation (protocol-spec/01-primitives, section 9): HKDF-SHA256 (RFC 5869).

use hkdf::Hkdf;
use sha2::Sha256;

use crate::{Label, Secret};

/// HKDF-SHA256 to 32 bytes with the label as `info`; `salt` may be empty.
#[must_use]
pub fn derive(ikm: &[u8], salt: &[u8], label: Label) -> Secret<32> {
    hkdf_sha256(ikm, salt, label.as_str().as_bytes()) // [PRIM-11]
}

/// HKDF-SHA256 with an `info` that another specification fixes (age: `payload`). Ours go through [`derive()`].
#[must_use]
pub fn hkdf_sha256(ikm: &[u8], salt: &[u8], info: &[u8]) -> Secret<32> {
    let mut okm = [0; 32];
    // HKDF-SHA256 fails above 8,160 bytes of output only; 32 is fixed here.
    let _ = Hkdf::<Sha256>::new(Some(salt), ikm).expand(info, &mut okm);
    Secret::take(&mut okm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hkdf_is_rfc_5869s_and_ours_is_labelled() {
        // RFC 5869, appendix A.1 and A.3, the first 32 bytes.
        let ikm = [0x0b; 22];
        let salt: [u8; 13] = std::array::from_fn(|i| i as u8);
        let info: [u8; 10] = std::array::from_fn(|i| 0xf0 + i as u8);
        let hex = |secret: &Secret<32>| data_encoding::HEXLOWER.encode(secret.expose_secret());
        let derived = hex(&hkdf_sha256(&ikm, &salt, &info));
        assert_eq!(derived, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
        let derived = hex(&hkdf_sha256(&ikm, &[], &[]));
        assert_eq!(derived, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
        // [PRIM-11]
        let labelled = derive(&ikm, &salt, Label::VAULT_KEYS);
        assert_eq!(hex(&labelled), hex(&hkdf_sha256(&ikm, &salt, b"amanat/1 vault keys")));
        assert_ne!(hex(&labelled), hex(&derive(&ikm, &salt, Label::VAULT_VALUES)));
    }
}
