//! People, members, devices and what is said unasked, for tests and pictures.

use std::time::Duration;

use amanat_client::{
    Command, Failure, FailureCode, Reply,
    api::{
        Alarm, ConversationView, Hit, LinkView, Member, MemberChange, MessageBody, Notice, OwnDevice, Person, Role,
        StatusSummary, Target, Verification, Who,
    },
};
use amanat_identity::{Address, DeviceCode, Reason, Tier};
use amanat_primitives::{ConversationId, DeviceId, DocumentId, MessageId, StatementId, Timestamp};

use super::{NOW, address, message};

/// A day, in seconds.
const DAY: u64 = 86_400;

/// Handle, name, post, clearance, devices, compared.
type Entry = (&'static str, &'static str, &'static str, Tier, u8, bool);

const PEOPLE: [Entry; 7] = [
    ("director@cabinet.example", "Bilal Ahmed", "Director, Budget Wing", Tier::TopSecret, 2, true),
    ("clerk@cabinet.example", "Sana Tariq", "Section Officer, Accounts", Tier::Confidential, 1, false),
    ("archive@cabinet.example", "Sana Tarique", "Records Officer", Tier::Official, 1, false),
    ("adviser@cabinet.example", "سیکریٹری داخلہ", "مشیر برائے داخلہ", Tier::Secret, 1, true),
    ("registrar@cabinet.example", "Imran Qureshi", "Registrar", Tier::Restricted, 1, true),
    ("analyst@finance.example", "نادیہ حسین", "ماہر معاشیات، وزارت خزانہ", Tier::Secret, 2, false),
    ("liaison@interior.example", "Faisal \u{202E}Mehmood", "Liaison Officer", Tier::Secret, 1, false),
];

fn device(number: usize) -> DeviceId {
    let mut bytes = [0; 32];
    bytes.iter_mut().enumerate().for_each(|(n, byte)| *byte = (number * 37 + n * 11 + 5) as u8);
    DeviceId::from_bytes(bytes)
}

/// The directory.
#[must_use]
pub fn people() -> Vec<Person> {
    let person = |(n, (address, name, post, clearance, devices, verified)): (usize, Entry)| {
        Some(Person {
            address: address.parse().ok()?,
            name: name.to_owned(),
            post: post.to_owned(),
            clearance,
            devices: (0..usize::from(devices)).map(|d| device(n * 4 + d)).collect(),
            verified,
        })
    };
    PEOPLE.into_iter().enumerate().filter_map(person).collect()
}

/// Those whose name, post or address holds a text.
pub(super) fn search(query: &str) -> Vec<Person> {
    let query = query.to_lowercase();
    let fits = |person: &Person| {
        let all = format!("{} {} {}", person.name, person.post, person.address).to_lowercase();
        all.contains(&query)
    };
    people().into_iter().filter(fits).collect()
}

/// Members of a group, each device on a line.
#[must_use]
pub fn members() -> Vec<Member> {
    let own = (0..2).filter_map(|n| {
        Some(Member {
            address: address("secretary")?,
            device: device(100 + n),
            name: "Hassan Khalid".to_owned(),
            post: "Additional Secretary".to_owned(),
            clearance: Some(Tier::TopSecret),
            role: Some(Role::Founder),
            verified: false,
            own: n == 0,
        })
    });
    let chosen = |person: &Person| !matches!(person.address.handle.as_str(), "archive" | "registrar" | "liaison");
    let others = people().into_iter().filter(chosen).flat_map(|person| {
        let moderator = person.address.handle.as_str() == "director";
        let role = if moderator { Role::Moderator } else { Role::Member };
        person.devices.clone().into_iter().map(move |device| Member {
            address: person.address.clone(),
            device,
            name: person.name.clone(),
            post: person.post.clone(),
            clearance: Some(person.clearance),
            role: Some(role),
            verified: person.verified,
            own: false,
        })
    });
    own.chain(others).collect()
}

/// Members of a conversation between two.
pub(super) fn pair(conversation: ConversationId) -> Vec<Member> {
    let other = if conversation.as_bytes().first() == Some(&2) { "adviser" } else { "director" };
    let fits = |member: &Member| member.own || member.address.handle.as_str() == other;
    members().into_iter().filter(fits).map(|member| Member { role: None, ..member }).collect()
}

/// Members, with those who came.
pub(super) fn with(answer: Reply, came: &[Who]) -> Reply {
    let Reply::Members(mut members) = answer else { return answer };
    let like = members.iter().rfind(|member| !member.own).cloned();
    members.extend(came.iter().zip(like.into_iter().cycle()).map(|(who, like)| Member {
        address: who.address.clone(),
        name: who.name.clone(),
        ..like
    }));
    Reply::Members(members)
}

/// The safety number with somebody.
#[must_use]
pub fn verification(person: &Person) -> Verification {
    let seed: u64 = person.address.to_string().bytes().fold(7, |sum, byte| sum * 31 % 99_991 + u64::from(byte));
    let groups: Vec<_> = (1..=12_u64).map(|n| format!("{:05}", seed * n * 7_919 % 100_000)).collect();
    Verification { person: person.clone(), chains: Vec::new(), safety_number: groups.join(" ") }
}

/// The safety number with somebody, compared where it is the very one; it may be another one than at first.
pub(super) fn verify(address: &Address, compared: Option<String>, other: bool) -> Result<Reply, Failure> {
    let person = people().into_iter().find(|person| person.address == *address);
    let unknown = || Failure::new(FailureCode::NotFound, "nobody has this address", "choose somebody else");
    let mut found = verification(&person.ok_or_else(unknown)?);
    if other {
        found.safety_number = found.safety_number.chars().rev().collect();
        found.person.verified = false;
    }
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    match compared {
        Some(compared) if digits(&compared) != digits(&found.safety_number) => {
            Err(Failure::new(FailureCode::NotAllowed, "the safety number is another one now", "compare it again"))
        }
        compared => {
            found.person.verified |= compared.is_some();
            Ok(Reply::Verification(found))
        }
    }
}

/// One's own devices; the second waits, the third was used yesterday.
#[must_use]
pub fn devices() -> Vec<OwnDevice> {
    let of = |n: usize, this: bool, pending: bool| OwnDevice {
        device: if this { DeviceId::from_bytes([2; 32]) } else { device(100 + n) },
        this,
        added: Timestamp::from_secs(NOW.as_millis() / 1000 - DAY * 40),
        approved_by: None,
        pending,
        code: DeviceCode::of(StatementId::from_bytes([n as u8 * 7 + 1; 32])),
        seen: match n {
            0 => Some(NOW),
            1 => None,
            _ => Some(Timestamp::from_secs(NOW.as_millis() / 1000 - DAY)),
        },
        valid_until: Timestamp::from_secs(NOW.as_millis() / 1000 + DAY * 325),
    };
    vec![of(0, true, false), of(1, false, true), of(2, false, false)]
}

/// A link with everything named.
pub(super) fn link() -> LinkView {
    LinkView {
        address: "relay.cabinet.example:7443".to_owned(),
        tls: "TLS 1.3".to_owned(),
        key_exchange: "X25519MLKEM768".to_owned(),
        cipher: "TLS13_AES_256_GCM_SHA384".to_owned(),
        noise: "Noise_IK_25519_ChaChaPoly_BLAKE2s".to_owned(),
    }
}

/// A fresh statement.
pub(super) fn status() -> StatusSummary {
    let next_update = Timestamp::from_secs(NOW.as_millis() / 1000 + DAY * 3);
    StatusSummary { number: 214, next_update, expired: false }
}

/// What is asked about people, and what changes who they are in; none for anything else.
pub(super) fn answer(command: Command, conversations: &[ConversationView]) -> Option<Reply> {
    Some(match command {
        Command::People { query } => Reply::People { people: search(&query), from_cache: false },
        Command::Members { conversation } => {
            let direct = conversations.iter().any(|view| view.id == conversation && view.direct);
            Reply::Members(if direct { pair(conversation) } else { members() })
        }
        Command::Devices => Reply::Devices { devices: devices(), from_cache: false },
        Command::ApproveDevice { code } => {
            let device = devices().into_iter().find(|device| device.pending && device.code == code)?.device;
            Reply::DeviceApproved { device }
        }
        Command::Search { query, limit, conversation } => {
            let within = |view: &&ConversationView| conversation.is_none_or(|id| id == view.id);
            let within: Vec<_> = conversations.iter().filter(within).cloned().collect();
            Reply::Hits(hits(&query, limit, &within))
        }
        Command::New { .. } | Command::SendText { to: Target::Person(..), .. } => {
            let conversation = conversations.first()?.id;
            Reply::Sent { conversation, message: None, document: None }
        }
        Command::Add { conversation, .. }
        | Command::Remove { conversation, .. }
        | Command::SetRole { conversation, .. }
        | Command::Leave { conversation }
        | Command::Retitle { conversation, .. } => Reply::ConversationChanged { conversation },
        _ => return None,
    })
}

fn hits(query: &str, limit: u32, conversations: &[ConversationView]) -> Vec<Hit> {
    let query = query.to_lowercase();
    let holds = |hit: &Hit| match &hit.message.body {
        MessageBody::Text(text) => text.to_lowercase().contains(&query),
        _ => false,
    };
    let all = (1..=40).rev().flat_map(|number| conversations.iter().filter_map(move |view| hit(view.id, number)));
    all.filter(|hit| !query.is_empty() && holds(hit)).take(limit as usize).collect()
}

/// A hit.
#[must_use]
pub fn hit(conversation: ConversationId, number: u64) -> Option<Hit> {
    Some(Hit { conversation, message: message(conversation, number, 40)? })
}

fn somebody() -> Option<Address> {
    address("clerk")
}

/// One of each alarm.
#[must_use]
pub fn alarms() -> Vec<Alarm> {
    let Some(sender) = somebody() else { return Vec::new() };
    let (position, device) = (17, device(4));
    vec![
        Alarm::Gap { sender: sender.clone(), from: 4, to: 6 },
        Alarm::Fork { sender: sender.clone(), position },
        Alarm::Replay { sender: sender.clone() },
        Alarm::Broken { sender: sender.clone() },
        Alarm::NotAuthor { sender: sender.clone(), message: MessageId::from_bytes([1; 16]) },
        Alarm::NotAllowed { sender },
        Alarm::Undecryptable { position, sender: device },
        Alarm::VoidCommit { position, sender: device },
        Alarm::Receipt { position },
        Alarm::Waiting { device },
        Alarm::WaitingStatus { number: 12 },
        Alarm::Excluded { position },
        Alarm::ExpiredEntries { from: 3, to: 9 },
    ]
}

/// One of each notice, and of each change of a member.
#[must_use]
pub fn notices() -> Vec<Notice> {
    let Some(address) = somebody() else { return Vec::new() };
    let (device, by, conversation) = (device(4), device(100), ConversationId::from_bytes([1; 16]));
    let code = DeviceCode::of(StatementId::from_bytes([8; 32]));
    let failure = || Failure::new(FailureCode::Conversation, "its members are not certified", "begin another one");
    let who = Who { address: address.clone(), name: "Sana Tariq".to_owned() };
    let mut notices = vec![
        Notice::StatusExpired { since: NOW },
        Notice::RelayRestored,
        Notice::RelayBehind { conversation, missing: 3 },
        Notice::ProfileOutdated { conversations: 2 },
        Notice::RelaySettling { conversation },
        Notice::NewDevice { address: address.clone(), device },
        Notice::DeviceAsks { device, code },
        Notice::DeviceApproved { device, by },
        Notice::AwaitingApproval { code },
        Notice::GrantReused { address: address.clone() },
        Notice::LastResortUsed,
        Notice::InvitationReused { at: NOW },
        Notice::DocumentLost { document: DocumentId::from_bytes([1; 16]), failure: failure() },
        Notice::JoinRefused { conversation, failure: failure() },
        Notice::CreationRefused { conversation, failure: failure() },
        Notice::ClockSkew { by: Duration::from_secs(900) },
    ];
    for reason in Reason::ALL {
        notices.push(Notice::Revoked { address: address.clone(), device, reason: *reason });
    }
    for change in MemberChange::ALL {
        let (by, whom) = (who.clone(), who.clone());
        notices.push(Notice::Member { conversation, by, whom, device: None, change: *change });
    }
    notices
}
