//! What a member remembers by hash (protocol-spec/05-conversation, sections 5 and 8): frames of its own, commits that were
//! void, and own commits that it has given up. OpenMLS cannot read what its own device has made, and a relay can give any of
//! these again; so they are known by the hash of their ciphertext.
//!
//! A frame is remembered as long as keys of its epoch are kept, a commit until another one is merged: it is good in the
//! epoch alone that it was made for. All of it is bounded.

use amanat_primitives::Digest;
use amanat_wire::{Decode as _, Encode as _, List, record};
use openmls::prelude::StagedCommit;

use crate::{
    ConversationError,
    commit::CommitFacts,
    records::Records,
    state::{key, read},
    storage::{Storage, StorageError, from_postcard, to_postcard},
};

/// Own frames that are on their way.
const SENT: &[u8] = b"our-sent/";
/// Own frames that were encrypted anew: the relay has said that it did not take them.
const STALE: &[u8] = b"our-stale/";
/// Own frames that have come back from the log.
const CAME: &[u8] = b"our-came/";
const VOID: &[u8] = b"our-void";
const GIVEN_UP: &[u8] = b"our-given-up";
const KEPT: &[u8] = b"our-kept/";
/// Own frames of each of these kinds.
pub(crate) const FRAMES: usize = 4096;
/// Void commits of an epoch, and given-up ones. The oldest is forgotten first.
pub(crate) const COMMITS: usize = 256;
/// Of the given-up ones, those of which what is needed to merge them is kept.
pub(crate) const KEPT_COMMITS: usize = 4;

type Hashes = List<Digest, COMMITS>;

record!(
    /// An own frame.
    pub(crate) struct Sent {
        /// The epoch that it was encrypted in.
        epoch: u64,
        /// The counter of its content.
        counter: u64,
    }
);

/// An own commit that was given up.
pub(crate) struct GivenUp {
    /// What its authenticated data says.
    pub(crate) facts: CommitFacts,
    /// What it makes of the group.
    pub(crate) staged: Box<StagedCommit>,
}

pub(crate) fn sent_key(hash: &Digest) -> Vec<u8> {
    key(SENT, hash.as_bytes())
}

/// An own frame that has not come back, whether or not it was encrypted anew since.
pub(crate) fn sent(records: &Records, hash: &Digest) -> Result<Option<Sent>, ConversationError> {
    Ok(match read(records, &sent_key(hash))? {
        Some(sent) => Some(sent),
        None => read(records, &key(STALE, hash.as_bytes()))?,
    })
}

pub(crate) fn unseen(records: &Records) -> usize {
    records.keys(SENT).count()
}

/// Encrypted anew: it should never come, and does not count among those on their way. `[CONV-91]`
pub(crate) fn set_aside(records: &mut Records, hash: &Digest) {
    move_to(records, STALE, hash);
}

/// It stands in the log: it is known if it comes again. `[CONV-91]`
pub(crate) fn note_came(records: &mut Records, hash: &Digest) {
    move_to(records, CAME, hash);
}

fn move_to(records: &mut Records, prefix: &[u8], hash: &Digest) {
    let (sent, stale) = (sent_key(hash), key(STALE, hash.as_bytes()));
    let Some(value) = records.get(&sent).or_else(|| records.get(&stale)).map(<[u8]>::to_vec) else { return };
    records.delete(&sent);
    records.delete(&stale);
    let remembered: Vec<&[u8]> = records.keys(prefix).collect();
    if remembered.len() >= FRAMES {
        let made = |key: &&[u8]| frame(records, key).map_or((0, 0), |frame| (frame.epoch, frame.counter));
        let oldest = remembered.into_iter().min_by_key(made).map(<[u8]>::to_vec);
        oldest.iter().for_each(|key| records.delete(key));
    }
    records.put(key(prefix, hash.as_bytes()), value);
}

fn frame(records: &Records, key: &[u8]) -> Option<Sent> {
    records.get(key).and_then(|value| Sent::from_bytes(value).ok())
}

pub(crate) fn has_come(records: &Records, hash: &Digest) -> bool {
    records.get(&key(CAME, hash.as_bytes())).is_some()
}

/// Forgets own frames of epochs before `epoch`: nobody takes them any more.
pub(crate) fn forget_frames_before(records: &mut Records, epoch: u64) {
    for prefix in [SENT, STALE, CAME] {
        let old = |key: &&[u8]| frame(records, key).is_none_or(|sent| sent.epoch < epoch);
        let keys: Vec<_> = records.keys(prefix).filter(old).map(<[u8]>::to_vec).collect();
        keys.iter().for_each(|key| records.delete(key));
    }
}

fn hashes(records: &Records, of: &[u8]) -> Result<Hashes, ConversationError> {
    Ok(read(records, of)?.unwrap_or_default())
}

/// These and one more, without the oldest where they are full.
fn with(hashes: Hashes, hash: Digest) -> Hashes {
    let mut all = hashes.into_vec();
    all.retain(|known| *known != hash);
    all.push(hash);
    let skip = all.len().saturating_sub(COMMITS);
    List::new(all.split_off(skip)).unwrap_or_default()
}

pub(crate) fn is_void(records: &Records, hash: &Digest) -> Result<bool, ConversationError> {
    Ok(hashes(records, VOID)?.contains(hash))
}

/// A commit is void: it is for good. `[CONV-89]`
pub(crate) fn note_void(records: &mut Records, hash: Digest) -> Result<(), ConversationError> {
    let all = with(hashes(records, VOID)?, hash);
    records.put(VOID.to_vec(), all.to_bytes());
    Ok(())
}

pub(crate) fn is_given_up(records: &Records, hash: &Digest) -> Result<bool, ConversationError> {
    Ok(hashes(records, GIVEN_UP)?.contains(hash))
}

/// Whether any own commit of the epoch in force was given up.
pub(crate) fn has_given_up(records: &Records) -> Result<bool, ConversationError> {
    Ok(!hashes(records, GIVEN_UP)?.is_empty())
}

/// Keeps what is needed to know an own commit that is given up, and to merge it where it is found in the log after all.
/// `[CONV-90]`
pub(crate) fn give_up(
    storage: &Storage<'_>,
    hash: Digest,
    facts: &CommitFacts,
    staged: &StagedCommit,
) -> Result<(), ConversationError> {
    let all = with(storage.in_group(|records| hashes(records, GIVEN_UP))?, hash);
    storage.put(GIVEN_UP.to_vec(), all.to_bytes())?;
    storage.put_parts(&key(KEPT, hash.as_bytes()), &to_postcard(&(facts.to_bytes(), staged))?)?;
    if let Some(old) = all.iter().rev().nth(KEPT_COMMITS) {
        storage.delete_parts(&key(KEPT, old.as_bytes()))?;
    }
    Ok(())
}

/// What was kept of an own commit that was given up; `None` where it is known by its hash alone.
pub(crate) fn given_up(storage: &Storage<'_>, hash: &Digest) -> Result<Option<GivenUp>, ConversationError> {
    let Some(value) = storage.get_parts(&key(KEPT, hash.as_bytes()))? else { return Ok(None) };
    let (facts, staged): (Vec<u8>, StagedCommit) = from_postcard(&value)?;
    let facts = CommitFacts::read(&facts).map_err(|_| StorageError::Record)?;
    Ok(Some(GivenUp { facts, staged: Box::new(staged) }))
}

/// Another epoch begins: no commit of the one before is any good.
pub(crate) fn forget_commits(storage: &Storage<'_>) -> Result<(), ConversationError> {
    for old in storage.in_group(|records| hashes(records, GIVEN_UP))?.iter().rev().take(KEPT_COMMITS) {
        storage.delete_parts(&key(KEPT, old.as_bytes()))?;
    }
    storage.delete(GIVEN_UP)?;
    Ok(storage.delete(VOID)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(of: usize) -> Digest {
        amanat_wire::log::ciphertext_hash(&of.to_be_bytes())
    }

    // [CONV-89]
    #[test]
    fn the_oldest_void_commit_is_forgotten_first() {
        let mut records = Records::default();
        for n in 0..COMMITS + 2 {
            note_void(&mut records, digest(n)).unwrap();
        }
        let known: Vec<usize> = (0..COMMITS + 2).filter(|n| is_void(&records, &digest(*n)).unwrap()).collect();
        assert_eq!(known, (2..COMMITS + 2).collect::<Vec<_>>());
    }

    // [CONV-91]
    #[test]
    fn own_frames_are_remembered_in_number_and_by_epoch() {
        let mut records = Records::default();
        for n in 0..FRAMES + 9 {
            // Counters begin anew in each epoch.
            let epoch = if n < 7 { 1 } else { 2 };
            records.put(sent_key(&digest(n)), Sent { epoch, counter: (n % FRAMES) as u64 }.to_bytes());
            note_came(&mut records, &digest(n));
        }
        assert_eq!((records.keys(CAME).count(), unseen(&records)), (FRAMES, 0));
        let known: Vec<usize> = (0..FRAMES + 9).filter(|n| has_come(&records, &digest(*n))).collect();
        // Those of the first epoch, and the two with the lowest counters of the second.
        let forgotten = |n: &usize| *n < 7 || (FRAMES..FRAMES + 2).contains(n);
        assert_eq!(known, (0..FRAMES + 9).filter(|n| !forgotten(n)).collect::<Vec<_>>());
        forget_frames_before(&mut records, 3);
        assert_eq!(records.keys(CAME).count(), 0);
    }
}
