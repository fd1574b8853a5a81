//! Receipts of commits (protocol-spec/05-conversation, section 5): what a relay that a test plays signs, and what a client does
//! without.

use amanat_wire::log::{CommitReceipt, ReceiptBody, roster_change};

use super::*;

impl Script {
    /// An entry that is no message, with the relay's receipt for it.
    pub(super) fn vouched(&self, conversation: ConversationId, entry: Entry) -> Entry {
        self.vouched_by(conversation, entry, 0)
    }

    /// The same of a relay that has this status statement.
    pub(super) fn vouched_by(&self, conversation: ConversationId, entry: Entry, status_number: u64) -> Entry {
        let body = ReceiptBody {
            conversation,
            position: entry.position,
            commit: entry.ciphertext_hash(),
            stamp: entry.stamp,
            roster: roster_change([], []),
            status_number,
            previous: Digest::ZERO,
        };
        let receipt = CommitReceipt::sign(body, self.keys.signing());
        Entry { receipt: Bytes::new(receipt.to_bytes()).unwrap(), ..entry }
    }

    /// A commit that nobody can read, with the relay's receipt for it.
    pub(super) fn garbage(&self, conversation: ConversationId, position: u64) -> Entry {
        self.vouched(conversation, of_another(position, UnitKind::Commit))
    }
}

// [DELIV-87]: a commit without the relay's receipt makes the log wait, which the next link can set right.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_without_its_receipt_is_waited_for_and_shown() {
    let (_rig, mut secretary, target, script) = after_one_message().await;
    let Target::Conversation(conversation) = target else { panic!() };
    let mut scripted = script.session().await;
    // The log has the creation, the first message and a receipt; this is the fourth entry.
    let without = of_another(4, UnitKind::Commit);
    scripted.say(&FromRelay::Push(Push { conversation, entry: without })).await;
    let waits = |event: &Event| match event {
        Event::Alarm { alarm: Alarm::Undecryptable { .. }, .. } => panic!("it was applied"),
        Event::Conversation(view) => (view.state == ConversationState::Waiting).then_some(()),
        _ => None,
    };
    secretary.until("waiting", waits).await;
    // Nor does what comes behind it over this link.
    scripted.say(&FromRelay::Push(Push { conversation, entry: of_another(5, UnitKind::Message) })).await;
    drop(scripted);
    let mut scripted = script.session().await;
    scripted.say(&FromRelay::Push(Push { conversation, entry: script.garbage(conversation, 4) })).await;
    let alarm = |event: &Event| match event {
        Event::Alarm { alarm: Alarm::Undecryptable { position, .. }, .. } => Some(*position),
        _ => None,
    };
    assert_eq!(secretary.until("alarm", alarm).await, 4);
    let (_, message) = secretary.say(&target, "two").await;
    let (number, _) = scripted.append().await;
    scripted.answer(number, appended(5, Digest::ZERO)).await;
    secretary.until_state(message, MessageState::Accepted).await;
}
