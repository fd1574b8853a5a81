//! The page that lists every object is compared with what the program prints, both ways: every example there is
//! printed byte for byte from a sample here, and every sample has its example there.

use std::{collections::BTreeMap, time::Duration};

use amanat_client::{
    Event, Failure, FailureCode, SUITE_NAME,
    api::{
        Acknowledgement, Alarm, Change, ChangeView, ConversationState, ConversationView, Direction, DocumentView, Hit,
        LinkState, LinkView, Member, MemberChange, MessageBody, MessageState, MessageView, Notice, Overview, OwnDevice,
        Person, Progress, Quote, StatusSummary, TransferState, TransferView, Verification, Warning, WarningOf, Who,
    },
};
use amanat_identity::{DeviceCode, Reason, Tier};
use amanat_primitives::{ConversationId, DeviceId, DocumentId, MessageId, Timestamp};
use serde::Serialize;

use super::{
    event::{EventLine, WarningLine},
    *,
};
use crate::output::json_line;

mod office;
mod policy;

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocol-spec/json-output.md"));

const CONVERSATION: ConversationId = ConversationId::from_bytes([0x3f; 16]);
const DOCUMENT: DocumentId = DocumentId::from_bytes([0x77; 16]);
const MESSAGE: MessageId = MessageId::from_bytes([0x10; 16]);
const DEVICE: DeviceId = DeviceId::from_bytes([0xd1; 32]);
const AT: Timestamp = Timestamp::from_millis(1_935_652_087_250);

/// The samples of each heading of the page, as they are printed.
#[derive(Default)]
struct Samples(BTreeMap<&'static str, Vec<String>>);

impl Samples {
    fn add(&mut self, heading: &'static str, object: &impl Serialize) {
        self.0.entry(heading).or_default().push(json_line::encode(object).unwrap());
    }
}

fn person() -> Person {
    Person {
        address: "secretary@cabinet.example".parse().unwrap(),
        name: "Private Secretary".into(),
        post: "Secretary".into(),
        clearance: Tier::Secret,
        devices: vec![DEVICE],
        verified: true,
    }
}

fn clerk() -> Who {
    Who { address: "clerk@cabinet.example".parse().unwrap(), name: "Records Clerk".into() }
}

fn message(body: MessageBody) -> MessageView {
    MessageView {
        id: MESSAGE,
        sequence: 7,
        from: person().address,
        name: "Private Secretary".into(),
        device: DEVICE,
        at: AT,
        body,
        state: MessageState::Unread,
        own: false,
        imported: false,
        reply_to: None,
        edited: None,
        deleted: false,
        reactions: Vec::new(),
        acknowledgement: None,
        expires_at: None,
    }
}

fn lived() -> MessageView {
    let clerk = || "clerk@cabinet.example".parse().unwrap();
    MessageView {
        reply_to: Some(Quote { message: MESSAGE, name: None, text: None }),
        edited: Some(AT),
        reactions: vec![(clerk(), "👍".into())],
        acknowledgement: Some(Acknowledgement {
            by: vec![clerk()],
            missing: vec!["aide@cabinet.example".parse().unwrap()],
        }),
        expires_at: Some(AT),
        ..text()
    }
}

fn text() -> MessageView {
    message(MessageBody::Text("اجلاس کل صبح دس بجے ہوگا۔".into()))
}

fn document() -> DocumentView {
    DocumentView {
        id: DOCUMENT,
        conversation: CONVERSATION,
        message: MESSAGE,
        name: "report.pdf".into(),
        size: 1_048_577,
        tier: Tier::Confidential,
        digest: "af1349".into(),
        transfer: None,
        sent: None,
    }
}

fn conversation(last: Option<MessageView>) -> ConversationView {
    ConversationView {
        id: CONVERSATION,
        title: "Budget 2031".into(),
        direct: false,
        tier: Tier::Confidential,
        members: 3,
        epoch: 1,
        unread: 1,
        last,
        draft: String::new(),
        pinned: false,
        muted: false,
        state: ConversationState::Active,
    }
}

fn link() -> LinkView {
    LinkView {
        address: "10.0.0.5:7443".into(),
        tls: "TLS 1.3".into(),
        key_exchange: "X25519MLKEM768".into(),
        cipher: "TLS13_AES_256_GCM_SHA384".into(),
        noise: "Noise_IK_25519_ChaChaPoly_BLAKE2s".into(),
    }
}

fn overview(link: Option<LinkView>) -> Overview {
    Overview {
        address: person().address,
        name: "Private Secretary".into(),
        post: "Secretary".into(),
        clearance: Tier::Secret,
        device: DEVICE,
        valid_until: AT,
        authority: "Cabinet Division (cabinet.example)".into(),
        status: link.is_some().then_some(StatusSummary { number: 1_935_652_087_250, next_update: AT, expired: false }),
        link,
        suite: SUITE_NAME,
        conversations: 2,
        queued: 0,
        unread: 1,
        preparing_search: false,
    }
}

fn offline() -> Failure {
    Failure::new(FailureCode::Offline, "The relay cannot be reached.", "Check the network.")
}

fn device_objects(samples: &mut Samples) {
    let first = OwnDevice {
        device: DEVICE,
        this: true,
        added: AT,
        approved_by: None,
        pending: false,
        code: code(),
        seen: Some(AT),
        valid_until: AT,
    };
    samples.add("device list", &DeviceLine::new(&first, false));
    let second = OwnDevice { this: false, pending: true, seen: None, ..first };
    samples.add("device list", &DeviceLine::new(&second, false));
    let approved = OwnDevice { this: false, approved_by: Some(DEVICE), ..first };
    samples.add("device list", &DeviceLine::new(&approved, true));
    let packed = HistoryPacked { out: "to-laptop.history".into(), conversations: 4, messages: 1203, left_out: 1 };
    samples.add("device transfer, history export, history import", &packed);
    let taken = HistoryTaken { conversations: 4, messages: 1201, known: 2, left_out: 0 };
    samples.add("device transfer, history export, history import", &taken);
    samples.add("device approve", &DeviceApproved { device: DEVICE.to_string() });
}

fn code() -> DeviceCode {
    DeviceCode::parse("4H7K-Q2M9-XW0R-51TZ").unwrap()
}

fn staff_objects(samples: &mut Samples) {
    samples.add(
        "join",
        &Joined {
            address: person().address.to_string(),
            name: "Private Secretary".into(),
            post: "Secretary".into(),
            clearance: "secret",
            device: DEVICE.to_string(),
            authority: "Cabinet Division".into(),
            approve: None,
        },
    );
    device_objects(samples);
    samples.add("people", &PersonLine::new(&person(), false));
    samples.add("conversations", &ConversationLine::from(&conversation(Some(text()))));
    samples.add("conversations", &ConversationLine::from(&conversation(None)));
    samples.add("status", &StatusLine::new(&overview(Some(link())), 2));
    samples.add("status", &StatusLine::new(&overview(None), 0));
    samples.add("add, remove, role, leave, title", &Changed::new(CONVERSATION));
    samples.add("new", &Sent::new(CONVERSATION, None, None));
    samples.add("send", &Sent::new(CONVERSATION, Some(MESSAGE), None));
    samples.add("send", &Sent::new(CONVERSATION, Some(MESSAGE), Some(DOCUMENT)));
    samples.add("reply, react, edit, delete, ack", &Sent::new(CONVERSATION, Some(MESSAGE), None));
    samples.add("search", &HitLine::from(&Hit { conversation: CONVERSATION, message: text() }));
    let gap = Alarm::Gap { sender: person().address, from: 3, to: 4 };
    let of = WarningOf::Alarm { conversation: CONVERSATION, alarm: gap };
    samples.add("warnings", &WarningLine::from(&Warning { id: 1, at: AT, read: true, of }));
    let of = WarningOf::Notice(Notice::StatusExpired { since: AT });
    samples.add("warnings", &WarningLine::from(&Warning { id: 2, at: AT, read: false, of }));
    samples.add("passphrase", &PassphraseChanged { profile: "secretary".into() });
    samples.add("sync", &Synced { received: 3 });
    read_objects(samples);
    document_objects(samples);
    member_objects(samples);
    samples.add("completions", &Completions { shell: "bash".into(), script: "_amanat() {\n".into() });
}

fn read_objects(samples: &mut Samples) {
    samples.add("read", &MessageLine::from(&text()));
    samples.add("read", &MessageLine::from(&message(MessageBody::Document(document()))));
    samples.add("read", &MessageLine::from(&message(MessageBody::NeedsNewerVersion)));
    samples.add("read", &MessageLine::from(&lived()));
    let reads_from = MessageView { sequence: 1, state: MessageState::Read, ..message(MessageBody::ReadsFromHere) };
    samples.add("read", &MessageLine::from(&reads_from));
    samples.add("read", &MessageLine::from(&MessageView { deleted: true, ..message(MessageBody::Gone) }));
    let expired = MessageView { state: MessageState::Expired, expires_at: Some(AT), ..message(MessageBody::Gone) };
    samples.add("read", &MessageLine::from(&expired));
    let imported = MessageView { imported: true, state: MessageState::Read, ..text() };
    samples.add("read", &MessageLine::from(&imported));
    for (sequence, change) in (8..).zip([
        Change::Member { whom: clerk(), device: None, change: MemberChange::Added },
        Change::Member { whom: clerk(), device: Some(DEVICE), change: MemberChange::DeviceAdded },
        Change::Title("Budget 2032".into()),
    ]) {
        let by = Who { address: person().address, name: person().name };
        samples.add("read", &change::ChangeLine::from(&ChangeView { sequence, by, at: AT, change }));
    }
}

fn document_objects(samples: &mut Samples) {
    samples.add("documents", &DocumentLine::from(&document()));
    let transfer = TransferView { direction: Direction::Fetching, state: TransferState::Paused, done: 1_048_304 };
    let on_its_way = DocumentView { transfer: Some(transfer), ..document() };
    samples.add("documents", &DocumentLine::from(&on_its_way));
    samples.add("save", &Saved { document: DOCUMENT.to_string(), path: "/home/a/report.pdf".into(), size: 1_048_577 });
}

fn member_objects(samples: &mut Samples) {
    samples.add(
        "members",
        &MemberLine::from(&Member {
            address: person().address,
            device: DEVICE,
            name: "Private Secretary".into(),
            post: "Secretary".into(),
            clearance: Some(Tier::Secret),
            role: Some(Role::Founder),
            verified: true,
            own: false,
        }),
    );
    samples.add(
        "verify",
        &Verified::from(&Verification {
            person: person(),
            chains: vec![vec![
                "Cabinet Division (cabinet.example) certified the officer 0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f".into(),
                "the officer granted Private Secretary as Secretary, cleared to secret".into(),
                format!("the grant was redeemed once, by device {DEVICE}"),
                "the relay 4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e signed the receipt".into(),
            ]],
            safety_number: ["12345"; 12].join(" "),
        }),
    );
}

fn load_objects(samples: &mut Samples) {
    let run = LoadRun {
        per_s: 50_000.5,
        p50_ms: 15.5,
        p99_ms: 33.5,
        syncs_per_s: 140.5,
        sync_p50_ms: 0.75,
        seconds: None,
        kib_per_link: None,
    };
    let idle = LoadRun { kib_per_link: Some(16.5), ..run.clone() };
    let timed = LoadRun { seconds: Some(1.5), ..run.clone() };
    for (heading, scenario, run) in [
        ("bench pairs", "pairs load", run.clone()),
        ("bench fanout", "fanout", run.clone()),
        ("bench drain", "drain", run),
        ("bench idle", "idle", idle),
        ("bench storm", "storm", timed.clone()),
        ("bench start", "start", timed),
    ] {
        samples.add(
            heading,
            &Bench {
                scenario,
                per_s: run.per_s,
                p50_ms: run.p50_ms,
                p99_ms: run.p99_ms,
                relay_cpu_s: 7.5,
                generator_cpu_s: 4.5,
                syncs_per_s: run.syncs_per_s,
                sync_p50_ms: run.sync_p50_ms,
                relay_rss_mib: 49.5,
                runs: vec![run],
            },
        );
    }
}

fn life_objects(samples: &mut Samples) {
    fn line<R: serde::Serialize>(scenario: &'static str, p50_ms: f64, p99_ms: f64, run: R) -> Bench<R> {
        Bench {
            scenario,
            per_s: 2.5,
            p50_ms,
            p99_ms,
            relay_cpu_s: 4.5,
            generator_cpu_s: 21.5,
            syncs_per_s: 900.5,
            sync_p50_ms: 0.75,
            relay_rss_mib: 18.5,
            runs: vec![run],
        }
    }
    samples.add("bench life", &line("life removal", 2500.5, 2500.5, SecondsRun { seconds: 2.5 }));
    let group = GroupRun {
        devices: 200,
        add_ms: 14.5,
        add_received_ms: 11.5,
        join_ms: 40.5,
        remove_ms: 13.5,
        remove_received_ms: 10.5,
        update_ms: 12.5,
        update_received_ms: 9.5,
    };
    samples.add("bench life", &line("life group", 14.5, 14.5, group));
    samples.add("bench life", &line("life absence", 1500.5, 1500.5, SecondsRun { seconds: 1.5 }));
    let search = SearchRun {
        messages: 100_000,
        argon2_ms: 450.5,
        unlock_ms: 120.5,
        first_ms: 600.5,
        prepared_in_ms: 900.5,
        prepared_ms: 30.5,
        p50_ms: 20.5,
        p99_ms: 35.5,
    };
    samples.add("bench life", &line("life search", 20.5, 35.5, search));
}

fn measured_objects(samples: &mut Samples) {
    samples.add(
        "demo",
        &DemoCheck {
            chapter: "Two tiers".into(),
            check: "the relay's folder holds none of the texts".into(),
            ok: true,
            command: Some("grep -rc 'Cabinet' demo/relay".into()),
        },
    );
    samples.add("demo", &DemoFigure { figure: "message, sent to received, p50".into(), value: 2.5, unit: "ms" });
    let pairs = PairsRun { per_s: 310.5, p50_ms: 3.1, p99_ms: 6.5, sync_p50_ms: 0.75 };
    samples.add(
        "bench pairs",
        &Bench {
            scenario: "pairs",
            per_s: 310.5,
            p50_ms: 3.1,
            p99_ms: 6.5,
            relay_cpu_s: 0.9,
            generator_cpu_s: 1.5,
            syncs_per_s: 900.5,
            sync_p50_ms: 0.75,
            relay_rss_mib: 14.5,
            runs: vec![pairs.clone(), pairs],
        },
    );
    load_objects(samples);
    life_objects(samples);
    samples.add(
        "bench document",
        &Bench {
            scenario: "document",
            per_s: 140.5,
            p50_ms: 7640.5,
            p99_ms: 7900.5,
            relay_cpu_s: 6.5,
            generator_cpu_s: 9.5,
            syncs_per_s: 24.5,
            sync_p50_ms: 0.75,
            relay_rss_mib: 31.5,
            runs: vec![
                DocumentRun {
                    per_s: 140.5,
                    seconds: 7.6405,
                    sender_mib: 12.5,
                    relay_mib: 17.5,
                    recipient_mib: 11.5,
                    carried_up: None,
                    carried_down: None,
                },
                DocumentRun {
                    per_s: 70.5,
                    seconds: 15.25,
                    sender_mib: 12.5,
                    relay_mib: 17.5,
                    recipient_mib: 11.5,
                    carried_up: Some(1.025),
                    carried_down: Some(1.005),
                },
            ],
        },
    );
    samples.add("error", &Error::from(&Problem::from(offline())));
}

fn events(samples: &mut Samples) {
    let alarm = |alarm| Event::Alarm { conversation: CONVERSATION, alarm };
    let sender = person().address;
    let who = |address| Who { address, name: "Private Secretary".into() };
    let member = |change, device| {
        let (by, whom) = (who(person().address), who(person().address));
        Event::Notice(Notice::Member { conversation: CONVERSATION, by, whom, device, change })
    };
    let all = [
        Event::Link(LinkState::Connecting),
        Event::Link(LinkState::Up(link())),
        Event::Link(LinkState::CaughtUp),
        Event::Link(LinkState::Down { failure: offline(), retry_in: Duration::from_secs(4) }),
        Event::Conversation(conversation(None)),
        Event::Message { conversation: CONVERSATION, message: text() },
        Event::MessageChanged { conversation: CONVERSATION, message: lived() },
        Event::MessageState { conversation: CONVERSATION, message: MESSAGE, state: MessageState::Delivered },
        Event::Progress(Progress { document: DOCUMENT, direction: Direction::Sending, done: 1, total: 2 }),
        Event::DocumentFailed { document: DOCUMENT, failure: offline() },
        alarm(Alarm::Gap { sender: sender.clone(), from: 3, to: 4 }),
        alarm(Alarm::Fork { sender: sender.clone(), position: 9 }),
        alarm(Alarm::Replay { sender: sender.clone() }),
        alarm(Alarm::Broken { sender: sender.clone() }),
        alarm(Alarm::NotAuthor { sender: sender.clone(), message: MESSAGE }),
        alarm(Alarm::NotAllowed { sender: sender.clone() }),
        alarm(Alarm::Undecryptable { position: 9, sender: DEVICE }),
        alarm(Alarm::VoidCommit { position: 9, sender: DEVICE }),
        alarm(Alarm::Receipt { position: 9 }),
        alarm(Alarm::Waiting { device: DEVICE }),
        alarm(Alarm::WaitingStatus { number: 1_801_000_000 }),
        alarm(Alarm::Excluded { position: 9 }),
        alarm(Alarm::ExpiredEntries { from: 3, to: 4 }),
        Event::Notice(Notice::StatusExpired { since: AT }),
        Event::Notice(Notice::RelayRestored),
        Event::Notice(Notice::RelayBehind { conversation: CONVERSATION, missing: 3 }),
        Event::Notice(Notice::ProfileOutdated { conversations: 2 }),
        Event::Notice(Notice::RelaySettling { conversation: CONVERSATION }),
        Event::Notice(Notice::GrantReused { address: person().address }),
        Event::Notice(Notice::NewDevice { address: person().address, device: DEVICE }),
        Event::Notice(Notice::DeviceAsks { device: DEVICE, code: code() }),
        Event::Notice(Notice::DeviceApproved { device: DEVICE, by: DEVICE }),
        Event::Notice(Notice::AwaitingApproval { code: code() }),
        Event::Notice(Notice::Revoked { address: person().address, device: DEVICE, reason: Reason::Lost }),
        Event::Notice(Notice::LastResortUsed),
        Event::Notice(Notice::InvitationReused { at: AT }),
        Event::Notice(Notice::DocumentLost { document: DOCUMENT, failure: offline() }),
        Event::Notice(Notice::JoinRefused { conversation: CONVERSATION, failure: offline() }),
        Event::Notice(Notice::CreationRefused { conversation: CONVERSATION, failure: offline() }),
        member(MemberChange::Added, None),
        member(MemberChange::AddedAgain, Some(DEVICE)),
        Event::Notice(Notice::ClockSkew { by: Duration::from_secs(3600) }),
        Event::Missed,
        Event::Stopped(offline()),
    ];
    for event in &all {
        samples.add("watch", &EventLine::from(event));
    }
}

/// The lines of the ```json block under each heading.
fn examples(page: &str) -> BTreeMap<&str, Vec<String>> {
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let (mut heading, mut inside) = ("", false);
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("### ") {
            heading = title;
        } else if line == "```json" {
            inside = true;
        } else if line.starts_with("```") {
            inside = false;
        } else if inside {
            found.entry(heading).or_default().push(line.to_owned());
        }
    }
    found
}

#[test]
fn the_page_lists_every_object_as_it_is_printed() {
    let mut samples = Samples::default();
    office::authority_objects(&mut samples);
    policy::policy_objects(&mut samples);
    office::revocation_objects(&mut samples);
    office::renewal_objects(&mut samples);
    staff_objects(&mut samples);
    measured_objects(&mut samples);
    events(&mut samples);
    let on_page = examples(PAGE);
    let otherwise = samples.0.iter().filter(|(heading, lines)| on_page.get(*heading) != Some(*lines));
    let otherwise: Vec<_> =
        otherwise.map(|(heading, lines)| format!("### {heading}\n```json\n{}\n```", lines.join("\n"))).collect();
    assert!(otherwise.is_empty(), "this should stand on the page:\n{}", otherwise.join("\n"));
    let headings: Vec<_> = on_page.keys().collect();
    assert_eq!(headings, samples.0.keys().collect::<Vec<_>>());
}

#[test]
fn the_page_lists_every_code_of_an_error() {
    let codes = [
        "usage",
        "exists",
        "certificate",
        "relay",
        "needs-cosign",
        "interrupted", // this program's own, beside the engine's
        FailureCode::Offline.name(),
        FailureCode::RelayIdentity.name(),
        FailureCode::Refused.name(),
        FailureCode::Expired.name(),
        FailureCode::Clock.name(),
        FailureCode::AlreadyRedeemed.name(),
        FailureCode::Invitation.name(),
        FailureCode::Revoked.name(),
        FailureCode::Passphrase.name(),
        FailureCode::NoProfile.name(),
        FailureCode::ProfileExists.name(),
        FailureCode::InUse.name(),
        FailureCode::Damaged.name(),
        FailureCode::DiskFull.name(),
        FailureCode::File.name(),
        FailureCode::NotFound.name(),
        FailureCode::Ambiguous.name(),
        FailureCode::Clearance.name(),
        FailureCode::NoKeyPackage.name(),
        FailureCode::StatusExpired.name(),
        FailureCode::DocumentDamaged.name(),
        FailureCode::Gone.name(),
        FailureCode::TooLarge.name(),
        FailureCode::Conversation.name(),
        FailureCode::NotAllowed.name(),
        FailureCode::Quota.name(),
        FailureCode::NotApproved.name(),
        FailureCode::Stopped.name(),
        FailureCode::Internal.name(),
    ];
    for code in codes {
        assert!(PAGE.contains(&format!("\n| `{code}` |")), "{code}");
    }
}
