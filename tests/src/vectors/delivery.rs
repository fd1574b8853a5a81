//! Vectors of protocol-spec/07-delivery: history files, and the passphrase of a vault.

use amanat_client::testing::inspection;
use amanat_document::{FileKey, PayloadNonce, payload::PayloadEncryptor};
use amanat_identity::{AuthorityCertificate, DeviceChain, DeviceKeys};
use amanat_noise::SealedKey;
use amanat_primitives::{
    Digest, Label, Secret, Timestamp,
    agree::NoiseSecret,
    hash,
    passphrase::{self, WorkPolicy},
};
use amanat_wire::{Decode as _, Encode as _};

use super::{
    forge::{
        AYESHA, BILAL, DAY, NOBODY, Plan, ROOT, Repeated, SECOND_DEVICE, T0, at, authority, device_id, noise, plan,
        sealing, secret, signing,
    },
    judge::InWords as _,
    vector::{Inputs, Outputs, Vector, Verdict, hex},
};

pub(super) fn judge(inputs: &Inputs) -> Verdict {
    match inputs.what.as_str() {
        "passphrase_box" => super::primitives::judge(inputs),
        "history_file" => {
            let now = at(inputs.number("now"));
            let certificate = AuthorityCertificate::from_bytes(&inputs.bytes("authority")).in_words()?;
            let authority = certificate.verify(now).in_words()?;
            let chain = DeviceChain::from_bytes(&inputs.bytes("reader_chain")).in_words()?;
            let device = chain.verify(&authority, now, Timestamp::CLOCK_TOLERANCE).in_words()?;
            let keys = DeviceKeys::from_secret_bytes(&inputs.bytes("reader_secret")).in_words()?;
            let passphrase = inputs.find("passphrase");
            let file = inspection::history_file(
                &inputs.bytes("file"),
                &authority,
                (&keys, &device),
                passphrase,
                &WorkPolicy::STANDARD,
            )?;
            let pieces = file.conversations.iter().flat_map(|(conversation, messages)| {
                let messages = messages.iter().map(|bytes| format!("2 {}", hex(bytes)));
                std::iter::once(format!("1 {}", hex(conversation))).chain(messages)
            });
            Outputs::default().text("author", file.author).all("piece", pieces).done()
        }
        other => panic!("no {other} in delivery"),
    }
}

fn vector(what: &str, name: &str, rules: &str, comment: &str) -> Vector {
    Vector::new("delivery", what, name, rules, comment)
}

pub(super) fn make() -> Vec<Vector> {
    [vault(), histories()].concat()
}

fn vault() -> Vec<Vector> {
    let (label, work) = (Label::VAULT_HEADER, WorkPolicy::STANDARD);
    let locked = passphrase::lock(label, b"for tests only", &work, &[0x4b; 32], &mut Repeated(0x5a)).unwrap();
    let of = |name: &str, comment: &str, bytes: &[u8]| {
        vector("passphrase_box", name, "DELIV-231", comment)
            .text("label", label.as_str())
            .text("passphrase", "for tests only")
            .bytes("box", bytes)
    };
    let mut altered = locked.clone();
    altered[60] ^= 1;
    vec![
        of("vault-key", "The file `key` of a vault: its 32-byte key under a passphrase", &locked),
        of("vault-key-altered", "Altered in a bit", &altered).refused("damaged"),
    ]
}

const FILE_KEY: [u8; 16] = [0x4b; 16];
const NONCE: [u8; 16] = [0x0e; 16];

fn text(width: usize, text: &str) -> Vec<u8> {
    [&text.len().to_be_bytes()[8 - width..], text.as_bytes()].concat()
}

fn conversation_piece() -> Vec<u8> {
    [&[1][..], &[0xc1; 16], &text(2, "Budget"), &text(2, ""), &[3]].concat()
}

fn message_piece() -> Vec<u8> {
    [
        &[2][..],
        &[0x1d; 16],
        device_id(BILAL).as_bytes(),
        &text(2, "bilal@interior.gov.pk"),
        &text(1, "Bilal Ahmed"),
        &T0.to_be_bytes(),
        &[0, 1],
        &text(3, "salam"),
        &[1, 0, 0, 0], // here; no end, no edit, no version
        &[0, 1],
        &text(2, "ayesha@interior.gov.pk"),
        &text(1, "👍"),
        &[0, 1],
        &text(2, "ayesha@interior.gov.pk"),
    ]
    .concat()
}

/// A file by Ayesha's first device, as its bytes, so that a vector changes one thing of it.
struct File {
    author: DeviceChain,
    /// Seeds of who seals and who signs.
    by: (u8, u8),
    label: Label,
    reader: Option<u8>,
    pieces: Vec<u8>,
    /// What the signature is over instead of these pieces.
    signed: Option<Vec<u8>>,
    /// Bytes that the header says otherwise than what the key is bound to.
    bound_to_other: bool,
}

impl File {
    fn header(&self, key: &[u8]) -> Vec<u8> {
        let chain = self.author.to_bytes();
        let reader = self.reader.map_or(vec![0], |reader| [&[1], device_id(reader).as_bytes().as_slice()].concat());
        let length = |width: usize, bytes: &[u8]| bytes.len().to_be_bytes()[8 - width..].to_vec();
        [T0.to_be_bytes().as_slice(), &length(3, &chain), &chain, &reader, &length(2, key), key].concat()
    }

    fn key(&self) -> Vec<u8> {
        let bare = if self.bound_to_other { vec![0] } else { self.header(&[]) };
        let context = hash::digest(Label::HISTORY_HEADER, &[&bare]);
        let Some(reader) = self.reader else {
            let plain = [FILE_KEY.as_slice(), context.as_bytes()].concat();
            let (label, work) = (Label::HISTORY_KEY, WorkPolicy::STANDARD);
            return passphrase::lock(label, b"for tests only", &work, &plain, &mut Repeated(0x5a)).unwrap();
        };
        let author = NoiseSecret::from_secret(secret(self.by.0 + 1));
        let to = (&noise(reader + 1), &sealing(reader + 2));
        let key = Secret::take(&mut FILE_KEY.clone());
        SealedKey::seal(&key, &author, to, &context, &mut Repeated(0x77)).unwrap().as_bytes().to_vec()
    }

    fn bytes(&self) -> Vec<u8> {
        let header = self.header(&self.key());
        let digest = |bytes: &[u8]| -> Digest {
            let mut hasher = hash::StreamHasher::new();
            hasher.update(bytes);
            hasher.finish()
        };
        let pieces = digest(self.signed.as_ref().unwrap_or(&self.pieces));
        let signed = [*digest(&header).as_bytes(), *pieces.as_bytes()].concat();
        let signature = signing(self.by.1).sign(self.label, &signed);
        let plain = [self.pieces.as_slice(), &[3], signature.as_bytes()].concat();
        let mut out = [b"amanatHI\x01".as_slice(), &header, &NONCE].concat();
        let key = FileKey::from_secret(Secret::take(&mut FILE_KEY.clone()));
        PayloadEncryptor::new(&key, &PayloadNonce::from_bytes(NONCE)).seal_all(&plain, &mut out);
        out
    }
}

fn histories() -> Vec<Vector> {
    let file = |change: &dyn Fn(&mut File)| {
        let mut file = File {
            author: plan(AYESHA, "ayesha").chain(),
            by: (AYESHA, AYESHA),
            label: Label::HISTORY_FILE,
            reader: Some(SECOND_DEVICE),
            pieces: [conversation_piece(), message_piece()].concat(),
            signed: None,
            bound_to_other: false,
        };
        change(&mut file);
        file.bytes()
    };
    let of = |name: &str, rules, comment: &str, reader: u8, file: &[u8]| {
        let handle = if reader == BILAL { "bilal" } else { "ayesha" };
        let secrets = [[reader; 32], [reader + 1; 32], [reader + 2; 32]].concat();
        vector("history_file", &format!("history-{name}"), rules, comment)
            .bytes("authority", authority(ROOT, "interior.gov.pk").statement().to_bytes())
            .text("now", T0)
            .bytes("reader_chain", plan(reader, handle).chain().to_bytes())
            .bytes("reader_secret", [&[1, 6], secrets.as_slice()].concat())
            .bytes("file", file)
    };
    let to_second = |name, rules, comment, file: &[u8]| of(name, rules, comment, SECOND_DEVICE, file);
    let good = file(&|_| {});
    let exported = file(&|file| file.reader = None);
    let at_place = |place: usize| {
        let mut bytes = good.clone();
        bytes[place] ^= 1;
        bytes
    };
    let lapsed = |plan: &mut Plan| (plan.grant.until, plan.grant.from) = (T0 - DAY, T0 - 2 * DAY);
    let (bound, signed) = ("ID-57", "ID-58");
    vec![
        to_second("good", "ID-57 ID-58", "A history file from one device of a person to another", &good),
        to_second("passphrase", bound, "One under a passphrase", &exported).text("passphrase", "for tests only"),
        to_second("passphrase-wrong", bound, "Another passphrase", &exported)
            .text("passphrase", "for tests onlY")
            .refused("wrong_passphrase"),
        to_second("passphrase-missing", bound, "One under a passphrase, and there is none", &exported)
            .refused("not_for_this"),
        to_second(
            "passphrase-bound",
            bound,
            "Its key is bound to another header",
            &file(&|file| {
                (file.reader, file.bound_to_other) = (None, true);
            }),
        )
        .text("passphrase", "for tests only")
        .refused("key"),
        of("other-reader", bound, "For another device", BILAL, &good).refused("not_for_this"),
        to_second("bound", bound, "Its key is bound to another header", &file(&|file| file.bound_to_other = true))
            .refused("key"),
        to_second(
            "sealed-by-another",
            "ID-56",
            "Its key is not sealed by its author",
            &file(&|file| file.by.0 = BILAL),
        )
        .refused("key"),
        to_second("signed-by-another", signed, "Signed by another device", &file(&|file| file.by.1 = NOBODY))
            .refused("bad_signature"),
        to_second(
            "other-label",
            "PRIM-06",
            "Signed under another label",
            &file(&|file| file.label = Label::HISTORY_HEADER),
        )
        .refused("bad_signature"),
        to_second(
            "other-pieces",
            signed,
            "Signed over other pieces",
            &file(&|file| file.signed = Some(conversation_piece())),
        )
        .refused("bad_signature"),
        to_second(
            "author-lapsed",
            signed,
            "Its author's chain did not hold when it was made",
            &file(&|file| {
                file.author = plan(AYESHA, "ayesha").with(lapsed).chain();
            }),
        )
        .refused("author"),
        to_second(
            "message-first",
            signed,
            "A message before its conversation",
            &file(&|file| file.pieces = message_piece()),
        )
        .refused("damaged"),
        to_second("piece-unknown", signed, "A piece of kind 4", &file(&|file| file.pieces = vec![4]))
            .refused("damaged"),
        to_second(
            "end-inside",
            signed,
            "A signature before the last piece",
            &file(&|file| {
                file.pieces = [vec![3], vec![0; 64]].concat();
            }),
        )
        .refused("damaged"),
        to_second("no-pieces", signed, "A signature over no piece", &file(&|file| file.pieces = vec![])),
        to_second("magic", signed, "Another file", &at_place(0)).refused("damaged"),
        to_second("version", signed, "Version 0", &at_place(8)).refused("damaged"),
        to_second("altered-chunk", signed, "Its last chunk altered", &at_place(good.len() - 1)).refused("damaged"),
        to_second("cut", signed, "Cut short", &good[..good.len() - 1]).refused("damaged"),
        to_second("altered-time", bound, "Its time altered", &at_place(16)).refused("key"),
    ]
}
