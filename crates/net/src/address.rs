//! Addresses (protocol-spec/04-link, section 1): a link stays on a private network unless the authority signs otherwise.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether a relay may listen on, and a device dial, `ip` without the certificate's flag for public addresses:
/// loopback, RFC 1918, link-local (RFC 3927, RFC 4291) and unique local addresses (RFC 4193). An IPv4 address that is
/// mapped into IPv6 counts as the IPv4 address. "Any address" (`0.0.0.0`, `::`) is none of these: it includes public
/// ones.
#[must_use]
pub fn permitted(ip: IpAddr) -> bool {
    // [LINK-01]
    match ip.to_canonical() {
        IpAddr::V4(ip) => permitted_v4(ip),
        IpAddr::V6(ip) => permitted_v6(ip),
    }
}

fn permitted_v4(ip: Ipv4Addr) -> bool {
    ip.is_loopback() || ip.is_private() || ip.is_link_local()
}

fn permitted_v6(ip: Ipv6Addr) -> bool {
    ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    // [LINK-01]: both sides of each range's edges.
    #[test]
    fn only_private_addresses_are_permitted() {
        let yes = [
            "127.0.0.1",
            "127.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.0.0",
            "192.168.255.255",
            "169.254.0.1",
            "169.254.255.255",
            "::1",
            "fc00::",
            "fdff:ffff::1",
            "fe80::1",
            "febf::1",
            "::ffff:10.1.2.3",
            "::ffff:127.0.0.1",
        ];
        let no = [
            "0.0.0.0",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "2001:db8::1",
            "2600::1",
            "fbff::1",
            "fe00::1",
            "fe7f::1",
            "fec0::1",
            "ff02::1",
            "::ffff:8.8.8.8",
            "::ffff:0.0.0.0",
            "::10.0.0.1",
            "64:ff9b::10.0.0.1",
        ];
        for text in yes {
            assert!(permitted(text.parse().unwrap()), "{text}");
        }
        for text in no {
            assert!(!permitted(text.parse().unwrap()), "{text}");
        }
    }
}
