//! Dialling (protocol-spec/04-link, sections 1 to 3): from a device to its relay, and why it did not work.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use amanat_primitives::{
    Digest,
    agree::{NoisePublic, NoiseSecret},
};
use rustls::{PeerIncompatible, pki_types::ServerName};
use tokio::{net::lookup_host, time::timeout};
use tokio_rustls::{TlsConnector, TlsStream};

use crate::{
    Link, Network, address,
    greet::{self, GreetError},
    server::HANDSHAKE,
    socket::Socket,
    tls,
};

/// How long a name may take to resolve, and an address to connect.
pub const CONNECT: Duration = Duration::from_secs(5);

/// How many of a target's addresses, and of one name's, are tried.
const ADDRESSES: usize = 8;

/// The relay to dial, from its certificate.
#[derive(Debug, Clone)]
pub struct RelayTarget {
    /// Each `host:port`, in the order in which they are tried; the first 8.
    pub addresses: Vec<String>,
    /// Digest of its TLS key.
    pub tls_key: Digest,
    /// Its Noise key.
    pub noise_key: NoisePublic,
    /// Whether its certificate allows public addresses.
    pub allow_public: bool,
}

/// Why no link came up; of several addresses, what tells most. Later variants tell more than earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// The target has no address. The relay must be certified with one.
    #[error("the relay's certificate names no address")]
    NoAddress,
    /// An address is not `host:port`, or its name is not known here. Check the name service, or the network.
    #[error("the relay's address number {position} does not lead anywhere")]
    Unresolved {
        /// Which address of the target, from 1.
        position: usize,
    },
    /// The address is public and the relay's certificate does not allow that. Nothing was sent to it.
    #[error("{0} is not a private address, and the relay's certificate does not allow a public one")]
    NotPermitted(IpAddr),
    /// No connection: the relay is not running, or the network does not lead to it.
    #[error("no connection to the relay at {address}: {kind}")]
    Unreachable {
        /// Where.
        address: SocketAddr,
        /// What the operating system says.
        kind: io::ErrorKind,
    },
    /// The relay did not answer in time: 5 s to connect, 10 s for the handshake.
    #[error("the relay at {0} did not answer in time")]
    Timeout(SocketAddr),
    /// The connection ended during the TLS handshake.
    #[error("the relay at {0} closed the connection")]
    Closed(SocketAddr),
    /// What answers is not a relay, or breaks the rules of TLS.
    #[error("what answers at {0} does not speak this protocol")]
    Protocol(SocketAddr),
    /// What answers does not agree to TLS 1.3 with X25519MLKEM768 and a raw public key: it is not an Amanat relay, or
    /// a gateway inspects the connection.
    #[error(
        "what answers at {0} does not agree to TLS 1.3 with post-quantum key exchange and the relay's own key: it is not a relay, or a gateway inspects the connection"
    )]
    TlsRefused(SocketAddr),
    /// The Noise handshake failed: the relay has another Noise key than its certificate names, or turned this device
    /// away.
    #[error("the relay at {0} did not prove the key that its certificate names, or refused this device's handshake")]
    NoiseRefused(SocketAddr),
    /// Another TLS key than the pinned one, or an X.509 certificate.
    #[error(
        "the relay at {0} presented a TLS key that its certificate does not name: the connection seems to be inspected by a gateway"
    )]
    WrongTlsKey(SocketAddr),
    /// The TLS or Noise library refuses its own parameters. (A fault of this program.)
    #[error("a cryptographic library refuses its parameters")]
    Library,
}

impl DialError {
    /// How much it tells about what is wrong, to choose among several addresses' errors.
    fn weight(&self) -> u8 {
        match self {
            Self::NoAddress => 0,
            Self::Unresolved { .. } => 1,
            Self::NotPermitted(_) => 2,
            Self::Unreachable { .. } => 3,
            Self::Timeout(_) => 4,
            Self::Closed(_) => 5,
            Self::Protocol(_) => 6,
            Self::TlsRefused(_) => 7,
            Self::NoiseRefused(_) => 8,
            Self::WrongTlsKey(_) => 9,
            Self::Library => 10,
        }
    }
}

/// Dials the addresses of `target` in turn until one becomes a link with `identity` on this side.
///
/// # Errors
/// Each [`DialError`].
pub async fn dial(target: &RelayTarget, identity: &NoiseSecret) -> Result<Link, DialError> {
    dial_over(&Network::default(), target, identity).await
}

/// As [`dial`], over this network.
///
/// # Errors
/// Each [`DialError`].
pub async fn dial_over(network: &Network, target: &RelayTarget, identity: &NoiseSecret) -> Result<Link, DialError> {
    let config = tls::client_config(target.tls_key).map_err(|_| DialError::Library)?;
    let tls = TlsConnector::from(Arc::new(config));
    let mut worst = DialError::NoAddress;
    for (index, name) in target.addresses.iter().take(ADDRESSES).enumerate() {
        let resolved = resolve(name).await;
        if resolved.is_empty() {
            worst = heavier(worst, DialError::Unresolved { position: index + 1 });
        }
        for address in resolved {
            match dial_one(network, target, address, &tls, identity).await {
                Ok(link) => return Ok(link),
                Err(error) => {
                    tracing::debug!(%address, %error, "dialling failed");
                    worst = heavier(worst, error);
                }
            }
        }
    }
    Err(worst)
}

fn heavier(one: DialError, other: DialError) -> DialError {
    if other.weight() > one.weight() { other } else { one }
}

async fn resolve(name: &str) -> Vec<SocketAddr> {
    match timeout(CONNECT, lookup_host(name)).await {
        Ok(Ok(found)) => found.take(ADDRESSES).collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

async fn dial_one(
    network: &Network,
    target: &RelayTarget,
    address: SocketAddr,
    tls: &TlsConnector,
    identity: &NoiseSecret,
) -> Result<Link, DialError> {
    // [LINK-01]: what the name resolved to, not what it looks like.
    if !target.allow_public && !address::permitted(address.ip()) {
        return Err(DialError::NotPermitted(address.ip()));
    }
    let unreachable = |error: io::Error| DialError::Unreachable { address, kind: error.kind() };
    let connecting = timeout(CONNECT, network.connect(address));
    let socket = connecting.await.map_err(|_| DialError::Timeout(address))?.map_err(unreachable)?;
    // [LINK-19]
    let handshake = timeout(HANDSHAKE, both_layers(target, address, tls, socket, identity));
    handshake.await.unwrap_or(Err(DialError::Timeout(address)))
}

async fn both_layers(
    target: &RelayTarget,
    address: SocketAddr,
    tls: &TlsConnector,
    socket: Socket,
    identity: &NoiseSecret,
) -> Result<Link, DialError> {
    // The library wants a name; it is neither sent nor compared: the key is what is pinned.
    let name = ServerName::IpAddress(address.ip().into());
    let mut stream = tls.connect(name, socket).await.map_err(|error| tls_fault(&error, address))?;
    let (_, state) = stream.get_ref();
    let (facts, binding) =
        tls::negotiated(state, tls::exporter(state)).map_err(|tls::Insufficient| DialError::TlsRefused(address))?;
    // [LINK-06]: the pinned key has been checked; only now does this device's key leave it, sealed to the relay's.
    let channel =
        greet::as_device(&mut stream, identity, &target.noise_key, &binding).await.map_err(|error| match error {
            GreetError::Closed | GreetError::Refused => DialError::NoiseRefused(address),
            GreetError::Library => DialError::Library,
        })?;
    Ok(Link::new(TlsStream::from(stream), channel, facts, address))
}

fn tls_fault(error: &io::Error, address: SocketAddr) -> DialError {
    match tls::library_error(error) {
        Some(
            rustls::Error::InvalidCertificate(_)
            | rustls::Error::PeerIncompatible(PeerIncompatible::IncorrectCertificateTypeExtension),
        ) => DialError::WrongTlsKey(address),
        Some(
            rustls::Error::PeerIncompatible(_) | rustls::Error::AlertReceived(_) | rustls::Error::NoApplicationProtocol,
        ) => DialError::TlsRefused(address),
        Some(_) => DialError::Protocol(address),
        None => DialError::Closed(address),
    }
}

#[cfg(test)]
mod tests {
    use rustls::{AlertDescription, CertificateError, InvalidMessage};

    use super::*;

    // [LINK-05]: each way in which a gateway shows itself, and what is not taken for one.
    #[test]
    fn faults_of_tls_name_what_is_wrong() {
        let address: SocketAddr = "10.1.2.3:7443".parse().unwrap();
        let fault = |error: rustls::Error| tls_fault(&io::Error::new(io::ErrorKind::InvalidData, error), address);
        let certificate = CertificateError::ApplicationVerificationFailure.into();
        assert_eq!(fault(certificate), DialError::WrongTlsKey(address));
        assert_eq!(fault(CertificateError::BadSignature.into()), DialError::WrongTlsKey(address));
        // A server that does not know raw public keys ignores the request for one.
        let x509 = PeerIncompatible::IncorrectCertificateTypeExtension.into();
        assert_eq!(fault(x509), DialError::WrongTlsKey(address));
        let alert = rustls::Error::AlertReceived(AlertDescription::HandshakeFailure);
        assert_eq!(fault(alert), DialError::TlsRefused(address));
        assert_eq!(fault(InvalidMessage::InvalidContentType.into()), DialError::Protocol(address));
        assert_eq!(tls_fault(&io::ErrorKind::UnexpectedEof.into(), address), DialError::Closed(address));
        assert!(DialError::WrongTlsKey(address).to_string().contains("inspected by a gateway"));
    }

    #[test]
    fn of_several_errors_the_one_that_tells_most_is_given() {
        let address: SocketAddr = "10.1.2.3:7443".parse().unwrap();
        let errors = [
            DialError::NoAddress,
            DialError::Unresolved { position: 1 },
            DialError::NotPermitted(address.ip()),
            DialError::Unreachable { address, kind: io::ErrorKind::ConnectionRefused },
            DialError::Timeout(address),
            DialError::Closed(address),
            DialError::Protocol(address),
            DialError::TlsRefused(address),
            DialError::NoiseRefused(address),
            DialError::WrongTlsKey(address),
            DialError::Library,
        ];
        for pair in errors.windows(2) {
            assert_eq!(heavier(pair[0], pair[1]), pair[1]);
            assert_eq!(heavier(pair[1], pair[0]), pair[1]);
        }
    }
}
