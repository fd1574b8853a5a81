//! Thumbnails by the real child: images of both kinds become small, what is none becomes nothing, and the child can open no
//! file, no connection and no program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

use std::path::Path;

use amanat_desktop::thumbnail::{Thumbnail, child, of_file};

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_amanat-desktop"))
}

async fn of(bytes: &[u8]) -> Option<Thumbnail> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image");
    std::fs::write(&path, bytes).unwrap();
    of_file(program(), &path).await
}

fn encoded(width: u32, height: u32, format: image::ImageFormat) -> Vec<u8> {
    let pixels = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 90]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[tokio::test]
async fn images_become_small_and_nothing_else_becomes_one() {
    for format in [image::ImageFormat::Png, image::ImageFormat::Jpeg] {
        let small = of(&encoded(1600, 800, format)).await.unwrap();
        assert_eq!((small.width, small.height, small.rgba.len()), (320, 160, 320 * 160 * 4));
    }
    let png = encoded(64, 64, image::ImageFormat::Png);
    for wrong in [&png[..png.len() / 2], b"%PDF-1.7", b"", &[0; 4096]] {
        assert!(of(wrong).await.is_none());
    }
    // A header that promises more than there is room for.
    let mut bomb = png;
    bomb[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    assert!(of(&bomb).await.is_none());
    assert!(of_file(program(), Path::new("/dev/zero")).await.is_none());
}

#[test]
fn the_child_can_open_nothing() {
    let _ = child::run as fn() -> std::process::ExitCode;
    for asked in ["open", "connect", "run"] {
        use std::io::Write as _;
        let mut child = std::process::Command::new(program())
            .arg(amanat_desktop::thumbnail::ARGUMENT)
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
        let ended = child.wait().unwrap();
        let signal = std::os::unix::process::ExitStatusExt::signal(&ended);
        assert_eq!(signal, Some(31), "{asked}: {ended}");
    }
}
