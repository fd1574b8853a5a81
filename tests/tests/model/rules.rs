//! The rules that an honest member keeps (protocol-spec/05-conversation, sections 5, 7 and 8; 07-delivery, section 12), each
//! with the switch that takes it away.

use super::{
    Setting,
    world::{Body, Ciphertext, Client, Content, Ghost, Row, THIRD, Track, Verdict, digest},
};

/// A rule that is taken away from honest members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rule {
    /// [CONV-45] Nothing is sent while a member is known to be revoked.
    SilentBesideRevoked,
    /// [CONV-16] [CONV-50] A commit that names an older statement than the last accepted one is void.
    StatusMonotonic,
    /// [CONV-51] Who is revoked is judged as of the statement that the commit names, not by one's own.
    AsOfTheCommit,
    /// [CONV-19] [CONV-41] An own commit is merged where its hash is found in the log, not where the relay answers that it took it.
    MergedWhenFound,
    /// [CONV-41] The relay's answer that another came first does not end a commit: the log does.
    ConflictEndsNothing,
    /// [CONV-32] Counters and previous hashes are followed.
    Counters,
    /// [CONV-33] Every entry enters R, also one that is passed over.
    RefusedEntersR,
    /// [CONV-33] The relay's receipt enters R.
    ReceiptEntersR,
    /// [CONV-34] A frame's R is compared.
    RunningCompared,
    /// [DELIV-11] The next commit names the last one that was processed or refused, not the last one accepted.
    RefusedIsSeen,
    /// [CONV-81] What comes behind its sender's removal is refused.
    RemovedIsRefused,
    /// [CONV-41] A commit that was lost to another is given up.
    LoserGivesUp,
    /// [CONV-89] A commit that was void is void whenever it comes again.
    VoidForGood,
    /// [CONV-90] A commit that the relay says it refuses is known, and merged where it is found.
    RefusedIsKnown,
    /// [CONV-91] An own message that comes again is known as such.
    OwnIsKnown,
}

impl Client {
    /// What enters the running hash for one entry.
    fn enters(&self, setting: &Setting, row: &Row) -> bool {
        let passed_over = !matches!(row.verdict, Verdict::Own | Verdict::Taken | Verdict::Again | Verdict::Merged);
        !(passed_over && setting.off == Some(Rule::RefusedEntersR))
    }

    /// R at a position, as the rules have it. [CONV-33]
    pub(crate) fn running(&self, setting: &Setting, position: u8) -> u64 {
        let rows = self.log.iter().take(position.into()).filter(|row| self.enters(setting, row));
        rows.fold(0, |running, row| {
            let receipt = row.receipt && setting.off != Some(Rule::ReceiptEntersR);
            digest(&(running, row.what, receipt))
        })
    }

    /// All entries up to a position, whatever the rules say.
    pub(crate) fn entries(&self, position: u8) -> u64 {
        self.log.iter().take(position.into()).fold(0, |all, row| digest(&(all, row.what)))
    }

    /// What these have come to: the entries, and which of them were merged.
    pub(crate) fn history(&self, position: u8) -> u64 {
        let rows = self.log.iter().take(position.into());
        rows.fold(0, |all, row| digest(&(all, row.what, row.verdict == Verdict::Merged)))
    }

    /// The position that its next commit names as the last one that it processed or refused. [DELIV-11]
    pub(crate) fn seen_commit(&self, setting: &Setting) -> usize {
        let counts = |row: &Row| match setting.off {
            Some(Rule::RefusedIsSeen) => row.verdict == Verdict::Merged,
            _ => row.what.is_commit(),
        };
        self.log.iter().rposition(counts).map_or(0, |place| place + 1)
    }

    fn may_encrypt(&self, setting: &Setting) -> bool {
        let silent = self.unfit() && setting.off != Some(Rule::SilentBesideRevoked);
        !self.fell_out && self.pending.is_none() && !silent
    }

    fn encrypt(&self, setting: &Setting, by: u8, content: Content) -> Ciphertext {
        let position = self.position();
        let ghost = Ghost {
            history: self.history(position),
            readers: self.members,
            knew: self.knows > 0,
            removed: self.log.iter().any(|row| row.verdict == Verdict::Merged && removes(&row.what)),
        };
        let running = self.running(setting, position);
        Ciphertext { by, epoch: self.epoch(), body: Body::Message { content, position, running, ghost } }
    }

    /// The next content, encrypted.
    pub(crate) fn say(&mut self, setting: &Setting, by: u8) -> Option<Ciphertext> {
        if self.may_say == 0 || !self.may_encrypt(setting) {
            return None;
        }
        self.may_say -= 1;
        let before = self.said.map(|(content, _)| content);
        let content = Content {
            counter: before.map_or(1, |content| content.counter + 1),
            previous: before.map_or(0, |content| digest(&content)),
            story: 0,
        };
        self.said = Some((content, false));
        Some(self.encrypt(setting, by, content))
    }

    /// The relay says that the last content's epoch is stale: it is encrypted once more, unchanged. [CONV-23] [DELIV-81]
    pub(crate) fn say_again(&mut self, setting: &Setting, by: u8) -> Option<Ciphertext> {
        let content = self.said.filter(|(_, stands)| !stands)?.0;
        if self.may_say_again == 0 || !self.may_encrypt(setting) {
            return None;
        }
        self.may_say_again -= 1;
        Some(self.encrypt(setting, by, content))
    }

    /// A commit: the removal of who has to go, or else a renewal of one's own keys.
    pub(crate) fn commit(&mut self, by: u8, removes: bool, most: u8) -> Option<Ciphertext> {
        if self.fell_out || self.pending.is_some() || self.commits_made == most || removes && !self.unfit() {
            return None;
        }
        self.commits_made += 1;
        let body = Body::Commit { made: self.commits_made, removes, status: self.knows, well_formed: true };
        let commit = Ciphertext { by, epoch: self.epoch(), body };
        self.pending = Some(commit);
        Some(commit)
    }

    /// The relay says that it does not take the commit on its way: something else may be sent. [CONV-90]
    pub(crate) fn refused(&mut self, setting: &Setting) -> Option<()> {
        let commit = self.pending.take()?;
        if setting.off != Some(Rule::RefusedIsKnown) {
            self.given_up.push(commit);
        }
        Some(())
    }

    /// Takes in the next entry; `None` where the log waits for a statement.
    pub(crate) fn receive(&mut self, setting: &Setting, me: u8, what: Ciphertext, receipt: bool) -> Option<Verdict> {
        let verdict = match what.body {
            Body::Foreign => Verdict::Refused,
            Body::Message { content, position, running, .. } => {
                self.take_message(setting, me, &what, content, (position, running))
            }
            Body::Commit { .. } => self.take_commit(setting, me, &what, receipt)?,
        };
        self.log.push(Row { what, receipt: receipt && what.is_commit(), verdict });
        match verdict {
            Verdict::Void => self.alarms.void = true,
            Verdict::Late | Verdict::Future | Verdict::NotOurs | Verdict::Refused => self.alarms.refused = true,
            _ => {}
        }
        if verdict == Verdict::Future {
            self.beyond |= 1 << what.by;
            // [CONV-57] More than half of the two other people.
            self.fell_out |= self.beyond.count_ones() == 2;
        }
        Some(verdict)
    }

    fn take_message(
        &mut self,
        setting: &Setting,
        me: u8,
        what: &Ciphertext,
        content: Content,
        (position, running): (u8, u64),
    ) -> Verdict {
        if what.by == me {
            // [CONV-19] [CONV-91] Known by its hash, and the second time as a replay.
            if self.had(what) {
                return if setting.off == Some(Rule::OwnIsKnown) { Verdict::NotOurs } else { Verdict::Refused };
            }
            if let Some((last, stands)) = &mut self.said {
                *stands |= *last == content;
            }
            return Verdict::Own;
        }
        if !self.epochs.contains(&what.epoch) {
            return Verdict::Future;
        }
        // MLS's own: a message key is used once.
        if self.had(what) {
            return Verdict::Refused;
        }
        // [CONV-81]
        if self.members & (1 << what.by) == 0 && setting.off != Some(Rule::RemovedIsRefused) {
            return Verdict::Refused;
        }
        // [CONV-34]
        let parted = position > self.position() || self.running(setting, position) != running;
        self.alarms.fork |= parted && setting.off != Some(Rule::RunningCompared);
        let again = self.log.iter().any(|row| match row.what.body {
            Body::Message { content: known, .. } => {
                row.what.by == what.by && known == content && matches!(row.verdict, Verdict::Taken | Verdict::Again)
            }
            _ => false,
        });
        if again {
            return Verdict::Again;
        }
        if setting.off != Some(Rule::Counters) {
            self.observe(what.by, content);
        }
        Verdict::Taken
    }

    /// The sender's counter and hash chain. [CONV-32]
    fn observe(&mut self, by: u8, content: Content) {
        let Some(track) = self.tracks.get_mut(usize::from(by)) else { return };
        let Track { highest, last, missing } = *track;
        let bit = 1_u8 << content.counter;
        if content.counter > highest {
            let between = ((bit - 1) & !((2_u8 << highest) - 1)) & !1;
            self.alarms.gap |= between != 0;
            // Where nothing is missing the hash of the one before must fit.
            self.alarms.broken |= between == 0 && content.previous != last;
            *track = Track { highest: content.counter, last: digest(&content), missing: missing | between };
        } else if missing & bit != 0 {
            track.missing &= !bit;
        } else {
            self.alarms.broken = true;
        }
    }

    /// A commit of its own, on its way or given up.
    fn has_made(&self, what: &Ciphertext) -> bool {
        self.pending.as_ref() == Some(what) || self.given_up.contains(what)
    }

    fn take_commit(&mut self, setting: &Setting, me: u8, what: &Ciphertext, receipt: bool) -> Option<Verdict> {
        let own = self.has_made(what);
        if !own && what.epoch != self.epoch() {
            return Some(if self.epochs.contains(&what.epoch) { Verdict::Late } else { Verdict::Future });
        }
        // [CONV-89] Its epoch has not ended, so it was void.
        if self.had(what) && setting.off != Some(Rule::VoidForGood) {
            return Some(Verdict::Void);
        }
        if what.by == me && !own {
            return Some(Verdict::NotOurs);
        }
        if !self.is_valid(setting, what, receipt)? {
            self.pending = self.pending.filter(|pending| pending != what);
            self.given_up.retain(|given_up| given_up != what);
            return Some(Verdict::Void);
        }
        self.merge(setting, what);
        Some(Verdict::Merged)
    }

    /// The one validity function; `None` where the statement that the commit names is not here. [CONV-16]
    fn is_valid(&self, setting: &Setting, what: &Ciphertext, receipt: bool) -> Option<bool> {
        let Body::Commit { removes, status, well_formed, .. } = what.body else { return Some(false) };
        let back = status < self.accepted_status && setting.off != Some(Rule::StatusMonotonic);
        // What needs no list is judged first.
        if !well_formed || !receipt || back {
            return Some(false);
        }
        if status > self.knows {
            return None;
        }
        // [CONV-51]
        let as_of = if setting.off == Some(Rule::AsOfTheCommit) { self.knows } else { status };
        let revoked = as_of > 0;
        Some(!(what.by == THIRD && revoked) && (!removes || revoked))
    }

    pub(crate) fn merge(&mut self, setting: &Setting, what: &Ciphertext) {
        if let Body::Commit { removes, status, .. } = what.body {
            self.accepted_status = status;
            self.members &= if removes { !(1 << THIRD) } else { u8::MAX };
        }
        self.epochs.push(digest(what));
        // [CONV-57] That an own one is taken says nothing of where the others are.
        if !self.has_made(what) {
            self.beyond = 0;
        }
        self.given_up.clear();
        // Whichever was merged: a pending one is merged or lost now. [CONV-41]
        if self.pending.as_ref() == Some(what) || setting.off != Some(Rule::LoserGivesUp) {
            self.pending = None;
        }
    }
}

pub(crate) fn removes(what: &Ciphertext) -> bool {
    matches!(what.body, Body::Commit { removes: true, .. })
}
