//! Vectors of protocol-spec/06-document: layouts, payloads, segments, manifests, names.

use amanat_document::{
    FileKey, Layout, Manifest, PayloadDecryptor, PayloadError, PayloadNonce, SegmentHash, SegmentWriter, VerifyError,
    payload::{PayloadEncryptor, SEALED_CHUNK_LEN},
    safe_name,
    segment::{ReadError, segment_buffer},
};
use amanat_primitives::{ConversationId, DeviceId, Digest, DocumentId, Secret, hash::StreamHasher};
use amanat_wire::{Decode as _, Encode, List, Text, Writer, log::RetentionClass};

use super::{
    forge::{AYESHA, BILAL, device_id},
    judge::{InWords as _, Word},
    vector::{Inputs, Outputs, Vector, Verdict, hex},
};

impl Word for PayloadError {
    fn word(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::CutShort => "cut_short",
            Self::Trailing => "left_over",
            Self::EmptyLastChunk => "empty_last_chunk",
        }
    }
}

impl Word for ReadError<()> {
    fn word(self) -> &'static str {
        match self {
            Self::Payload(error) => error.word(),
            Self::Padding => "padding",
            Self::NoSuchSegment => "left_over",
            Self::Broken | Self::Sink(()) => panic!("no vector shows this"),
        }
    }
}

impl Word for VerifyError {
    fn word(self) -> &'static str {
        match self {
            Self::Size => "cut_short",
            Self::Digest => "digest",
        }
    }
}

fn file_key(inputs: &Inputs) -> FileKey {
    FileKey::from_secret(Secret::take(&mut inputs.array("file_key")))
}

pub(super) fn judge(inputs: &Inputs) -> Verdict {
    let outputs = Outputs::default();
    match inputs.what.as_str() {
        "layout" => {
            let layout = Layout::new(inputs.number("size")).map_err(|_| "too_long")?;
            let last = layout.segment(layout.segments() - 1);
            outputs
                .text("chunks", layout.chunks())
                .text("payload_length", layout.payload_len())
                .text("segments", layout.segments())
                .text("last_length", last.end - last.start)
                .done()
        }
        "payload" => {
            let nonce = PayloadNonce::from_bytes(inputs.array("nonce"));
            let mut decryptor = PayloadDecryptor::new(&file_key(inputs), &nonce);
            let mut plain = Vec::new();
            for chunk in inputs.bytes("chunks").chunks(SEALED_CHUNK_LEN) {
                plain.extend_from_slice(decryptor.open_chunk(&mut chunk.to_vec()).in_words()?.plain);
            }
            decryptor.finish().in_words()?;
            outputs.bytes("plain", plain).done()
        }
        "segment_hash" => {
            let document = DocumentId::from_bytes(inputs.array("document"));
            let segment = filled(&inputs.bytes("segment"));
            outputs.text("hash", SegmentHash::of(document, inputs.number("index"), &segment).digest()).done()
        }
        "manifest" => manifest(inputs),
        "document" => document(inputs),
        "document_made" => made(inputs),
        "safe_name" => {
            let name = String::from_utf8(inputs.bytes("name")).unwrap();
            outputs.bytes("safe", safe_name(&name).as_str()).done()
        }
        other => panic!("no {other} in document"),
    }
}

/// A segment of which the rest is zero.
fn filled(front: &[u8]) -> Box<amanat_document::segment::Segment> {
    let mut segment = segment_buffer();
    segment[..front.len()].copy_from_slice(front);
    segment
}

fn manifest(inputs: &Inputs) -> Verdict {
    let bytes = inputs.bytes("manifest");
    let manifest = Manifest::from_bytes(&bytes).in_words()?;
    assert_eq!(manifest.to_bytes(), bytes, "one form");
    let place =
        (ConversationId::from_bytes(inputs.array("conversation")), DeviceId::from_bytes(inputs.array("sender")));
    if !manifest.is_of(place.0, place.1) {
        return Err("mismatch");
    }
    Outputs::default()
        .text("document", manifest.document)
        .bytes("safe_name", manifest.name.safe().as_str())
        .text("media_type", manifest.media_type.as_str())
        .text("size", manifest.layout.size())
        .bytes("file_key", manifest.file_key.secret().expose_secret())
        .bytes("payload_nonce", manifest.nonce.as_bytes())
        .text("blake3", manifest.digest)
        .text("tier", manifest.tier)
        .all("caveat", manifest.caveats.iter().map(|caveat| hex(caveat.as_bytes())))
        .bytes("marks", &*manifest.marks)
        .text("segments", manifest.layout.segments())
        .text("class", manifest.class.number())
        .done()
}

fn document(inputs: &Inputs) -> Verdict {
    let manifest = Manifest::from_bytes(&inputs.bytes("manifest")).in_words()?;
    let (mut reader, mut verifier, mut plain) = (manifest.reader(), manifest.verifier(), Vec::new());
    for front in inputs.list("segment") {
        let take = |bytes: &[u8]| {
            verifier.update(bytes);
            plain.extend_from_slice(bytes);
            Ok::<(), ()>(())
        };
        reader.read(&mut filled(&front), take).in_words()?;
    }
    verifier.finish().in_words()?;
    Outputs::default().bytes("plain", plain).done()
}

fn made(inputs: &Inputs) -> Verdict {
    let nonce = PayloadNonce::from_bytes(inputs.array("nonce"));
    let document = DocumentId::from_bytes(inputs.array("document"));
    let layout = Layout::new(inputs.number("size")).unwrap();
    let mut writer = SegmentWriter::new(document, layout, &file_key(inputs), nonce);
    let (mut segment, mut hashes) = (segment_buffer(), Vec::new());
    let read = |at: u64, out: &mut [u8]| {
        out.iter_mut().zip(at..).for_each(|(byte, place)| *byte = (place % 251).to_le_bytes()[0]);
        Ok::<(), ()>(())
    };
    while let Some(made) = writer.write_next(read, &mut segment).unwrap() {
        hashes.push(made.hash().digest());
    }
    let digest = writer.plain_digest().unwrap();
    Outputs::default().all("segment_hash", hashes).text("blake3", digest).done()
}

fn vector(what: &str, name: &str, rules: &str, comment: &str) -> Vector {
    Vector::new("document", what, name, rules, comment)
}

pub(super) fn make() -> Vec<Vector> {
    [layouts(), payloads(), manifests(), documents(), names()].concat()
}

fn layouts() -> Vec<Vector> {
    let of = |name: &str, comment: &str, size: u64| {
        vector("layout", &format!("layout-{name}"), "DOC-05", comment).text("size", size)
    };
    let largest = amanat_document::MAX_SIZE;
    vec![
        of("empty", "An empty document has a chunk and a segment", 0),
        of("chunk", "A chunk is full", 65_536),
        of("chunk-and-one", "And a byte more", 65_537),
        of("segment-full", "The payload fills a segment", 1_048_576 - 16 - 16 * 16),
        of("segment-and-one", "And a byte more", 1_048_576 - 16 - 16 * 16 + 1),
        of("largest", "The largest document", largest),
        of("too-large", "A byte more", largest + 1).refused("too_long"),
    ]
}

const KEY: [u8; 16] = [0x4b; 16];
const NONCE: [u8; 16] = [0x0e; 16];

fn sealed(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let key = FileKey::from_secret(Secret::take(&mut KEY.clone()));
    PayloadEncryptor::new(&key, &PayloadNonce::from_bytes(NONCE)).seal_all(plain, &mut out);
    out
}

/// A chunk sealed at a place, whatever stands before it.
fn chunk(index: u8, last: u8, plain: &[u8]) -> Vec<u8> {
    let key = amanat_primitives::kdf::hkdf_sha256(&KEY, &NONCE, b"payload");
    let mut nonce = [0; 12];
    (nonce[10], nonce[11]) = (index, last);
    let mut out = plain.to_vec();
    let tag = amanat_primitives::aead::ChunkKey::new(&key).encrypt(&nonce, &mut out);
    out.extend_from_slice(&tag);
    out
}

fn payloads() -> Vec<Vector> {
    let of = |name: &str, rules, comment: &str, chunks: &[u8]| {
        vector("payload", &format!("payload-{name}"), rules, comment)
            .bytes("file_key", KEY)
            .bytes("nonce", NONCE)
            .bytes("chunks", chunks)
    };
    let small = sealed(b"a small document");
    let altered = |place: usize| {
        let mut bytes = small.clone();
        bytes[place] ^= 1;
        bytes
    };
    let full = [0x61; 65_536];
    let two = sealed(&[0x61; 65_537]);
    vec![
        of("small", "DOC-01", "A payload of one chunk", &small),
        of("empty", "DOC-03", "An empty document: one empty chunk", &sealed(b"")),
        of("one-full-chunk", "DOC-02", "One full chunk, which is the last", &sealed(&full)),
        of("two-chunks", "DOC-02", "A full chunk and a byte", &two),
        of("altered", "DOC-01", "Altered in a bit", &altered(0)).refused("altered"),
        of("altered-tag", "DOC-01", "Its tag altered", &altered(small.len() - 1)).refused("altered"),
        of("cut", "DOC-02", "Without its last byte", &small[..small.len() - 1]).refused("altered"),
        of("no-last-chunk", "DOC-04", "Ends behind a full inner chunk", &two[..SEALED_CHUNK_LEN]).refused("cut_short"),
        of("nothing", "DOC-04", "Not even a chunk", b"").refused("cut_short"),
        of("short-inner", "DOC-02", "A short chunk that is not marked as the last", &chunk(0, 0, b"abc"))
            .refused("altered"),
        of(
            "empty-last",
            "DOC-03",
            "A full chunk, and an empty one behind it",
            &[chunk(0, 0, &full), chunk(1, 1, b"")].concat(),
        )
        .refused("empty_last_chunk"),
        of("behind-last", "DOC-04", "A chunk behind the last one", &[chunk(0, 1, &full), chunk(1, 1, b"abc")].concat())
            .refused("left_over"),
        of("other-place", "DOC-01", "The second chunk in the place of the first", &chunk(1, 1, b"abc"))
            .refused("altered"),
        vector("payload", "payload-other-key", "DOC-01", "Another file key")
            .bytes("file_key", [0x4c; 16])
            .bytes("nonce", NONCE)
            .bytes("chunks", &small)
            .refused("altered"),
    ]
}

/// A manifest as its bytes, field by field.
#[derive(Clone)]
struct Fields {
    version: u8,
    document: DocumentId,
    name: Vec<u8>,
    media_type: Vec<u8>,
    size: u64,
    digest: Digest,
    caveats: Vec<&'static str>,
    marks: Vec<u8>,
    segments: u64,
    class: u8,
}

impl Encode for Fields {
    fn encode(&self, w: &mut Writer) {
        let text = |w: &mut Writer, text: &[u8]| {
            w.raw(&[u8::try_from(text.len()).unwrap()]);
            w.raw(text);
        };
        self.version.encode(w);
        self.document.encode(w);
        text(w, &self.name);
        text(w, &self.media_type);
        self.size.encode(w);
        w.raw(&KEY);
        w.raw(&NONCE);
        self.digest.encode(w);
        w.raw(&[4]); // tier
        List::<Text<255>, 255>::new(self.caveats.iter().map(|text| Text::new(*text).unwrap()).collect::<Vec<_>>())
            .unwrap()
            .encode(w);
        u16::try_from(self.marks.len()).unwrap().encode(w);
        w.raw(&self.marks);
        self.segments.encode(w);
        self.class.encode(w);
    }
}

fn conversation() -> ConversationId {
    ConversationId::from_bytes([0xc1; 16])
}

fn fields(plain: &[u8]) -> Fields {
    let mut hasher = StreamHasher::new();
    hasher.update(plain);
    Fields {
        version: 1,
        document: DocumentId::of(conversation(), device_id(AYESHA), &NONCE),
        name: "رپورٹ.pdf".into(),
        media_type: b"application/pdf".to_vec(),
        size: plain.len() as u64,
        digest: hasher.finish(),
        caveats: vec!["Not to be forwarded"],
        marks: Vec::new(),
        segments: 1,
        class: RetentionClass::Month.number(),
    }
}

fn manifests() -> Vec<Vector> {
    let placed = |vector: Vector, bytes: &[u8], conversation: [u8; 16], sender: u8| {
        vector
            .bytes("manifest", bytes)
            .bytes("conversation", conversation)
            .bytes("sender", device_id(sender).as_bytes())
    };
    let of = |name: &str, rules, comment: &str, bytes: &[u8]| {
        placed(vector("manifest", &format!("manifest-{name}"), rules, comment), bytes, [0xc1; 16], AYESHA)
    };
    let with = |change: &dyn Fn(&mut Fields)| {
        let mut fields = fields(b"a small document");
        change(&mut fields);
        fields.to_bytes()
    };
    let good = with(&|_| {});
    let bad = |name: &str, word, comment: &str, change: &dyn Fn(&mut Fields)| {
        of(name, "DOC-13", comment, &with(change)).refused(word)
    };
    vec![
        of("good", "DOC-13", "A manifest", &good),
        of(
            "bare",
            "DOC-13",
            "Without name and caveats",
            &with(&|fields| (fields.name, fields.caveats) = (vec![], vec![])),
        ),
        of("marks", "DOC-13", "With marks, which are carried", &with(&|fields| fields.marks = vec![7; 300])),
        of(
            "hostile-name",
            "DOC-14",
            "A name that has to be made safe",
            &with(&|fields| fields.name = b"../../etc/passwd".to_vec()),
        ),
        placed(
            vector("manifest", "manifest-other-conversation", "PRIM-20", "In another conversation"),
            &good,
            [0xc2; 16],
            AYESHA,
        )
        .refused("mismatch"),
        placed(vector("manifest", "manifest-other-sender", "PRIM-20", "From another sender"), &good, [0xc1; 16], BILAL)
            .refused("mismatch"),
        bad("version-2", "unknown_kind", "Version 2", &|fields| fields.version = 2),
        bad("segments", "invalid", "Two segments, where its size makes one", &|fields| fields.segments = 2),
        bad("size", "invalid", "Larger than a document may be", &|fields| fields.size = amanat_document::MAX_SIZE + 1),
        bad("media-type-upper-case", "invalid", "A media type in upper case", &|fields| {
            fields.media_type = b"Application/pdf".to_vec()
        }),
        bad("media-type-parameter", "invalid", "A media type with a parameter", &|fields| {
            fields.media_type = b"text/plain;charset=x".to_vec()
        }),
        bad("media-type-empty", "invalid", "No media type", &|fields| fields.media_type = vec![]),
        bad("media-type-long", "too_long", "A media type of 128 bytes", &|fields| fields.media_type = vec![b'a'; 128]),
        bad("caveat-long", "too_long", "A caveat of 65 bytes", &|fields| {
            fields.caveats = vec!["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"];
        }),
        bad("caveats-17", "too_long", "17 caveats", &|fields| fields.caveats = vec!["a"; 17]),
        bad("marks-long", "too_long", "Marks of 4,097 bytes", &|fields| fields.marks = vec![0; 4097]),
        bad("name-not-utf8", "invalid", "A name that is not UTF-8", &|fields| fields.name = vec![0xff]),
        bad("class-0", "unknown_kind", "Retention class 0", &|fields| fields.class = 0),
        of("cut", "WIRE-02", "Cut short", &good[..good.len() - 1]).refused("cut_short"),
        of("left-over", "WIRE-02", "A byte behind it", &[good.as_slice(), &[0]].concat()).refused("left_over"),
    ]
}

fn documents() -> Vec<Vector> {
    let plain = b"a small document".as_slice();
    let segment = [&NONCE, sealed(plain).as_slice()].concat();
    let of = |name: &str, rules, comment: &str, fields: &Fields, segments: &[Vec<u8>]| {
        vector("document", &format!("document-{name}"), rules, comment)
            .bytes("manifest", fields.to_bytes())
            .list("segment", segments)
    };
    let good = fields(plain);
    let altered = |place: usize| {
        let mut bytes = segment.clone();
        bytes[place] ^= 1;
        vec![bytes]
    };
    let padded = vec![[segment.as_slice(), &[0, 0, 1]].concat()];
    let shorter = Fields { size: 15, ..good.clone() };
    let longer = Fields { size: 17, ..good.clone() };
    let hash = |name: &str, comment: &str, document: [u8; 16], index: u64, front: &[u8]| {
        vector("segment_hash", &format!("segment-hash-{name}"), "DOC-07", comment)
            .bytes("document", document)
            .text("index", index)
            .bytes("segment", front)
    };
    vec![
        of("good", "DOC-15", "A whole document in one segment", &good, std::slice::from_ref(&segment)),
        of("empty", "DOC-03", "An empty document", &fields(b""), &[[&NONCE, sealed(b"").as_slice()].concat()]),
        of("altered", "DOC-01", "A bit of its chunk altered", &good, &altered(20)).refused("altered"),
        of("other-nonce", "DOC-08", "Another nonce than the manifest's at its beginning", &good, &altered(0))
            .refused("altered"),
        of("padding", "DOC-06", "A bit set in the padding", &good, &padded).refused("padding"),
        of("shorter", "DOC-09", "The manifest says a byte less", &shorter, std::slice::from_ref(&segment))
            .refused("padding"),
        of("longer", "DOC-09", "The manifest says a byte more", &longer, std::slice::from_ref(&segment))
            .refused("altered"),
        of(
            "other-digest",
            "DOC-15",
            "Another BLAKE3 than the manifest's",
            &Fields { digest: Digest::ZERO, ..good.clone() },
            std::slice::from_ref(&segment),
        )
        .refused("digest"),
        of("no-segment", "DOC-15", "No segment", &good, &[]).refused("cut_short"),
        of("two-segments", "DOC-04", "A segment behind the last one", &good, &[segment.clone(), segment.clone()])
            .refused("left_over"),
        hash("first", "The hash of a segment, its padding included", [0xd1; 16], 0, &segment),
        hash("other-index", "Of the same bytes in another place", [0xd1; 16], 1, &segment),
        vector(
            "document_made",
            "document-made",
            "DOC-07 DOC-08",
            "Two segments, byte i of the plaintext being i mod 251",
        )
        .bytes("file_key", KEY)
        .bytes("nonce", NONCE)
        .bytes("document", [0xd1; 16])
        .text("size", 1_100_000),
    ]
}

fn names() -> Vec<Vector> {
    let of = |name: &str, comment: &str, claimed: &str| {
        vector("safe_name", &format!("name-{name}"), "DOC-14", comment).bytes("name", claimed)
    };
    vec![
        of("plain", "A name that stays", "رپورٹ ۲۰۲۵.pdf"),
        of("empty", "No name", ""),
        of("dots", "Nothing but dots", " . . "),
        of("path", "A path", "../../etc/passwd"),
        of("backslashes", "A path of another system", "..\\..\\boot.ini"),
        of("override", "A direction override before the ending", "ann\u{202e}fdp.exe"),
        of("spaces", "A row of spaces before the ending", "invoice.pdf                    .exe"),
        of("soft-hyphen", "Invisible characters before the ending", "invoice.pdf\u{ad}\u{200b}.exe"),
        of("slash-like", "Characters that look like a slash", "a\u{2215}b\u{ff0f}c"),
        of("device", "A Windows device", "con.txt"),
        of("device-superscript", "A Windows device with a raised digit", "com¹.txt"),
        of("no-device", "Not a Windows device", "COM10"),
        of("line-breaks", "Line breaks and a tab", "a\nb\r\n\tc"),
        of("filler", "Hangul fillers count as spaces", "a\u{3164}\u{3164}b.txt"),
        of("long", "Shortened, keeping its ending", &format!("{}.pdf", "دستاویز ".repeat(40))),
    ]
}
