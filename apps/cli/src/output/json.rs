//! Every object that `--json` prints (protocol-spec/json-output.md, section 3). A test compares them with the page.

use serde::Serialize;

use amanat_client::api::{
    ConversationState, ConversationView, DocumentView, Hit, LinkView, Member, MessageBody, MessageView, Overview,
    Person, Role, Verification,
};
use amanat_identity::Address;
use amanat_primitives::{ConversationId, DocumentId, MessageId};

pub(crate) use bench::{Bench, DocumentRun, GroupRun, LoadRun, PairsRun, SearchRun, SecondsRun};
pub(crate) use device::{DeviceApproved, DeviceLine, HistoryPacked, HistoryTaken};
pub(crate) use policy::{Found, PolicyChange, PolicyChecked, PolicyRecord, PolicySimulated, PolicyText, Scanned};

use super::time::utc;
use crate::problem::Problem;

mod bench;
pub(crate) mod change;
mod device;
pub(crate) mod event;
#[cfg(test)]
mod page;
mod policy;

/// The last line of a command that failed.
#[derive(Serialize)]
pub(crate) struct Error<'a> {
    error: &'a str,
    failed: &'a str,
    r#try: &'a str,
}

impl<'a> From<&'a Problem> for Error<'a> {
    fn from(problem: &'a Problem) -> Self {
        Self { error: problem.code(), failed: problem.failed(), r#try: problem.advice() }
    }
}

/// `authority init`.
#[derive(Serialize)]
pub(crate) struct AuthorityMade {
    pub(crate) authority: String,
    pub(crate) domain: String,
    pub(crate) name: String,
    pub(crate) certificate: String,
    pub(crate) root: String,
    pub(crate) officer_valid_until: String,
    pub(crate) status_number: u64,
    pub(crate) status_next_update: String,
}

/// `officer init`, `auditor init`.
#[derive(Serialize)]
pub(crate) struct CardMade {
    pub(crate) role: &'static str,
    pub(crate) name: String,
    pub(crate) card: String,
}

/// `authority certify`.
#[derive(Serialize)]
pub(crate) struct Certified {
    pub(crate) role: &'static str,
    pub(crate) name: String,
    pub(crate) valid_until: String,
    pub(crate) out: String,
}

/// `relay certify`.
#[derive(Serialize)]
pub(crate) struct RelayCertified {
    pub(crate) relay: String,
    pub(crate) domain: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) public: bool,
    pub(crate) valid_until: String,
    pub(crate) out: String,
}

/// `invite`.
#[derive(Serialize)]
pub(crate) struct Invited {
    pub(crate) address: String,
    pub(crate) name: String,
    pub(crate) post: String,
    pub(crate) clearance: &'static str,
    pub(crate) grant: String,
    pub(crate) redeem_by: String,
    pub(crate) out: String,
    pub(crate) code: Option<String>,
}

/// `join`.
#[derive(Serialize)]
pub(crate) struct Joined {
    pub(crate) address: String,
    pub(crate) name: String,
    pub(crate) post: String,
    pub(crate) clearance: &'static str,
    pub(crate) device: String,
    pub(crate) authority: String,
    pub(crate) approve: Option<String>,
}

/// `attest`.
#[derive(Serialize)]
pub(crate) struct Attested {
    pub(crate) number: u64,
    pub(crate) next_update: String,
    pub(crate) lapsed: Vec<String>,
    pub(crate) published: Vec<String>,
    pub(crate) waiting: Vec<String>,
    pub(crate) needs_cosign: Vec<String>,
    pub(crate) not_renewed: Vec<String>,
}

/// A line of `cosign`.
#[derive(Serialize)]
pub(crate) struct Cosigned {
    pub(crate) file: String,
    pub(crate) target: String,
    pub(crate) kind: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) at: String,
    pub(crate) proposed_by: String,
}

/// `revoke`.
#[derive(Serialize)]
pub(crate) struct Revoked {
    pub(crate) target: String,
    pub(crate) kind: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) number: u64,
    pub(crate) published: Vec<String>,
    pub(crate) waiting: Vec<String>,
    pub(crate) needs_cosign: Vec<String>,
}

/// `renew`.
#[derive(Serialize)]
pub(crate) struct Renewed {
    pub(crate) address: String,
    pub(crate) clearance: &'static str,
    pub(crate) devices: Vec<String>,
    pub(crate) valid_until: String,
    pub(crate) officer_ends_first: bool,
}

/// A line of `people`.
#[derive(Serialize)]
pub(crate) struct PersonLine {
    address: String,
    name: String,
    post: String,
    clearance: &'static str,
    devices: Vec<String>,
    verified: bool,
    cached: bool,
}

impl PersonLine {
    /// `cached`: the relay could not be asked.
    pub(crate) fn new(person: &Person, cached: bool) -> Self {
        Self {
            address: person.address.to_string(),
            name: person.name.clone(),
            post: person.post.clone(),
            clearance: person.clearance.name(),
            devices: person.devices.iter().map(ToString::to_string).collect(),
            verified: person.verified,
            cached,
        }
    }
}

/// A line of `conversations`.
#[derive(Serialize)]
pub(crate) struct ConversationLine {
    id: String,
    title: String,
    direct: bool,
    tier: &'static str,
    members: usize,
    unread: u64,
    state: &'static str,
    last: Option<MessageLine>,
}

impl From<&ConversationView> for ConversationLine {
    fn from(view: &ConversationView) -> Self {
        Self {
            id: view.id.to_string(),
            title: view.title.clone(),
            direct: view.direct,
            tier: view.tier.name(),
            members: view.members,
            unread: view.unread,
            state: state_name(view.state),
            last: view.last.as_ref().map(MessageLine::from),
        }
    }
}

fn state_name(state: ConversationState) -> &'static str {
    match state {
        ConversationState::Active => "active",
        ConversationState::Creating => "creating",
        ConversationState::StatusExpired => "status-expired",
        ConversationState::Frozen => "frozen",
        ConversationState::Removed => "removed",
        ConversationState::Removing => "removing",
        ConversationState::Left => "left",
        ConversationState::Over => "over",
        ConversationState::Archived => "archived",
        ConversationState::FellOut => "fell-out",
        ConversationState::Waiting => "waiting",
    }
}

/// `status`.
#[derive(Serialize)]
pub(crate) struct StatusLine {
    address: String,
    name: String,
    post: String,
    clearance: &'static str,
    device: String,
    valid_until: String,
    authority: String,
    link: Option<Link>,
    status: Option<StatusStatement>,
    suite: &'static str,
    conversations: usize,
    queued: usize,
    unread: u64,
    warnings: usize,
}

/// What a link negotiated.
#[derive(Serialize)]
pub(crate) struct Link {
    address: String,
    tls: String,
    key_exchange: String,
    cipher: String,
    noise: String,
}

#[derive(Serialize)]
struct StatusStatement {
    number: u64,
    next_update: String,
    expired: bool,
}

impl From<&LinkView> for Link {
    fn from(link: &LinkView) -> Self {
        Self {
            address: link.address.clone(),
            tls: link.tls.clone(),
            key_exchange: link.key_exchange.clone(),
            cipher: link.cipher.clone(),
            noise: link.noise.clone(),
        }
    }
}

impl StatusLine {
    /// `warnings`: those that nobody has read.
    pub(crate) fn new(view: &Overview, warnings: usize) -> Self {
        Self {
            address: view.address.to_string(),
            name: view.name.clone(),
            post: view.post.clone(),
            clearance: view.clearance.name(),
            device: view.device.to_string(),
            valid_until: utc(view.valid_until),
            authority: view.authority.clone(),
            link: view.link.as_ref().map(Link::from),
            status: view.status.map(|status| StatusStatement {
                number: status.number,
                next_update: utc(status.next_update),
                expired: status.expired,
            }),
            suite: view.suite,
            conversations: view.conversations,
            queued: view.queued,
            unread: view.unread,
            warnings,
        }
    }
}

/// `passphrase`.
#[derive(Serialize)]
pub(crate) struct PassphraseChanged {
    pub(crate) profile: String,
}

/// `new`, `send`, and what is done to a message.
#[derive(Serialize)]
pub(crate) struct Sent {
    conversation: String,
    message: Option<String>,
    document: Option<String>,
}

impl Sent {
    pub(crate) fn new(conversation: ConversationId, message: Option<MessageId>, document: Option<DocumentId>) -> Self {
        Self {
            conversation: conversation.to_string(),
            message: message.map(|id| id.to_string()),
            document: document.map(|id| id.to_string()),
        }
    }
}

/// `add`, `remove`, `role`, `leave` and `title`.
#[derive(Serialize)]
pub(crate) struct Changed {
    conversation: String,
}

impl Changed {
    pub(crate) fn new(conversation: ConversationId) -> Self {
        Self { conversation: conversation.to_string() }
    }
}

/// `sync`.
#[derive(Serialize)]
pub(crate) struct Synced {
    pub(crate) received: u64,
}

/// A line of `read`; also inside a line of `conversations` and of `watch`.
#[derive(Serialize)]
pub(crate) struct MessageLine {
    id: String,
    sequence: u64,
    from: String,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<&'static str>,
    state: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    imported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edited: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reactions: Vec<ReactionLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledgement: Option<AcknowledgementLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

#[derive(Serialize)]
struct ReactionLine {
    from: String,
    text: String,
}

#[derive(Serialize)]
struct AcknowledgementLine {
    by: Vec<String>,
    missing: Vec<String>,
}

impl From<&MessageView> for MessageLine {
    fn from(view: &MessageView) -> Self {
        let (text, document) = match &view.body {
            MessageBody::Text(text) => (Some(text.clone()), None),
            MessageBody::Document(document) => (None, Some(document.id.to_string())),
            MessageBody::Gone | MessageBody::NeedsNewerVersion | MessageBody::ReadsFromHere => (None, None),
        };
        let notice = (view.body == MessageBody::ReadsFromHere).then_some("reads-from-here");
        let addresses = |people: &[Address]| people.iter().map(ToString::to_string).collect();
        let reaction = |(from, text): &(Address, String)| ReactionLine { from: from.to_string(), text: text.clone() };
        Self {
            id: view.id.to_string(),
            sequence: view.sequence,
            from: view.from.to_string(),
            at: utc(view.at),
            text,
            document,
            notice,
            state: view.state.name(),
            imported: view.imported,
            reply_to: view.reply_to.as_ref().map(|quote| quote.message.to_string()),
            edited: view.edited.map(utc),
            deleted: view.deleted,
            reactions: view.reactions.iter().map(reaction).collect(),
            acknowledgement: view
                .acknowledgement
                .as_ref()
                .map(|said| AcknowledgementLine { by: addresses(&said.by), missing: addresses(&said.missing) }),
            expires_at: view.expires_at.map(utc),
        }
    }
}

/// A line of `search`.
#[derive(Serialize)]
pub(crate) struct HitLine {
    conversation: String,
    message: MessageLine,
}

impl From<&Hit> for HitLine {
    fn from(hit: &Hit) -> Self {
        Self { conversation: hit.conversation.to_string(), message: (&hit.message).into() }
    }
}

/// A line of `documents`.
#[derive(Serialize)]
pub(crate) struct DocumentLine {
    id: String,
    name: String,
    size: u64,
    tier: &'static str,
    transfer: Option<TransferObject>,
}

/// An upload or a fetch that is not over, or was given up.
#[derive(Serialize)]
struct TransferObject {
    direction: &'static str,
    state: &'static str,
    done: u64,
}

impl From<&DocumentView> for DocumentLine {
    fn from(view: &DocumentView) -> Self {
        let transfer = view.transfer.map(|transfer| TransferObject {
            direction: transfer.direction.name(),
            state: transfer.state.name(),
            done: transfer.done,
        });
        Self { id: view.id.to_string(), name: view.name.clone(), size: view.size, tier: view.tier.name(), transfer }
    }
}

/// `save`.
#[derive(Serialize)]
pub(crate) struct Saved {
    pub(crate) document: String,
    pub(crate) path: String,
    pub(crate) size: u64,
}

/// A line of `members`.
#[derive(Serialize)]
pub(crate) struct MemberLine {
    address: String,
    device: String,
    name: String,
    post: String,
    clearance: Option<&'static str>,
    role: Option<&'static str>,
    verified: bool,
}

impl From<&Member> for MemberLine {
    fn from(member: &Member) -> Self {
        Self {
            address: member.address.to_string(),
            device: member.device.to_string(),
            name: member.name.clone(),
            post: member.post.clone(),
            clearance: member.clearance.map(|tier| tier.name()),
            role: member.role.map(Role::name),
            verified: member.verified,
        }
    }
}

/// `verify`.
#[derive(Serialize)]
pub(crate) struct Verified {
    address: String,
    name: String,
    post: String,
    clearance: &'static str,
    devices: Vec<String>,
    verified: bool,
    chain: Vec<String>,
    safety_number: String,
}

impl From<&Verification> for Verified {
    fn from(view: &Verification) -> Self {
        Self {
            address: view.person.address.to_string(),
            name: view.person.name.clone(),
            post: view.person.post.clone(),
            clearance: view.person.clearance.name(),
            devices: view.person.devices.iter().map(ToString::to_string).collect(),
            verified: view.person.verified,
            chain: view.chains.concat(),
            safety_number: view.safety_number.clone(),
        }
    }
}

/// One check of `demo`.
#[derive(Serialize)]
pub(crate) struct DemoCheck {
    pub(crate) chapter: String,
    pub(crate) check: String,
    pub(crate) ok: bool,
    pub(crate) command: Option<String>,
}

/// One figure of `demo`.
#[derive(Serialize)]
pub(crate) struct DemoFigure {
    pub(crate) figure: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
}

/// `completions`.
#[derive(Serialize)]
pub(crate) struct Completions {
    pub(crate) shell: String,
    pub(crate) script: String,
}
