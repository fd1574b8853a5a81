//! What goes into and comes out of the relay's store (protocol-spec/07-delivery, section 10).

use std::sync::Arc;

use amanat_primitives::{ConversationId, DeviceId, Digest, StatementId, Timestamp, UnitId};
use amanat_wire::log::{RetentionClass, UnitKind};

/// What kind of direct item it is. The store does not interpret it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DirectKind(pub u8);

/// Something for one device alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirectPart {
    /// For whom. In a [`Unit`], a device that the unit adds.
    pub device: DeviceId,
    /// What it is.
    pub kind: DirectKind,
    /// Its own bytes.
    pub body: Vec<u8>,
    /// Whether the unit's shared bytes belong to it.
    pub with_shared: bool,
}

/// A request to append to a conversation's log: one atomic change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unit {
    /// The same id again has no second effect, as long as the entry is kept.
    pub id: UnitId,
    /// Whose log.
    pub conversation: ConversationId,
    /// The device that appends it, authenticated by the caller.
    pub author: DeviceId,
    /// What it is.
    pub kind: UnitKind,
    /// How long to keep it.
    pub class: RetentionClass,
    /// Position of the last commit that the author processed or refused; 0 for `Create`.
    pub seen_commit: u64,
    /// Position of the last commit that the author accepted; 0 for `Create`.
    pub accepted_commit: u64,
    /// The ciphertext, at most [`Limits::body`](super::Limits::body) bytes.
    pub body: Vec<u8>,
    /// Devices that a commit adds.
    pub roster_add: Vec<DeviceId>,
    /// Devices that a commit removes. One that is in both lists is in the new roster.
    pub roster_remove: Vec<DeviceId>,
    /// Bytes that direct items share: stored once.
    pub shared: Option<Vec<u8>>,
    /// Direct items to the devices that are added.
    pub direct: Vec<DirectPart>,
    /// The relay's clock.
    pub now: Timestamp,
}

/// Answers an append.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Appended {
    /// The entry's position, from 1.
    pub position: u64,
    /// The entry's stamp.
    pub stamp: Timestamp,
    /// R at this position.
    pub running: Digest,
    /// The receipt, for commits.
    pub receipt: Option<Vec<u8>>,
}

/// An entry's body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// The ciphertext.
    Kept(Vec<u8>),
    /// Gone under its retention class. Its hash remains, so that the running hash can be followed over it.
    Expired(Digest),
}

/// An entry of a conversation's log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// From 1, without gaps.
    pub position: u64,
    /// What it is.
    pub kind: UnitKind,
    /// How long to keep it.
    pub class: RetentionClass,
    /// Time of appending; never goes back within a log.
    pub stamp: Timestamp,
    /// Who appended it.
    pub author: DeviceId,
    /// The request's id.
    pub unit: UnitId,
    /// As in the request.
    pub seen_commit: u64,
    /// As in the request.
    pub accepted_commit: u64,
    /// R at this position.
    pub running: Digest,
    /// The receipt, for commits.
    pub receipt: Option<Vec<u8>>,
    /// The ciphertext, if it is still kept.
    pub body: Body,
}

/// Where a direct item of a unit comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The conversation.
    pub conversation: ConversationId,
    /// Position of the unit.
    pub position: u64,
    /// R at that position.
    pub running: Digest,
    /// Who appended it.
    pub author: DeviceId,
    /// The unit's receipt, for commits.
    pub receipt: Option<Vec<u8>>,
}

/// An item of a device's direct queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirectItem {
    /// From 1, rising without gaps within the device's queue.
    pub number: u64,
    /// What it is.
    pub kind: DirectKind,
    /// When it was queued.
    pub stamp: Timestamp,
    /// The unit that it came with.
    pub origin: Option<Origin>,
    /// Its own bytes.
    pub body: Vec<u8>,
    /// The bytes that it shares with the unit's other items.
    pub shared: Option<Arc<Vec<u8>>>,
}

/// Part of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entries {
    /// In order, without gaps, beginning at the later of `after + 1` and `first_kept`.
    pub entries: Vec<Entry>,
    /// R just before the first of `entries`; where there are none, R at the head.
    pub running_before: Digest,
    /// The first position still kept; `head + 1` if none is.
    pub first_kept: u64,
    /// The log's last durable position.
    pub head: u64,
}

/// A conversation's roster as the relay keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Roster {
    /// Position of the last commit in the log.
    pub position: u64,
    /// Its roster, sorted: who may append, and read everything.
    pub members: Arc<[DeviceId]>,
    /// `members`, those who stand in the roster that the last commit builds on, and those who are leaving, sorted: who
    /// may read commits.
    pub readers: Arc<[DeviceId]>,
    /// Who is in no roster any more and has not read up to the commit that ended its membership, which stands there.
    pub leaving: Vec<(DeviceId, u64)>,
}

impl Roster {
    /// Up to where a device may read everything, and beyond it commits alone; none if it may read nothing. [DELIV-13]
    #[must_use]
    pub fn reads_until(&self, device: &DeviceId) -> Option<u64> {
        if self.members.binary_search(device).is_ok() {
            return Some(u64::MAX);
        }
        // Removed by the last commit, on which nothing builds yet, or by an earlier one that it has not read.
        self.readers.binary_search(device).ok()?;
        let left = self.leaving.iter().find(|(left, _)| left == device);
        Some(left.map_or(self.position, |(_, until)| *until))
    }
}

/// What a device may do in a conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Append and read.
    Member,
    /// Read up to its removal, and after it commits alone: nothing builds on its removal yet, or it has not read it.
    Leaving,
    /// Nothing.
    None,
}

/// Where a conversation's log stands for a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogState {
    /// Which conversation.
    pub conversation: ConversationId,
    /// The device holds everything up to here.
    pub cursor: u64,
    /// The log's last durable position.
    pub head: u64,
    /// The first position still kept.
    pub first_kept: u64,
}

/// What is new for a device.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct News {
    /// Conversations whose head is beyond the device's cursor.
    pub logs: Vec<LogState>,
    /// Where to go on, if there are more conversations.
    pub more_logs: Option<ConversationId>,
    /// The direct queue's front, in order.
    pub direct: Vec<DirectItem>,
    /// Whether there are more direct items.
    pub more_direct: bool,
}

/// How much [`news`](super::Store::news) gives at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewsPage {
    /// Conversations after this one; none for the first page.
    pub after: Option<ConversationId>,
    /// At most this many conversations.
    pub logs: usize,
    /// Direct items after this number; 0 for all.
    pub direct_after: u64,
    /// At most this many direct items.
    pub direct: usize,
    /// No further direct item once their bytes exceed this.
    pub direct_bytes: usize,
}

/// A claimed KeyPackage.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claimed {
    /// As the device published it.
    pub bytes: Vec<u8>,
    /// It is the last-resort one, which others may get too.
    pub last_resort: bool,
}

/// How many KeyPackages a device has left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KeyPackageCount {
    /// One-time packages left.
    pub one_time: u64,
    /// Whether there is a last-resort one.
    pub last_resort: bool,
    /// How often the last-resort one was handed out since it was published.
    pub last_resort_used: u32,
}

/// A request to redeem a grant, or to replace an enrolled device's chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redemption {
    /// The grant: one certificate each.
    pub grant: StatementId,
    /// The device.
    pub device: DeviceId,
    /// Hash of the certificate.
    pub certificate: Digest,
    /// The device's chain, as others will be given it.
    pub chain: Vec<u8>,
    /// Key of the directory's index: the person's handle, in the form in which it sorts.
    pub handle: String,
    /// What a search looks into: handle, name and the like, in the form in which queries come.
    pub search: String,
    /// The relay's clock.
    pub now: Timestamp,
}

/// Answers a redemption.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Redeemed {
    /// Done.
    New,
    /// This very certificate was redeemed before; nothing has changed.
    Same {
        /// When.
        at: Timestamp,
    },
    /// Another certificate was redeemed with this grant; nothing has changed.
    Used {
        /// By which device.
        device: DeviceId,
        /// With which certificate.
        certificate: Digest,
        /// When.
        at: Timestamp,
    },
}

/// A device in the directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Its person's handle.
    pub handle: String,
    /// The device.
    pub device: DeviceId,
    /// Its chain.
    pub chain: Vec<u8>,
}

/// A page of the directory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct People {
    /// In the order of their handles. All devices of a handle stand on one page.
    pub devices: Vec<Listed>,
    /// Continue after this handle, if there may be more.
    pub more: Option<String>,
}

/// What has to be stored for a statement to be replaced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expected {
    /// Nothing yet.
    Absent,
    /// Whatever is there.
    Anything,
    /// Exactly these bytes.
    Exactly(Vec<u8>),
}

/// Answers the storing of a statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Put {
    /// Stored.
    New,
    /// It was stored before; nothing has changed.
    Same,
    /// Something else is stored; nothing has changed.
    Different(Vec<u8>),
}

/// Answers a status statement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StatusPut {
    /// It is the latest now.
    New,
    /// It was stored before.
    Same,
    /// One with this number is stored, which is not lower (or equal, with other bytes); nothing has changed.
    Old {
        /// Number of the latest.
        latest: u64,
    },
}

/// What a sweep has removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// Entries removed, because all had them or their time was up.
    pub entries: u64,
    /// Bodies removed of entries that stay as markers, because earlier ones stay.
    pub bodies: u64,
    /// Direct items removed.
    pub direct: u64,
    /// Bytes freed, roughly.
    pub bytes: u64,
    /// There was more to look at than one call may: call again soon.
    pub more: bool,
}

/// Something that has become durable, in the order of each log and queue. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Published {
    /// A log has a new entry.
    Entry {
        /// Whose log.
        conversation: ConversationId,
        /// The entry.
        entry: Arc<Entry>,
        /// Who may read it: for a message the members, for a commit also those whom it removes. Sorted.
        recipients: Arc<[DeviceId]>,
    },
    /// A device has a new direct item.
    Direct {
        /// Which device.
        device: DeviceId,
        /// The item.
        item: Arc<DirectItem>,
    },
}
