//! XML parts (protocol-spec/09-policy, section 9): the elements and texts of a part, one at a time.
//!
//! Names are compared without their prefixes, which a writer is free to choose. No entity but XML's own five and numbers
//! is known, so nothing grows by being named. A part must be UTF-8, which every office program writes.

use std::io::{self, BufRead, Read};

use quick_xml::Reader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesStart, Event};

use crate::reading::{Done, Halt, Reading, fail};
use crate::unreadable::Reason;
use crate::zip::{Entry, Stream, Why};

/// Events between two looks at the clock, expressed as bytes of work each.
const EVENT: usize = 64;

/// Counts the bytes of one tag or text, which the parser gathers in memory.
struct Metered<'a, 'r, 's> {
    stream: Stream<'a, 'r, 's>,
    token: usize,
    most: usize,
}

impl Read for Metered<'_, '_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Metered<'_, '_, '_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.token > self.most {
            *self.stream.why().borrow_mut() = Some(too_long());
            return Err(io::Error::other("halted"));
        }
        self.stream.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.token = self.token.saturating_add(amount);
        self.stream.consume(amount);
    }
}

fn too_long() -> Halt {
    crate::unreadable::Unreadable::new(Reason::TooLarge, "an XML part has a tag or text without end").into()
}

/// The events of one part.
pub(crate) struct Xml<'a, 'r, 's> {
    reader: Reader<Metered<'a, 'r, 's>>,
    reading: &'r Reading<'s>,
    why: Why,
    buffer: Vec<u8>,
    depth: usize,
}

/// One event.
pub(crate) enum Node<'x> {
    Open(Tag<'x>),
    /// The local name of the element that closes; also follows one that is empty.
    Close(Name),
    Text(String),
}

/// A local name, which handlers compare and keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name([u8; 40], u8);

impl Name {
    fn new(name: &[u8]) -> Self {
        // Longer names than those looked for need not be told apart.
        let mut bytes = [0; 40];
        bytes.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
        Self(bytes, u8::try_from(name.len().min(40)).unwrap_or(40))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.get(..usize::from(self.1)).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
    }
}

/// An element that opens.
pub(crate) struct Tag<'x> {
    pub(crate) name: Name,
    start: BytesStart<'x>,
}

impl Tag<'_> {
    /// The value of the attribute with this local name.
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        self.start
            .attributes()
            .with_checks(false)
            .flatten()
            .find(|attribute| attribute.key.local_name().as_ref() == name.as_bytes())
            .map(|attribute| {
                let raw = String::from_utf8_lossy(&attribute.value);
                unescape(&raw).map_or_else(|_| raw.clone().into_owned(), std::borrow::Cow::into_owned)
            })
    }
}

impl<'a, 'r, 's> Xml<'a, 'r, 's> {
    pub(crate) fn open(reading: &'r Reading<'s>, entry: &Entry<'a>) -> Self {
        let stream = entry.stream(reading);
        let why = stream.why();
        let mut reader = Reader::from_reader(Metered { stream, token: 0, most: reading.limits.token });
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.allow_dangling_amp = true;
        Self { reader, reading, why, buffer: Vec::new(), depth: 0 }
    }

    /// The next event; `None` at the end of the part.
    pub(crate) fn next(&mut self) -> Done<Option<Node<'_>>> {
        // A loop over events that say nothing cannot hand out what it borrowed, so each event is turned into what it says.
        loop {
            self.reader.get_mut().token = 0;
            self.reading.work(EVENT)?;
            if self.buffer.capacity() > 1 << 20 {
                self.buffer = Vec::new();
            }
            self.buffer.clear();
            let event = match self.reader.read_event_into(&mut self.buffer) {
                Ok(event) => event,
                Err(error) => return Err(halt(&self.why, &error)),
            };
            match event {
                Event::Start(start) => {
                    self.depth = self.depth.saturating_add(1);
                    if self.depth > self.reading.limits.nesting {
                        return fail(Reason::TooDeep, "an XML part has too many elements inside each other");
                    }
                    let name = Name::new(start.local_name().as_ref());
                    // Owned: a tag is short, and the borrow checker cannot see that the loop ends here.
                    return Ok(Some(Node::Open(Tag { name, start: start.into_owned() })));
                }
                Event::End(end) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Some(Node::Close(Name::new(end.local_name().as_ref()))));
                }
                Event::Text(text) => match text.decode() {
                    Ok(text) => return Ok(Some(Node::Text(text.into_owned()))),
                    Err(_) => return fail(Reason::Damaged, "an XML part is not UTF-8"),
                },
                Event::CData(text) => match text.decode() {
                    Ok(text) => return Ok(Some(Node::Text(text.into_owned()))),
                    Err(_) => return fail(Reason::Damaged, "an XML part is not UTF-8"),
                },
                Event::GeneralRef(reference) => {
                    if let Ok(Some(c)) = reference.resolve_char_ref() {
                        return Ok(Some(Node::Text(c.to_string())));
                    }
                    if let Some(text) = reference.decode().ok().as_deref().and_then(resolve_predefined_entity) {
                        return Ok(Some(Node::Text(text.to_owned())));
                    }
                }
                Event::Eof if self.depth > 0 => return fail(Reason::Damaged, "an XML part ends too early"),
                Event::Eof => return Ok(None),
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
    }
}

fn halt(why: &Why, _error: &quick_xml::Error) -> Halt {
    let damaged = || crate::unreadable::Unreadable::new(Reason::Damaged, "an XML part is not well formed").into();
    why.borrow_mut().take().unwrap_or_else(damaged)
}
