//! A relay on loopback, a device, and raw TLS ends for what neither would do.

use std::{net::SocketAddr, sync::Arc};

use amanat_net::{AcceptError, DialError, Link, RelayTarget, RelayTlsKey, Server, dial};
use amanat_noise::{Channel, ChannelBinding, Initiator, Responder, SECOND_LEN, Sealer, TAG_LEN};
use amanat_primitives::agree::NoiseSecret;
use amanat_wire::limits::PROTOCOL_VERSION;
use rand_core::OsRng;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs as provider},
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    server::AlwaysResolvesServerRawPublicKeys,
    sign::CertifiedKey,
    version::TLS13,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

pub(crate) const LOOPBACK: &str = "127.0.0.1:0";

/// A relay and a device that would find each other.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) tls_key: RelayTlsKey,
    pub(crate) relay: NoiseSecret,
    pub(crate) device: NoiseSecret,
}

impl World {
    pub(crate) fn new() -> Self {
        let tls_key = RelayTlsKey::generate().unwrap();
        let relay = NoiseSecret::generate(&mut OsRng);
        let own = NoiseSecret::from_secret(relay.secret().duplicate());
        let server = Server::bind(LOOPBACK.parse().unwrap(), &tls_key, own, false).unwrap();
        let address = server.local_addr().unwrap();
        Self { server, address, tls_key, relay, device: NoiseSecret::generate(&mut OsRng) }
    }

    /// What the relay's certificate would say.
    pub(crate) fn target(&self) -> RelayTarget {
        self.target_at(self.address)
    }

    pub(crate) fn target_at(&self, address: SocketAddr) -> RelayTarget {
        RelayTarget {
            addresses: vec![address.to_string()],
            tls_key: self.tls_key.digest(),
            noise_key: self.relay.public(),
            allow_public: false,
        }
    }

    pub(crate) async fn accept(&self) -> Result<Link, AcceptError> {
        self.server.accept().await.handshake().await
    }

    /// Dials `target` while the relay accepts once.
    pub(crate) async fn meet(&self, target: &RelayTarget) -> (Result<Link, DialError>, Result<Link, AcceptError>) {
        tokio::join!(dial(target, &self.device), self.accept())
    }

    /// The device's link and the relay's.
    pub(crate) async fn links(&self) -> (Link, Link) {
        let (device, relay) = self.meet(&self.target()).await;
        (device.unwrap(), relay.unwrap())
    }

    /// A raw TLS connection to the relay, and what the relay makes of it when `act` has had its way with it.
    pub(crate) async fn raw_device<A: AsyncFnOnce(RawDevice) -> T, T>(&self, act: A) -> (T, Result<Link, AcceptError>) {
        let device = async {
            let tcp = TcpStream::connect(self.address).await.unwrap();
            act(connect_raw(tcp, raw_client(provider::kx_group::X25519MLKEM768)).await.unwrap()).await
        };
        tokio::join!(device, self.accept())
    }

    /// What the device makes of a relay that has the right TLS key and then does as `act` says.
    pub(crate) async fn raw_relay<A: AsyncFnOnce(RawRelay) -> T, T>(&self, act: A) -> (Result<Link, DialError>, T) {
        let listener = TcpListener::bind(LOOPBACK).await.unwrap();
        let target = self.target_at(listener.local_addr().unwrap());
        let relay = async {
            let (tcp, _) = listener.accept().await.unwrap();
            let config = raw_server(&self.tls_key, provider::kx_group::X25519MLKEM768);
            act(TlsAcceptor::from(Arc::new(config)).accept(tcp).await.unwrap()).await
        };
        tokio::join!(dial(&target, &self.device), relay)
    }

    /// A Noise handshake by hand, as a correct device would do it.
    pub(crate) async fn greet(&self, raw: &mut RawDevice) -> Channel {
        let relay = self.relay.public();
        let binding = binding_of(raw.get_ref().1);
        let (waiting, first) =
            Initiator::new(&self.device, &relay, &binding, &mut OsRng).unwrap().write_first().unwrap();
        send_prefixed(raw, &first).await;
        assert_eq!(usize::from(raw.read_u16().await.unwrap()), SECOND_LEN);
        let mut second = [0; SECOND_LEN];
        raw.read_exact(&mut second).await.unwrap();
        waiting.read_second(&second).unwrap()
    }

    /// A Noise answer by hand, as the correct relay would give it.
    pub(crate) fn answer(&self, raw: &RawRelay, first: &[u8]) -> (Channel, [u8; SECOND_LEN]) {
        let binding = binding_of(raw.get_ref().1);
        let responder = Responder::new(&self.relay, &binding, &mut OsRng).unwrap();
        responder.read_first(first).unwrap().write_second().unwrap()
    }
}

pub(crate) type RawDevice = client::TlsStream<TcpStream>;
pub(crate) type RawRelay = server::TlsStream<TcpStream>;

pub(crate) async fn connect_raw(tcp: TcpStream, config: ClientConfig) -> std::io::Result<RawDevice> {
    let name = ServerName::try_from("relay.invalid").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

pub(crate) async fn send_prefixed<S: AsyncWriteExt + Unpin>(stream: &mut S, message: &[u8]) {
    let length = u16::try_from(message.len()).unwrap();
    stream.write_all(&[&length.to_be_bytes(), message].concat()).await.unwrap();
    stream.flush().await.unwrap();
}

pub(crate) async fn read_prefixed<S: AsyncReadExt + Unpin>(stream: &mut S) -> Vec<u8> {
    let length = stream.read_u16().await.unwrap();
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await.unwrap();
    message
}

/// A sealed frame behind its length.
pub(crate) fn frame(sealer: &mut Sealer, plaintext: &[u8]) -> Vec<u8> {
    let mut sealed = vec![0; plaintext.len() + TAG_LEN];
    sealer.seal(plaintext, &mut sealed).unwrap();
    [&u16::try_from(sealed.len()).unwrap().to_be_bytes(), &sealed[..]].concat()
}

/// The binding, computed here once more from RFC 9266.
pub(crate) fn binding_of<D>(connection: &rustls::ConnectionCommon<D>) -> ChannelBinding {
    let exporter = connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", None).unwrap();
    ChannelBinding { version: PROTOCOL_VERSION, exporter }
}

pub(crate) fn provider_with(group: &'static dyn SupportedKxGroup) -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { kx_groups: vec![group], ..provider::default_provider() })
}

/// A client that speaks our TLS with `group`, but accepts every key.
pub(crate) fn raw_client(group: &'static dyn SupportedKxGroup) -> ClientConfig {
    let mut config = ClientConfig::builder_with_provider(provider_with(group))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyKey { raw: true }))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"amanat/1".to_vec()];
    config
}

/// A server that speaks our TLS with `group` and shows `key`.
pub(crate) fn raw_server(key: &RelayTlsKey, group: &'static dyn SupportedKxGroup) -> ServerConfig {
    let pkcs8 = PrivatePkcs8KeyDer::from(key.to_pkcs8().to_vec());
    let signing = provider::sign::any_eddsa_type(&pkcs8).unwrap();
    let shown = CertificateDer::from(signing.public_key().unwrap().as_ref().to_vec());
    let resolver = AlwaysResolvesServerRawPublicKeys::new(Arc::new(CertifiedKey::new(vec![shown], signing)));
    let mut config = ServerConfig::builder_with_provider(provider_with(group))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![b"amanat/1".to_vec()];
    config
}

/// Accepts whatever is shown.
#[derive(Debug)]
pub(crate) struct AnyKey {
    pub(crate) raw: bool,
}

impl ServerCertVerifier for AnyKey {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.raw
    }
}
