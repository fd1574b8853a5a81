//! Limits (protocol-spec/02-wire, section 5): the largest of everything that is decoded from outside.

/// Version of this protocol, in the link's prologue and in each hello.
pub const PROTOCOL_VERSION: u16 = 1;

/// Bytes of one message on a link: 1 MiB and 64 KiB for what stands around it.
pub const MESSAGE: usize = 1024 * 1024 + 64 * 1024;
/// Bytes of one log entry's body, of a Welcome's shared part, or of a document segment.
pub const BODY: usize = 1024 * 1024;
/// Bytes of one joiner's part of a Welcome.
pub const JOINER_PART: usize = 16 * 1024;
/// Devices that one commit adds.
pub const ADDS: usize = 50;
/// Devices that one commit removes.
pub const REMOVES: usize = 1024;
/// Bytes of one statement.
pub const STATEMENT: usize = 16 * 1024;
/// Bytes of one revocation with its officer's certificate.
pub const REVOCATION: usize = 2 * STATEMENT;
/// Revocations in one request or answer.
pub const REVOCATIONS: usize = 256;
/// Bytes of one device's chain.
pub const CHAIN: usize = 64 * 1024;
/// Bytes of one KeyPackage.
pub const KEY_PACKAGE: usize = 16 * 1024;
/// KeyPackages in one upload.
pub const KEY_PACKAGES: usize = 100;
/// Devices named in one request.
pub const DEVICES: usize = 64;
/// Conversations named in one request or answer.
pub const CONVERSATIONS: usize = 512;
/// Entries in one answer.
pub const ENTRIES: usize = 1024;
/// Direct items in one answer.
pub const DIRECT_ITEMS: usize = 256;
/// Chains in one answer.
pub const CHAINS: usize = 64;
/// Bytes of a directory query or handle.
pub const QUERY: usize = 128;
/// Bytes of a commit receipt.
pub const RECEIPT: usize = 512;
/// Requests a client may have open at once on one link.
pub const OPEN_REQUESTS: usize = 64;
/// Segments of one document: 1 TiB.
pub const SEGMENTS: u64 = 1024 * 1024;
