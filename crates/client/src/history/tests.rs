//! History files that were taken apart and put together again (protocol-spec/07-delivery, section 12): which error comes.

use amanat_identity::{Tier, testing::Office};
use amanat_primitives::MessageId;
use amanat_wire::List;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

use super::*;

const WORK: &WorkPolicy = &WorkPolicy::FOR_TESTS;

type Enrolled = (DeviceKeys, Bytes<{ limits::CHAIN }>, VerifiedDevice);

fn now() -> Timestamp {
    Timestamp::from_secs(1_900_000_000)
}

/// Three devices: two of the secretary, one of the director.
fn devices() -> (Office, [Enrolled; 3]) {
    let rng = &mut ChaCha20Rng::seed_from_u64(11);
    let office = Office::new(rng, now());
    let mut enrol = |handle| {
        let (keys, chain, device) = office.enrol(rng, handle, Tier::Secret, now());
        (keys, Bytes::new(chain.to_bytes()).unwrap(), device)
    };
    let devices = [enrol("secretary"), enrol("secretary"), enrol("director")];
    (office, devices)
}

fn secret() -> HistoryPassphrase {
    HistoryPassphrase(Zeroizing::new("for tests only".to_owned()))
}

fn conversation(id: u8) -> Piece {
    let id = ConversationId::from_bytes([id; 16]);
    Piece::Conversation(HistoryConversation { id, title: Text::default(), peer: Text::default(), tier: 1 })
}

fn message(id: u8) -> HistoryMessage {
    HistoryMessage {
        id: MessageId::from_bytes([id; 16]),
        device: DeviceId::from_bytes([3; 32]),
        from: Text::new("director@interior.gov.pk").unwrap(),
        name: Text::new("Records Clerk").unwrap(),
        at: now(),
        content_type: 1,
        body: Bytes::new(*b"words").unwrap(),
        presence: Presence::Here,
        expires_at: None,
        edited: None,
        version: None,
        reactions: List::default(),
        acknowledged: List::default(),
    }
}

fn pieces(all: &[Piece]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(all.iter().flat_map(|piece| piece.to_bytes()).collect())
}

fn words() -> Zeroizing<Vec<u8>> {
    pieces(&[conversation(1), Piece::Message(message(1)), Piece::Message(message(2)), conversation(2)])
}

fn sealed(by: &Enrolled, audience: &Audience<'_>, pieces: Zeroizing<Vec<u8>>) -> Vec<u8> {
    seal(pieces, (&by.0, &by.1), audience, (WORK, now()), &mut ChaCha20Rng::seed_from_u64(12)).unwrap()
}

fn opened(
    office: &Office,
    bytes: &[u8],
    reader: &Enrolled,
    passphrase: Option<&HistoryPassphrase>,
) -> Result<Conversations, HistoryError> {
    Sealed::read(bytes, office.authority())?.open((&reader.0, &reader.2), passphrase, WORK)
}

/// The header of a file, and its file key as this reader gets it.
fn taken_apart(
    office: &Office,
    bytes: &[u8],
    reader: &Enrolled,
    passphrase: Option<&HistoryPassphrase>,
) -> (Header, FileKey) {
    let file = Sealed::read(bytes, office.authority()).unwrap();
    let key = key_of(&file.header, (&reader.0, &reader.2), &file.author, passphrase, WORK).unwrap();
    (file.header, key)
}

/// A file of this header and key whose pieces are signed by someone.
fn put_together(header: &Header, key: &FileKey, signs: &Enrolled, pieces: Zeroizing<Vec<u8>>) -> Vec<u8> {
    let signature = signs.0.signing().sign(Label::HISTORY_FILE, &to_be_signed(header, &pieces));
    let plain = [pieces.as_slice(), &Piece::End(signature).to_bytes()].concat();
    let nonce = PayloadNonce::from_bytes([9; NONCE_LEN]);
    let mut out = [MAGIC.as_slice(), &header.to_bytes(), nonce.as_bytes()].concat();
    PayloadEncryptor::new(key, &nonce).seal_all(&plain, &mut out);
    out
}

#[test]
fn a_file_opens_for_whom_it_is_made() {
    let (office, [first, second, director]) = devices();
    let file = sealed(&first, &Audience::Device(&second.2), words());
    let conversations = opened(&office, &file, &second, None).unwrap();
    let counts: Vec<_> = conversations.iter().map(|(_, messages)| messages.len()).collect();
    assert_eq!(counts, [2, 0]);
    assert_eq!(opened(&office, &file, &director, None), Err(HistoryError::NotForThis));
    assert_eq!(opened(&office, &file, &second, Some(&secret())), Err(HistoryError::NotForThis));
    let file = sealed(&first, &Audience::Passphrase(&secret()), words());
    assert_eq!(opened(&office, &file, &second, Some(&secret())).unwrap().len(), 2);
    assert_eq!(opened(&office, &file, &second, None), Err(HistoryError::NotForThis));
    let other = HistoryPassphrase(Zeroizing::new("another one".to_owned()));
    let wrong = opened(&office, &file, &second, Some(&other));
    assert!(matches!(wrong, Err(HistoryError::Passphrase(_))), "{wrong:?}");
    assert_eq!(format!("{:?}", secret()), "HistoryPassphrase");
}

// [ID-57]
#[test]
fn the_key_of_a_file_is_for_its_header_alone() {
    let (office, [first, second, director]) = devices();
    // Whoever has the passphrase has the key, and could sign under it in another's name.
    let file = sealed(&first, &Audience::Passphrase(&secret()), words());
    let (header, key) = taken_apart(&office, &file, &second, Some(&secret()));
    let open = |file: &[u8]| opened(&office, file, &second, Some(&secret())).map(|all| all.len());
    assert_eq!(open(&put_together(&header, &key, &first, words())), Ok(2));
    let of_director = Header { author: director.1.clone(), ..header.clone() };
    assert_eq!(open(&put_together(&of_director, &key, &director, words())), Err(HistoryError::Key));
    let later = Header { made_at: now().after(std::time::Duration::from_secs(60)), ..header };
    assert_eq!(open(&put_together(&later, &key, &first, words())), Err(HistoryError::Key));

    // The same where it is sealed to a device.
    let file = sealed(&first, &Audience::Device(&second.2), words());
    let (header, key) = taken_apart(&office, &file, &second, None);
    let open = |file: &[u8]| opened(&office, file, &second, None).map(|all| all.len());
    assert_eq!(open(&put_together(&header, &key, &first, words())), Ok(2));
    let of_director = Header { author: director.1.clone(), ..header.clone() };
    assert_eq!(open(&put_together(&of_director, &key, &director, words())), Err(HistoryError::Key));
    let later = Header { made_at: now().after(std::time::Duration::from_secs(60)), ..header };
    assert_eq!(open(&put_together(&later, &key, &first, words())), Err(HistoryError::Key));
}

// [ID-58]
#[test]
fn nothing_is_given_out_that_its_author_has_not_signed() {
    let (office, [first, second, director]) = devices();
    let forged = || pieces(&[conversation(1), Piece::Message(HistoryMessage { body: Bytes::default(), ..message(1) })]);
    let audiences = [(Audience::Device(&second.2), None), (Audience::Passphrase(&secret()), Some(secret()))];
    for (audience, passphrase) in audiences {
        let file = sealed(&first, &audience, words());
        let (header, key) = taken_apart(&office, &file, &second, passphrase.as_ref());
        let open = |file: &[u8]| opened(&office, file, &second, passphrase.as_ref()).map(|all| all.len());
        // The reader of a sealed file, and everybody with the passphrase, have the key and could write under it.
        for other in [&second, &director] {
            assert_eq!(open(&put_together(&header, &key, other, forged())), Err(HistoryError::Signature));
        }
        // What the signature is not over is not even looked at.
        let garbage = Zeroizing::new(vec![0xff; 300]);
        assert_eq!(open(&put_together(&header, &key, &second, garbage.clone())), Err(HistoryError::Signature));
        assert_eq!(open(&put_together(&header, &key, &first, garbage)), Err(HistoryError::Damaged));
        // An end in the middle, or a message of no conversation, is none of an honest author's.
        let ended = pieces(&[conversation(1), Piece::End(Signature::from_bytes([0; 64]))]);
        assert_eq!(open(&put_together(&header, &key, &first, ended)), Err(HistoryError::Damaged));
        let stray = pieces(&[Piece::Message(message(1))]);
        assert_eq!(open(&put_together(&header, &key, &first, stray)), Err(HistoryError::Damaged));
    }
}

// [DELIV-220]
#[test]
fn a_file_holds_so_much_and_no_more() {
    let (office, [first, second, _]) = devices();
    let open = |all: Vec<Piece>| {
        let file = sealed(&first, &Audience::Device(&second.2), pieces(&all));
        opened(&office, &file, &second, None).map(|all| all.len())
    };
    let conversations = |count| (0..count).map(|_| conversation(1)).collect::<Vec<_>>();
    assert_eq!(open(conversations(CONVERSATIONS)), Ok(CONVERSATIONS));
    assert_eq!(open(conversations(CONVERSATIONS + 1)), Err(HistoryError::TooLarge));
    let reaction = ReactionRow { from: Text::default(), text: Text::default() };
    let said = HistoryMessage {
        reactions: List::new(vec![reaction; PEOPLE]).unwrap(),
        acknowledged: List::new(vec![Text::default(); PEOPLE]).unwrap(),
        ..message(1)
    };
    let mut all = vec![conversation(1)];
    all.extend((0..SAYINGS / (2 * PEOPLE)).map(|_| Piece::Message(said.clone())));
    assert_eq!(open(all.clone()), Ok(1));
    all.push(Piece::Message(said));
    assert_eq!(open(all), Err(HistoryError::TooLarge));
    let mut tally = Tally { messages: MESSAGES, ..Tally::default() };
    assert_eq!(tally.add(&Piece::Message(message(1))), Err(HistoryError::TooLarge));
}
