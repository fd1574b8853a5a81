//! Deceptive characters (protocol-spec/03-identity, section 2): those with which a text can be made to read other than
//! it is. One table for all; what is refused, dropped or escaped where is each caller's policy.

/// What a character can do to a text beside being read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trick {
    /// Makes a terminal or a file system do something.
    Control,
    /// Ends a line.
    LineBreak,
    /// Embeds, overrides or isolates a reading direction.
    Direction,
    /// Shows nothing and has no use in a name.
    Invisible,
    /// Shows nothing by itself and shapes its neighbours: joiners, plain direction marks, variation selectors. Urdu and
    /// other scripts need them.
    Shaping,
    /// Looks like a space and is none.
    Filler,
}

impl Trick {
    /// Whether no text that stands for someone or something, in one line, needs it.
    #[must_use]
    pub fn is_hostile(self) -> bool {
        matches!(self, Self::Control | Self::LineBreak | Self::Direction | Self::Invisible)
    }
}

/// The trick that `c` can play, if any.
#[must_use]
pub fn trick(c: char) -> Option<Trick> {
    Some(match c {
        '\n' | '\u{b}' | '\u{c}' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Trick::LineBreak,
        c if c.is_control() => Trick::Control,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Trick::Direction,
        '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200c}'..='\u{200f}' | '\u{e0100}'..='\u{e01ef}' => {
            Trick::Shaping
        }
        '\u{ad}' | '\u{17b4}' | '\u{17b5}' | '\u{200b}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => Trick::Invisible,
        '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' => Trick::Invisible,
        '\u{e0000}'..='\u{e0fff}' => Trick::Invisible,
        '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' => Trick::Filler,
        _ => return None,
    })
}

/// Whether `c` is hostile in a line of text.
#[must_use]
pub fn is_hostile(c: char) -> bool {
    trick(c).is_some_and(Trick::is_hostile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        for (trick_of, characters) in [
            (Trick::Control, "\0\t\u{7}\u{1b}\u{7f}\u{9b}"),
            (Trick::LineBreak, "\n\u{b}\u{c}\r\u{85}\u{2028}\u{2029}"),
            (Trick::Direction, "\u{202a}\u{202d}\u{202e}\u{2066}\u{2069}"),
            (Trick::Invisible, "\u{ad}\u{200b}\u{2060}\u{206f}\u{feff}\u{fff9}\u{1d173}\u{e0001}\u{e007f}\u{e0fff}"),
            (Trick::Shaping, "\u{34f}\u{61c}\u{180b}\u{200c}\u{200d}\u{200e}\u{200f}\u{e0100}"),
            (Trick::Filler, "\u{115f}\u{1160}\u{2800}\u{3164}\u{ffa0}"),
        ] {
            for c in characters.chars() {
                assert_eq!(trick(c), Some(trick_of), "{c:?}");
                assert_eq!(is_hostile(c), !matches!(trick_of, Trick::Shaping | Trick::Filler), "{c:?}");
            }
        }
        for c in "Private Secretary عائشہ خان ۲۰۲۶ 漢字 é😀\u{a0}".chars() {
            assert_eq!(trick(c), None, "{c:?}");
        }
        assert!((0..=0x0010_ffff).filter_map(char::from_u32).filter(|c| c.is_control()).all(is_hostile));
    }
}
