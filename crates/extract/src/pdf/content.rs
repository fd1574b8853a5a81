//! A PDF page (protocol-spec/09-policy, section 9): its operators, of which those are run that place text.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::file::File;
use super::font::{Font, Fonts};
use super::lines::{Glyph, Lines};
use super::object::{Dict, Lexer, Object, Token, is_space};
use super::string;
use crate::piece::Place;
use crate::reading::{Block, Done, fail};
use crate::unreadable::{Reason, Unreadable};

/// Forms inside each other.
const FORMS: usize = 12;
/// Forms that one page may draw: one that draws itself ten times over is found out soon.
const DRAWN: usize = 20_000;
/// Operands of one operator, and saved states.
const STACK: usize = 1024;
/// Codes without a letter, all different, from which on a page counts as unread: more than the bullets on a page.
const UNREAD: usize = 6;

/// A transformation: `[a b c d e f]` as PDF writes it.
type Matrix = [f64; 6];

const IDENTITY: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// First `m`, then `n`.
fn multiply(m: Matrix, n: Matrix) -> Matrix {
    let [a, b, c, d, e, f] = m;
    let [g, h, i, j, k, l] = n;
    [a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + l]
}

#[derive(Clone)]
struct State<'r> {
    matrix: Matrix,
    font: Option<Rc<Font<'r>>>,
    size: f64,
    letter_space: f64,
    word_space: f64,
    stretch: f64,
    leading: f64,
    rise: f64,
}

/// A page that is being read.
pub(super) struct Page<'f, 'a, 'r, 's> {
    file: &'f File<'a, 'r, 's>,
    pub(super) fonts: Fonts<'r>,
    number: u32,
    lines: Lines,
    /// What the file says that a stretch of the page reads as, besides what it shows.
    said: Block<'static>,
    state: State<'r>,
    saved: Vec<State<'r>>,
    text: Matrix,
    line: Matrix,
    forms: Vec<u32>,
    drawn: usize,
    unread: HashSet<(usize, u32)>,
}

impl<'f, 'a, 'r, 's> Page<'f, 'a, 'r, 's> {
    pub(super) fn new(file: &'f File<'a, 'r, 's>, fonts: Fonts<'r>, number: u32) -> Self {
        let state = State {
            matrix: IDENTITY,
            font: None,
            size: 1.0,
            letter_space: 0.0,
            word_space: 0.0,
            stretch: 1.0,
            leading: 0.0,
            rise: 0.0,
        };
        Self {
            file,
            fonts,
            number,
            lines: Lines::default(),
            said: Block::new(Place::Page(number)),
            state,
            saved: Vec::new(),
            text: IDENTITY,
            line: IDENTITY,
            forms: Vec::new(),
            drawn: 0,
            unread: HashSet::new(),
        }
    }

    /// Hands on what was gathered.
    pub(super) fn end(&mut self) -> Done {
        self.lines.hand_on(self.file.reading, Place::Page(self.number))?;
        self.said.flush(self.file.reading)?;
        if self.unread.len() >= UNREAD {
            let detail = format!("page {}: a font that does not say which letters it shows", self.number);
            self.file.reading.fault(Unreadable::new(Reason::Unknown, detail));
        }
        Ok(())
    }

    /// Runs the operators in `bytes`.
    pub(super) fn run(&mut self, bytes: &[u8], resources: &Dict) -> Done {
        let fonts = self.file.dict(resources.get("Font"))?;
        let mut named: HashMap<Vec<u8>, Rc<Font<'r>>> = HashMap::new();
        let mut lexer = Lexer::new(bytes, 0, false);
        let mut operands: Vec<Object> = Vec::new();
        loop {
            let before = lexer.at;
            let token = lexer.next();
            self.file.reading.work(lexer.at.saturating_sub(before).saturating_add(16))?;
            match token {
                Token::End if lexer.is_full() => {
                    return fail(Reason::TooMany, "an operator of the PDF has too many values");
                }
                Token::End => return Ok(()),
                Token::Object(object) => {
                    operands.push(object);
                    if operands.len() > STACK {
                        operands.clear();
                    }
                }
                Token::Word(b"BI") => skip_picture(bytes, &mut lexer),
                Token::Word(b"Tf") => {
                    if let [Object::Name(name), size] = operands.as_slice() {
                        self.state.size = size.number().unwrap_or(1.0);
                        self.state.font = self.font(name, &fonts, &mut named)?;
                    }
                    operands.clear();
                }
                Token::Word(b"Do") => {
                    if let [Object::Name(name)] = operands.as_slice() {
                        self.object(&String::from_utf8_lossy(name), resources)?;
                    }
                    operands.clear();
                }
                Token::Word(b"BDC" | b"DP") => {
                    if let [_, properties] = operands.as_slice() {
                        self.actual_text(properties, resources)?;
                    }
                    operands.clear();
                }
                Token::Word(word) => {
                    self.operator(word, &operands)?;
                    operands.clear();
                }
            }
        }
    }

    fn font(
        &mut self,
        name: &[u8],
        fonts: &Dict,
        named: &mut HashMap<Vec<u8>, Rc<Font<'r>>>,
    ) -> Done<Option<Rc<Font<'r>>>> {
        if let Some(font) = named.get(name) {
            return Ok(Some(font.clone()));
        }
        let Some(value) = fonts.get(&*String::from_utf8_lossy(name)) else { return Ok(None) };
        let font = self.fonts.get(self.file, value)?;
        named.insert(name.to_vec(), font.clone());
        Ok(Some(font))
    }

    // --- forms -------------------------------------------------------------------------------------------------------

    fn object(&mut self, name: &str, resources: &Dict) -> Done {
        let objects = self.file.dict(resources.get("XObject"))?;
        match objects.get(name) {
            Some(Object::Ref(id)) => self.draw(*id, Some(resources)),
            _ => Ok(()),
        }
    }

    /// Runs a form from outside the page's own operators: the look of an annotation.
    pub(super) fn form(&mut self, id: u32) -> Done {
        self.state.matrix = IDENTITY;
        self.draw(id, None)
    }

    fn draw(&mut self, id: u32, outer: Option<&Dict>) -> Done {
        let dict = self.file.dict(Some(&Object::Ref(id)))?;
        if dict.get("Subtype").is_none_or(|kind| !kind.is_name("Form")) {
            return Ok(());
        }
        self.drawn = self.drawn.saturating_add(1);
        if self.drawn > DRAWN {
            return fail(Reason::TooMany, "a page of the PDF draws too many forms");
        }
        if self.forms.contains(&id) || self.forms.len() >= FORMS {
            return fail(Reason::Damaged, "forms of the PDF draw each other without end");
        }
        let Some(data) = self.file.stream(id, &dict)? else { return Ok(()) };
        let own = self.file.dict(dict.get("Resources"))?;
        let empty = Dict::new();
        let resources = if own.is_empty() { outer.unwrap_or(&empty) } else { &own };
        let state = self.state.clone();
        let (text, line, saved) = (self.text, self.line, std::mem::take(&mut self.saved));
        if let Object::Array(matrix) = self.file.resolve(dict.get("Matrix"))? {
            self.state.matrix = multiply(numbers(&matrix).unwrap_or(IDENTITY), self.state.matrix);
        }
        self.forms.push(id);
        let done = self.run(&data.bytes, resources);
        self.forms.pop();
        (self.text, self.line, self.saved, self.state) = (text, line, saved, state);
        done
    }

    fn actual_text(&mut self, properties: &Object, resources: &Dict) -> Done {
        let dict = match properties {
            Object::Dict(dict) => dict.clone(),
            Object::Name(name) => {
                let named = self.file.dict(resources.get("Properties"))?;
                self.file.dict(named.get(&*String::from_utf8_lossy(name)))?
            }
            _ => return Ok(()),
        };
        for key in ["ActualText", "Alt", "E"] {
            if let Object::String(bytes) = self.file.resolve(dict.get(key))? {
                self.said.line(self.file.reading, &string(&bytes))?;
            }
        }
        Ok(())
    }

    // --- text --------------------------------------------------------------------------------------------------------

    fn operator(&mut self, word: &[u8], operands: &[Object]) -> Done {
        let number = |n: usize| operands.get(n).and_then(Object::number).unwrap_or(0.0);
        match word {
            b"q" if self.saved.len() < STACK => self.saved.push(self.state.clone()),
            b"Q" => {
                if let Some(state) = self.saved.pop() {
                    self.state = state;
                }
            }
            b"cm" => self.state.matrix = multiply(numbers(operands).unwrap_or(IDENTITY), self.state.matrix),
            b"BT" => (self.text, self.line) = (IDENTITY, IDENTITY),
            b"Tc" => self.state.letter_space = number(0),
            b"Tw" => self.state.word_space = number(0),
            b"Tz" => self.state.stretch = number(0) / 100.0,
            b"TL" => self.state.leading = number(0),
            b"Ts" => self.state.rise = number(0),
            b"Td" => self.move_line(number(0), number(1)),
            b"TD" => {
                self.state.leading = -number(1);
                self.move_line(number(0), number(1));
            }
            b"Tm" => {
                self.line = numbers(operands).unwrap_or(IDENTITY);
                self.text = self.line;
            }
            b"T*" => self.move_line(0.0, -self.state.leading),
            b"Tj" => self.show(operands.first())?,
            b"'" => {
                self.move_line(0.0, -self.state.leading);
                self.show(operands.first())?;
            }
            b"\"" => {
                (self.state.word_space, self.state.letter_space) = (number(0), number(1));
                self.move_line(0.0, -self.state.leading);
                self.show(operands.get(2))?;
            }
            b"TJ" => {
                let Some(Object::Array(items)) = operands.first() else { return Ok(()) };
                for item in items {
                    match item {
                        Object::Number(adjust) => {
                            self.forward(-adjust / 1000.0 * self.state.size * self.state.stretch);
                        }
                        string => self.show(Some(string))?,
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn move_line(&mut self, x: f64, y: f64) {
        self.line = multiply([1.0, 0.0, 0.0, 1.0, x, y], self.line);
        self.text = self.line;
    }

    fn forward(&mut self, x: f64) {
        self.text = multiply([1.0, 0.0, 0.0, 1.0, x, 0.0], self.text);
    }

    fn show(&mut self, string: Option<&Object>) -> Done {
        let (Some(Object::String(bytes)), Some(font)) = (string, self.state.font.clone()) else { return Ok(()) };
        let mut rest = bytes.as_slice();
        while let Some((code, length)) = font.next_code(rest) {
            rest = rest.get(length..).unwrap_or_default();
            self.file.reading.work(32)?;
            let [a, b, _, _, x, y] =
                multiply([1.0, 0.0, 0.0, 1.0, 0.0, self.state.rise], multiply(self.text, self.state.matrix));
            let scale = a.hypot(b);
            let advance = font.width(code) * self.state.size;
            let text = font.text(code, length);
            if text.is_none() && self.unread.len() < UNREAD {
                self.unread.insert((Rc::as_ptr(&font).addr(), code));
            }
            let glyph = Glyph::new((a, b), (x, y), advance * self.state.stretch * scale, self.state.size * scale);
            self.lines.push(glyph, text.as_deref().unwrap_or_default());
            if self.lines.is_full() {
                self.lines.hand_on(self.file.reading, Place::Page(self.number))?;
            }
            let space = if length == 1 && code == 32 { self.state.word_space } else { 0.0 };
            self.forward((advance + self.state.letter_space + space) * self.state.stretch);
        }
        Ok(())
    }
}

fn numbers(objects: &[Object]) -> Option<Matrix> {
    let mut numbers = [0.0; 6];
    for (to, from) in numbers.iter_mut().zip(objects) {
        *to = from.number()?;
    }
    (objects.len() >= 6).then_some(numbers)
}

/// Skips a picture that stands among the operators, from `BI` to `EI`.
fn skip_picture(bytes: &[u8], lexer: &mut Lexer<'_>) {
    loop {
        match lexer.next() {
            Token::Word(b"ID") => break,
            Token::End => return,
            Token::Object(_) | Token::Word(_) => {}
        }
    }
    let data = bytes.get(lexer.at..).unwrap_or_default();
    let ends = memchr::memmem::find_iter(data, b"EI").find(|at| {
        let before = at.checked_sub(1).and_then(|at| data.get(at)).is_none_or(|byte| is_space(*byte));
        let after = data.get(at.saturating_add(2)..).unwrap_or_default();
        // What follows a picture is operators again, and those are letters.
        before && after.first().is_none_or(|b| is_space(*b)) && after.iter().take(16).all(|b| b.is_ascii() && *b != 0)
    });
    lexer.at = ends.map_or(bytes.len(), |at| lexer.at.saturating_add(at).saturating_add(2));
}
