//! Thumbnails that are shown again: those of documents that were sent or saved here since the program was unlocked, in memory
//! alone. Nothing of them is ever written, and locking ends the process that has them.

use std::collections::{HashMap, VecDeque};

use amanat_primitives::DocumentId;
use iced::widget::image::Handle;

use super::Thumbnail;

/// So many are kept; the oldest goes first.
pub const MOST: usize = 64;

/// Thumbnails by their documents.
#[derive(Default)]
pub struct Kept {
    handles: HashMap<DocumentId, Handle>,
    order: VecDeque<DocumentId>,
}

impl Kept {
    /// One more.
    pub fn put(&mut self, document: DocumentId, thumbnail: &Thumbnail) {
        self.put_handle(document, thumbnail.handle());
    }

    /// One that was shown already.
    pub fn put_handle(&mut self, document: DocumentId, handle: Handle) {
        if self.handles.insert(document, handle).is_none() {
            self.order.push_back(document);
        }
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.handles.remove(&oldest);
        }
    }

    /// A document's, where there is one.
    #[must_use]
    pub fn of(&self, document: DocumentId) -> Option<&Handle> {
        self.handles.get(&document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept() {
        let id = |n: usize| DocumentId::from_bytes([n as u8; 16]);
        let small = Thumbnail { width: 1, height: 1, rgba: vec![0; 4] };
        let mut kept = Kept::default();
        for n in [0].into_iter().chain(0..=MOST) {
            kept.put(id(n), &small);
        }
        assert_eq!(kept.handles.len(), MOST);
        assert!(kept.of(id(0)).is_none() && kept.of(id(1)).is_some() && kept.of(id(MOST)).is_some());
    }
}
