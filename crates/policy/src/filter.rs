//! The leak filter (protocol-spec/09-policy, section 4): what a text holds that a tier is not for, and what is to be done.
//! Nothing leaves the device for it.

use amanat_identity::Tier;

use crate::{
    document::Ready,
    find::{FINDINGS, Findings},
    fold::Folded,
    table,
    verdict::{Action, Verdict, judge},
};

impl Ready {
    /// What stands in a text of a conversation of this tier, in its order.
    #[must_use]
    pub fn find(&self, text: &str, tier: Tier) -> Findings {
        let folded = Folded::new(text);
        let mut found = self.rules().find(text, &folded);
        found.list.extend(self.markings().find(&folded, tier));
        found.list.extend(table::find(text, &self.policy().tables));
        found.list.sort_by_key(|finding| finding.range.start);
        found.cut |= folded.is_cut() || found.list.len() > FINDINGS;
        found.list.truncate(FINDINGS);
        found
    }

    /// What is to be done about what was found in a conversation of this tier. Where there is more than was read, what is
    /// done about something that cannot be read, at least. [POL-30] [POL-32]
    #[must_use]
    pub fn judge(&self, found: &Findings, tier: Tier) -> Verdict {
        let mut verdict = judge(&found.list, self.thresholds(tier));
        if found.cut {
            verdict.action = verdict.action.max(self.unreadable(tier));
        }
        verdict
    }

    /// What is to be done about something that cannot be read. [POL-31]
    #[must_use]
    pub fn unreadable(&self, tier: Tier) -> Action {
        self.tier(tier).map_or(Action::Refuse, |rules| rules.unreadable)
    }
}
