//! Wire (protocol-spec/02-wire): everything that crosses a link, to the byte.
//!
//! Start with [`codec`], the few rules by which all structures are encoded and the limits they are decoded under;
//! then [`client`] and [`relay`], what a client may ask and a relay may say; [`log`] holds the conversation log's
//! entries that both share and [`resupply`] how a relay gets them back; [`frame`] cuts messages into padded frames. Pure: bytes in, values out.

pub mod client;
pub mod codec;
pub mod deceptive;
pub mod frame;
pub mod limits;
pub mod log;
pub mod relay;
pub mod resupply;

pub use codec::{Bytes, Decode, DecodeError, Encode, List, Reader, Text, TooLong, Writer};
