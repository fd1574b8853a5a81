//! Samples of what `amanat policy` and `amanat scan` print.

use amanat_client::api::{Action, RecordView, Subject};
use amanat_policy::diff::Difference;

use super::*;

pub(super) fn policy_objects(samples: &mut Samples) {
    let checked =
        PolicyChecked { number: 7, rules: 29, markings: 16, tables: 5, procedures: 0, changes: 3, bytes: 9214 };
    samples.add("policy check", &checked);
    let difference = |about: &str, before: Option<&str>, after: Option<&str>| Difference {
        about: about.into(),
        before: before.map(Into::into),
        after: after.map(Into::into),
    };
    samples.add("policy diff", &PolicyChange::from(&difference("tier.secret.copy", Some("false"), Some("true"))));
    let rule = difference("rule.file number", None, Some("file: pattern \"f\\\\.no\" check None"));
    samples.add("policy diff", &PolicyChange::from(&rule));
    let text = PolicyText { file: "letters/17.txt".into(), before: "warn", after: "refuse" };
    samples.add("policy simulate", &text);
    samples.add("policy simulate", &PolicySimulated { texts: 240, skipped: 3, changed: 1 });
    let record = RecordView {
        number: 12,
        at: AT,
        conversation: Some(CONVERSATION),
        tier: Tier::Official,
        subject: Subject::Text,
        action: Action::Reason,
        passed: true,
        found: vec![("cnic".parse().unwrap(), 3)],
        unread: false,
        reason: "The committee asked for it.".into(),
    };
    samples.add("policy records", &PolicyRecord::from(&record));
    let stopped = RecordView { conversation: None, passed: false, reason: String::new(), ..record };
    samples.add("policy records", &PolicyRecord::from(&stopped));
    let findings = vec![Found { kind: "cnic", count: 3 }, Found { kind: "mobile", count: 1 }];
    samples.add("scan", &Scanned { verdict: "reason", action: "reason", findings });
    samples.add("scan", &Scanned { verdict: "unreadable", action: "approve", findings: Vec::new() });
}
