//! Framing (protocol-spec/05-conversation, sections 5 and 6): the two places at which we read MLS bytes ourselves. A
//! PrivateMessage's plain header, so that whatever our profile refuses is refused before OpenMLS sees it; and a Welcome,
//! which is split at its encoding so that its large part is stored once.

use amanat_wire::{Reader, Writer};

use crate::provider::SUITE;

const MLS10: u16 = 1;
const PRIVATE_MESSAGE: u16 = 2;

/// What an MLS message is, as its plain header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ContentKind {
    Application,
    Proposal,
    Commit,
}

/// The plain header of a PrivateMessage (RFC 9420, section 6.3).
pub(crate) struct Header<'a> {
    pub(crate) group: &'a [u8],
    pub(crate) epoch: u64,
    pub(crate) kind: ContentKind,
    pub(crate) authenticated_data: &'a [u8],
}

/// Why bytes are no PrivateMessage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotPrivate {
    /// No MLS message at all, or not in its one encoding.
    Malformed,
    /// Another kind of MLS message.
    OtherWireFormat(u16),
}

/// Reads a whole PrivateMessage and checks that nothing follows it. `[CONV-13]`
pub(crate) fn header(body: &[u8]) -> Result<Header<'_>, NotPrivate> {
    let mut r = Reader::new(body);
    if number(&mut r, 2)? != u64::from(MLS10) {
        return Err(NotPrivate::Malformed);
    }
    match number(&mut r, 2)? {
        format if format == u64::from(PRIVATE_MESSAGE) => {}
        format => return Err(NotPrivate::OtherWireFormat(format as u16)),
    }
    let group = vector(&mut r)?;
    let epoch = number(&mut r, 8)?;
    let kind = match number(&mut r, 1)? {
        1 => ContentKind::Application,
        2 => ContentKind::Proposal,
        3 => ContentKind::Commit,
        _ => return Err(NotPrivate::Malformed),
    };
    let authenticated_data = vector(&mut r)?;
    let (_sender_data, _ciphertext) = (vector(&mut r)?, vector(&mut r)?);
    if r.remaining() == 0 { Ok(Header { group, epoch, kind, authenticated_data }) } else { Err(NotPrivate::Malformed) }
}

/// A Welcome (RFC 9420, section 12.4.3.1), taken apart.
pub(crate) struct WelcomeParts<'a> {
    pub(crate) encrypted_group_info: &'a [u8],
    /// Each `EncryptedGroupSecrets`, with the KeyPackage reference that it begins with.
    pub(crate) secrets: Vec<(&'a [u8], &'a [u8])>,
}

/// Takes the encoding of a Welcome apart.
pub(crate) fn split_welcome(welcome: &[u8]) -> Option<WelcomeParts<'_>> {
    let mut r = Reader::new(welcome);
    if number(&mut r, 2).ok()? != u64::from(u16::from(SUITE)) {
        return None;
    }
    let mut rest = vector(&mut r).ok()?;
    let encrypted_group_info = vector(&mut r).ok()?;
    let mut secrets = Vec::new();
    while !rest.is_empty() {
        let (reference, length) = read_secret(rest)?;
        let (secret, tail) = rest.split_at_checked(length)?;
        secrets.push((reference, secret));
        rest = tail;
    }
    (r.remaining() == 0).then_some(WelcomeParts { encrypted_group_info, secrets })
}

/// The KeyPackage reference in one `EncryptedGroupSecrets`, and the length of the whole.
fn read_secret(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let mut r = Reader::new(bytes);
    let reference = vector(&mut r).ok()?;
    let (_kem_output, _ciphertext) = (vector(&mut r).ok()?, vector(&mut r).ok()?);
    Some((reference, bytes.len() - r.remaining()))
}

/// A Welcome with one secret, as its joiner rebuilds it; `None` where the secret is not exactly one. The suite is
/// always ours: it does not travel.
pub(crate) fn rebuild_welcome(encrypted_group_info: &[u8], group_secrets: &[u8]) -> Option<Vec<u8>> {
    let (_, length) = read_secret(group_secrets)?;
    if length != group_secrets.len() {
        return None;
    }
    let mut w = Writer::default();
    w.raw(&u16::from(SUITE).to_be_bytes());
    for part in [group_secrets, encrypted_group_info] {
        write_length(&mut w, part.len())?;
        w.raw(part);
    }
    Some(w.into_bytes())
}

/// The encoding of the KeyPackage reference that one `EncryptedGroupSecrets` begins with.
pub(crate) fn encoded_reference(group_secrets: &[u8]) -> Option<&[u8]> {
    let mut r = Reader::new(group_secrets);
    vector(&mut r).ok()?;
    group_secrets.get(..group_secrets.len() - r.remaining())
}

fn number(r: &mut Reader<'_>, bytes: usize) -> Result<u64, NotPrivate> {
    let bytes = r.take(bytes).map_err(|_| NotPrivate::Malformed)?;
    Ok(bytes.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
}

/// `opaque x<V>`: a length of 1, 2 or 4 bytes whose first two bits say which (RFC 9420, section 2.1.2).
fn vector<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], NotPrivate> {
    let first = number(r, 1)?;
    let (more, least) = match first >> 6 {
        0 => (0, 0),
        1 => (1, 1 << 6),
        2 => (3, 1 << 14),
        _ => return Err(NotPrivate::Malformed),
    };
    let length = ((first & 0x3f) << (8 * more)) | number(r, more)?;
    // The shortest form only.
    if length < least {
        return Err(NotPrivate::Malformed);
    }
    r.take(usize::try_from(length).map_err(|_| NotPrivate::Malformed)?).map_err(|_| NotPrivate::Malformed)
}

fn write_length(w: &mut Writer, length: usize) -> Option<()> {
    let length = u32::try_from(length).ok()?;
    match length {
        0..=0x3f => w.raw(&[length as u8]),
        0x40..=0x3fff => w.raw(&(0x4000 | length as u16).to_be_bytes()),
        0x4000..=0x3fff_ffff => w.raw(&(0x8000_0000 | length).to_be_bytes()),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn opaque(bytes: &[u8]) -> Vec<u8> {
        let mut w = Writer::default();
        write_length(&mut w, bytes.len()).unwrap();
        w.raw(bytes);
        w.into_bytes()
    }

    fn private(group: &[u8], epoch: u64, kind: u8, aad: &[u8], text: &[u8]) -> Vec<u8> {
        let epoch = epoch.to_be_bytes();
        [&[0, 1, 0, 2][..], &opaque(group), &epoch, &[kind], &opaque(aad), &opaque(b"sender"), &opaque(text)].concat()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        // [CONV-13]
        #[test]
        fn a_header_is_read_and_nothing_may_follow(
            group in proptest::collection::vec(any::<u8>(), 0..40),
            epoch: u64,
            aad in proptest::collection::vec(any::<u8>(), 0..200),
            text in proptest::collection::vec(any::<u8>(), 0..20_000),
        ) {
            let bytes = private(&group, epoch, 3, &aad, &text);
            let read = header(&bytes).ok().unwrap();
            prop_assert_eq!((read.group, read.epoch, read.authenticated_data), (&group[..], epoch, &aad[..]));
            prop_assert_eq!(read.kind, ContentKind::Commit);
            for cut in 0..bytes.len().min(300) {
                prop_assert_eq!(header(&bytes[..cut]).err(), Some(NotPrivate::Malformed));
            }
            prop_assert_eq!(header(&[&bytes[..], &[0]].concat()).err(), Some(NotPrivate::Malformed));
        }

        #[test]
        fn a_welcome_is_split_and_rebuilt(
            secrets in proptest::collection::vec((any::<[u8; 32]>(), proptest::collection::vec(any::<u8>(), 0..300)), 1..5),
            info in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            let secrets: Vec<_> =
                secrets.iter().map(|(id, text)| [opaque(id), opaque(b"kem"), opaque(text)].concat()).collect();
            let welcome = [&[0, 0x4d][..], &opaque(&secrets.concat()), &opaque(&info)].concat();
            let parts = split_welcome(&welcome).unwrap();
            prop_assert_eq!(parts.encrypted_group_info, &info[..]);
            prop_assert_eq!(parts.secrets.len(), secrets.len());
            for ((reference, part), whole) in parts.secrets.iter().zip(&secrets) {
                prop_assert_eq!(part, &&whole[..]);
                prop_assert_eq!(encoded_reference(part), Some(&opaque(reference)[..]));
                let single = rebuild_welcome(&info, part).unwrap();
                prop_assert_eq!(split_welcome(&single).unwrap().secrets, vec![(*reference, *part)]);
            }
            prop_assert!(rebuild_welcome(&info, &secrets.concat()).is_none() || secrets.len() == 1);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = header(&bytes);
            let _ = split_welcome(&bytes);
            let _ = rebuild_welcome(&bytes, &bytes);
        }
    }

    // [CONV-13]
    #[test]
    fn other_messages_and_long_forms_are_refused() {
        let good = private(b"g", 1, 1, b"", b"text");
        for format in [1u8, 3, 4, 5] {
            let mut other = good.clone();
            other[3] = format;
            assert_eq!(header(&other).err(), Some(NotPrivate::OtherWireFormat(format.into())));
        }
        for (at, value) in [(1, 2), (4, 0xc1), (14, 0), (14, 4)] {
            let mut other = good.clone();
            other[at] = value;
            assert_eq!(header(&other).err(), Some(NotPrivate::Malformed), "byte {at}");
        }
        // The group id's length of 1 in two bytes.
        let long = [&good[..4], &[0x40, 1], &good[5..]].concat();
        assert_eq!(header(&long).err(), Some(NotPrivate::Malformed));
    }
}
