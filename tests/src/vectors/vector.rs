//! One vector (protocol-spec/vectors/README.md, Format): its lines, how they are written and read.

use std::fmt::Write as _;

use data_encoding::HEXLOWER;

/// What comes of a vector's inputs: its outputs, or why it is refused.
pub type Verdict = Result<Vec<(String, String)>, &'static str>;

/// A vector as it is made: inputs first, outputs by [`completed`](Self::completed).
#[derive(Clone)]
pub struct Vector {
    /// Folder of `protocol-spec/vectors/`.
    pub folder: &'static str,
    /// Name of its file, without the ending.
    pub name: String,
    comment: String,
    rules: String,
    expect: Result<(), &'static str>,
    inputs: Inputs,
    outputs: Vec<(String, String)>,
}

/// The inputs of a vector, with its `what`.
#[derive(Clone)]
pub struct Inputs {
    /// Which structure or procedure.
    pub what: String,
    lines: Vec<(String, String)>,
}

impl Vector {
    /// One without inputs that is accepted.
    pub(super) fn new(folder: &'static str, what: &str, name: impl Into<String>, rules: &str, comment: &str) -> Self {
        let inputs = Inputs { what: what.to_owned(), lines: Vec::new() };
        let (comment, rules) = (comment.to_owned(), rules.to_owned());
        Self { folder, name: name.into(), comment, rules, expect: Ok(()), inputs, outputs: Vec::new() }
    }

    /// It is refused with this word.
    pub(super) fn refused(mut self, word: &'static str) -> Self {
        self.expect = Err(word);
        self
    }

    /// An input in bytes.
    pub(super) fn bytes(self, key: &str, bytes: impl AsRef<[u8]>) -> Self {
        let value = hex(bytes);
        self.text(key, value)
    }

    /// An input as text or number.
    pub(super) fn text(mut self, key: &str, value: impl ToString) -> Self {
        self.inputs.lines.push((key.to_owned(), value.to_string()));
        self
    }

    /// Several inputs of one name.
    pub(super) fn list<B: AsRef<[u8]>>(self, key: &str, items: impl IntoIterator<Item = B>) -> Self {
        items.into_iter().fold(self, |vector, item| vector.bytes(key, item))
    }

    /// An input that it was given, in bytes.
    pub(super) fn input(&self, key: &str) -> Vec<u8> {
        self.inputs.bytes(key)
    }

    /// With the outputs that the product comes to.
    ///
    /// # Panics
    /// Where it comes to another end than the vector says.
    #[must_use]
    pub(super) fn completed(mut self) -> Self {
        let verdict = super::judged(self.folder, &self.inputs);
        assert_eq!(verdict.as_ref().err(), self.expect.as_ref().err(), "{}/{}", self.folder, self.name);
        self.outputs = verdict.unwrap_or_default();
        self
    }

    /// The path of its file below `protocol-spec/vectors/`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}.txt", self.folder, self.name)
    }

    /// Its file.
    #[must_use]
    pub fn file(&self) -> String {
        let mut text = format!("# {}\n", self.comment);
        let expect = self.expect.map_or_else(|word| format!("refused {word}"), |()| "accepted".to_owned());
        let head = [("rule", &self.rules), ("what", &self.inputs.what), ("expect", &expect)];
        let head = head.into_iter().map(|(key, value)| (key, value.as_str()));
        let rest = self.inputs.lines.iter().chain(&self.outputs).map(|(key, value)| (key.as_str(), value.as_str()));
        for (key, value) in head.chain(rest) {
            let _ = writeln!(text, "{key}: {value}");
        }
        text
    }
}

/// Judges a vector by its file alone; what does not agree.
///
/// # Errors
/// What the product says, where the file says something else.
///
/// # Panics
/// Where the file is not of the one form.
pub fn check(folder: &str, file: &str) -> Result<(), String> {
    let mut lines = file.lines().skip_while(|line| line.starts_with('#')).map(|line| {
        let (key, value) = line.split_once(": ").unwrap_or_else(|| panic!("not a line of a vector: {line}"));
        (key.to_owned(), value.to_owned())
    });
    let mut head = |key: &str| lines.next().filter(|(found, _)| found == key).unwrap_or_else(|| panic!("no {key}")).1;
    head("rule");
    let what = head("what");
    let expect = head("expect");
    // What follows holds inputs and outputs; the latter stand last, so they are compared with the end.
    let lines: Vec<_> = lines.collect();
    let said = match super::judged(folder, &Inputs { what, lines: lines.clone() }) {
        Ok(outputs) if !lines.ends_with(&outputs) => return Err(format!("comes to other outputs: {outputs:?}")),
        Ok(_) => "accepted".to_owned(),
        Err(word) => format!("refused {word}"),
    };
    if said == expect { Ok(()) } else { Err(format!("{said}, and the file says {expect}")) }
}

impl Inputs {
    /// A text, where it is there.
    pub(super) fn find(&self, key: &str) -> Option<&str> {
        self.lines.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
    }

    /// A text.
    pub(super) fn text(&self, key: &str) -> &str {
        self.find(key).unwrap_or_else(|| panic!("{}: no {key}", self.what))
    }

    /// Bytes.
    pub(super) fn bytes(&self, key: &str) -> Vec<u8> {
        unhex(self.text(key))
    }

    /// Bytes of a fixed number.
    pub(super) fn array<const N: usize>(&self, key: &str) -> [u8; N] {
        self.bytes(key).try_into().unwrap_or_else(|_| panic!("{}: {key} is not {N} bytes", self.what))
    }

    /// A number.
    pub(super) fn number(&self, key: &str) -> u64 {
        self.text(key).parse().unwrap_or_else(|_| panic!("{}: {key} is no number", self.what))
    }

    /// All of one name.
    pub(super) fn list(&self, key: &str) -> Vec<Vec<u8>> {
        self.lines.iter().filter(|(found, _)| found == key).map(|(_, value)| unhex(value)).collect()
    }
}

/// Bytes as they stand in a vector.
pub(super) fn hex(bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref();
    if bytes.is_empty() { "-".to_owned() } else { HEXLOWER.encode(bytes) }
}

fn unhex(text: &str) -> Vec<u8> {
    let text = if text == "-" { "" } else { text };
    HEXLOWER.decode(text.as_bytes()).unwrap_or_else(|_| panic!("not hexadecimal: {text}"))
}

/// Outputs, in order.
#[derive(Default)]
pub(super) struct Outputs(Vec<(String, String)>);

impl Outputs {
    pub(super) fn text(mut self, key: &str, value: impl ToString) -> Self {
        self.0.push((key.to_owned(), value.to_string()));
        self
    }

    pub(super) fn bytes(self, key: &str, bytes: impl AsRef<[u8]>) -> Self {
        let value = hex(bytes);
        self.text(key, value)
    }

    pub(super) fn all<T: ToString>(self, key: &str, items: impl IntoIterator<Item = T>) -> Self {
        items.into_iter().fold(self, |outputs, item| outputs.text(key, item))
    }

    pub(super) fn done(self) -> Verdict {
        Ok(self.0)
    }
}
