//! What each alarm and notice means, and what to do, in the person's language.

use amanat_client::{
    Failure,
    api::{Alarm, MemberChange, Notice, WarningOf},
};
use amanat_identity::Reason;
use amanat_ui::bidi;

use super::Kind;
use crate::{screens::person, words::Words};

/// What it means, and what to do.
pub(super) fn words(what: &WarningOf, words: &Words) -> (String, String) {
    let (key, values) = match what {
        WarningOf::Alarm { alarm, .. } => alarm_values(alarm),
        WarningOf::Notice(notice) => notice_values(notice, words),
    };
    let mut given: Vec<(&str, crate::words::Value<'_>)> = Vec::new();
    for (name, value) in &values {
        let counted = matches!(*name, "missing" | "count" | "number" | "minutes");
        let value = if counted { words.language().digits(value) } else { value.clone() };
        given.push((name, value.into()));
    }
    (words.with(key, &given), words.say(&format!("{key}-do")))
}

type Values = Vec<(&'static str, String)>;

fn alarm_values(alarm: &Alarm) -> (&'static str, Values) {
    let sender = |address: &amanat_identity::Address| ("sender", address.to_string());
    match alarm {
        Alarm::Gap { sender: by, from, to } => {
            let missing = to.saturating_sub(*from).saturating_add(1);
            ("alarm-gap", vec![sender(by), ("missing", missing.to_string())])
        }
        Alarm::Fork { sender: by, .. } => ("alarm-fork", vec![sender(by)]),
        Alarm::Replay { sender: by } => ("alarm-replay", vec![sender(by)]),
        Alarm::Broken { sender: by } => ("alarm-broken", vec![sender(by)]),
        Alarm::NotAuthor { sender: by, .. } => ("alarm-not-author", vec![sender(by)]),
        Alarm::NotAllowed { sender: by } => ("alarm-not-allowed", vec![sender(by)]),
        Alarm::Undecryptable { sender, .. } => ("alarm-undecryptable", vec![("device", short(sender))]),
        Alarm::VoidCommit { sender, .. } => ("alarm-void-commit", vec![("device", short(sender))]),
        Alarm::Receipt { .. } => ("alarm-receipt", Vec::new()),
        Alarm::Waiting { device } => ("alarm-waiting", vec![("device", short(device))]),
        Alarm::WaitingStatus { number } => ("alarm-waiting-status", vec![("number", number.to_string())]),
        Alarm::Excluded { .. } => ("alarm-excluded", Vec::new()),
        Alarm::ExpiredEntries { from, to } => {
            let missing = to.saturating_sub(*from).saturating_add(1);
            ("alarm-expired", vec![("missing", missing.to_string())])
        }
    }
}

fn notice_values(notice: &Notice, words: &Words) -> (&'static str, Values) {
    let failed = |failure: &Failure| ("failed", words.failure(failure).0);
    let own = |address: &amanat_identity::Address| ("address", address.to_string());
    match notice {
        Notice::StatusExpired { .. } => ("notice-status-expired", Vec::new()),
        Notice::RelayRestored => ("notice-relay-restored", Vec::new()),
        Notice::RelayBehind { missing, .. } => ("notice-relay-behind", vec![("missing", missing.to_string())]),
        Notice::ProfileOutdated { conversations } => {
            ("notice-profile-outdated", vec![("count", conversations.to_string())])
        }
        Notice::RelaySettling { .. } => ("notice-relay-settling", Vec::new()),
        Notice::NewDevice { address, device } => ("notice-new-device", vec![own(address), ("device", short(device))]),
        Notice::DeviceAsks { device, code } => {
            ("notice-device-asks", vec![("device", short(device)), ("code", code.to_string())])
        }
        Notice::DeviceApproved { device, by } => {
            ("notice-device-approved", vec![("device", short(device)), ("by", short(by))])
        }
        Notice::AwaitingApproval { code } => ("notice-awaiting-approval", vec![("code", code.to_string())]),
        Notice::GrantReused { address } => ("notice-grant-reused", vec![own(address)]),
        Notice::Revoked { address, device, reason } => {
            let reason = words.say(reason_key(*reason));
            ("notice-revoked", vec![own(address), ("device", short(device)), ("reason", reason)])
        }
        Notice::LastResortUsed => ("notice-last-resort", Vec::new()),
        Notice::InvitationReused { .. } => ("notice-invitation-reused", Vec::new()),
        Notice::DocumentLost { failure, .. } => ("notice-document-lost", vec![failed(failure)]),
        Notice::JoinRefused { failure, .. } => ("notice-join-refused", vec![failed(failure)]),
        Notice::CreationRefused { failure, .. } => ("notice-creation-refused", vec![failed(failure)]),
        Notice::Member { by, whom, change, .. } => {
            let (by, whom) = (bidi::defuse(&by.name, person::NAME), bidi::defuse(&whom.name, person::NAME));
            (member_key(*change), vec![("by", by), ("whom", whom)])
        }
        Notice::ClockSkew { by } => ("notice-clock", vec![("minutes", (by.as_secs() / 60).to_string())]),
    }
}

fn member_key(change: MemberChange) -> &'static str {
    match change {
        MemberChange::Added => "notice-member-added",
        MemberChange::Removed => "notice-member-removed",
        MemberChange::Left => "notice-member-left",
        MemberChange::Moderator => "notice-member-moderator",
        MemberChange::NotModerator => "notice-member-not-moderator",
        MemberChange::DeviceAdded => "notice-member-device-added",
        MemberChange::DeviceRemoved => "notice-member-device-removed",
        MemberChange::AddedAgain => "notice-member-added-again",
    }
}

fn reason_key(reason: Reason) -> &'static str {
    match reason {
        Reason::Lost => "reason-lost",
        Reason::Stolen => "reason-stolen",
        Reason::Left => "reason-left",
        Reason::Compromised => "reason-compromised",
        Reason::Other => "reason-other",
        Reason::Lapsed => "reason-lapsed",
    }
}

/// The beginning of a device's id.
fn short(device: &amanat_primitives::DeviceId) -> String {
    device.to_string().chars().take(8).collect()
}

/// How much it weighs.
pub(super) fn kind(what: &WarningOf) -> Kind {
    match what {
        WarningOf::Alarm {
            alarm:
                Alarm::Waiting { .. }
                | Alarm::WaitingStatus { .. }
                | Alarm::NotAllowed { .. }
                | Alarm::ExpiredEntries { .. }
                | Alarm::NotAuthor { .. }
                | Alarm::Replay { .. },
            ..
        } => Kind::Caution,
        WarningOf::Alarm { .. } => Kind::Danger,
        WarningOf::Notice(
            Notice::GrantReused { .. }
            | Notice::ProfileOutdated { .. }
            | Notice::InvitationReused { .. }
            | Notice::DeviceApproved { .. }
            | Notice::RelayBehind { .. },
        ) => Kind::Danger,
        WarningOf::Notice(_) => Kind::Caution,
    }
}
