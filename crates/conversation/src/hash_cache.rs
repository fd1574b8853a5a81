//! Hash cache (protocol-spec/05-conversation, section 9): SHA-256 of what was hashed for the last two commits, so that a
//! commit does not hash all nodes of the tree anew.
//!
//! OpenMLS computes the tree hash (RFC 9420, section 7.8) two to four times for one commit, each time from all nodes,
//! though a commit changes those of one path. For 200 devices that was a third of a commit's work on a processor without
//! instructions for SHA-256. Only what is given to `hash` comes here: nodes, transcripts and references, which all members
//! know; secrets go through HMAC and HKDF.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Larger inputs are hashed each time: a node is an X-Wing key, a credential and some lists.
const LARGEST_INPUT: usize = 8192;
/// So many bytes are kept at most, for each of two commits: the tree of some 2,000 devices. A tree that a hostile inviter
/// made has no more kept of it than an honest one.
const MOST_BYTES: usize = 8 << 20;
/// What an entry takes beside its input: the hash, two vectors, its place in the map.
const ENTRY: usize = 128;

/// The hashes of a conversation's last two commits.
#[derive(Default)]
pub(crate) struct HashCache(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    current: Generation,
    previous: Generation,
}

#[derive(Default)]
struct Generation {
    /// By what was hashed. Compared in full, which ends at the first byte that differs.
    known: BTreeMap<Vec<u8>, Vec<u8>>,
    bytes: usize,
}

impl HashCache {
    /// A commit is about to be made or staged: what was not asked for since the one before is forgotten.
    pub(crate) fn begin_commit(&self) {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        generations.previous = std::mem::take(&mut generations.current);
    }

    /// The hash of `data`, made by `make` where it is not known.
    ///
    /// # Errors
    /// Those of `make`.
    pub(crate) fn get<E>(&self, data: &[u8], make: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>) -> Result<Vec<u8>, E> {
        if data.len() > LARGEST_INPUT {
            return make(data);
        }
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Generations { current, previous } = &mut *generations;
        if let Some(known) = current.known.get(data) {
            return Ok(known.clone());
        }
        let (data, hash) = match previous.known.remove_entry(data) {
            Some(known) => known,
            None => (data.to_vec(), make(data)?),
        };
        let bytes = data.len() + ENTRY;
        if current.bytes + bytes <= MOST_BYTES {
            current.bytes += bytes;
            current.known.insert(data, hash.clone());
        }
        Ok(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_made_once_until_two_commits_went_without_it() {
        let hashes = HashCache::default();
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
        hashes.begin_commit();
        assert_eq!([get(b"a"), get(b"a")], [3, 3], "known of the commit before");
        hashes.begin_commit();
        assert_eq!([get(b"a"), get(b"ab")], [3, 4], "asked for since, and not");
    }

    #[test]
    fn a_failure_is_not_remembered() {
        let hashes = HashCache::default();
        assert_eq!(hashes.get(b"a", |_| Err(())), Err(()));
        assert_eq!(hashes.get(b"a", |_| Ok::<_, ()>(vec![1])), Ok(vec![1]));
    }

    #[test]
    fn neither_large_inputs_nor_very_many_are_kept() {
        let hashes = HashCache::default();
        let get = |data: &[u8], byte| hashes.get(data, |_| Ok::<_, ()>(vec![byte]));
        let kept = |data: &[u8]| get(data, 1) == get(data, 2);
        assert!(!kept(&vec![0; LARGEST_INPUT + 1]));
        let input = |number: usize| {
            let mut input = vec![0; LARGEST_INPUT];
            input[..8].copy_from_slice(&number.to_be_bytes());
            input
        };
        let most = MOST_BYTES / (LARGEST_INPUT + ENTRY);
        assert!((0..most).all(|number| kept(&input(number))));
        assert!(!kept(&input(most)), "beyond the bytes of a commit");
        assert_eq!(get(&input(0), 2), Ok(vec![1]));
        hashes.begin_commit();
        assert!(kept(&input(most)), "a new commit has its own bytes");
    }
}
