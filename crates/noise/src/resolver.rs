//! Algorithms (protocol-spec/04-link, section 3): which implementation the Noise library uses, and whose randomness.

use std::cell::Cell;

use amanat_primitives::Secret;
use snow::{
    Error,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::{CryptoResolver, DefaultResolver, RingResolver},
    types::{Cipher, Dh, Hash, Random},
};

/// Gives the library ring's cipher, RustCrypto's BLAKE2s, X25519 that refuses useless keys, and the ephemeral key.
pub(crate) struct Resolver(Cell<Option<Secret<32>>>);

impl Resolver {
    /// With the one ephemeral key that this handshake will use.
    pub(crate) fn new(ephemeral: Secret<32>) -> Self {
        Self(Cell::new(Some(ephemeral)))
    }
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Ephemeral(self.0.take()?)))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        Some(Box::new(CheckedDh(DefaultResolver.resolve_dh(choice)?)))
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        RingResolver.resolve_cipher(choice)
    }
}

/// The caller's 32 random bytes, where the library expects a generator: IK draws once, for the ephemeral key.
struct Ephemeral(Secret<32>);

impl Random for Ephemeral {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        if dest.len() != 32 {
            return Err(Error::Rng);
        }
        dest.copy_from_slice(self.0.expose_secret());
        Ok(())
    }
}

/// X25519 that refuses points of small order, and forgets its private key when dropped.
struct CheckedDh(Box<dyn Dh>);

impl Dh for CheckedDh {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn pub_len(&self) -> usize {
        self.0.pub_len()
    }

    fn priv_len(&self) -> usize {
        self.0.priv_len()
    }

    fn set(&mut self, privkey: &[u8]) {
        self.0.set(privkey);
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), Error> {
        self.0.generate(rng)
    }

    fn pubkey(&self) -> &[u8] {
        self.0.pubkey()
    }

    fn privkey(&self) -> &[u8] {
        self.0.privkey()
    }

    fn dh(&self, pubkey: &[u8], out: &mut [u8]) -> Result<(), Error> {
        self.0.dh(pubkey, out)?;
        // [LINK-10]: RFC 7748, section 6.1. Without it a peer could fix the result whatever our key is.
        if out.iter().fold(0, |bits, byte| bits | byte) == 0 { Err(Error::Dh) } else { Ok(()) }
    }
}

impl Drop for CheckedDh {
    fn drop(&mut self) {
        // The library does not wipe keys; it does let them be overwritten.
        self.0.set(&[0; 32]);
    }
}
