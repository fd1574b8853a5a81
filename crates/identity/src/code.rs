//! Invitation codes (protocol-spec/03-identity, section 6): what is said aloud beside an invitation handed over.
//!
//! Six groups of four letters and digits of Crockford's base 32 (no I, L, O, U), 120 bits: `K7QF-2M9X-...`. Read
//! forgivingly: case, spaces and dashes do not matter, O is 0, I and L are 1.

use amanat_primitives::CryptoRngCore;
use zeroize::{Zeroize as _, Zeroizing};

pub(crate) const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUPS: usize = 6;
const GROUP: usize = 4;

/// A code. Shown once, to the officer.
pub struct InvitationCode(Zeroizing<String>);

impl InvitationCode {
    /// Fresh from `rng`.
    pub fn random(rng: &mut dyn CryptoRngCore) -> Self {
        let mut draws = [0; GROUPS * GROUP];
        rng.fill_bytes(&mut draws);
        let mut code = Zeroizing::new(String::with_capacity(GROUPS * GROUP));
        for draw in &draws {
            // 32 divides 256, so each symbol is as likely as any other.
            let symbol = ALPHABET.get(usize::from(draw % 32)).copied().unwrap_or(b'0');
            code.push(char::from(symbol));
        }
        draws.zeroize();
        Self(code)
    }

    /// A code as a person typed it; `None` for what cannot be one.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let mut code = Zeroizing::new(String::with_capacity(GROUPS * GROUP));
        for c in typed.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let value = symbol(c)?;
            if code.len() == GROUPS * GROUP {
                return None;
            }
            code.push(ALPHABET.get(usize::from(value)).copied().map_or('0', char::from));
        }
        (code.len() == GROUPS * GROUP).then_some(Self(code))
    }

    /// The code in its groups, to be shown to the officer and said aloud.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        let mut shown = Zeroizing::new(String::with_capacity(GROUPS * (GROUP + 1)));
        for (i, c) in self.0.chars().enumerate() {
            if i > 0 && i % GROUP == 0 {
                shown.push('-');
            }
            shown.push(c);
        }
        shown
    }

    /// What goes through Argon2id.
    pub(crate) fn as_passphrase(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The value of a symbol as a person types it: case does not matter, O is 0, I and L are 1.
pub(crate) fn symbol(c: char) -> Option<u8> {
    let symbol = match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let place = ALPHABET.iter().position(|known| char::from(*known) == symbol)?;
    u8::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::OsRng;

    #[test]
    fn a_code_is_read_as_people_write_it() {
        let code = InvitationCode::random(&mut OsRng);
        let shown = code.expose();
        assert_eq!(shown.len(), 29);
        assert_eq!(shown.matches('-').count(), 5);
        let sloppy = shown.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        assert_eq!(InvitationCode::parse(&sloppy).unwrap().expose(), shown);
        for bad in ["", "K7QF", &shown[..28], &format!("{}A", shown.as_str()), &shown.replacen(&shown[..1], "U", 1)] {
            assert!(InvitationCode::parse(bad).is_none());
        }
    }
}
