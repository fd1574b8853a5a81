//! TLS (protocol-spec/04-link, section 2): the outer link, its one key exchange, and the relay's pinned key.
//!
//! The relay shows a raw public key (RFC 7250), not an X.509 certificate: what vouches for the key is the digest in
//! the relay's certificate (chapter 03), so a wrapper of names, dates and extensions would only be parsed and ignored.
//! It also makes an inspecting gateway visible at once, which has nothing but X.509 to show.

use std::sync::{Arc, OnceLock};

use amanat_noise::ChannelBinding;
use amanat_primitives::{Digest, hash::tls_key_digest};
use amanat_wire::limits::PROTOCOL_VERSION;
use aws_lc_rs::{encoding::AsDer, signature::Ed25519KeyPair};
use rustls::{
    CertificateError, ClientConfig, CommonState, DigitallySignedStruct, Error, NamedGroup, ProtocolVersion,
    ServerConfig, SignatureScheme, SupportedCipherSuite,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs as provider, verify_tls13_signature_with_raw_key},
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
    server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage},
    sign::{CertifiedKey, SigningKey},
    version::TLS13,
};
use zeroize::Zeroizing;

use crate::link::LinkFacts;

/// Name of the application protocol in TLS (RFC 7301).
pub const ALPN: &[u8] = b"amanat/1";

/// Label of RFC 9266's channel binding.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// Why a relay's TLS key cannot be made or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RelayTlsKeyError {
    /// The bytes are not an Ed25519 key in PKCS #8.
    #[error("not an Ed25519 key in PKCS #8")]
    Encoding,
    /// The operating system gave no randomness.
    #[error("no randomness")]
    Randomness,
}

/// A relay's TLS key pair (Ed25519).
pub struct RelayTlsKey {
    pkcs8: Zeroizing<Vec<u8>>,
    spki: SubjectPublicKeyInfoDer<'static>,
    signing: Arc<dyn SigningKey>,
}

impl RelayTlsKey {
    /// A fresh key, from the TLS library's own generator (the operating system's).
    ///
    /// # Errors
    /// [`RelayTlsKeyError::Randomness`].
    pub fn generate() -> Result<Self, RelayTlsKeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| RelayTlsKeyError::Randomness)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| RelayTlsKeyError::Randomness)?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    /// The key in these bytes, as [`to_pkcs8`](Self::to_pkcs8) gave them.
    ///
    /// # Errors
    /// [`RelayTlsKeyError::Encoding`].
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, RelayTlsKeyError> {
        let encoding = RelayTlsKeyError::Encoding;
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| encoding)?;
        let signing = provider::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(pkcs8)).map_err(|_| encoding)?;
        let spki = signing.public_key().ok_or(encoding)?.into_owned();
        // The two libraries' views of one key must agree, or the pin would be of another key than the one that signs.
        let public = aws_lc_rs::signature::KeyPair::public_key(&pair).as_der().map_err(|_| encoding)?;
        if public.as_ref() != spki.as_ref() {
            return Err(encoding);
        }
        Ok(Self { pkcs8: Zeroizing::new(pkcs8.to_vec()), spki, signing })
    }

    /// The secret key in PKCS #8, for the relay's key file.
    #[must_use]
    pub fn to_pkcs8(&self) -> &Zeroizing<Vec<u8>> {
        &self.pkcs8
    }

    /// What the relay's certificate names: hash of the public key as SubjectPublicKeyInfo (DER).
    #[must_use]
    pub fn digest(&self) -> Digest {
        tls_key_digest(self.spki.as_ref())
    }
}

/// The algorithms that TLS may use, which is less than the library's defaults.
fn crypto() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let build = || {
        Arc::new(CryptoProvider {
            // [LINK-03]: the only group; there is nothing weaker to be talked down to.
            kx_groups: vec![provider::kx_group::X25519MLKEM768],
            // [LINK-02]: 256-bit keys only.
            cipher_suites: suites().to_vec(),
            ..provider::default_provider()
        })
    };
    Arc::clone(PROVIDER.get_or_init(build))
}

fn suites() -> [SupportedCipherSuite; 2] {
    [provider::cipher_suite::TLS13_AES_256_GCM_SHA384, provider::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256]
}

/// A device's configuration: accepts only the key whose digest is `pin`.
pub(crate) fn client_config(pin: Digest) -> Result<ClientConfig, Error> {
    let crypto = crypto();
    let verifier = PinnedKey { pin, algorithms: crypto.signature_verification_algorithms };
    let mut config = ClientConfig::builder_with_provider(crypto)
        // [LINK-02]
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // [LINK-04]
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    // Nothing about the relay's name is sent in the clear.
    config.enable_sni = false;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

/// A relay's configuration.
pub(crate) fn server_config(key: &RelayTlsKey) -> Result<ServerConfig, Error> {
    let shown = CertificateDer::from(key.spki.as_ref().to_vec());
    let certified = CertifiedKey::new(vec![shown], Arc::clone(&key.signing));
    let mut config = ServerConfig::builder_with_provider(crypto())
        // [LINK-02]
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(Arc::new(certified))));
    // [LINK-04]
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

/// The outcome of a TLS handshake that lacks what both configurations demand. (The library would have refused it.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Insufficient;

/// Checks what was negotiated, once more and in one place; gives what is shown of it and what Noise is bound to.
pub(crate) fn negotiated(
    state: &CommonState,
    exporter: Result<[u8; 32], Error>,
) -> Result<(LinkFacts, ChannelBinding), Insufficient> {
    let group = state.negotiated_key_exchange_group().ok_or(Insufficient)?.name();
    let suite = state.negotiated_cipher_suite().ok_or(Insufficient)?;
    // [LINK-02] [LINK-03]
    let enough = state.protocol_version() == Some(ProtocolVersion::TLSv1_3)
        && group == NamedGroup::X25519MLKEM768
        && suites().contains(&suite)
        && state.alpn_protocol() == Some(ALPN);
    if !enough {
        return Err(Insufficient);
    }
    let facts = LinkFacts {
        tls: "TLS 1.3",
        key_exchange: group.as_str().unwrap_or("?"),
        cipher_suite: suite.suite().as_str().unwrap_or("?"),
        noise: amanat_noise::PATTERN,
    };
    let exporter = exporter.map_err(|_| Insufficient)?;
    Ok((facts, ChannelBinding { version: PROTOCOL_VERSION, exporter }))
}

/// RFC 9266's `tls-exporter` value. (In TLS 1.3 no context and an empty one are the same.)
pub(crate) fn exporter<Data>(connection: &rustls::ConnectionCommon<Data>) -> Result<[u8; 32], Error> {
    // [LINK-07]
    connection.export_keying_material([0; 32], EXPORTER_LABEL, Some(&[]))
}

/// The TLS library's own error, where that is what ended a handshake.
pub(crate) fn library_error(error: &std::io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// Accepts one raw public key, known by its digest.
#[derive(Debug)]
struct PinnedKey {
    pin: Digest,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for PinnedKey {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // [LINK-05]: one error, whatever was shown.
        if others.is_empty() && tls_key_digest(shown) == self.pin {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // [LINK-05]: showing the key is nothing without having signed this handshake with it.
        let spki = SubjectPublicKeyInfoDer::from(shown.as_ref());
        verify_tls13_signature_with_raw_key(message, &spki, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_file_and_a_damaged_file_is_refused() {
        let key = RelayTlsKey::generate().unwrap();
        let again = RelayTlsKey::from_pkcs8(key.to_pkcs8()).unwrap();
        assert_eq!(key.digest(), again.digest());
        assert_ne!(key.digest(), RelayTlsKey::generate().unwrap().digest());
        let bytes = key.to_pkcs8();
        for end in 0..bytes.len() {
            assert_eq!(RelayTlsKey::from_pkcs8(&bytes[..end]).err(), Some(RelayTlsKeyError::Encoding));
        }
        assert_eq!(RelayTlsKey::from_pkcs8(b"-----BEGIN PRIVATE KEY-----").err(), Some(RelayTlsKeyError::Encoding));
    }

    // [LINK-02] [LINK-03] [LINK-04]: what is offered at all.
    #[test]
    fn configurations_offer_one_group_two_suites_and_no_tickets() {
        let groups: Vec<_> = crypto().kx_groups.iter().map(|group| group.name()).collect();
        assert_eq!(groups, [NamedGroup::X25519MLKEM768]);
        let names: Vec<_> = crypto().cipher_suites.iter().map(|suite| suite.suite().as_str().unwrap()).collect();
        assert_eq!(names, ["TLS13_AES_256_GCM_SHA384", "TLS13_CHACHA20_POLY1305_SHA256"]);
        let server = server_config(&RelayTlsKey::generate().unwrap()).unwrap();
        assert!(!server.ticketer.enabled() && !server.session_storage.can_cache());
        assert_eq!((server.send_tls13_tickets, server.max_early_data_size), (0, 0));
        let client = client_config(Digest::ZERO).unwrap();
        assert!(!client.enable_early_data && !client.enable_sni);
    }
}
