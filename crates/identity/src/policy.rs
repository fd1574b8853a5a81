//! The built-in policy, version 0 (protocol-spec/03-identity, section 3): what each tier asks of a client, and how
//! long statements hold, until an authority signs a policy of its own.

use std::time::Duration;

use amanat_wire::log::RetentionClass;

use crate::Tier;

/// Version of the built-in table; a signed policy has a version above it.
pub const POLICY_VERSION: u32 = 0;

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 3600)
}

/// An authority's own certificate.
pub const AUTHORITY_VALIDITY: Duration = days(20 * 365);
/// Officer and auditor certificates.
pub const OFFICER_VALIDITY: Duration = days(365);
/// Relay certificates.
pub const RELAY_VALIDITY: Duration = days(2 * 365);
/// Grants, and the device certificates that rest on them.
pub const DEVICE_VALIDITY: Duration = days(365);
/// From the issue of a grant to the last moment at which it can be redeemed.
pub const REDEEM_WITHIN: Duration = days(7);
/// Status statements, unless the officer says otherwise.
pub const STATUS_VALIDITY: Duration = days(1);
/// The longest that a status statement may claim to hold.
pub const STATUS_VALIDITY_MAX: Duration = days(31);
/// What one officer may list alone: so many revocations within so long. More need a second officer's signature.
pub const ALONE: [(Duration, usize); 2] = [(Duration::from_secs(3600), 20), (days(1), 60)];
/// A status statement's number, in milliseconds, may be so far ahead of its time of issue.
pub const NUMBER_AHEAD_MAX: Duration = Duration::from_secs(3600);
/// From when on before its end a certificate's renewal is asked for.
pub const RENEWAL_DUE: Duration = days(30);
/// A device whose chain has ended is served for so long, and counts as revoked after that.
pub const LAPSE: Duration = days(7);

/// What a tier asks of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TierRules {
    /// The tier's name.
    pub name: &'static str,
    /// A client that shows this tier locks after so long without a touch.
    pub idle_lock: Duration,
    /// Text may be copied out.
    pub copy: bool,
    /// What the client asks the relay to keep by default.
    pub retention: RetentionClass,
    /// The content of a message is removed from every vault so long after it was sent; `None`: it stays.
    pub max_lifetime: Option<Duration>,
    /// A status statement counts as expired here once it is this old, even if it claims to hold longer.
    pub status_max_age: Duration,
    /// Nothing is sent here while the status statement is expired or missing; below, the user is warned.
    pub stops_sending_when_expired: bool,
}

// No lifetime is below the retention class, so that nobody who was away loses unread what the relay still has.
// The retention class is the same for every tier: the relay reads it, and must not learn the tier from it.
const fn rules(
    name: &'static str,
    idle_minutes: u64,
    copy: bool,
    status_days: u64,
    max_lifetime: Option<Duration>,
    stops_sending_when_expired: bool,
) -> TierRules {
    TierRules {
        name,
        idle_lock: Duration::from_secs(idle_minutes * 60),
        copy,
        retention: RetentionClass::Month,
        max_lifetime,
        status_max_age: days(status_days),
        stops_sending_when_expired,
    }
}

const OFFICIAL: TierRules = rules("official", 15, true, 7, None, false);
const RESTRICTED: TierRules = rules("restricted", 10, true, 7, None, false);
const CONFIDENTIAL: TierRules = rules("confidential", 5, false, 2, None, true);
const SECRET: TierRules = rules("secret", 3, false, 1, Some(days(90)), true);
const TOP_SECRET: TierRules = rules("top-secret", 2, false, 1, Some(days(30)), true);

/// The rules of `tier` in policy version 0.
#[must_use]
pub const fn builtin(tier: Tier) -> &'static TierRules {
    match tier {
        Tier::Official => &OFFICIAL,
        Tier::Restricted => &RESTRICTED,
        Tier::Confidential => &CONFIDENTIAL,
        Tier::Secret => &SECRET,
        Tier::TopSecret => &TOP_SECRET,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_only_tighten_upward_and_hide_the_tier_from_the_relay() {
        for pair in Tier::ALL.windows(2) {
            let (low, high) = (builtin(pair[0]), builtin(pair[1]));
            assert!(high.idle_lock < low.idle_lock);
            assert!(high.copy <= low.copy);
            assert!(high.status_max_age <= low.status_max_age);
            assert!(high.stops_sending_when_expired >= low.stops_sending_when_expired);
            assert_eq!(high.retention, low.retention);
            assert!(high.max_lifetime.unwrap_or(Duration::MAX) <= low.max_lifetime.unwrap_or(Duration::MAX));
            assert!(high.max_lifetime.is_none_or(|lifetime| lifetime >= high.retention.span()));
        }
        assert!(builtin(Tier::Confidential).stops_sending_when_expired);
        assert!(!builtin(Tier::Restricted).stops_sending_when_expired);
    }
}
