//! People, and whether they are who they say (protocol-spec/07-delivery, section 12).

use amanat_identity::{Address, Tier};
use amanat_primitives::DeviceId;

/// Someone in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Address.
    pub address: Address,
    /// Name, from the certificate.
    pub name: String,
    /// Post, from the certificate.
    pub post: String,
    /// Clearance, from the certificate.
    pub clearance: Tier,
    /// Devices.
    pub devices: Vec<DeviceId>,
    /// The safety number was compared.
    pub verified: bool,
}

/// Someone's certificate chain, checked, and the safety number with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Who.
    pub person: Person,
    /// Of each of the person's devices, in their order: one line a link of its chain, from the authority down, in plain
    /// words.
    pub chains: Vec<Vec<String>>,
    /// 60 digits in groups of five; the same on both sides.
    pub safety_number: String,
}
