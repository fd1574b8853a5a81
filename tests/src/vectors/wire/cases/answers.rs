//! What a relay says (protocol-spec/02-wire, section 4): each message, each answer and each refusal once.

use amanat_primitives::{Digest, Incarnation};
use amanat_wire::{
    Bytes, Encode as _, List, Text,
    client::Nothing,
    log::CommitReceipt,
    relay::{
        Answer, Appended, Chains, ClaimedKeyPackage, Cursors, DeviceState, Direct, DirectItem, DocumentState, Enrolled,
        Entries, FromRelay, FurtherDevice, GrantReused, LapsedPage, LogState, News, NumberedAnswer, Push, Ready,
        Refusal, RevocationPage, WelcomePart,
    },
};

use super::{
    super::super::forge::{AYESHA, BILAL, NOBODY, RELAY, T0, at, device_id, signing},
    Good, ask, bytes, conversation, log_state, receipt_body, running, sealed,
};

pub(in super::super) fn answered(answer: Answer) -> Vec<u8> {
    FromRelay::Answer(NumberedAnswer { number: 0x0102_0304, answer }).to_bytes()
}

pub(super) fn good() -> Vec<Good> {
    let messages = messages().into_iter().map(|(name, message)| Good {
        what: "from_relay",
        name: format!("relay-{name}"),
        rules: "WIRE-01",
        is: format!("The relay's message {}", name.replace('-', " ")),
        message: message.to_bytes(),
        head: 1,
    });
    let answers = [of_logs(), of_devices(), of_officers(), of_documents()].concat();
    let answers = answers.into_iter().map(|(name, answer)| Good {
        what: "from_relay",
        name: format!("answer-{name}"),
        rules: if name == "entries" { "WIRE-01 WIRE-09" } else { "WIRE-01" },
        is: format!("The answer {}", name.replace('-', " ")),
        message: answered(answer),
        head: 6,
    });
    messages.chain(answers).collect()
}

pub(super) fn refusals() -> Vec<Good> {
    let refusal = |refusal: &Refusal| Good {
        what: "from_relay",
        name: format!("answer-refused-{:02}", refusal.number()),
        rules: "WIRE-04",
        is: format!("A request is refused with code {}", refusal.number()),
        message: answered(Answer::Refused(*refusal)),
        head: 6,
    };
    Refusal::ALL.iter().map(refusal).collect()
}

fn messages() -> Vec<(&'static str, FromRelay)> {
    let ready = Ready { now: at(T0), incarnation: Incarnation::from_bytes([0x1c; 16]), status: bytes(b"a status") };
    let item = DirectItem { number: 3, body: Direct::LastResortUsed(Nothing {}) };
    vec![
        ("ready", FromRelay::Ready(ready)),
        ("enrolled", FromRelay::Enrolled(Enrolled { receipt: bytes(b"a receipt") })),
        ("push", FromRelay::Push(Push { conversation: conversation(), entry: sealed(false) })),
        ("push-direct", FromRelay::PushDirect(item)),
        ("news-hint", FromRelay::NewsHint(Nothing {})),
        ("push-status", FromRelay::PushStatus(bytes(b"a status"))),
        ("goodbye", FromRelay::Goodbye(Refusal::Displaced)),
        ("push-again", FromRelay::PushAgain(ask())),
    ]
}

type Named = (&'static str, Answer);

fn logs() -> List<LogState, 512> {
    List::new(vec![log_state()]).unwrap()
}

fn chain() -> Bytes<65_536> {
    bytes(b"not looked at")
}

fn news() -> News {
    let welcome = WelcomePart {
        conversation: conversation(),
        position: 3,
        running: running(),
        sender: device_id(AYESHA),
        receipt: bytes(b"a receipt"),
        group_info: bytes(b"group info"),
        group_secrets: bytes(b"secrets"),
    };
    let directs = [
        Direct::Welcome(welcome),
        Direct::LastResortUsed(Nothing {}),
        Direct::GrantReused(GrantReused { device: device_id(NOBODY), at: at(T0) }),
        Direct::FurtherDevice(FurtherDevice { device: device_id(BILAL), approved: true }),
    ];
    let direct: Vec<_> = (1..).zip(directs).map(|(number, body)| DirectItem { number, body }).collect();
    News {
        logs: logs(),
        direct: List::new(direct).unwrap(),
        more_logs: Some(conversation()),
        more_direct: true,
        key_packages: 12,
        last_resort_used: 1,
    }
}

fn of_logs() -> Vec<Named> {
    let appended = Appended {
        position: 3,
        stamp: at(T0 + 9),
        running: running(),
        receipt: bytes(&CommitReceipt::sign(receipt_body(), &signing(RELAY)).to_bytes()),
        seal: Digest::from_bytes([0x5e; 32]),
    };
    let entries = Entries {
        entries: List::new(vec![sealed(false), sealed(true)]).unwrap(),
        running_before: running(),
        head: 9,
        first_kept: 2,
    };
    vec![
        ("done", Answer::Done(Nothing {})),
        ("conflict", Answer::Conflict(9)),
        ("stale-epoch", Answer::StaleEpoch(8)),
        ("appended", Answer::Appended(appended)),
        ("news", Answer::News(news())),
        ("entries", Answer::Entries(entries)),
        ("cursors", Answer::Cursors(Cursors { logs: logs(), more: None })),
        ("resupplied", Answer::Resupplied(9)),
    ]
}

fn of_devices() -> Vec<Named> {
    let package =
        ClaimedKeyPackage { device: device_id(BILAL), key_package: bytes(b"a KeyPackage"), last_resort: false };
    let devices = vec![
        DeviceState { chain: chain(), pending: false, seen: Some(at(T0)) },
        DeviceState { chain: chain(), pending: true, seen: None },
    ];
    vec![
        ("key-packages", Answer::KeyPackages(List::new(vec![package]).unwrap())),
        ("chains", Answer::Chains(Chains { chains: List::new(vec![chain()]).unwrap(), more: true })),
        ("devices", Answer::Devices(List::new(devices).unwrap())),
    ]
}

fn of_officers() -> Vec<Named> {
    let revocations = RevocationPage { revocations: List::new(vec![bytes(b"an entry")]).unwrap(), more: false };
    let lapsed = LapsedPage { chains: List::new(vec![chain()]).unwrap(), more: Some(Text::new("ayesha").unwrap()) };
    vec![
        ("status", Answer::Status(Bytes::default())),
        ("revocations", Answer::Revocations(revocations)),
        ("lapsed", Answer::Lapsed(lapsed)),
    ]
}

fn of_documents() -> Vec<Named> {
    vec![
        ("document", Answer::Document(DocumentState { held: 2, sealed: false })),
        ("segment", Answer::Segment(bytes(b"a segment"))),
    ]
}
