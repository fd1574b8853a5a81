//! What is to be done (protocol-spec/09-policy, section 8): from how many of each kind were found to one action.

use std::collections::BTreeMap;

use amanat_wire::{code, record};

use crate::{
    find::{Finding, counts},
    rule::Kind,
};

/// Thresholds of one tier.
pub const THRESHOLDS: usize = 256;

code!(
    /// What the sender's client does, mildest first.
    pub enum Action {
        /// Sends it.
        0 => Allow,
        /// Shows what was found; one more press sends it.
        1 => Warn,
        /// Sends it once the sender has given a reason, which is recorded.
        2 => Reason,
        /// Sends it once a second cleared person has approved it.
        3 => Approve,
        /// Does not send it.
        4 => Refuse,
    }
);

impl Action {
    /// The name, for instance `approve`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Reason => "reason",
            Self::Approve => "approve",
            Self::Refuse => "refuse",
        }
    }
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an action is allow, warn, reason, approve or refuse")]
pub struct NotAnAction;

impl std::str::FromStr for Action {
    type Err = NotAnAction;

    fn from_str(text: &str) -> Result<Self, NotAnAction> {
        Self::ALL.iter().copied().find(|action| action.name() == text).ok_or(NotAnAction)
    }
}

record!(
    /// From so many distinct values of a kind on.
    pub struct Threshold {
        /// Of this kind.
        kind: Kind,
        /// At least 1.
        count: u32,
        /// This is done.
        action: Action,
    }
);

/// What the filter says of a text or a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The severest of what the findings ask for.
    pub action: Action,
    /// Distinct values of each kind.
    pub counts: BTreeMap<Kind, u32>,
    /// What asked for the action, the severest first.
    pub because: Vec<(Kind, Action)>,
}

/// The verdict on findings by one tier's thresholds. [POL-30]
pub(crate) fn judge(findings: &[Finding], thresholds: &[Threshold]) -> Verdict {
    let counts = counts(findings);
    let asked = |(kind, count): (&Kind, &u32)| {
        let reached = thresholds.iter().filter(|threshold| threshold.kind == *kind && threshold.count <= *count);
        let action = reached.map(|threshold| threshold.action).max()?;
        (action > Action::Allow).then(|| (kind.clone(), action))
    };
    let mut because: Vec<(Kind, Action)> = counts.iter().filter_map(asked).collect();
    because.sort_by_key(|(_, action)| std::cmp::Reverse(*action));
    let action = because.first().map_or(Action::Allow, |(_, action)| *action);
    Verdict { action, counts, because }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn findings(kind: &str, values: &[&str]) -> Vec<Finding> {
        let finding = |value: &&str| Finding {
            kind: kind.parse().unwrap(),
            rule: String::new(),
            range: 0..1,
            value: (*value).to_owned(),
        };
        values.iter().map(finding).collect()
    }

    // [POL-30]
    #[test]
    fn distinct_values_count_and_the_severest_action_holds() {
        let threshold = |kind: &str, count, action| Threshold { kind: kind.parse().unwrap(), count, action };
        let thresholds = [
            threshold("cnic", 1, Action::Warn),
            threshold("cnic", 3, Action::Approve),
            threshold("email", 2, Action::Reason),
        ];
        let judge = |findings: &[Finding]| judge(findings, &thresholds);
        assert_eq!(judge(&[]).action, Action::Allow);
        assert_eq!(judge(&findings("cnic", &["1"])).action, Action::Warn);
        assert_eq!(judge(&findings("cnic", &["1", "1", "2", "2"])).action, Action::Warn);
        let three = findings("cnic", &["1", "2", "3"]);
        assert_eq!(judge(&three).action, Action::Approve);
        assert_eq!(judge(&findings("email", &["a"])).action, Action::Allow);
        assert_eq!(judge(&findings("email", &["a"])).counts.len(), 1);
        assert_eq!(judge(&findings("iban", &["x"])).action, Action::Allow);
        let both = [three, findings("email", &["a", "b"])].concat();
        let kinds: Vec<_> = judge(&both).because.iter().map(|(kind, _)| kind.to_string()).collect();
        assert_eq!(kinds, ["cnic", "email"]);
    }

    #[test]
    fn actions_have_names() {
        for action in Action::ALL {
            assert_eq!(action.name().parse(), Ok(*action));
        }
        assert_eq!("send".parse::<Action>(), Err(NotAnAction));
        assert!(Action::ALL.is_sorted());
    }
}
