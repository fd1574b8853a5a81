//! Conversations (protocol-spec/05-conversation): MLS groups with a tier, each member checked by each client.
//!
//! Start with [`Conversation`]. A founder makes one with [`Conversation::create`] from KeyPackages that
//! [`check_key_package`] has passed; a joiner opens its Welcome with [`Conversation::stage_join`] and
//! [`JoinStaged::approve`]s it with the chains of all members; from then on each log entry goes through
//! [`Conversation::receive`], and each message through [`Conversation::queue`] and [`Conversation::encrypt`]. What any
//! of these changed is one [`Changes`], to be written in one batch. [`history`] tells whether the relay drops, repeats,
//! reorders or forks; [`content`] is what stands inside the ciphertext.
//!
//! Pure, with one exception that is not ours to change: OpenMLS draws HPKE's randomness from the operating system and
//! reads its clock to note when an epoch began; no verdict of ours rests on either.
//!
//! Absent on purpose: no PublicMessage, no proposal outside a commit, no external commit or sender, no pre-shared key,
//! no change of what a conversation is but of its roles, no GroupInfo outside a Welcome; and no membership that rests on a credential
//! alone.

pub mod commit;
pub mod content;
mod conversation;
mod create;
pub mod credential;
mod error;
mod framing;
mod further;
pub mod group;
mod hash_cache;
pub mod history;
pub mod join;
pub mod key_package;
pub mod profile;
mod provider;
pub mod receive;
mod records;
mod remembered;
pub mod roles;
mod state;
mod storage;
#[cfg(feature = "test-util")]
pub mod testing;

pub use commit::{ApproveError, Approved, CommitFacts, Evidence, OutgoingCommit, ReceivedCommit, VoidReason, validity};
pub use content::{Body, Content, ContentType, Frame, Receipt, ReceiptLine};
pub use conversation::{Conversation, Encrypted};
pub use create::{Created, Removal};
pub use credential::{LeafClaim, LeafFault};
pub use error::ConversationError;
pub use further::{FurtherError, may_stand_beside};
pub use group::{FactsError, GroupFacts, Kind, MembersError, NewConversation};
pub use history::{Claim, LogTrack, MAX_POSITION, NotNext, Order, SenderTrack};
pub use join::{JoinError, JoinStaged};
pub use key_package::{
    CheckedKeyPackage, KeyPackageError, KeyPackageMaker, Validity, check_key_package, count_key_packages,
    prune_key_packages,
};
pub use provider::SUITE_NAME;
pub use receive::{Incoming, Merged, Message, OwnFrame, Refusal, Refused};
pub use records::{Changes, Records};
pub use roles::{LeaveProof, NotAllowed, Role, Roles};
pub use storage::StorageError;

#[cfg(test)]
mod tests;
