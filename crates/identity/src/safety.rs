//! Safety numbers (protocol-spec/03-identity, section 10): sixty digits that two people compare, to see that each
//! has the other's true devices.
//!
//! For each person `keys = key_1 ‖ .. ‖ key_n`, the signing keys of all their devices in ascending order, none twice.
//! With the two (address, keys) pairs in ascending order, the 64 bytes
//! `H("safety number", 0, address_a, keys_a, address_b, keys_b) ‖ H("safety number", 1, ..)` give twelve groups: group
//! i is bytes 5i to 5i+4 as a big-endian number, modulo 100,000. That is 199 bits; to make two numbers alike takes about 2^99
//! tries, each with a key pair.

use std::fmt;

use amanat_primitives::{Label, hash, sign::VerifyingKey};

use crate::Address;

/// A number of sixty digits, the same for both people.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SafetyNumber([u32; 12]);

impl SafetyNumber {
    /// Between two people, each with the signing keys of all their verified devices. `[ID-26]`
    #[must_use]
    pub fn between(one: (&Address, &[VerifyingKey]), other: (&Address, &[VerifyingKey])) -> Self {
        let mut people = [person(one), person(other)];
        people.sort();
        let [(address_a, keys_a), (address_b, keys_b)] = &people;
        let parts = [address_a.as_bytes(), keys_a, address_b.as_bytes(), keys_b];
        let [a, b, c, d] = parts;
        let halves = [0u8, 1].map(|half| *hash::digest(Label::SAFETY_NUMBER, &[&[half], a, b, c, d]).as_bytes());
        let mut groups = [0; 12];
        for (group, bytes) in groups.iter_mut().zip(halves.as_flattened().chunks_exact(5)) {
            let number = bytes.iter().fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
            *group = u32::try_from(number % 100_000).unwrap_or_default();
        }
        Self(groups)
    }
}

fn person((address, keys): (&Address, &[VerifyingKey])) -> (String, Vec<u8>) {
    let mut keys = keys.to_vec();
    keys.sort();
    keys.dedup();
    (address.to_string(), keys.iter().flat_map(|key| *key.as_bytes()).collect())
}

impl fmt::Display for SafetyNumber {
    /// Twelve groups of five digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, group) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{group:05}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SafetyNumber({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // [ID-26]
    #[test]
    fn both_see_the_same_number_and_any_other_key_changes_it() {
        let key = |byte| VerifyingKey::from_bytes([byte; 32]);
        let a: Address = "a@gov".parse().unwrap();
        let b: Address = "b@gov".parse().unwrap();
        let number = SafetyNumber::between((&a, &[key(1), key(2)]), (&b, &[key(3)]));
        assert_eq!(number, SafetyNumber::between((&b, &[key(3), key(3)]), (&a, &[key(2), key(1)])));
        assert_ne!(number, SafetyNumber::between((&a, &[key(1)]), (&b, &[key(3)])));
        assert_ne!(number, SafetyNumber::between((&a, &[key(1), key(2)]), (&b, &[key(4)])));
        assert_ne!(number, SafetyNumber::between((&a, &[key(1), key(2)]), (&"c@gov".parse().unwrap(), &[key(3)])));
        assert_ne!(number, SafetyNumber::between((&a, &[key(1)]), (&b, &[key(2), key(3)])));
        let shown = number.to_string();
        assert_eq!(shown.split(' ').map(str::len).collect::<Vec<_>>(), [5; 12]);
        assert!(shown.chars().all(|c| c.is_ascii_digit() || c == ' '));
    }
}
