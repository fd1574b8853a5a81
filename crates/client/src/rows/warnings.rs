//! Rows of what was said unasked (protocol-spec/07-delivery, section 12): alarms and notices, as they are kept.

use std::time::Duration;

use amanat_identity::{Address, DeviceCode, Reason};
use amanat_primitives::{ConversationId, DeviceId, DocumentId, MessageId, Timestamp};
use amanat_wire::{Text, choice, client::Nothing, record};

use super::{MemberChangeRow, PersonRow};
use crate::{
    Failure, FailureCode,
    api::{Alarm, Notice, Warning, WarningOf, Who},
    failure,
};

/// Bytes of a failure's sentence; what is longer is cut.
const SENTENCE: usize = 1024;

type AddressText = Text<256>;

record!(
    /// An alarm or a notice.
    pub(crate) struct WarningRow {
        /// Its number; also the row's key.
        number: u64,
        /// When it was found.
        at: Timestamp,
        /// Somebody has read it.
        read: bool,
        /// What it says.
        of: WarningOfRow,
    }
);

choice!(
    /// What a warning says.
    pub(crate) enum WarningOfRow: u8 {
        /// An alarm of a conversation.
        1 => Alarm(AlarmRow),
        /// A notice.
        2 => Notice(NoticeRow),
    }
);

record!(
    /// An alarm and where it is.
    pub(crate) struct AlarmRow {
        /// Which conversation.
        conversation: ConversationId,
        /// What.
        alarm: AlarmOf,
    }
);

record!(
    /// Numbers from one to another.
    pub(crate) struct RangeRow {
        /// First.
        from: u64,
        /// Last.
        to: u64,
    }
);

record!(
    /// Counters of a sender.
    pub(crate) struct GapRow {
        /// Whose.
        sender: AddressText,
        /// Which.
        missing: RangeRow,
    }
);

record!(
    /// A sender and a position.
    pub(crate) struct ForkRow {
        /// Who.
        sender: AddressText,
        /// Where.
        position: u64,
    }
);

record!(
    /// A sender and somebody else's message.
    pub(crate) struct NotAuthorRow {
        /// Who tried.
        sender: AddressText,
        /// Which message.
        message: MessageId,
    }
);

record!(
    /// An entry and the device that sent it.
    pub(crate) struct EntryRow {
        /// Where.
        position: u64,
        /// By which device.
        sender: DeviceId,
    }
);

choice!(
    /// What an alarm says.
    pub(crate) enum AlarmOf: u8 {
        /// `Alarm::Gap`.
        1 => Gap(GapRow),
        /// `Alarm::Fork`.
        2 => Fork(ForkRow),
        /// `Alarm::Replay`.
        3 => Replay(AddressText),
        /// `Alarm::Broken`.
        4 => Broken(AddressText),
        /// `Alarm::NotAuthor`.
        5 => NotAuthor(NotAuthorRow),
        /// `Alarm::NotAllowed`.
        6 => NotAllowed(AddressText),
        /// `Alarm::Undecryptable`.
        7 => Undecryptable(EntryRow),
        /// `Alarm::VoidCommit`.
        8 => VoidCommit(EntryRow),
        /// `Alarm::Receipt`.
        9 => Receipt(u64),
        /// `Alarm::Waiting`.
        10 => Waiting(DeviceId),
        /// `Alarm::WaitingStatus`.
        11 => WaitingStatus(u64),
        /// `Alarm::Excluded`.
        12 => Excluded(u64),
        /// `Alarm::ExpiredEntries`.
        13 => ExpiredEntries(RangeRow),
    }
);

record!(
    /// A conversation whose log the relay lacks the end of.
    pub(crate) struct BehindRow {
        /// Which.
        conversation: ConversationId,
        /// How much it lacks.
        missing: u64,
    }
);

record!(
    /// Somebody's device.
    pub(crate) struct DeviceOfRow {
        /// Whose.
        address: AddressText,
        /// Which.
        device: DeviceId,
    }
);

record!(
    /// A device and its code.
    pub(crate) struct DeviceCodeRow {
        /// Which.
        device: DeviceId,
        /// What it shows.
        code: Text<64>,
    }
);

record!(
    /// A device and the one that approved it.
    pub(crate) struct ApprovedRow {
        /// Which.
        device: DeviceId,
        /// By which.
        by: DeviceId,
    }
);

record!(
    /// A device that is revoked.
    pub(crate) struct RevokedRow {
        /// Whose and which.
        device: DeviceOfRow,
        /// Why.
        reason: Reason,
    }
);

record!(
    /// A failure: its code and its sentences.
    pub(crate) struct FailureRow {
        /// The kind.
        code: FailureCode,
        /// What failed.
        failed: Text<SENTENCE>,
        /// What to try.
        advice: Text<SENTENCE>,
    }
);

record!(
    /// A document that the relay has lost.
    pub(crate) struct LostRow {
        /// Which.
        document: DocumentId,
        /// Why, and what to do.
        failure: FailureRow,
    }
);

record!(
    /// A conversation that was refused.
    pub(crate) struct RefusedRow {
        /// Which.
        conversation: ConversationId,
        /// Why.
        failure: FailureRow,
    }
);

record!(
    /// A change of members.
    pub(crate) struct MemberRow {
        /// Where.
        conversation: ConversationId,
        /// Who made it.
        by: PersonRow,
        /// What it is.
        change: MemberChangeRow,
    }
);

choice!(
    /// What a notice says.
    pub(crate) enum NoticeRow: u8 {
        /// `Notice::StatusExpired`.
        1 => StatusExpired(Timestamp),
        /// `Notice::RelayRestored`.
        2 => RelayRestored(Nothing),
        /// `Notice::RelayBehind`.
        3 => RelayBehind(BehindRow),
        /// `Notice::ProfileOutdated`.
        4 => ProfileOutdated(u64),
        /// `Notice::RelaySettling`.
        5 => RelaySettling(ConversationId),
        /// `Notice::NewDevice`.
        6 => NewDevice(DeviceOfRow),
        /// `Notice::DeviceAsks`.
        7 => DeviceAsks(DeviceCodeRow),
        /// `Notice::DeviceApproved`.
        8 => DeviceApproved(ApprovedRow),
        /// `Notice::AwaitingApproval`.
        9 => AwaitingApproval(Text<64>),
        /// `Notice::GrantReused`.
        10 => GrantReused(AddressText),
        /// `Notice::Revoked`.
        11 => Revoked(RevokedRow),
        /// `Notice::LastResortUsed`.
        12 => LastResortUsed(Nothing),
        /// `Notice::InvitationReused`.
        13 => InvitationReused(Timestamp),
        /// `Notice::DocumentLost`.
        14 => DocumentLost(LostRow),
        /// `Notice::JoinRefused`.
        15 => JoinRefused(RefusedRow),
        /// `Notice::CreationRefused`.
        16 => CreationRefused(RefusedRow),
        /// `Notice::Member`.
        17 => Member(MemberRow),
        /// `Notice::ClockSkew`, in milliseconds.
        18 => ClockSkew(u64),
    }
);

impl WarningRow {
    /// Of a warning.
    ///
    /// # Errors
    /// A name that is longer than any name can be.
    pub(crate) fn of(warning: &Warning) -> Result<Self, Failure> {
        let of = match &warning.of {
            WarningOf::Alarm { conversation, alarm } => {
                WarningOfRow::Alarm(AlarmRow { conversation: *conversation, alarm: alarm_row(alarm)? })
            }
            WarningOf::Notice(notice) => WarningOfRow::Notice(notice_row(notice)?),
        };
        Ok(Self { number: warning.id, at: warning.at, read: warning.read, of })
    }

    /// The warning.
    ///
    /// # Errors
    /// [`FailureCode::Damaged`] where it holds what is no address or code.
    pub(crate) fn view(self) -> Result<Warning, Failure> {
        let of = match self.of {
            WarningOfRow::Alarm(row) => {
                WarningOf::Alarm { conversation: row.conversation, alarm: alarm_of(row.alarm)? }
            }
            WarningOfRow::Notice(row) => WarningOf::Notice(notice_of(row)?),
        };
        Ok(Warning { id: self.number, at: self.at, read: self.read, of })
    }
}

fn alarm_row(alarm: &Alarm) -> Result<AlarmOf, Failure> {
    Ok(match alarm {
        Alarm::Gap { sender, from, to } => {
            AlarmOf::Gap(GapRow { sender: address_text(sender)?, missing: RangeRow { from: *from, to: *to } })
        }
        Alarm::Fork { sender, position } => {
            AlarmOf::Fork(ForkRow { sender: address_text(sender)?, position: *position })
        }
        Alarm::Replay { sender } => AlarmOf::Replay(address_text(sender)?),
        Alarm::Broken { sender } => AlarmOf::Broken(address_text(sender)?),
        Alarm::NotAuthor { sender, message } => {
            AlarmOf::NotAuthor(NotAuthorRow { sender: address_text(sender)?, message: *message })
        }
        Alarm::NotAllowed { sender } => AlarmOf::NotAllowed(address_text(sender)?),
        Alarm::Undecryptable { position, sender } => {
            AlarmOf::Undecryptable(EntryRow { position: *position, sender: *sender })
        }
        Alarm::VoidCommit { position, sender } => {
            AlarmOf::VoidCommit(EntryRow { position: *position, sender: *sender })
        }
        Alarm::Receipt { position } => AlarmOf::Receipt(*position),
        Alarm::Waiting { device } => AlarmOf::Waiting(*device),
        Alarm::WaitingStatus { number } => AlarmOf::WaitingStatus(*number),
        Alarm::Excluded { position } => AlarmOf::Excluded(*position),
        Alarm::ExpiredEntries { from, to } => AlarmOf::ExpiredEntries(RangeRow { from: *from, to: *to }),
    })
}

fn alarm_of(row: AlarmOf) -> Result<Alarm, Failure> {
    Ok(match row {
        AlarmOf::Gap(row) => Alarm::Gap { sender: address(&row.sender)?, from: row.missing.from, to: row.missing.to },
        AlarmOf::Fork(row) => Alarm::Fork { sender: address(&row.sender)?, position: row.position },
        AlarmOf::Replay(sender) => Alarm::Replay { sender: address(&sender)? },
        AlarmOf::Broken(sender) => Alarm::Broken { sender: address(&sender)? },
        AlarmOf::NotAuthor(row) => Alarm::NotAuthor { sender: address(&row.sender)?, message: row.message },
        AlarmOf::NotAllowed(sender) => Alarm::NotAllowed { sender: address(&sender)? },
        AlarmOf::Undecryptable(row) => Alarm::Undecryptable { position: row.position, sender: row.sender },
        AlarmOf::VoidCommit(row) => Alarm::VoidCommit { position: row.position, sender: row.sender },
        AlarmOf::Receipt(position) => Alarm::Receipt { position },
        AlarmOf::Waiting(device) => Alarm::Waiting { device },
        AlarmOf::WaitingStatus(number) => Alarm::WaitingStatus { number },
        AlarmOf::Excluded(position) => Alarm::Excluded { position },
        AlarmOf::ExpiredEntries(row) => Alarm::ExpiredEntries { from: row.from, to: row.to },
    })
}

fn notice_row(notice: &Notice) -> Result<NoticeRow, Failure> {
    let device_of =
        |address: &Address, device: &DeviceId| Ok(DeviceOfRow { address: address_text(address)?, device: *device });
    Ok(match notice {
        Notice::StatusExpired { since } => NoticeRow::StatusExpired(*since),
        Notice::RelayRestored => NoticeRow::RelayRestored(Nothing {}),
        Notice::RelayBehind { conversation, missing } => {
            NoticeRow::RelayBehind(BehindRow { conversation: *conversation, missing: *missing })
        }
        Notice::ProfileOutdated { conversations } => NoticeRow::ProfileOutdated(*conversations),
        Notice::RelaySettling { conversation } => NoticeRow::RelaySettling(*conversation),
        Notice::NewDevice { address, device } => NoticeRow::NewDevice(device_of(address, device)?),
        Notice::DeviceAsks { device, code } => {
            NoticeRow::DeviceAsks(DeviceCodeRow { device: *device, code: text(code.to_string())? })
        }
        Notice::DeviceApproved { device, by } => NoticeRow::DeviceApproved(ApprovedRow { device: *device, by: *by }),
        Notice::AwaitingApproval { code } => NoticeRow::AwaitingApproval(text(code.to_string())?),
        Notice::GrantReused { address } => NoticeRow::GrantReused(address_text(address)?),
        Notice::Revoked { address, device, reason } => {
            NoticeRow::Revoked(RevokedRow { device: device_of(address, device)?, reason: *reason })
        }
        Notice::LastResortUsed => NoticeRow::LastResortUsed(Nothing {}),
        Notice::InvitationReused { at } => NoticeRow::InvitationReused(*at),
        Notice::DocumentLost { document, failure } => {
            NoticeRow::DocumentLost(LostRow { document: *document, failure: failure_row(failure)? })
        }
        Notice::JoinRefused { conversation, failure } => {
            NoticeRow::JoinRefused(RefusedRow { conversation: *conversation, failure: failure_row(failure)? })
        }
        Notice::CreationRefused { conversation, failure } => {
            NoticeRow::CreationRefused(RefusedRow { conversation: *conversation, failure: failure_row(failure)? })
        }
        Notice::Member { conversation, by, whom, device, change } => {
            let change = MemberChangeRow { whom: person_row(whom)?, device: *device, change: *change };
            NoticeRow::Member(MemberRow { conversation: *conversation, by: person_row(by)?, change })
        }
        Notice::ClockSkew { by } => NoticeRow::ClockSkew(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)),
    })
}

fn notice_of(row: NoticeRow) -> Result<Notice, Failure> {
    Ok(match row {
        NoticeRow::StatusExpired(since) => Notice::StatusExpired { since },
        NoticeRow::RelayRestored(_) => Notice::RelayRestored,
        NoticeRow::RelayBehind(row) => Notice::RelayBehind { conversation: row.conversation, missing: row.missing },
        NoticeRow::ProfileOutdated(conversations) => Notice::ProfileOutdated { conversations },
        NoticeRow::RelaySettling(conversation) => Notice::RelaySettling { conversation },
        NoticeRow::NewDevice(row) => Notice::NewDevice { address: address(&row.address)?, device: row.device },
        NoticeRow::DeviceAsks(row) => Notice::DeviceAsks { device: row.device, code: code(&row.code)? },
        NoticeRow::DeviceApproved(row) => Notice::DeviceApproved { device: row.device, by: row.by },
        NoticeRow::AwaitingApproval(row) => Notice::AwaitingApproval { code: code(&row)? },
        NoticeRow::GrantReused(row) => Notice::GrantReused { address: address(&row)? },
        NoticeRow::Revoked(row) => {
            let DeviceOfRow { address: whose, device } = row.device;
            Notice::Revoked { address: address(&whose)?, device, reason: row.reason }
        }
        NoticeRow::LastResortUsed(_) => Notice::LastResortUsed,
        NoticeRow::InvitationReused(at) => Notice::InvitationReused { at },
        NoticeRow::DocumentLost(row) => {
            Notice::DocumentLost { document: row.document, failure: failure_of(row.failure) }
        }
        NoticeRow::JoinRefused(row) => {
            Notice::JoinRefused { conversation: row.conversation, failure: failure_of(row.failure) }
        }
        NoticeRow::CreationRefused(row) => {
            Notice::CreationRefused { conversation: row.conversation, failure: failure_of(row.failure) }
        }
        NoticeRow::Member(row) => {
            let MemberChangeRow { whom, device, change } = row.change;
            let (by, whom) = (who(&row.by)?, who(&whom)?);
            Notice::Member { conversation: row.conversation, by, whom, device, change }
        }
        NoticeRow::ClockSkew(millis) => Notice::ClockSkew { by: Duration::from_millis(millis) },
    })
}

fn failure_row(failure: &Failure) -> Result<FailureRow, Failure> {
    let Failure { code, failed, advice } = failure;
    Ok(FailureRow { code: *code, failed: text(sentence(failed))?, advice: text(sentence(advice))? })
}

fn failure_of(row: FailureRow) -> Failure {
    Failure::new(row.code, row.failed.into_string(), row.advice.into_string())
}

/// As much of a sentence as is kept.
fn sentence(text: &str) -> String {
    let mut end = text.len().min(SENTENCE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

fn person_row(person: &Who) -> Result<PersonRow, Failure> {
    Ok(PersonRow { address: address_text(&person.address)?, name: text(person.name.clone())? })
}

fn who(row: &PersonRow) -> Result<Who, Failure> {
    Ok(Who { address: address(&row.address)?, name: row.name.to_string() })
}

fn address_text(address: &Address) -> Result<AddressText, Failure> {
    text(address.to_string())
}

fn address(text: &str) -> Result<Address, Failure> {
    text.parse().map_err(|_| failure::damaged())
}

fn code(text: &str) -> Result<DeviceCode, Failure> {
    DeviceCode::parse(text).ok_or_else(failure::damaged)
}

fn text<const MAX: usize>(value: String) -> Result<Text<MAX>, Failure> {
    Text::new(value).map_err(|_| failure::internal("a text is longer than its field"))
}
