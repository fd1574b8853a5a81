//! Node hashes (protocol-spec/05-conversation, section 9): SHA-256 of what was hashed lately, so that a commit does not hash
//! all nodes of the tree anew.
//!
//! OpenMLS computes the tree hash (RFC 9420, section 7.8) two to four times for one commit, each time from all nodes,
//! though a commit changes those of one path. For 200 devices that was a third of a commit's work on a processor without
//! instructions for SHA-256. Only what is given to `hash` comes here: nodes, transcripts and references, which all members
//! know; secrets go through HMAC and HKDF.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// By what was hashed. Compared in full, which ends at the first byte that differs.
type Known = BTreeMap<Vec<u8>, Vec<u8>>;

/// Larger inputs are hashed each time: a node is an X-Wing key, a credential and some lists.
const LARGEST: usize = 8192;
/// So many are kept at most, of each of two commits: the nodes of 2,000 devices' tree. A tree that a hostile inviter made
/// has no more kept of it than an honest one.
const MOST: usize = 4096;

/// The hashes of a conversation's last two commits.
#[derive(Default)]
pub(crate) struct NodeHashes(Mutex<Lately>);

#[derive(Default)]
struct Lately {
    now: Known,
    before: Known,
}

impl NodeHashes {
    /// A commit is about to be made or staged: what was not asked for since the one before is forgotten.
    pub(crate) fn turn(&self) {
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lately.before = std::mem::take(&mut lately.now);
    }

    /// The hash of `data`, made by `make` where it is not known.
    ///
    /// # Errors
    /// Those of `make`.
    pub(crate) fn get<E>(&self, data: &[u8], make: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>) -> Result<Vec<u8>, E> {
        if data.len() > LARGEST {
            return make(data);
        }
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lately.now.get(data) {
            return Ok(known.clone());
        }
        let (data, hash) = match lately.before.remove_entry(data) {
            Some(known) => known,
            None => (data.to_vec(), make(data)?),
        };
        if lately.now.len() < MOST {
            lately.now.insert(data, hash.clone());
        }
        Ok(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_made_once_until_two_commits_went_without_it() {
        let hashes = NodeHashes::default();
        let made = std::cell::Cell::new(0);
        let get = |data: &[u8]| {
            let make = |data: &[u8]| {
                made.set(made.get() + 1);
                Ok::<_, ()>([b"of ", data].concat())
            };
            assert_eq!(hashes.get(data, make), Ok([b"of ", data].concat()));
            made.get()
        };
        assert_eq!([get(b"a"), get(b"a"), get(b"ab"), get(b"")], [1, 1, 2, 3]);
        hashes.turn();
        assert_eq!([get(b"a"), get(b"a")], [3, 3], "known of the commit before");
        hashes.turn();
        assert_eq!([get(b"a"), get(b"ab")], [3, 4], "asked for since, and not");
    }

    #[test]
    fn a_failure_is_not_remembered() {
        let hashes = NodeHashes::default();
        assert_eq!(hashes.get(b"a", |_| Err(())), Err(()));
        assert_eq!(hashes.get(b"a", |_| Ok::<_, ()>(vec![1])), Ok(vec![1]));
    }

    #[test]
    fn neither_large_inputs_nor_very_many_are_kept() {
        let hashes = NodeHashes::default();
        let get = |data: &[u8], byte| hashes.get(data, |_| Ok::<_, ()>(vec![byte]));
        let (most, larger) = (vec![0; LARGEST], vec![0; LARGEST + 1]);
        assert_eq!([get(&most, 1), get(&most, 2)], [Ok(vec![1]), Ok(vec![1])]);
        assert_eq!([get(&larger, 1), get(&larger, 2)], [Ok(vec![1]), Ok(vec![2])]);
        for number in 1..MOST {
            get(&number.to_be_bytes(), 1).unwrap();
        }
        assert_eq!([get(b"one more", 1), get(b"one more", 2)], [Ok(vec![1]), Ok(vec![2])]);
        assert_eq!(get(&1_usize.to_be_bytes(), 2), Ok(vec![1]));
    }
}
