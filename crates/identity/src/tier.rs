//! Tiers (protocol-spec/03-identity, section 3): how sensitive something is, and how far a person is cleared.

use std::fmt;
use std::str::FromStr;

use amanat_wire::code;

use crate::policy;

code!(
    /// A security tier, lowest first. As a clearance it admits to its own tier and all below.
    pub enum Tier {
        /// Ordinary office business.
        1 => Official,
        /// Restricted.
        2 => Restricted,
        /// Confidential.
        3 => Confidential,
        /// Secret.
        4 => Secret,
        /// Top secret.
        5 => TopSecret,
    }
);

/// A text that names no tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a tier: official, restricted, confidential, secret or top-secret")]
pub struct UnknownTier;

impl Tier {
    /// The name in the built-in policy, for instance `top-secret`.
    #[must_use]
    pub fn name(self) -> &'static str {
        policy::builtin(self).name
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(text: &str) -> Result<Self, UnknownTier> {
        Self::ALL.iter().copied().find(|tier| tier.name() == text).ok_or(UnknownTier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_are_ordered_and_named() {
        let names: Vec<_> = Tier::ALL.iter().map(|tier| tier.name()).collect();
        assert_eq!(names, ["official", "restricted", "confidential", "secret", "top-secret"]);
        assert!(Tier::ALL.is_sorted());
        for tier in Tier::ALL {
            assert_eq!(tier.name().parse(), Ok(*tier));
        }
        assert_eq!("Secret".parse::<Tier>(), Err(UnknownTier));
        assert_eq!(Tier::TopSecret.number(), 5);
    }
}
