//! Server (protocol-spec/04-link, sections 1 to 3): where a relay listens, and the handshake with each device.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use amanat_primitives::agree::NoiseSecret;
use tokio::{
    net::{TcpListener, TcpSocket},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, TlsStream};

use crate::{
    Link, RelayTlsKey, address,
    greet::{self, GreetError},
    socket::Socket,
    tls,
};

/// How long TLS and Noise may take together, on either side.
pub const HANDSHAKE: Duration = Duration::from_secs(10);

/// Connections that the operating system holds for us before they are accepted.
const BACKLOG: u32 = 4096;

/// Pause after the operating system could not give a connection, which is mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why a relay cannot listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// The address is public, or stands for any, and the relay's certificate does not allow that. Listen on loopback, a
    /// private or a link-local address, or have the authority certify the relay for a public one.
    #[error("{0} is not a private address, and the relay's certificate does not allow a public one")]
    NotPermitted(IpAddr),
    /// The operating system refuses: the address is in use, is not of this machine, or needs privileges.
    #[error("cannot listen on {address}: {kind}")]
    Refused {
        /// Where.
        address: SocketAddr,
        /// Why.
        kind: io::ErrorKind,
    },
    /// The TLS library refuses the key.
    #[error("the TLS library refuses the relay's key")]
    TlsKey,
}

/// Why a connection did not become a link. The device is told nothing but that the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// TLS and Noise took longer than [`HANDSHAKE`].
    #[error("the handshake took too long")]
    Timeout,
    /// The device offers less than TLS 1.3 with X25519MLKEM768, or refuses our key.
    #[error("no agreement on TLS")]
    TlsRefused,
    /// The first Noise message does not verify: another relay's key, another TLS connection, altered, or none.
    #[error("the Noise handshake does not verify")]
    NoiseRefused,
    /// The connection ended.
    #[error("the connection was lost")]
    Closed,
    /// What came is not TLS, or breaks its rules.
    #[error("not a TLS handshake")]
    Protocol,
}

/// A relay's listening socket and keys.
pub struct Server {
    listener: Listener,
    keys: Arc<Keys>,
}

/// Where connections come from.
enum Listener {
    Tcp(TcpListener),
    #[cfg(feature = "test-util")]
    Memory(tokio::sync::Mutex<crate::network::Connections>),
}

struct Keys {
    tls: TlsAcceptor,
    noise: NoiseSecret,
}

impl Server {
    /// Listens on `address`. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// Each [`BindError`].
    pub fn bind(
        address: SocketAddr,
        tls_key: &RelayTlsKey,
        noise: NoiseSecret,
        allow_public: bool,
    ) -> Result<Self, BindError> {
        // [LINK-01]
        if !allow_public && !address::permitted(address.ip()) {
            return Err(BindError::NotPermitted(address.ip()));
        }
        let config = tls::server_config(tls_key).map_err(|_| BindError::TlsKey)?;
        let listener = listen(address).map_err(|error| BindError::Refused { address, kind: error.kind() })?;
        Ok(Self::new(Listener::Tcp(listener), config, noise))
    }

    /// Takes a simulation's connections.
    ///
    /// # Errors
    /// [`BindError::TlsKey`].
    #[cfg(feature = "test-util")]
    pub fn in_memory(
        connections: crate::network::Connections,
        tls_key: &RelayTlsKey,
        noise: NoiseSecret,
    ) -> Result<Self, BindError> {
        let config = tls::server_config(tls_key).map_err(|_| BindError::TlsKey)?;
        Ok(Self::new(Listener::Memory(tokio::sync::Mutex::new(connections)), config, noise))
    }

    fn new(listener: Listener, config: rustls::ServerConfig, noise: NoiseSecret) -> Self {
        Self { listener, keys: Arc::new(Keys { tls: TlsAcceptor::from(Arc::new(config)), noise }) }
    }

    /// Where it listens, which tells the port if 0 was asked for.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.listener {
            Listener::Tcp(tcp) => tcp.local_addr(),
            #[cfg(feature = "test-util")]
            Listener::Memory(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The next connection, before any handshake. Cancel safe. When the operating system has none to give (no file
    /// descriptors left, a connection already gone) it says so in the log and goes on.
    pub async fn accept(&self) -> Incoming {
        loop {
            match self.listener.accept().await {
                Ok((socket, peer)) => return Incoming { socket, peer, keys: Arc::clone(&self.keys) },
                Err(error) => {
                    tracing::warn!(kind = %error.kind(), "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

impl Listener {
    async fn accept(&self) -> io::Result<(Socket, SocketAddr)> {
        match self {
            Self::Tcp(tcp) => loop {
                let (tcp, peer) = tcp.accept().await?;
                // It fails only where the connection has gone already.
                if let Ok(socket) = Socket::new(tcp) {
                    return Ok((socket, peer));
                }
            },
            #[cfg(feature = "test-util")]
            Self::Memory(connections) => match connections.lock().await.recv().await {
                Some((memory, peer)) => Ok((Socket::in_memory(memory), peer)),
                None => std::future::pending().await,
            },
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A relay that restarts must not wait for its old connections to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A connection before its handshake. The relay bounds how many of these it holds.
pub struct Incoming {
    socket: Socket,
    peer: SocketAddr,
    keys: Arc<Keys>,
}

impl Incoming {
    /// Where it comes from.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// TLS, then Noise, within [`HANDSHAKE`].
    ///
    /// # Errors
    /// Each [`AcceptError`].
    pub async fn handshake(self) -> Result<Link, AcceptError> {
        // [LINK-19] [LINK-17]: boxed, because the task that calls this lives on as the idle link's.
        Box::pin(timeout(HANDSHAKE, self.both_layers())).await.unwrap_or(Err(AcceptError::Timeout))
    }

    async fn both_layers(self) -> Result<Link, AcceptError> {
        let mut stream = self.keys.tls.accept(self.socket).await.map_err(|error| tls_fault(&error))?;
        let (_, state) = stream.get_ref();
        let (facts, binding) =
            tls::negotiated(state, tls::exporter(state)).map_err(|tls::Insufficient| AcceptError::TlsRefused)?;
        let channel = greet::as_relay(&mut stream, &self.keys.noise, &binding).await.map_err(|error| match error {
            GreetError::Closed => AcceptError::Closed,
            GreetError::Refused | GreetError::Library => AcceptError::NoiseRefused,
        })?;
        Ok(Link::new(TlsStream::from(stream), channel, facts, self.peer))
    }
}

fn tls_fault(error: &io::Error) -> AcceptError {
    match tls::library_error(error) {
        Some(rustls::Error::PeerIncompatible(_) | rustls::Error::AlertReceived(_)) => AcceptError::TlsRefused,
        Some(rustls::Error::NoApplicationProtocol) => AcceptError::TlsRefused,
        Some(_) => AcceptError::Protocol,
        None => AcceptError::Closed,
    }
}
