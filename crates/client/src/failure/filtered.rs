//! What the leak filter found, in words (protocol-spec/09-policy, section 10).

use amanat_identity::Tier;
use amanat_policy::{Action, Kind, Verdict};

use super::{Failure, FailureCode};

/// Kinds of the built-in policy: one, and several.
const KINDS: &[(&str, &str, &str)] = &[
    ("cnic", "identity card number", "identity card numbers"),
    ("nicop", "NICOP number", "NICOP numbers"),
    ("passport", "passport number", "passport numbers"),
    ("mobile", "mobile number", "mobile numbers"),
    ("landline", "landline number", "landline numbers"),
    ("imsi", "subscriber number (IMSI)", "subscriber numbers (IMSI)"),
    ("imei", "handset number (IMEI)", "handset numbers (IMEI)"),
    ("iccid", "SIM card number (ICCID)", "SIM card numbers (ICCID)"),
    ("iban", "bank account (IBAN)", "bank accounts (IBAN)"),
    ("card", "payment card number", "payment card numbers"),
    ("ntn", "tax number (NTN)", "tax numbers (NTN)"),
    ("vehicle", "vehicle registration", "vehicle registrations"),
    ("email", "e-mail address", "e-mail addresses"),
    ("coordinates", "place by its coordinates", "places by their coordinates"),
    ("table", "table of persons' data", "tables of persons' data"),
    ("marking", "marking above this tier", "markings above this tier"),
];

/// So many of a kind, in words; a kind that only a policy knows by its name.
#[must_use]
pub fn kind_words(kind: &Kind, count: u32) -> String {
    match KINDS.iter().find(|(name, ..)| *name == kind.as_str()) {
        Some((_, one, _)) if count == 1 => format!("1 {one}"),
        Some((_, _, several)) => format!("{count} {several}"),
        None => format!("{count} {kind}"),
    }
}

/// The filter does not let it pass as it stands.
pub(crate) fn filtered(verdict: &Verdict, tier: Tier) -> Failure {
    let count = |kind: &Kind| verdict.counts.get(kind).copied().unwrap_or_default();
    let found: Vec<String> = verdict.because.iter().map(|(kind, _)| kind_words(kind, count(kind))).collect();
    let found = if found.is_empty() { "more than is read".to_owned() } else { found.join(", ") };
    let failed = format!("the leak filter found {found}, which is not for a conversation at {tier} as it stands");
    let advice = match verdict.action {
        Action::Allow | Action::Warn => "take it out, or say that it is to be sent all the same",
        Action::Reason => "take it out, or give a reason, which goes on record",
        Action::Approve => "take it out: a second person would have to approve it, which cannot be asked for yet",
        Action::Refuse => "take it out, or use a conversation at a tier that it is for",
    };
    Failure::new(FailureCode::Filtered, failed, advice)
}
