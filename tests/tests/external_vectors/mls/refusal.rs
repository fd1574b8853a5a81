//! What is no message of ours, given to a conversation of ours as an entry of its log: it must be refused for what it is,
//! and the conversation must go on.

use std::{cell::RefCell, collections::BTreeMap};

use amanat_conversation::{
    Conversation, Evidence, Incoming, KeyPackageMaker, Kind, NewConversation, Records, Refusal, check_key_package,
};
use amanat_identity::{RevocationList, Tier, testing::Office};
use amanat_primitives::{ConversationId, Timestamp};
use amanat_tests::by_hand::entry;
use amanat_wire::log::{Entry, UnitKind};
use rand_core::OsRng;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const PRIVATE_MESSAGE: u16 = 2;

thread_local! {
    static OURS: RefCell<Conversation> = RefCell::new(founded());
}

/// A conversation of two, in its first epoch.
fn founded() -> Conversation {
    let office = Office::new(&mut OsRng, NOW);
    let (keys, _, founder) = office.enrol(&mut OsRng, "secretary", Tier::Secret, NOW);
    let (other_keys, _, other) = office.enrol(&mut OsRng, "director", Tier::Secret, NOW);
    let maker = KeyPackageMaker { device: &other, signing: other_keys.signing() };
    let package = maker.one_time(1, &mut Records::default(), NOW, &mut OsRng).unwrap();
    let package = check_key_package(&package[0], &other, NOW).unwrap();
    let conversation = ConversationId::random(&mut OsRng);
    let relay = office.relay_keys.id();
    let new = NewConversation { conversation, kind: Kind::Direct, tier: Tier::Official, relay };
    let made = Conversation::create(&new, &founder, keys.signing(), vec![package], 0, NOW, &mut OsRng).unwrap();
    let mut ours = made.conversation;
    let first = entry(1, UnitKind::Create, founder.id(), &made.commit.body, NOW);
    let Incoming::Commit(commit) = ours.receive(&first).unwrap() else { panic!("the first commit is none") };
    let devices = BTreeMap::from([(founder.id(), founder), (other.id(), other)]);
    let revocations = RevocationList::default();
    let evidence = Evidence { devices: &devices, receipt: None, revocations: &revocations };
    let approved = commit.approve(&ours, &evidence).unwrap();
    ours.merge(approved).unwrap();
    ours
}

/// Gives an MLS message to our conversation, as a message and as a commit. [CONV-13] [CONV-14]
pub(crate) fn refused(message: &[u8]) -> Result<(), String> {
    let format = message.get(2..4).and_then(|bytes| bytes.try_into().ok()).ok_or("no MLS message")?;
    let format = u16::from_be_bytes(format);
    let expected = if format == PRIVATE_MESSAGE { Refusal::OtherConversation } else { Refusal::NotPrivate(format) };
    OURS.with_borrow_mut(|ours| {
        for kind in [UnitKind::Message, UnitKind::Commit] {
            expect(ours, kind, message, expected)?;
        }
        // The same under our conversation's name, as each kind of content.
        if format == PRIVATE_MESSAGE {
            let as_kind = |kind| addressed(message, ours, kind).ok_or("a header that cannot be read");
            let (proposal, commit) = (as_kind(2)?, as_kind(3)?);
            expect(ours, UnitKind::Message, &proposal, Refusal::StandaloneProposal)?;
            expect(ours, UnitKind::Commit, &proposal, Refusal::StandaloneProposal)?;
            expect(ours, UnitKind::Commit, &commit, Refusal::Undecryptable)?;
        }
        Ok(())
    })
}

fn expect(ours: &mut Conversation, kind: UnitKind, message: &[u8], expected: Refusal) -> Result<(), String> {
    let (position, epoch, members) = (ours.log().position() + 1, ours.epoch(), ours.members());
    let accepted_commit = ours.accepted_commit();
    let entry = Entry { accepted_commit, ..entry(position, kind, members[0].device, message, NOW) };
    let incoming = ours.receive(&entry);
    let refusal = match incoming.map_err(|error| format!("our conversation fails: {error}"))? {
        Incoming::Refused(refused) => refused.reason,
        _ => return Err("our conversation takes it".to_owned()),
    };
    if refusal != expected {
        return Err(format!("our conversation refuses it as {refusal}"));
    }
    let unchanged = ours.epoch() == epoch && ours.members().len() == members.len() && ours.log().position() == position;
    if unchanged { Ok(()) } else { Err("our conversation has changed by it".to_owned()) }
}

/// A PrivateMessage with another group, epoch and kind of content in its plain header. Its group's name is shorter than 64
/// bytes, so that its length is one.
fn addressed(message: &[u8], ours: &Conversation, kind: u8) -> Option<Vec<u8>> {
    let group = usize::from(*message.get(4)?);
    let behind = message.get(4 + 1 + group + 8 + 1..)?;
    let id = ours.id();
    let name = [&[id.as_bytes().len() as u8][..], id.as_bytes()].concat();
    Some([&message[..4], &name, &ours.epoch().to_be_bytes(), &[kind], behind].concat())
}
