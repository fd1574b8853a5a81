//! Greeting (protocol-spec/04-link, section 3): the two Noise messages, first thing inside TLS, each behind its length.

use amanat_noise::{Channel, ChannelBinding, FIRST_LEN, Initiator, NoiseError, Responder, SECOND_LEN};
use amanat_primitives::agree::{NoisePublic, NoiseSecret};
use rand_core::OsRng;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Why there is no channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GreetError {
    /// The other side closed the connection. A relay that refuses a device says no more than that.
    Closed,
    /// The other side's message is not one, or does not verify.
    Refused,
    /// The Noise library failed. (A fault of this program.)
    Library,
}

impl From<std::io::Error> for GreetError {
    fn from(_: std::io::Error) -> Self {
        Self::Closed
    }
}

impl From<NoiseError> for GreetError {
    fn from(error: NoiseError) -> Self {
        if error == NoiseError::Library { Self::Library } else { Self::Refused }
    }
}

/// The device's side.
pub(crate) async fn as_device<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    identity: &NoiseSecret,
    relay: &NoisePublic,
    binding: &ChannelBinding,
) -> Result<Channel, GreetError> {
    let (waiting, first) = Initiator::new(identity, relay, binding, &mut OsRng)?.write_first()?;
    write(stream, &first).await?;
    // [LINK-16]: whatever else the relay sends first stands where the answer should, and is refused.
    let second = read::<SECOND_LEN, S>(stream).await?;
    Ok(waiting.read_second(&second)?)
}

/// The relay's side. It writes nothing before the device's message has verified.
pub(crate) async fn as_relay<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    identity: &NoiseSecret,
    binding: &ChannelBinding,
) -> Result<Channel, GreetError> {
    let first = read::<FIRST_LEN, S>(stream).await?;
    let (channel, second) = Responder::new(identity, binding, &mut OsRng)?.read_first(&first)?.write_second()?;
    write(stream, &second).await?;
    Ok(channel)
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, message: &[u8]) -> Result<(), GreetError> {
    let length = u16::try_from(message.len()).map_err(|_| GreetError::Library)?;
    stream.write_all(&[&length.to_be_bytes(), message].concat()).await?;
    Ok(stream.flush().await?)
}

async fn read<const N: usize, S: AsyncRead + Unpin>(stream: &mut S) -> Result<[u8; N], GreetError> {
    // [LINK-09]: the length has one legal value, so nothing longer is waited for.
    if usize::from(stream.read_u16().await?) != N {
        return Err(GreetError::Refused);
    }
    let mut message = [0; N];
    stream.read_exact(&mut message).await?;
    Ok(message)
}
