//! Section 2: what TLS refuses.

use std::sync::Arc;

use amanat_net::{AcceptError, DialError, RelayTlsKey, Server, dial};
use amanat_primitives::agree::NoiseSecret;
use rustls::{
    AlertDescription, ServerConfig, SupportedCipherSuite,
    crypto::{CryptoProvider, aws_lc_rs as provider},
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::TLS13,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::world::{AnyKey, LOOPBACK, World, connect_raw, raw_client, raw_server};

/// The alert that ended a handshake on this side.
fn alert(error: &std::io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

/// A TLS 1.2 ClientHello as an old browser would send it: ECDHE with AES-GCM, X25519 and P-256.
fn tls12_hello() -> Vec<u8> {
    let extensions: &[u8] = &[
        0, 10, 0, 6, 0, 4, 0, 29, 0, 23, // supported_groups
        0, 11, 0, 2, 1, 0, // ec_point_formats
        0, 13, 0, 6, 0, 4, 4, 3, 8, 7, // signature_algorithms
    ];
    let mut body = vec![3, 3];
    body.extend([0x5A; 32]);
    body.extend([0, 0, 4, 0xC0, 0x2F, 0xC0, 0x30, 1, 0]);
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let mut handshake = vec![1, 0];
    handshake.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    handshake.extend(body);
    let mut record = vec![22, 3, 1];
    record.extend(u16::try_from(handshake.len()).unwrap().to_be_bytes());
    record.extend(handshake);
    record
}

// [LINK-02]
#[tokio::test]
async fn a_tls_1_2_client_is_refused() {
    let world = World::new();
    let client = async {
        let mut tcp = TcpStream::connect(world.address).await.unwrap();
        tcp.write_all(&tls12_hello()).await.unwrap();
        let mut answer = Vec::new();
        tcp.read_to_end(&mut answer).await.unwrap();
        answer
    };
    let (answer, relay) = tokio::join!(client, world.accept());
    assert_eq!(relay.err(), Some(AcceptError::TlsRefused));
    // One fatal alert, protocol_version.
    assert_eq!(answer, [21, 3, 3, 0, 2, 2, 70]);
}

async fn refused_client(config: rustls::ClientConfig, expected: AlertDescription) {
    let world = World::new();
    let client = async {
        let tcp = TcpStream::connect(world.address).await.unwrap();
        match connect_raw(tcp, config).await {
            Err(error) => error,
            // In TLS 1.3 a client is done before the server has judged it.
            Ok(mut stream) => stream.read_u8().await.unwrap_err(),
        }
    };
    let (error, relay) = tokio::join!(client, world.accept());
    assert_eq!(relay.err(), Some(AcceptError::TlsRefused));
    assert_eq!(alert(&error), Some(expected));
}

// [LINK-03]
#[tokio::test]
async fn clients_without_the_hybrid_group_are_refused() {
    for group in [provider::kx_group::X25519, provider::kx_group::SECP256R1, provider::kx_group::MLKEM768] {
        refused_client(raw_client(group), AlertDescription::HandshakeFailure).await;
    }
}

// [LINK-02]
#[tokio::test]
async fn clients_with_128_bit_ciphers_only_are_refused() {
    let weak: Vec<SupportedCipherSuite> = vec![provider::cipher_suite::TLS13_AES_128_GCM_SHA256];
    let crypto = CryptoProvider {
        cipher_suites: weak,
        kx_groups: vec![provider::kx_group::X25519MLKEM768],
        ..provider::default_provider()
    };
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(crypto))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyKey { raw: true }))
        .with_no_client_auth();
    refused_client(config, AlertDescription::HandshakeFailure).await;
}

// [LINK-02] [LINK-05]: another application, none named, and a client that wants an X.509 certificate.
#[tokio::test]
async fn clients_of_other_protocols_are_refused() {
    let hybrid = provider::kx_group::X25519MLKEM768;
    let mut other = raw_client(hybrid);
    other.alpn_protocols = vec![b"h2".to_vec()];
    refused_client(other, AlertDescription::NoApplicationProtocol).await;
    let mut browser = raw_client(hybrid);
    browser.dangerous().set_certificate_verifier(Arc::new(AnyKey { raw: false }));
    refused_client(browser, AlertDescription::HandshakeFailure).await;
    // Without any name TLS itself comes up, and the relay then ends it.
    let world = World::new();
    let client = async {
        let mut silent = raw_client(hybrid);
        silent.alpn_protocols.clear();
        let tcp = TcpStream::connect(world.address).await.unwrap();
        connect_raw(tcp, silent).await.unwrap().read_u8().await.unwrap_err()
    };
    let (_, relay) = tokio::join!(client, world.accept());
    assert_eq!(relay.err(), Some(AcceptError::TlsRefused));
}

// [LINK-04]
#[tokio::test]
async fn the_relay_gives_no_tickets() {
    let world = World::new();
    let (tickets, relay) = world
        .raw_device(async |mut raw| {
            let _channel = world.greet(&mut raw).await;
            // Tickets would have come before the Noise answer that was just read.
            raw.get_ref().1.tls13_tickets_received()
        })
        .await;
    assert_eq!(tickets, 0);
    assert!(relay.is_ok());
}

/// What a device makes of a server with `config`.
async fn dial_server(world: &World, config: ServerConfig) -> DialError {
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let target = world.target_at(listener.local_addr().unwrap());
    let server = async {
        let (tcp, _) = listener.accept().await.unwrap();
        if let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(tcp).await {
            // Whatever the device still says, it must not be its Noise greeting.
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            assert!(rest.is_empty(), "the device spoke before it had checked the relay");
        }
    };
    let (device, ()) = tokio::join!(dial(&target, &world.device), server);
    device.err().unwrap()
}

// [LINK-03]
#[tokio::test]
async fn a_server_without_the_hybrid_group_is_refused() {
    let world = World::new();
    for group in [provider::kx_group::X25519, provider::kx_group::MLKEM768] {
        let error = dial_server(&world, raw_server(&world.tls_key, group)).await;
        assert!(matches!(error, DialError::TlsRefused(_)), "{error}");
    }
}

// [LINK-02]
#[tokio::test]
async fn a_server_of_another_protocol_is_refused() {
    let world = World::new();
    let mut config = raw_server(&world.tls_key, provider::kx_group::X25519MLKEM768);
    config.alpn_protocols = Vec::new();
    let error = dial_server(&world, config).await;
    assert!(matches!(error, DialError::TlsRefused(_)), "{error}");
}

// [LINK-05] [LINK-06]: a gateway that speaks our very protocol, but with a key of its own.
#[tokio::test]
async fn another_tls_key_is_refused_and_the_error_names_the_gateway() {
    let world = World::new();
    let gateway = RelayTlsKey::generate().unwrap();
    let error = dial_server(&world, raw_server(&gateway, provider::kx_group::X25519MLKEM768)).await;
    assert!(matches!(error, DialError::WrongTlsKey(_)));
    let text = error.to_string();
    assert!(text.contains("presented a TLS key that its certificate does not name"), "{text}");
    assert!(text.contains("inspected by a gateway"), "{text}");
    // The same through our own server, whose Noise key would even be right.
    let relay = NoiseSecret::from_secret(world.relay.secret().duplicate());
    let server = Server::bind(LOOPBACK.parse().unwrap(), &gateway, relay, false).unwrap();
    let target = world.target_at(server.local_addr().unwrap());
    let (device, accepted) =
        tokio::join!(dial(&target, &world.device), async { server.accept().await.handshake().await });
    assert!(matches!(device.err(), Some(DialError::WrongTlsKey(_))));
    assert_eq!(accepted.err(), Some(AcceptError::TlsRefused));
}

/// Shows the pinned public key without holding its private half, or a chain behind it.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>, bool);

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn only_raw_public_keys(&self) -> bool {
        self.1
    }
}

// [LINK-05]
#[tokio::test]
async fn showing_the_pinned_key_without_holding_it_is_refused() {
    let world = World::new();
    let spki = |key: &RelayTlsKey| {
        let signing = provider::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(key.to_pkcs8().to_vec())).unwrap();
        (CertificateDer::from(signing.public_key().unwrap().as_ref().to_vec()), signing)
    };
    let (pinned, true_key) = spki(&world.tls_key);
    let (other, false_key) = spki(&RelayTlsKey::generate().unwrap());
    let shows = |chain: Vec<CertificateDer<'static>>, key, raw| {
        let mut config = raw_server(&world.tls_key, provider::kx_group::X25519MLKEM768);
        config.cert_resolver = Arc::new(Shows(Arc::new(CertifiedKey::new(chain, key)), raw));
        config
    };
    let error = dial_server(&world, shows(vec![pinned.clone()], Arc::clone(&false_key), true)).await;
    assert!(matches!(error, DialError::WrongTlsKey(_)), "{error}");
    // The pinned key with something behind it is not the pinned key alone.
    let error = dial_server(&world, shows(vec![pinned, other.clone()], true_key, true)).await;
    assert!(matches!(error, DialError::WrongTlsKey(_)), "{error}");
    // A gateway with X.509 certificates only, which says so. (One that ignores the request for a raw key is refused by
    // the device itself; `dial` has the test.)
    let error = dial_server(&world, shows(vec![other], false_key, false)).await;
    assert!(matches!(error, DialError::TlsRefused(_)), "{error}");
    assert!(error.to_string().contains("gateway"));
}
