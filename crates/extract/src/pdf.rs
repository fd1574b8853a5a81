//! PDF (protocol-spec/09-policy, section 9): the text of every page, what is written on and about it, and the
//! files embedded in it.
//!
//! A reader of our own, because all that it does must be counted, and can be told to stop: [`file`] finds the objects by going
//! through the bytes once and never follows the file's own table of them; [`filter`] unpacks streams; [`content`] runs a
//! page's operators; [`font`] and [`cmap`] turn codes into letters; [`lines`] puts the letters in order. Drawing, scripts
//! and decryption are absent on purpose.

mod cmap;
mod content;
mod file;
mod filter;
mod font;
mod letters;
mod lines;
mod object;

use std::collections::HashSet;
use std::rc::Rc;

use encoding_rs::WINDOWS_1252;

use crate::markup;
use crate::piece::Place;
use crate::reading::{Block, Done, Reading, fail};
use crate::unreadable::{Reason, Unreadable};
use content::Page;
use file::File;
use font::Fonts;
use object::{Dict, Object};

/// Nodes of the trees of fields, bookmarks and embedded files.
const NODES: usize = 100_000;

pub(crate) fn read(reading: &Reading<'_>, bytes: &[u8]) -> Done {
    let file = File::open(reading, bytes)?;
    let catalog = file.dict(file.trailer.get("Root"))?;
    if catalog.is_empty() {
        return fail(Reason::Damaged, "the PDF has no catalog");
    }
    let mut document = Document { file: &file, reading, fonts: Fonts::default(), embedded: HashSet::new() };
    document.information(&catalog)?;
    document.pages(&catalog)?;
    document.form(&catalog)?;
    document.bookmarks(&catalog)?;
    document.embedded_files(&catalog)
}

struct Document<'f, 'a, 'r, 's> {
    file: &'f File<'a, 'r, 's>,
    reading: &'r Reading<'s>,
    fonts: Fonts<'r>,
    /// File specifications that were read already.
    embedded: HashSet<u32>,
}

/// A text string: UTF-16 or UTF-8 with a mark, or one byte a letter.
fn string(bytes: &[u8]) -> String {
    match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding.decode(bytes).0.into_owned(),
        None => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

impl<'r> Document<'_, '_, 'r, '_> {
    /// The text in the values of some keys.
    fn texts(&self, block: &mut Block<'_>, dict: &Dict, keys: &[&str]) -> Done {
        for key in keys {
            match self.file.resolve(dict.get(*key))? {
                Object::String(bytes) => block.line(self.reading, &string(&bytes))?,
                Object::Name(name) => block.line(self.reading, &String::from_utf8_lossy(&name))?,
                Object::Array(items) => {
                    for item in items {
                        if let Object::String(bytes) = self.file.resolve(Some(&item))? {
                            block.line(self.reading, &string(&bytes))?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn information(&self, catalog: &Dict) -> Done {
        let information = self.file.dict(self.file.trailer.get("Info"))?;
        let mut block = Block::new(Place::Metadata);
        for value in information.values() {
            if let Object::String(bytes) = self.file.resolve(Some(value))? {
                block.line(self.reading, &string(&bytes))?;
            }
        }
        block.flush(self.reading)?;
        self.xml(catalog.get("Metadata"), Place::Metadata)
    }

    /// A stream that holds XML.
    fn xml(&self, value: Option<&Object>, place: Place<'_>) -> Done {
        if let Some(data) = self.file.stream_of(value)? {
            markup::read(self.reading, &String::from_utf8_lossy(&data.bytes), place)?;
        }
        Ok(())
    }

    // --- pages ---------------------------------------------------------------------------------------------------

    fn pages(&mut self, catalog: &Dict) -> Done {
        let mut seen = HashSet::new();
        let mut number = 0;
        // What is still to visit, last first, with the resources that it inherits.
        let mut open = vec![(catalog.get("Pages").cloned().unwrap_or(Object::Null), Rc::new(Dict::new()))];
        while let Some((node, inherited)) = open.pop() {
            self.reading.work(256)?;
            let dict = self.file.dict(Some(&node))?;
            let kids = self.file.resolve(dict.get("Kids"))?;
            let new = match node {
                Object::Ref(id) => seen.insert(id),
                _ => true,
            };
            let own = self.file.dict(dict.get("Resources"))?;
            let resources = if own.is_empty() { inherited } else { Rc::new(own) };
            match kids {
                Object::Array(_) if !new => return fail(Reason::Damaged, "the PDF's page tree loops"),
                Object::Array(kids) => {
                    open.extend(kids.into_iter().rev().map(|kid| (kid, resources.clone())));
                    if open.len() > NODES {
                        return fail(Reason::TooMany, "the PDF's page tree is too large");
                    }
                }
                _ if dict.is_empty() => {
                    self.reading.fault(Unreadable::new(Reason::Damaged, "a page of the PDF is missing"));
                }
                _ if new => {
                    number += 1;
                    self.reading.count_page()?;
                    let done = self.page(&dict, &resources, number);
                    self.reading.part(done)?;
                }
                _ => {}
            }
        }
        if number == 0 {
            return fail(Reason::Damaged, "the PDF has no page");
        }
        Ok(())
    }

    fn page(&mut self, dict: &Dict, resources: &Dict, number: u32) -> Done {
        let fonts = std::mem::take(&mut self.fonts);
        let mut page = Page::new(self.file, fonts, number);
        let done = self.page_into(dict, resources, &mut page);
        self.fonts = std::mem::take(&mut page.fonts);
        done
    }

    fn page_into(&mut self, dict: &Dict, resources: &Dict, page: &mut Page<'_, '_, 'r, '_>) -> Done {
        let contents = self.file.contents(dict.get("Contents"))?;
        page.run(&contents.bytes, resources)?;
        drop(contents);
        let mut block = Block::new(Place::Comment);
        if let Object::Array(annotations) = self.file.resolve(dict.get("Annots"))? {
            for annotation in annotations {
                let annotation = self.file.dict(Some(&annotation))?;
                self.annotation(&annotation, page, &mut block)?;
            }
        }
        page.end()?;
        block.flush(self.reading)
    }

    /// What an annotation says, links to, shows and carries.
    fn annotation(&mut self, dict: &Dict, page: &mut Page<'_, '_, 'r, '_>, block: &mut Block<'_>) -> Done {
        self.texts(block, dict, &["Contents", "Subj", "TU", "V"])?;
        if let Object::String(rich) = self.file.resolve(dict.get("RC"))? {
            block.line(self.reading, &markup::decode(&string(&rich)))?;
        }
        let action = self.file.dict(dict.get("A"))?;
        self.texts(block, &action, &["URI"])?;
        let appearance = self.file.dict(dict.get("AP"))?;
        if let Some(Object::Ref(id)) = appearance.get("N") {
            page.form(*id)?;
        }
        self.file_specification(dict.get("FS"))
    }

    // --- the document's own trees ----------------------------------------------------------------------------------

    fn form(&self, catalog: &Dict) -> Done {
        let form = self.file.dict(catalog.get("AcroForm"))?;
        let mut block = Block::new(Place::Body);
        self.tree(form.get("Fields"), "Kids", &mut |field| self.texts(&mut block, field, &["T", "TU", "V", "Opt"]))?;
        block.flush(self.reading)?;
        match self.file.resolve(form.get("XFA"))? {
            Object::Array(packets) => {
                for packet in &packets {
                    self.xml(Some(packet), Place::Body)?;
                }
                Ok(())
            }
            _ => self.xml(form.get("XFA"), Place::Body),
        }
    }

    fn bookmarks(&self, catalog: &Dict) -> Done {
        let outlines = self.file.dict(catalog.get("Outlines"))?;
        let mut block = Block::new(Place::Metadata);
        let mut seen = HashSet::new();
        let mut open: Vec<Object> = outlines.get("First").cloned().into_iter().collect();
        while let Some(item) = open.pop() {
            self.reading.work(256)?;
            if let Object::Ref(id) = item
                && !seen.insert(id)
            {
                return fail(Reason::Damaged, "the PDF's bookmarks loop");
            }
            let dict = self.file.dict(Some(&item))?;
            self.texts(&mut block, &dict, &["Title"])?;
            open.extend(dict.get("Next").cloned());
            open.extend(dict.get("First").cloned());
            if seen.len() > NODES || !matches!(item, Object::Ref(_)) {
                break;
            }
        }
        block.flush(self.reading)
    }

    /// Visits the dictionaries of a tree, each once.
    fn tree(&self, roots: Option<&Object>, below: &str, visit: &mut dyn FnMut(&Dict) -> Done) -> Done {
        let mut seen = HashSet::new();
        let mut visited = 0_usize;
        let mut open = match self.file.resolve(roots)? {
            Object::Array(items) => items,
            other => vec![other],
        };
        while let Some(node) = open.pop() {
            self.reading.work(256)?;
            if let Object::Ref(id) = node
                && !seen.insert(id)
            {
                continue;
            }
            visited += 1;
            if visited > NODES || open.len() > NODES {
                return fail(Reason::TooMany, "a tree in the PDF is too large");
            }
            let dict = self.file.dict(Some(&node))?;
            visit(&dict)?;
            if let Object::Array(kids) = self.file.resolve(dict.get(below))? {
                open.extend(kids);
            }
        }
        Ok(())
    }

    fn embedded_files(&mut self, catalog: &Dict) -> Done {
        let names = self.file.dict(catalog.get("Names"))?;
        let mut specifications = Vec::new();
        if let Some(tree) = names.get("EmbeddedFiles") {
            self.tree(Some(tree), "Kids", &mut |node| {
                if let Object::Array(pairs) = self.file.resolve(node.get("Names"))? {
                    specifications.extend(pairs.into_iter().skip(1).step_by(2));
                }
                Ok(())
            })?;
        }
        if let Object::Array(associated) = self.file.resolve(catalog.get("AF"))? {
            specifications.extend(associated);
        }
        for specification in &specifications {
            self.file_specification(Some(specification))?;
        }
        Ok(())
    }

    /// An embedded file: its name, its description, and what is in it.
    fn file_specification(&mut self, value: Option<&Object>) -> Done {
        let dict = self.file.dict(value)?;
        let embedded = self.file.dict(dict.get("EF"))?;
        let Some(Object::Ref(id)) = ["UF", "F", "Unix", "DOS", "Mac"].iter().find_map(|key| embedded.get(*key)) else {
            return Ok(());
        };
        if !self.embedded.insert(*id) {
            return Ok(());
        }
        self.reading.count_entry()?;
        let mut block = Block::new(Place::Name);
        self.texts(&mut block, &dict, &["UF", "F", "Desc"])?;
        block.flush(self.reading)?;
        let mut name = String::new();
        for key in ["UF", "F"] {
            if let Object::String(bytes) = self.file.resolve(dict.get(key))?
                && name.is_empty()
            {
                name = string(&bytes);
            }
        }
        let name = if name.is_empty() { "embedded file" } else { &name };
        let data = match self.file.stream_of(Some(&Object::Ref(*id))) {
            Ok(Some(data)) => data,
            Ok(None) => return self.reading.inside(name, || fail(Reason::Damaged, "an embedded file is missing")),
            Err(halt) => return self.reading.inside(name, || Err(halt)),
        };
        self.reading.entry(name, &data.bytes)
    }
}
