//! Texts with rules (protocol-spec/03-identity, section 2): the macro that all names and addresses share, so that a
//! text which breaks its rule cannot be decoded either.

/// A text that breaks the rule of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {what}: {rule}")]
pub struct NotText {
    /// What it should have been.
    pub what: &'static str,
    /// The rule, as a sentence for people.
    pub rule: &'static str,
}

/// Defines a newtype over `String` that only holds texts for which `$accepts` holds, on the wire `opaque<1..MAX>`.
macro_rules! ruled_text {
    ($(#[$doc:meta])* $name:ident, $max:expr, $what:literal, $rule:literal, $accepts:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The most bytes it has.
            pub const MAX: usize = $max;

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            fn accepts(text: &str) -> bool {
                let accepts: fn(&str) -> bool = $accepts;
                !text.is_empty() && text.len() <= $max && accepts(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::NotText;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                if Self::accepts(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err($crate::NotText { what: $what, rule: $rule })
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            /// Prints the length alone: names and addresses are nobody's business in a log.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "[{} bytes]"), self.0.len())
            }
        }

        impl amanat_wire::Encode for $name {
            fn encode(&self, w: &mut amanat_wire::Writer) {
                // Never fails: the rule keeps the text within MAX.
                amanat_wire::Text::<{ $max }>::new(self.0.as_str()).unwrap_or_default().encode(w);
            }
        }

        impl amanat_wire::Decode for $name {
            // [ID-02] What breaks the rule does not decode.
            fn decode(r: &mut amanat_wire::Reader<'_>) -> Result<Self, amanat_wire::DecodeError> {
                let text = amanat_wire::Text::<{ $max }>::decode(r)?;
                text.parse().map_err(|_| amanat_wire::DecodeError::Invalid($what))
            }
        }
    };
}

pub(crate) use ruled_text;
