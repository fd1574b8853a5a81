//! What a relay alters: tags, receipts of commits, time.

use std::time::Duration;

use amanat_client::api::ConversationState;
use amanat_primitives::Digest;
use amanat_wire::{
    Bytes, Decode as _, Encode as _,
    log::{CommitReceipt, Entry, ReceiptBody, UnitKind},
};

use super::{
    Seen,
    loss::{ADDED_AGAIN, GOES_ON},
    seed::Seed,
    staff::{Run, Staff},
};

/// Changes what one member gets of this conversation.
pub(crate) fn alter(run: &Run<'_>, victim: usize, mut change: impl FnMut(&mut Entry) + Send + 'static) {
    let (victim, conversation) = (run.device(victim), run.conversation);
    run.foe().state().hooks.placed = Some(Box::new(move |to, id, entry| {
        if to == victim && id == conversation && entry.sender != victim {
            change(entry);
        }
    }));
}

/// With one bit that is another one.
pub(crate) fn flipped(bytes: &[u8], seed: &mut Seed) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let bit = seed.below(bytes.len() as u64 * 8);
    bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
    bytes
}

/// A PrivateMessage (RFC 9420, section 6.3) whose ciphertext, its last field, is shorter.
fn shorter(body: &[u8], by: usize) -> Vec<u8> {
    let vector = |at: usize| match body[at] >> 6 {
        0 => (1, usize::from(body[at])),
        1 => (2, usize::from(u16::from_be_bytes([body[at] & 0x3f, body[at + 1]]))),
        _ => (4, u32::from_be_bytes([body[at] & 0x3f, body[at + 1], body[at + 2], body[at + 3]]) as usize),
    };
    let skip = |at: usize| at + vector(at).0 + vector(at).1;
    let at = skip(skip(skip(4) + 9));
    let (prefix, length) = vector(at);
    assert_eq!(at + prefix + length, body.len(), "a PrivateMessage");
    let kept = length - by;
    let mut out = body[..at].to_vec();
    match kept {
        0..64 => out.push(kept as u8),
        64..16_384 => out.extend((kept as u16 | 0x4000).to_be_bytes()),
        _ => out.extend((kept as u32 | 0x8000_0000).to_be_bytes()),
    }
    out.extend(&body[at + prefix..at + prefix + kept]);
    out
}

async fn cut_tag(staff: &Staff, seed: u64, by: impl Fn(&mut Seed) -> usize) -> Seen {
    let mut run = staff.run(seed).await;
    let sender = run.somebody();
    let victim = run.somebody_but(&[sender]);
    let by = by(&mut run.seed);
    let mut done = false;
    alter(&run, victim, move |entry| {
        if !std::mem::replace(&mut done, true) {
            entry.body = Bytes::new(shorter(&entry.body, by)).unwrap();
        }
    });
    let message = run.says_and_sends(sender).await;
    run.settle().await;
    assert!(!run.has(victim, message).await);
    run.shown_and_goes_on(victim).await
}

/// A tag lacks some bytes, correctly framed.
pub(crate) async fn truncated_tag(staff: &Staff, seed: u64) -> Seen {
    cut_tag(staff, seed, |seed| 1 + seed.below(15) as usize).await
}

/// A tag is not there, correctly framed.
pub(crate) async fn empty_tag(staff: &Staff, seed: u64) -> Seen {
    cut_tag(staff, seed, |_| 16).await
}

/// An entry that is said to have gone before it can have.
pub(crate) async fn withheld_as_expired(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let sender = run.somebody();
    let victim = run.somebody_but(&[sender]);
    alter(&run, victim, |entry| {
        entry.gone = Some(entry.ciphertext_hash());
        entry.body = Bytes::default();
    });
    let message = run.says_and_sends(sender).await;
    run.settle_somehow().await;
    assert!(!run.has(victim, message).await);
    run.check().await;
    assert_eq!(run.stage(victim).await, ConversationState::Frozen);
    Seen::plain("frozen", "at once", "frozen")
}

/// What the relay gives for a commit's receipt is none, or not its own for this commit.
pub(crate) async fn forged_receipt(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let victim = run.somebody_but(&[0]);
    let mut bits = run.seed.clone();
    let key = amanat_primitives::sign::SigningKey::generate(&mut rand_core::OsRng);
    let genuine = std::sync::Arc::clone(&staff.keys);
    alter(&run, victim, move |entry| {
        if entry.kind == UnitKind::Commit {
            let body = CommitReceipt::from_bytes(&entry.receipt).unwrap().body;
            entry.receipt = match seed % 4 {
                0 => Bytes::default(),
                1 => Bytes::new(flipped(&entry.receipt, &mut bits)).unwrap(),
                2 => Bytes::new(CommitReceipt::sign(body, &key).to_bytes()).unwrap(),
                _ => {
                    let body = ReceiptBody { commit: Digest::from_bytes([3; 32]), ..body };
                    Bytes::new(CommitReceipt::sign(body, genuine.signing()).to_bytes()).unwrap()
                }
            };
        }
    });
    run.commits().await;
    run.settle_somehow().await;
    let kinds = run.kinds_of(victim).await;
    run.check().await;
    assert_eq!(run.stage(victim).await, ConversationState::Waiting);
    run.is_shown_the_same(victim, 0).await;
    run.goes_on().await;
    run.check_complete().await;
    Seen::shown(kinds, "at once", "waits for the right one, then goes on")
}

/// The relay's receipt for a commit is its own and names another one before it than there was.
pub(crate) async fn receipt_out_of_its_chain(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let victim = run.somebody_but(&[0]);
    let genuine = std::sync::Arc::clone(&staff.keys);
    let mut done = false;
    alter(&run, victim, move |entry| {
        if entry.kind == UnitKind::Commit && !std::mem::replace(&mut done, true) {
            let body = CommitReceipt::from_bytes(&entry.receipt).unwrap().body;
            let body = ReceiptBody { previous: Digest::from_bytes([3; 32]), ..body };
            entry.receipt = Bytes::new(CommitReceipt::sign(body, genuine.signing()).to_bytes()).unwrap();
        }
    });
    run.commits().await;
    run.settle().await;
    let seen = run.shown_and_goes_on(victim).await;
    run.check_complete().await;
    seen
}

/// The relay signs another receipt for a commit to one member than to the others.
pub(crate) async fn two_receipts(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let victim = run.somebody_but(&[0]);
    let genuine = std::sync::Arc::clone(&staff.keys);
    let mut done = false;
    alter(&run, victim, move |entry| {
        if entry.kind == UnitKind::Commit && !std::mem::replace(&mut done, true) {
            let body = CommitReceipt::from_bytes(&entry.receipt).unwrap().body;
            let body = if seed.is_multiple_of(2) {
                entry.stamp = entry.stamp.after(Duration::from_secs(11 * 60));
                ReceiptBody { stamp: entry.stamp, ..body }
            } else {
                ReceiptBody { roster: Digest::from_bytes([3; 32]), ..body }
            };
            entry.receipt = Bytes::new(CommitReceipt::sign(body, genuine.signing()).to_bytes()).unwrap();
        }
    });
    run.commits().await;
    run.reads(victim).await;
    let kinds = run.kinds_of(victim).await;
    // The next one names the receipt that the others have.
    run.commits().await;
    run.reads(victim).await;
    let then = run.kinds_of(victim).await;
    run.falls_out(victim).await;
    run.check().await;
    // The return takes its time, and is looked at in each fifth run.
    if seed.is_multiple_of(5) {
        run.heals(victim, 0).await;
    }
    Seen::shown(then, "next commit", ADDED_AGAIN).after(kinds, "at once")
}

/// The relay's clock is wrong by more than the tolerance.
pub(crate) async fn forged_time(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let victim = run.somebody();
    let minutes = 11 + run.seed.below(600);
    staff.foe.state().hooks.ahead = Duration::from_secs(60 * minutes);
    run.links_again(victim).await;
    let kinds = run.kinds_of(victim).await;
    // What is said meanwhile bears its author's time.
    let by = run.somebody();
    run.says_and_sends(by).await;
    run.settle().await;
    run.check().await;
    staff.foe.be_honest();
    run.links_again(victim).await;
    run.goes_on().await;
    run.check_complete().await;
    Seen::shown(kinds, "next link", GOES_ON)
}
