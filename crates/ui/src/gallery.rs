//! Every component in every appearance and both directions, drawn and compared with the pictures that are kept
//! (`tests/snapshots`). A change that is meant is kept by a run with `AMANAT_KEEP_SNAPSHOTS=1`; what is drawn is always left in
//! `target/gallery`, to be looked at.

use std::{env, fs, path::PathBuf};

use iced::{
    Alignment, Element, Fill,
    advanced::widget::{Id, operation::focusable},
    widget::{column, container},
};

use crate::{
    badge, button, dialog,
    direction::Direction,
    edit::{Action, Content, Field, field},
    look::Look,
    notice,
    secret::{Secret, secret},
    stage::{operate, picture, stage},
    surface,
    text::{Role, muted, plain},
    theme::{Appearance, Tokens, space},
    toggle,
};

/// The mean difference of a channel, of 255, that is still the same picture: fonts are ours and the renderer is software, so
/// that only the rounding of a processor is left.
const TOLERANCE: f64 = 0.05;
/// The share of pixels that may differ much: a missing word is more.
const STRAYS: f64 = 0.0005;

/// What is said in one language.
struct Words {
    title: &'static str,
    send: &'static str,
    cancel: &'static str,
    delete: &'static str,
    more: &'static str,
    tier: &'static str,
    name: &'static str,
    placeholder: &'static str,
    body: &'static str,
    mixed: &'static str,
    lock: &'static str,
    hide: &'static str,
    choices: [&'static str; 3],
    wrong: &'static str,
    care: &'static str,
    well: &'static str,
    known: &'static str,
}

const ENGLISH: Words = Words {
    title: "Delete this conversation?",
    send: "Send",
    cancel: "Cancel",
    delete: "Delete",
    more: "More…",
    tier: "CONFIDENTIAL",
    name: "Secretary Interior",
    placeholder: "Write a message",
    body: "The committee shall meet on Monday at ten.",
    mixed: "Please forward وزارت داخلہ Annex-B, table 3.",
    lock: "Lock when idle",
    hide: "Hide names in notifications",
    choices: ["Light", "Dark", "Contrast"],
    wrong: "The key of this contact has changed.",
    care: "You are offline. What you write is sent later.",
    well: "The document's signatures are whole.",
    known: "A new version is ready.",
};

const URDU: Words = Words {
    title: "یہ گفتگو حذف کی جائے؟",
    send: "بھیجیں",
    cancel: "منسوخ",
    delete: "حذف کریں",
    more: "مزید…",
    tier: "خفیہ",
    name: "سیکریٹری داخلہ",
    placeholder: "پیغام لکھیں",
    body: "کمیٹی کا اجلاس پیر کو دس بجے ہوگا۔",
    mixed: "جی، Annex-B میں table 3 دیکھیں",
    lock: "فارغ ہونے پر مقفل کریں",
    hide: "اطلاعات میں نام چھپائیں",
    choices: ["روشن", "تاریک", "نمایاں"],
    wrong: "اس رابطے کی کلید بدل گئی ہے۔",
    care: "آپ آف لائن ہیں۔ پیغام بعد میں بھیجا جائے گا۔",
    well: "دستاویز کے دستخط درست ہیں۔",
    known: "نیا نسخہ تیار ہے۔",
};

fn words(direction: Direction) -> &'static Words {
    if direction.is_rtl() { &URDU } else { &ENGLISH }
}

/// What is written in the fields.
struct Written {
    empty: Content,
    name: Content,
    several: Content,
}

impl Written {
    fn new(words: &Words) -> Self {
        let mut several = Content::with_text(&format!("{}\n{}\n{}", ENGLISH.body, words.mixed, URDU.body));
        several.perform(Action::select_all());
        Self { empty: Content::new(), name: Content::with_text(words.mixed), several }
    }
}

fn fields<'a>(written: &'a Written, words: &'a Words, look: Look) -> Element<'a, ()> {
    let field = |id, content, several| {
        let given = Field { id, placeholder: words.placeholder.into(), submit: Some(()), several };
        field(content, given, |_: Action| (), look)
    };
    let hidden = Secret { id: "hidden", placeholder: words.placeholder, submit: None, shown: false };
    let empty = Secret { id: "none", placeholder: words.placeholder, submit: None, shown: false };
    column![
        field("empty", &written.empty, false),
        field("name", &written.name, false),
        field("several", &written.several, true),
        secret("correct horse", hidden, Some(|_| ()), look),
        secret("", empty, Some(|_| ()), look),
    ]
    .spacing(space::S)
    .into()
}

fn buttons<'a>(words: &Words, look: Look) -> Element<'a, ()> {
    use button::{Kind, word, word_as};
    let row = vec![
        word_as("send", words.send, Kind::Primary, Some(()), look),
        word(words.cancel, Kind::Secondary, Some(()), look),
        word(words.delete, Kind::Danger, Some(()), look),
        word(words.more, Kind::Quiet, Some(()), look),
        word(words.send, Kind::Primary, None, look),
    ];
    look.direction.row(row).spacing(space::M).align_y(Alignment::Center).into()
}

fn rows<'a>(words: &Words, look: Look) -> Element<'a, ()> {
    let row = |chosen| {
        let name = column![plain(words.name, Role::Strong), muted(words.body, Role::Label, look)];
        let name = container(name.align_x(look.direction.start_items())).width(Fill);
        let name = if look.direction.is_rtl() { name.align_right(Fill) } else { name };
        let parts = vec![
            badge::face(words.name, 36.0, look),
            name.into(),
            badge::tier(words.tier, 2, look),
            badge::count("3", look),
        ];
        let line = look.direction.row(parts).spacing(space::S).align_y(Alignment::Center);
        button::row(line, chosen, (), look)
    };
    column![row(true), row(false)].into()
}

fn switches<'a>(words: &Words, look: Look) -> Element<'a, ()> {
    let choices = words.choices.iter().enumerate().map(|(n, word)| (n, (*word).to_owned()));
    column![
        toggle::switch(words.lock, true, Some(()), look),
        toggle::switch(words.hide, false, Some(()), look),
        toggle::switch(words.lock, true, None, look),
        look.direction.row(vec![toggle::choice(choices, &1, |_| (), look)]),
    ]
    .spacing(space::S)
    .align_x(look.direction.start_items())
    .into()
}

fn notices<'a>(words: &Words, look: Look) -> Element<'a, ()> {
    use notice::{Kind, notice};
    let more = |word: &str| vec![button::word(word, button::Kind::Secondary, Some(()), look)];
    column![
        notice(Kind::Danger, words.wrong, more(words.more), look),
        notice(Kind::Caution, words.care, vec![], look),
        notice(Kind::Good, words.well, vec![], look),
        notice(Kind::Plain, words.known, more(words.more), look),
    ]
    .spacing(space::S)
    .into()
}

fn page<'a>(written: &'a Written, words: &'a Words, look: Look) -> Element<'a, ()> {
    let one = column![fields(written, words, look), buttons(words, look)].spacing(space::L).width(Fill);
    let other = column![rows(words, look), switches(words, look), notices(words, look)].spacing(space::L).width(Fill);
    let one = one.align_x(look.direction.start_items());
    let parts = look.direction.row(vec![one.into(), other.into()]).spacing(space::XL);
    container(parts).padding(space::XL).width(Fill).height(Fill).style(surface::panel(look)).into()
}

fn asked<'a>(words: &Words, look: Look) -> Element<'a, ()> {
    let buttons = vec![
        button::word(words.cancel, button::Kind::Secondary, Some(()), look),
        button::word_as("delete", words.delete, button::Kind::Danger, Some(()), look),
    ];
    dialog::card(words.title, plain(words.body, Role::Body), buttons, look)
}

fn kept(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(format!("{name}.png"))
}

/// Half as large: as most screens show it, and a third of the bytes.
fn halved(picture: &image::RgbaImage) -> image::RgbaImage {
    image::imageops::thumbnail(picture, picture.width() / 2, picture.height() / 2)
}

/// Compares with the picture that is kept, or keeps this one if that is asked for.
fn judge(name: &str, drawn: &image::RgbaImage) -> Result<(), String> {
    let drawn = halved(drawn);
    if env::var_os("AMANAT_KEEP_SNAPSHOTS").is_some() {
        fs::create_dir_all(kept(name).parent().unwrap()).unwrap();
        drawn.save(kept(name)).unwrap();
        return Ok(());
    }
    compare(name, &drawn)
}

fn compare(name: &str, drawn: &image::RgbaImage) -> Result<(), String> {
    let kept = kept(name);
    let file = kept.display();
    let kept = image::open(&kept).map_err(|error| format!("{file}: {error}"))?.into_rgba8();
    if kept.dimensions() != drawn.dimensions() {
        return Err(format!("{file}: {:?} is drawn as {:?}", kept.dimensions(), drawn.dimensions()));
    }
    let apart = || kept.as_raw().iter().zip(drawn.as_raw()).map(|(a, b)| a.abs_diff(*b));
    let channels = kept.as_raw().len() as f64;
    let mean = apart().map(f64::from).sum::<f64>() / channels;
    let strays = apart().filter(|difference| *difference > 32).count() as f64 / channels;
    if mean > TOLERANCE || strays > STRAYS {
        return Err(format!("{file}: differs by {mean:.4} in the mean, {:.3} % by much", strays * 100.0));
    }
    Ok(())
}

fn shown(appearance: Appearance, direction: Direction) {
    let look = Look::new(Tokens::of(appearance), direction);
    let theme = look.tokens.iced();
    let words = words(direction);
    let written = Written::new(words);
    let name = format!("{appearance:?}-{direction:?}").to_lowercase();

    let mut window = stage(page(&written, words, look), (1080.0, 700.0));
    operate(&mut window, focusable::focus(Id::new("send")));
    let mut faults: Vec<String> = Vec::new();
    faults.extend(judge(&name, &picture(&mut window, &theme, &name)).err());

    let name = format!("{name}-dialog");
    let mut window = stage(dialog::over(page(&written, words, look), Some(asked(words, look))), (1080.0, 700.0));
    operate(&mut window, focusable::focus(Id::new("delete")));
    faults.extend(judge(&name, &picture(&mut window, &theme, &name)).err());
    assert!(faults.is_empty(), "look into target/gallery:\n{}", faults.join("\n"));
}

#[test]
fn light_left_to_right() {
    shown(Appearance::Light, Direction::Ltr);
}

#[test]
fn light_right_to_left() {
    shown(Appearance::Light, Direction::Rtl);
}

#[test]
fn dark_left_to_right() {
    shown(Appearance::Dark, Direction::Ltr);
}

#[test]
fn dark_right_to_left() {
    shown(Appearance::Dark, Direction::Rtl);
}

#[test]
fn high_contrast_left_to_right() {
    shown(Appearance::HighContrast, Direction::Ltr);
}

#[test]
fn high_contrast_right_to_left() {
    shown(Appearance::HighContrast, Direction::Rtl);
}

#[test]
fn another_picture_is_told_from_the_kept_one() {
    if env::var_os("AMANAT_KEEP_SNAPSHOTS").is_some() {
        return; // what is kept is being written
    }
    assert!(compare("nowhere", &image::RgbaImage::new(1080, 700)).is_err(), "none is kept");
    assert!(compare("light-ltr", &image::RgbaImage::new(1080, 620)).is_err(), "of another size");
    let mut picture = image::open(kept("light-ltr")).unwrap().into_rgba8();
    compare("light-ltr", &picture).unwrap();
    // As much as a short word.
    for (x, y) in (100..140).flat_map(|x| (200..216).map(move |y| (x, y))) {
        let image::Rgba([red, green, blue, _]) = *picture.get_pixel(x, y);
        picture.put_pixel(x, y, image::Rgba([255 - red, 255 - green, 255 - blue, 255]));
    }
    assert!(compare("light-ltr", &picture).is_err());
}
