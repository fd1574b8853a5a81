//! Over what links go (protocol-spec/04-link, section 1): TCP of the operating system, or, in a simulation, pipes in memory.
//!
//! A simulation gives a device a [`Dialer`] and a relay its [`Connections`]; TLS and Noise run over these as over TCP. Both
//! are compiled for tests alone: a program dials the network that there is.

use std::{io, net::SocketAddr};

use tokio::net::TcpStream;

use crate::socket::Socket;

/// Where connections are made: over the operating system's network, unless a test says otherwise.
#[derive(Clone, Default)]
pub struct Network {
    #[cfg(feature = "test-util")]
    dialer: Option<std::sync::Arc<dyn Dialer>>,
}

impl Network {
    /// Connects; whoever calls limits the time.
    pub(crate) async fn connect(&self, to: SocketAddr) -> io::Result<Socket> {
        #[cfg(feature = "test-util")]
        if let Some(dialer) = &self.dialer {
            return Ok(Socket::in_memory(dialer.dial(to).await?));
        }
        Socket::new(TcpStream::connect(to).await?)
    }

    /// Connects through `dialer`.
    #[cfg(feature = "test-util")]
    #[must_use]
    pub fn through(dialer: std::sync::Arc<dyn Dialer>) -> Self {
        Self { dialer: Some(dialer) }
    }
}

/// A connection that is being made.
#[cfg(feature = "test-util")]
pub type Dialling = std::pin::Pin<Box<dyn Future<Output = io::Result<tokio::io::DuplexStream>> + Send>>;

/// Makes a device's connections in a simulation.
#[cfg(feature = "test-util")]
pub trait Dialer: Send + Sync {
    /// Connects to an address.
    fn dial(&self, to: SocketAddr) -> Dialling;
}

/// The connections that come to a simulated relay, each with the address that it comes from.
#[cfg(feature = "test-util")]
pub type Connections = tokio::sync::mpsc::Receiver<(tokio::io::DuplexStream, SocketAddr)>;
