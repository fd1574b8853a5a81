//! The window's mark for the desktop: its application id, by which a desktop finds name and icon, and the icon itself for those
//! that look at the window alone.

use iced::window::{Icon, icon};

/// The name of the `.desktop` file.
pub const APPLICATION: &str = "amanat-desktop";

/// The mark as `deploy/desktop/amanat.svg` draws it, 64 pixels a side.
const MARK: &[u8] = include_bytes!("../../icon/amanat-64.png");

/// The icon; a window is opened without one where it cannot be read.
#[must_use]
pub fn window() -> Option<Icon> {
    let mark = image::load_from_memory_with_format(MARK, image::ImageFormat::Png).ok()?.into_rgba8();
    let (width, height) = mark.dimensions();
    icon::from_rgba(mark.into_raw(), width, height).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_and_is_the_mark_of_the_desktop_file() {
        let (pixels, size) = window().unwrap().into_raw();
        assert_eq!((size.width, size.height), (64, 64));
        // Its corners are round, its ground is the green of the drawing.
        assert_eq!(pixels.get(3), Some(&0));
        assert_eq!(pixels.get((8 * 64 + 32) * 4..(8 * 64 + 32) * 4 + 4), Some(&[0x00, 0x70, 0x3C, 0xFF][..]));
        let file = include_str!("../../../../deploy/desktop/amanat-desktop.desktop");
        assert!(file.contains(&format!("StartupWMClass={APPLICATION}")));
    }
}
