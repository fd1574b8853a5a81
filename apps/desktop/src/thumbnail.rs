//! Thumbnails of images: made by this program's own binary, run again as a child that confines itself before it reads a byte
//! ([`child`]). Whatever a hostile image does to a decoder, it does where there is nothing: no file, no network, no key.
//!
//! The child is given the image on its standard input and answers with width, height and pixels. What is not an image, takes
//! too long or too much has no thumbnail; nothing else comes of it.
//!
//! They are shown in the question before an image is sent, and on the cards of images that were sent from here or saved here
//! since the program was unlocked ([`kept`]), whose files this machine has. A document that was not saved here has none: it
//! would have to be fetched for it, which nobody asked for. Nor has one of an earlier run, whose path is not kept anywhere.

pub mod child;
pub mod kept;

use std::{fs::File, io::Read as _, path::Path, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
};

/// The argument that makes this binary the child.
pub const ARGUMENT: &str = "--thumbnail-child";
/// Bytes of an image that are looked at.
pub const MOST_BYTES: u64 = 32 * 1024 * 1024;
/// Its greatest width and height, in pixels.
pub const SIDE: u32 = 320;
/// How long the child may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Kinds of files that may be such images, by the ending of their names.
const KINDS: [&str; 3] = ["png", "jpg", "jpeg"];

/// Whether a file is called as an image is.
#[must_use]
pub fn may_be_image(path: &Path) -> bool {
    let kind = path.extension().and_then(|kind| kind.to_str()).map(str::to_ascii_lowercase);
    kind.is_some_and(|kind| KINDS.contains(&kind.as_str()))
}

/// A small picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Red, green, blue and alpha of each pixel, a byte each.
    pub rgba: Vec<u8>,
}

impl Thumbnail {
    /// For the toolkit.
    #[must_use]
    pub fn handle(&self) -> iced::widget::image::Handle {
        iced::widget::image::Handle::from_rgba(self.width, self.height, self.rgba.clone())
    }

    /// As the child writes it; none where that is not what it says it is.
    fn read(said: &[u8]) -> Option<Self> {
        let (width, rest) = said.split_first_chunk::<4>()?;
        let (height, rgba) = rest.split_first_chunk::<4>()?;
        let (width, height) = (u32::from_be_bytes(*width), u32::from_be_bytes(*height));
        let fits = (1..=SIDE).contains(&width) && (1..=SIDE).contains(&height);
        let size = usize::try_from(u64::from(width) * u64::from(height) * 4).ok()?;
        (fits && rgba.len() == size).then(|| Self { width, height, rgba: rgba.to_vec() })
    }

    /// The same, to be written.
    fn bytes(&self) -> Vec<u8> {
        [&self.width.to_be_bytes()[..], &self.height.to_be_bytes(), &self.rgba].concat()
    }
}

/// The thumbnail of a file, by the child that is `program` run again; none where there is none to be had.
pub async fn of_file(program: &Path, path: &Path) -> Option<Thumbnail> {
    let path = path.to_path_buf();
    let image = tokio::task::spawn_blocking(move || read(&path)).await.ok()??;
    let work = async {
        let mut child = Command::new(program)
            .arg(ARGUMENT)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .ok()?;
        let (mut input, output) = (child.stdin.take()?, child.stdout.take()?);
        let mut said = Vec::new();
        let given = async move {
            // A child that ends early has said all that it will.
            let _ = input.write_all(&image).await;
        };
        let mut output = output.take(u64::from(SIDE) * u64::from(SIDE) * 4 + 8 + 1);
        let heard = output.read_to_end(&mut said);
        let ((), heard) = tokio::join!(given, heard);
        heard.ok()?;
        Thumbnail::read(&said)
    };
    tokio::time::timeout(PATIENCE, work).await.ok()?
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let file = File::open(path).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > MOST_BYTES {
        return None;
    }
    let mut image = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut image).ok()?;
    Some(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_child_says_is_checked() {
        let small = Thumbnail { width: 2, height: 1, rgba: vec![7; 8] };
        let said = small.bytes();
        assert!(Thumbnail::read(&said) == Some(small));
        for wrong in [&said[..said.len() - 1], &said[..3], &[]] {
            assert!(Thumbnail::read(wrong).is_none());
        }
        let large = [&(SIDE + 1).to_be_bytes()[..], &1_u32.to_be_bytes(), &vec![0; (SIDE as usize + 1) * 4]].concat();
        assert!(Thumbnail::read(&large).is_none());
    }
}
