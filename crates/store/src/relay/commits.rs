//! The commits that may be built upon (protocol-spec/07-delivery, section 10, "Which commits are remembered").
//!
//! Which commits the members accept, the relay cannot see: to it, a commit that is garbage looks like any other. So it
//! remembers a tree. Its root goes on only to what many members have built on, and only then is forgotten what does
//! not descend from it. As long as fewer devices than that are hostile, the commit that the honest members accepted
//! last descends from the root, or is it, whatever the hostile ones append. [DELIV-190]

use std::{collections::BTreeSet, time::Duration};

use amanat_primitives::{DeviceId, Timestamp};

use super::record::{device, time};
use crate::{
    error::Fault,
    layout::{Reader, Writer},
};

/// A message may be this many commits behind, not more.
pub(crate) const COMMITS_BEHIND: usize = 2;
/// No commit needs more devices than this to be settled.
const DECIDING: usize = 9;
/// What nobody builds on for so long is forgotten; what stood alone for so long is settled.
const UNDECIDED: Duration = Duration::from_secs(30 * 24 * 3600);
/// Commits that a tree may hold. The rate of each device (section 8) fills it in a month.
const MOST: usize = 8_192;

/// A commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Link {
    /// Where it stands.
    pub(crate) position: u64,
    /// The commit that it builds on.
    pub(crate) accepted: u64,
    /// The commit at which its roster first stood: a self-update changes nothing.
    pub(crate) roster_at: u64,
    /// Who made it.
    pub(crate) author: DeviceId,
    pub(crate) stamp: Timestamp,
}

/// The commits of a log that may be built upon: the settled one, then all that descends from it, by position.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Commits {
    pub(crate) links: Vec<Link>,
    /// Positions of the last commits, whether they may be built upon or not; ascending.
    pub(crate) recent: Vec<u64>,
}

/// What descends from one child of the root.
struct Branch {
    first: Link,
    /// Who of the root's roster has made a commit in it.
    authors: BTreeSet<DeviceId>,
    newest: Timestamp,
    has_last: bool,
}

impl Commits {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let w = Writer::with_capacity(32 + self.links.len() * 64);
        let recent = self.recent.iter().flat_map(|position| position.to_be_bytes()).collect::<Vec<u8>>();
        self.links
            .iter()
            .fold(w.string(&recent), |w, link| {
                let w = w.u64(link.position).u64(link.accepted).u64(link.roster_at);
                w.raw(link.author.as_bytes()).u64(link.stamp.as_millis())
            })
            .finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut r = Reader::new(bytes);
        let mut commits = Self::default();
        let mut recent = Reader::new(r.string()?);
        while recent.left() > 0 {
            commits.recent.push(recent.u64()?);
        }
        while r.left() > 0 {
            commits.links.push(Link {
                position: r.u64()?,
                accepted: r.u64()?,
                roster_at: r.u64()?,
                author: device(&mut r)?,
                stamp: time(&mut r)?,
            });
        }
        Ok(commits)
    }

    /// The last commit.
    pub(crate) fn last(&self) -> Result<Link, Fault> {
        self.links.last().copied().ok_or(Fault::Damaged)
    }

    /// The settled commit.
    pub(crate) fn root(&self) -> Result<Link, Fault> {
        self.links.first().copied().ok_or(Fault::Damaged)
    }

    /// Whether what rests on the commit at a position is decided: it is settled, forgotten, or has stood for a month.
    pub(crate) fn is_decided(&self, position: u64, now: Timestamp) -> bool {
        let undecided = |link: Link| now < link.stamp.after(UNDECIDED);
        self.root().is_ok_and(|root| position <= root.position) || !self.find(position).is_some_and(undecided)
    }

    /// The commit at a position.
    pub(crate) fn find(&self, position: u64) -> Option<Link> {
        self.at(position).and_then(|at| self.links.get(at)).copied()
    }

    /// Whether so many commits stand after a position that a message which names it is too old.
    pub(crate) fn are_beyond(&self, position: u64) -> bool {
        self.recent.iter().filter(|recent| **recent > position).count() > COMMITS_BEHIND
    }

    /// Takes the next commit in.
    pub(crate) fn push(&mut self, link: Link) {
        self.links.push(link);
        self.recent.push(link.position);
        if self.recent.len() > COMMITS_BEHIND + 1 {
            self.recent.remove(0);
        }
    }

    /// Forgets what nothing is built on any more, and makes that child of the root the new one which is settled; says
    /// whether there was one. `roster` is the root's. What holds the last commit is never forgotten. [DELIV-190]
    pub(crate) fn settle(&mut self, roster: &[DeviceId], now: Timestamp) -> bool {
        let over = |stamp: Timestamp| now >= stamp.after(UNDECIDED);
        let mut branches = self.branches(roster);
        let enough = DECIDING.min(roster.len() / 2 + 1);
        let mut next = branches.iter().find(|branch| branch.has_last && branch.authors.len() >= enough);
        if next.is_none() {
            let stale = |branch: &Branch| over(branch.newest) && !branch.has_last;
            let gone: Vec<u64> =
                branches.iter().filter(|branch| stale(branch)).map(|branch| branch.first.position).collect();
            branches.retain(|branch| !stale(branch));
            for position in gone {
                self.keep(|top| top != Some(position));
            }
            next = match branches.as_slice() {
                [only] if over(only.first.stamp) => Some(only),
                // Undecided for a month at full speed: what most have built on.
                _ if self.links.len() > MOST => branches.iter().rev().max_by_key(|branch| branch.authors.len()),
                _ => None,
            };
        }
        let Some(next) = next.filter(|next| next.has_last).map(|next| next.first.position) else { return false };
        self.keep(|top| top == Some(next));
        true
    }

    /// What descends from each child of the root, by position.
    fn branches(&self, roster: &[DeviceId]) -> Vec<Branch> {
        let mut branches: Vec<Branch> = Vec::new();
        for (link, top) in self.links.iter().zip(self.tops()) {
            let Some(top) = top else { continue };
            if top == link.position {
                let authors = BTreeSet::new();
                branches.push(Branch { first: *link, authors, newest: link.stamp, has_last: false });
            }
            let branch = branches.binary_search_by_key(&top, |branch| branch.first.position).ok();
            let Some(branch) = branch.and_then(|at| branches.get_mut(at)) else { continue };
            branch.newest = link.stamp;
            branch.has_last = self.recent.last() == Some(&link.position);
            if roster.binary_search(&link.author).is_ok() {
                branch.authors.insert(link.author);
            }
        }
        branches
    }

    /// For each commit the child of the root that it is or descends from; none for the root itself.
    fn tops(&self) -> Vec<Option<u64>> {
        let mut tops: Vec<Option<u64>> = Vec::with_capacity(self.links.len());
        for link in &self.links {
            let parent = self.at(link.accepted).and_then(|at| tops.get(at));
            tops.push(parent.map(|top| top.unwrap_or(link.position)));
        }
        tops
    }

    /// Keeps the commits whose child of the root passes; the root has none.
    fn keep(&mut self, passes: impl Fn(Option<u64>) -> bool) {
        let mut tops = self.tops().into_iter();
        self.links.retain(|_| passes(tops.next().flatten()));
    }

    fn at(&self, position: u64) -> Option<usize> {
        self.links.binary_search_by_key(&position, |link| link.position).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_000_000);

    fn person(n: u8) -> DeviceId {
        DeviceId::from_bytes([n; 32])
    }

    fn people(count: u8) -> Vec<DeviceId> {
        (0..count).map(person).collect()
    }

    fn link(position: u64, accepted: u64, author: u8, stamp: Timestamp) -> Link {
        Link { position, accepted, roster_at: 1, author: person(author), stamp }
    }

    fn append(commits: &mut Commits, accepted: u64, author: u8, roster: &[DeviceId], now: Timestamp) -> u64 {
        let position = commits.last().map_or(1, |last| last.position + 1);
        commits.push(link(position, accepted, author, now));
        while commits.settle(roster, now) {}
        position
    }

    #[test]
    fn a_commit_is_settled_once_more_than_half_have_built_on_it() {
        let (mut commits, four) = (Commits::default(), people(4));
        append(&mut commits, 0, 0, &four, START);
        append(&mut commits, 1, 0, &four, START);
        append(&mut commits, 2, 0, &four, START);
        append(&mut commits, 3, 1, &four, START);
        assert_eq!(commits.root().unwrap().position, 1, "two of four");
        append(&mut commits, 1, 3, &four, START);
        append(&mut commits, 4, 2, &four, START);
        assert_eq!(commits.root().unwrap().position, 3, "three, behind 2 as well as behind 3");
        assert_eq!((commits.find(1), commits.find(2)), (None, None));
        assert_eq!(commits.find(5), None, "what was built beside it");
        assert_eq!((commits.are_beyond(3), commits.are_beyond(4)), (true, false), "but it is counted");
        // Who was not in the roster does not count.
        for author in 100..120 {
            append(&mut commits, 4, author, &four, START);
        }
        assert_eq!(commits.root().unwrap().position, 3);
        // Of many, nine.
        let (mut commits, many) = (Commits::default(), people(100));
        append(&mut commits, 0, 0, &many, START);
        for author in 1..=9 {
            assert_eq!(commits.root().unwrap().position, 1);
            append(&mut commits, 1 + u64::from(author - 1).min(1), author, &many, START);
        }
        assert_eq!(commits.root().unwrap().position, 2);
    }

    #[test]
    fn what_is_undecided_for_a_month_is_decided() {
        let (mut commits, four) = (Commits::default(), people(4));
        append(&mut commits, 0, 0, &four, START);
        for last in 1..40 {
            append(
                &mut commits,
                last,
                0,
                &four,
                START.after(Duration::from_secs(24 * 3600) * u32::try_from(last).unwrap()),
            );
        }
        // One author: what came a month ago, and nothing beside it.
        assert_eq!(commits.root().unwrap().position, 10);
        assert_eq!(commits.links.len(), 31);
        let late = START.after(Duration::from_secs(100 * 24 * 3600));
        append(&mut commits, 12, 3, &four, late);
        assert_eq!((commits.root().unwrap().position, commits.links.len()), (12, 2), "a branch nobody goes on with");
    }

    #[test]
    fn a_tree_is_bounded() {
        let (mut commits, four) = (Commits::default(), people(4));
        append(&mut commits, 0, 0, &four, START);
        for last in 1..=MOST as u64 + 10 {
            // Without the scan for each, which is quadratic.
            commits.push(link(last + 1, last, 0, START));
        }
        while commits.settle(&four, START) {}
        assert_eq!(commits.links.len(), MOST);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// [DELIV-190] Whatever fewer devices than decide append, on whatever is there: what the others accepted last
        /// can be built upon.
        #[test]
        fn what_the_honest_accepted_last_is_remembered(count in 3_u8..30, choices in proptest::collection::vec(any::<(u8, u16, bool)>(), 1..300)) {
            let roster = people(count);
            let enough = DECIDING.min(roster.len() / 2 + 1);
            let hostile = u8::try_from(enough - 1).unwrap();
            let mut commits = Commits::default();
            let mut accepted = append(&mut commits, 0, count - 1, &roster, START);
            for (who, on, honest) in choices {
                if honest && who % 4 == 0 {
                    let author = hostile + who % (count - hostile);
                    accepted = append(&mut commits, accepted, author, &roster, START);
                } else {
                    let on = commits.links[usize::from(on) % commits.links.len()].position;
                    let position = append(&mut commits, on, who % hostile.max(1), &roster, START);
                    // A valid one of theirs counts as well, and may be the last.
                    if honest && on == accepted {
                        accepted = position;
                    }
                }
                prop_assert!(commits.find(accepted).is_some());
            }
        }
    }
}
