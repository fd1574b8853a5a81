//! Addresses (protocol-spec/03-identity, section 2): people as `handle@domain`, relays as `host:port`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::{NotText, text::ruled_text};

ruled_text!(
    /// The part of an address before the `@`: unique within its authority.
    Handle,
    64,
    "handle",
    "1 to 64 of a-z, 0-9, '.', '-' and '_', beginning with a letter or digit, all lower case",
    |text| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
        text.chars().all(inner) && text.starts_with(|c: char| c.is_ascii_alphanumeric())
    }
);

ruled_text!(
    /// An authority's domain. It names, and is never looked up in the DNS.
    Domain,
    253,
    "domain",
    "labels of 1 to 63 of a-z, 0-9 and inner '-', joined by dots, 253 bytes at most, all lower case",
    is_dns_name
);

ruled_text!(
    /// Where a relay listens: `host:port`, the host a DNS name, an IPv4 address or an IPv6 address in brackets.
    RelayAddress,
    259,
    "relay address",
    "host:port, with a lower-case name, an IPv4 address or an IPv6 address in brackets, and a port from 1 to 65535",
    |text| {
        let Some((host, port)) = text.rsplit_once(':') else { return false };
        let port_fits = port.parse::<u16>().is_ok_and(|number| number != 0 && number.to_string() == port);
        let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        port_fits
            && match inner {
                Some(v6) => v6.parse::<Ipv6Addr>().is_ok_and(|ip| ip.to_string() == v6),
                None => host.parse::<Ipv4Addr>().is_ok() || is_dns_name(host),
            }
    }
);

fn is_dns_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.split('.').all(label)
}

/// A person's address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address {
    /// Who.
    pub handle: Handle,
    /// Of which authority.
    pub domain: Domain,
}

impl Address {
    /// An address as a person types it: a bare handle means the `own` domain.
    ///
    /// # Errors
    /// [`NotText`] when either part breaks its rule.
    pub fn parse_in(text: &str, own: &Domain) -> Result<Self, NotText> {
        match text.split_once('@') {
            Some(_) => text.parse(),
            None => Ok(Self { handle: text.parse()?, domain: own.clone() }),
        }
    }
}

impl FromStr for Address {
    type Err = NotText;

    fn from_str(text: &str) -> Result<Self, NotText> {
        let wrong = NotText { what: "address", rule: "handle@domain" };
        let (handle, domain) = text.split_once('@').ok_or(wrong)?;
        Ok(Self { handle: handle.parse()?, domain: domain.parse()? })
    }
}

impl amanat_wire::Encode for Address {
    fn encode(&self, w: &mut amanat_wire::Writer) {
        self.domain.encode(w);
        self.handle.encode(w);
    }
}

impl amanat_wire::Decode for Address {
    fn decode(r: &mut amanat_wire::Reader<'_>) -> Result<Self, amanat_wire::DecodeError> {
        let domain = Domain::decode(r)?;
        Ok(Self { handle: Handle::decode(r)?, domain })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.handle, self.domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use amanat_wire::{Decode as _, DecodeError, Encode as _};

    #[test]
    fn addresses_parse_and_print_back() {
        let own: Domain = "interior.gov.pk".parse().unwrap();
        let full: Address = "ayesha.k_2-b@it.gov.pk".parse().unwrap();
        assert_eq!(full.to_string(), "ayesha.k_2-b@it.gov.pk");
        assert_eq!(Address::parse_in("ayesha", &own).unwrap().to_string(), "ayesha@interior.gov.pk");
        assert_eq!(Address::parse_in("a@b", &own).unwrap().domain.as_str(), "b");
    }

    // [ID-02]
    #[test]
    fn what_breaks_a_rule_is_refused_typed_and_decoded() {
        let own: Domain = "gov".parse().unwrap();
        let long_handle = "a".repeat(65);
        for bad in [
            "",
            "Ayesha",
            ".a",
            "-a",
            "_a",
            "a b",
            "a@",
            "@gov",
            "a@b@c",
            "آمنہ",
            "a@-b",
            "a@b-",
            "a@b..c",
            "a@B",
            &long_handle,
        ] {
            assert!(Address::parse_in(bad, &own).is_err(), "{bad}");
        }
        assert!("a".repeat(64).parse::<Handle>().is_ok());
        assert!(format!("a@{}", "b".repeat(64)).parse::<Address>().is_err());
        assert!(["a.b"; 64].join(".").parse::<Domain>().is_err(), "254 and more bytes");
        assert_eq!(Handle::from_bytes(b"\x02Ab"), Err(DecodeError::Invalid("handle")));
        assert_eq!(Domain::from_bytes(b"\x00"), Err(DecodeError::Invalid("domain")));
        let handle: Handle = "ab".parse().unwrap();
        assert_eq!(Handle::from_bytes(&handle.to_bytes()), Ok(handle));
    }

    #[test]
    fn relay_addresses_have_one_form() {
        for good in ["10.0.0.1:7443", "relay.interior.gov.pk:1", "[fd00::1]:65535", "localhost:7443"] {
            assert_eq!(good.parse::<RelayAddress>().unwrap().as_str(), good);
        }
        for bad in [
            "10.0.0.1",
            "10.0.0.1:0",
            "10.0.0.1:07",
            "10.0.0.1:+7",
            "10.0.0.1:65536",
            "fd00::1:80",
            "[fd00:0::1]:80",
            "a b:1",
            ":1",
        ] {
            assert!(bad.parse::<RelayAddress>().is_err(), "{bad}");
        }
    }
}
