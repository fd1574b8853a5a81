//! Limits (protocol-spec/09-policy, section 9): what one document may cost.

const MIB: usize = 1 << 20;

/// What one document, with everything inside it, may cost [POL-42]. Time is not here: the caller's callback has the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a PDF, a ZIP or an office document.
    pub structured_input: usize,
    /// Bytes of a text, a mail, an HTML page, and of pictures, which are not decoded.
    pub plain_input: usize,
    /// Bytes of text handed to the sink in all.
    pub text: u64,
    /// How many bytes one compressed byte may become, in each stream and in all. Real sheets reach 60.
    pub expansion: u64,
    /// Expanded bytes that are free of that ratio, in each stream and in all.
    pub expansion_free: u64,
    /// Expanded bytes kept in memory at a time (shared strings, entries of nested archives, object streams).
    pub held: usize,
    /// Entries of archives and packages, parts of mails and embedded files, in all.
    pub entries: u32,
    /// How deep a document may stand inside others: 4 is a file in a ZIP in a ZIP in a ZIP in a ZIP.
    pub depth: usize,
    /// Bytes of one tag or text of an XML part, and of one cell, header or attribute.
    pub token: usize,
    /// How deep XML elements and PDF objects may stand inside each other.
    pub nesting: usize,
    /// Pages of a PDF.
    pub pages: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            structured_input: 64 * MIB,
            plain_input: 256 * MIB,
            text: 256 << 20,
            expansion: 200,
            expansion_free: 1 << 20,
            held: 96 * MIB,
            entries: 10_000,
            depth: 4,
            token: 16 * MIB,
            nesting: 256,
            pages: 20_000,
        }
    }
}
