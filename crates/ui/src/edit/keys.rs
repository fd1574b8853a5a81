//! What a key does in a field.

use iced::keyboard::{
    Key, Modifiers,
    key::{Named, Physical},
};

use super::{Action, Kind, LIMIT, LINE_LIMIT, Motion, Reach};

/// What comes of a key.
#[derive(Debug, Clone)]
pub(super) enum Press {
    Act(Action),
    Copy,
    Cut,
    Paste,
    Submit,
}

/// A key as the window reports it.
pub(super) struct Stroke<'a> {
    pub(super) key: &'a Key,
    pub(super) modified: &'a Key,
    pub(super) physical: Physical,
    pub(super) modifiers: Modifiers,
    pub(super) text: Option<&'a str>,
}

/// What a field makes of its keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) several: bool,
    pub(super) submits: bool,
    /// Keys that go through a list are not the field's.
    pub(super) beside_list: bool,
}

impl Manner {
    /// The most that it holds.
    pub(super) fn most(self) -> usize {
        if self.several { LIMIT } else { LINE_LIMIT }
    }

    /// Text that comes from outside, as the field takes it.
    pub(super) fn insert(self, text: &str, typed: bool) -> Action {
        // What is far too long is not even copied.
        let text = text.get(..super::steps::floor(text, LIMIT * 2)).unwrap_or_default();
        let text =
            if self.several { text.into() } else { text.trim().replace("\r\n", " ").replace(['\n', '\r', '\t'], " ") };
        Action(Kind::Insert { text, typed, most: self.most() })
    }
}

/// What a key does; nothing where it is not the field's.
pub(super) fn press(stroke: &Stroke<'_>, manner: Manner) -> Option<Press> {
    let modifiers = stroke.modifiers;
    // Ctrl+Alt is how some layouts reach their third level.
    if modifiers.command() && !modifiers.alt() {
        let act = |kind| Some(Press::Act(Action(kind)));
        match stroke.key.to_latin(stroke.physical).map(|c| c.to_ascii_lowercase()) {
            Some('c') => return Some(Press::Copy),
            Some('x') => return Some(Press::Cut),
            Some('v') => return Some(Press::Paste),
            Some('a') => return Some(Press::Act(Action::select_all())),
            Some('z') if modifiers.shift() => return act(Kind::Redo),
            Some('z') => return act(Kind::Undo),
            Some('y') => return act(Kind::Redo),
            Some(_) => return None,
            None => {}
        }
    }
    if let Some(press) = named(stroke, manner) {
        return Some(press);
    }
    if matches!(stroke.key, Key::Named(named) if *named != Named::Space) {
        return None;
    }
    let third_level = modifiers.alt() && modifiers.control();
    if (modifiers.control() || modifiers.logo()) && !third_level {
        return None;
    }
    let text: String = stroke.text?.chars().filter(|c| !c.is_control()).collect();
    let insert = Kind::Insert { text, typed: true, most: manner.most() };
    matches!(&insert, Kind::Insert { text, .. } if !text.is_empty()).then_some(Press::Act(Action(insert)))
}

fn named(stroke: &Stroke<'_>, manner: Manner) -> Option<Press> {
    let (word, select) = (stroke.modifiers.jump(), stroke.modifiers.shift());
    // The number pad gives digits through the modified key.
    let Key::Named(key) = stroke.modified else { return None };
    let pages = matches!(key, Named::PageUp | Named::PageDown) || word && matches!(key, Named::Home | Named::End);
    if manner.beside_list && pages && !select {
        return None;
    }
    let kind = match key {
        Named::Enter if manner.submits && !(manner.several && select) => return Some(Press::Submit),
        Named::Enter if manner.several => Kind::Insert { text: "\n".into(), typed: true, most: LIMIT },
        Named::Backspace if word => Kind::Delete(Reach::WordBefore),
        Named::Backspace => Kind::Delete(Reach::Before),
        Named::Delete if select => return Some(Press::Cut),
        Named::Delete if word => Kind::Delete(Reach::WordAfter),
        Named::Delete => Kind::Delete(Reach::After),
        Named::Insert if select => return Some(Press::Paste),
        Named::Insert if word => return Some(Press::Copy),
        Named::ArrowLeft if word => Kind::Go(Motion::WordLeft, select),
        Named::ArrowLeft => Kind::Go(Motion::Left, select),
        Named::ArrowRight if word => Kind::Go(Motion::WordRight, select),
        Named::ArrowRight => Kind::Go(Motion::Right, select),
        Named::Home if word => Kind::Go(Motion::Start, select),
        Named::End if word => Kind::Go(Motion::End, select),
        Named::Home => Kind::Edge { end: false, select },
        Named::End => Kind::Edge { end: true, select },
        // Up and down with a modifier, and in one line, are the window's.
        Named::ArrowUp | Named::ArrowDown if stroke.modifiers.alt() || word => return None,
        Named::ArrowUp if manner.several => Kind::Row { down: false, select },
        Named::ArrowDown if manner.several => Kind::Row { down: true, select },
        Named::PageUp if manner.several && !word => Kind::Page { down: false, select },
        Named::PageDown if manner.several && !word => Kind::Page { down: true, select },
        _ => return None,
    };
    Some(Press::Act(Action(kind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(key: Key, modifiers: Modifiers, text: Option<&str>, several: bool) -> Option<String> {
        let physical = Physical::Code(iced::keyboard::key::Code::KeyZ);
        let stroke = Stroke { key: &key, modified: &key, physical, modifiers, text };
        press(&stroke, Manner { several, submits: true, beside_list: false }).map(|press| format!("{press:?}"))
    }

    #[test]
    fn keys_do_what_people_expect() {
        let none = Modifiers::empty();
        let named = |key, modifiers, several| said(Key::Named(key), modifiers, None, several);
        assert_eq!(named(Named::Enter, none, true).as_deref(), Some("Submit"));
        assert_eq!(named(Named::Enter, Modifiers::SHIFT, true).as_deref(), Some("Act(Action::Insert(1 bytes))"));
        assert_eq!(named(Named::Enter, Modifiers::SHIFT, false).as_deref(), Some("Submit"));
        for key in [Named::Tab, Named::Escape, Named::F1] {
            assert_eq!(said(Key::Named(key), none, Some("\t"), true), None, "{key:?} is the window's");
        }
        assert_eq!(named(Named::ArrowUp, none, false), None);
        assert_eq!(named(Named::ArrowUp, Modifiers::ALT, true), None);
        let urdu = |modifiers| said(Key::Character("ز".into()), modifiers, Some("ز"), true);
        assert_eq!(urdu(none).as_deref(), Some("Act(Action::Insert(2 bytes))"));
        assert_eq!(urdu(Modifiers::CTRL).as_deref(), Some("Act(Action::Undo)"), "by its place on the keyboard");
        assert_eq!(said(Key::Character("k".into()), Modifiers::CTRL, Some("k"), true), None);
        assert_eq!(
            said(Key::Named(Named::Space), none, Some(" "), true).as_deref(),
            Some("Act(Action::Insert(1 bytes))")
        );
    }

    #[test]
    fn beside_a_list_its_keys_are_the_windows() {
        let said = |named, modifiers| {
            let (key, physical) = (Key::Named(named), Physical::Code(iced::keyboard::key::Code::KeyZ));
            let stroke = Stroke { key: &key, modified: &key, physical, modifiers, text: None };
            press(&stroke, Manner { several: true, submits: true, beside_list: true }).is_some()
        };
        for key in [Named::PageUp, Named::PageDown] {
            assert!(!said(key, Modifiers::empty()) && said(key, Modifiers::SHIFT), "{key:?}");
        }
        for key in [Named::Home, Named::End] {
            assert!(!said(key, Modifiers::CTRL) && said(key, Modifiers::empty()), "{key:?}");
            assert!(said(key, Modifiers::CTRL | Modifiers::SHIFT), "{key:?} selects");
        }
    }

    #[test]
    fn what_is_pasted_into_one_line_is_one_line() {
        let action = Manner { several: false, submits: false, beside_list: false }.insert(" a\r\nb\nc\td\n", false);
        let Kind::Insert { text, most, .. } = action.0 else { panic!("{action:?}") };
        assert_eq!((text.as_str(), most), ("a b c d", LINE_LIMIT));
    }
}
