//! Pieces (protocol-spec/09-policy, section 9): what the sink is handed, and where it stood.

/// A piece of a document's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The names of the entries it stands in, outermost first; empty in the document itself.
    pub within: &'a [String],
    /// Where in that document.
    pub place: Place<'a>,
    /// The text.
    pub content: Content<'a>,
}

/// Where in a document a piece stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// The running text, footnotes and text boxes among it.
    Body,
    /// A page of a PDF or a slide, from 1.
    Page(u32),
    /// A table in running text, or a file of comma-separated values; numbered from 1 in their document.
    Table(u32),
    /// A sheet of a workbook.
    Sheet {
        /// Its name, or its part's where the workbook does not list it.
        name: &'a str,
        /// Whether it is hidden, by a user or by a program.
        hidden: bool,
    },
    /// Headers and footers of pages; headers of a mail.
    Header,
    /// Comments, notes and annotations.
    Comment,
    /// A paragraph as it stood before the changes that are tracked in it, or a deleted one.
    TrackedChange,
    /// Properties, titles, alternative texts, link targets, defined names.
    Metadata,
    /// The name of an entry, an attachment or an embedded file.
    Name,
}

/// The text of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// Running text; lines end in `\n`. At most 64 KiB, cut at a line or a word where there is one.
    Text(&'a str),
    /// One row of a table. Rows of a table follow each other, in their order.
    Row {
        /// From 1.
        number: u32,
        /// The cells that are not empty, by column.
        cells: &'a [Cell<'a>],
    },
}

/// A cell that is not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell<'a> {
    /// From 0.
    pub column: u32,
    /// Its text, or the number in it.
    pub text: &'a str,
}

/// What the sink says to a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Enough is known: stop.
    Stop,
}
