//! Secrets (protocol-spec/01-primitives, section 3): bytes that are wiped when dropped and never printed or copied.

use rand_core::CryptoRngCore;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// `N` secret bytes. Has no `Debug`, `Clone`, `PartialEq` or encoding: each place that reads them says
/// [`expose_secret`](Secret::expose_secret), which a reviewer can search for. [PRIM-05]
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// Fresh from `rng`.
    pub fn random(rng: &mut dyn CryptoRngCore) -> Self {
        let mut bytes = Box::new([0; N]);
        rng.fill_bytes(bytes.as_mut_slice());
        Self(bytes)
    }

    /// Takes over `bytes` and wipes the caller's copy.
    pub fn take(bytes: &mut [u8; N]) -> Self {
        let secret = Self(Box::new(*bytes));
        bytes.zeroize();
        secret
    }

    /// Copies a slice of exactly `N` bytes; `None` for any other length.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut copy: [u8; N] = bytes.try_into().ok()?;
        Some(Self::take(&mut copy))
    }

    /// The secret bytes.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8; N] {
        &self.0
    }

    /// A second copy, said aloud.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles only where the type lacks the trait: with it, the two implementations leave `_` undecided.
    macro_rules! assert_lacks {
        ($type:ty: $($bound:path),*) => { $({
            trait Undecided<A> { fn decide() {} }
            impl<T: ?Sized> Undecided<()> for T {}
            struct Has;
            impl<T: ?Sized + $bound> Undecided<Has> for T {}
            <$type as Undecided<_>>::decide();
        })* };
    }

    #[test]
    fn secrets_are_not_printed_copied_or_compared() {
        // [PRIM-05]
        assert_lacks!(Secret<32>: std::fmt::Debug, std::fmt::Display, Clone, PartialEq, std::hash::Hash);
        assert_lacks!(crate::sign::SigningKey: std::fmt::Debug, Clone, PartialEq);
        assert_lacks!(crate::agree::NoiseSecret: std::fmt::Debug, Clone, PartialEq);
        assert_lacks!(crate::sealing::SealingSecret: std::fmt::Debug, Clone, PartialEq);
        assert_lacks!(crate::aead::SealKey: std::fmt::Debug, Clone, PartialEq);
        assert_lacks!(crate::aead::ChunkKey: std::fmt::Debug, Clone, PartialEq);
        fn is_wiped<T: ZeroizeOnDrop>() {}
        is_wiped::<Secret<32>>();
    }

    #[test]
    fn taking_a_secret_wipes_the_callers_copy() {
        // [PRIM-05]
        let mut bytes = [7; 16];
        let secret = Secret::take(&mut bytes);
        assert_eq!(bytes, [0; 16]);
        assert_eq!(secret.duplicate().expose_secret(), &[7; 16]);
        assert!(Secret::<16>::from_slice(&[0; 15]).is_none() && Secret::<16>::from_slice(&[0; 17]).is_none());
    }
}
