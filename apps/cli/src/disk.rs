//! What the disk is and what it holds: the speed of a sync, and a search for texts that must not be there.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::problem::{Outcome, Problem};

/// How fast a disk syncs a small record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SyncSpeed {
    pub(crate) p50_ms: f64,
}

/// Records measured, and the time after which fewer are enough.
const RECORDS: usize = 400;
const LONG_ENOUGH: Duration = Duration::from_secs(2);
const RECORD: usize = 712;

/// Measures fdatasync after a record of 712 bytes, in the folder itself. The file has its size before, as a store's log
/// has: a file that grows costs the filesystem more, and would make the disk look slower than it is for a store.
pub(crate) fn sync_speed(dir: &Path) -> Outcome<SyncSpeed> {
    let path = dir.join("sync-speed");
    let failed = |error| Problem::file("write", &path, &error);
    let mut file = File::create_new(&path).map_err(failed)?;
    file.write_all(&[0; RECORDS * RECORD]).and_then(|()| file.sync_all()).map_err(failed)?;
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut times = Vec::with_capacity(RECORDS);
    let begun = Instant::now();
    while times.len() < RECORDS && begun.elapsed() < LONG_ENOUGH {
        let before = Instant::now();
        file.write_all(&[1; RECORD]).and_then(|()| file.sync_data()).map_err(failed)?;
        times.push(before.elapsed());
    }
    fs::remove_file(&path).map_err(failed)?;
    Ok(SyncSpeed { p50_ms: percentile(&mut times, 50) })
}

/// The `percent`-th percentile in milliseconds; 0 of nothing.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(rank).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: PathBuf,
    pub(crate) offset: usize,
}

/// Every place in every file under `dir` where `needle` stands, at most `limit`.
pub(crate) fn find(dir: &Path, needle: &[u8], limit: usize) -> Outcome<Vec<Place>> {
    let mut found = Vec::new();
    for file in files(dir)? {
        let content = read(&file)?;
        let places = occurrences(&content, needle).take(limit.saturating_sub(found.len()));
        found.extend(places.map(|offset| Place { file: file.clone(), offset }));
    }
    Ok(found)
}

fn occurrences<'a>(content: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    content.windows(needle.len().max(1)).enumerate().filter(move |(_, window)| *window == needle).map(|(at, _)| at)
}

/// All files under `dir`, with their bytes in all.
pub(crate) fn total(dir: &Path) -> Outcome<(usize, u64)> {
    let files = files(dir)?;
    let bytes = files.iter().filter_map(|file| fs::metadata(file).ok()).map(|meta| meta.len()).sum();
    Ok((files.len(), bytes))
}

fn files(dir: &Path) -> Outcome<Vec<PathBuf>> {
    let failed = |error| Problem::file("read", dir, &error);
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            found.extend(files(&entry.path())?);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Outcome<Vec<u8>> {
    let mut content = Vec::new();
    match File::open(path).and_then(|mut file| file.read_to_end(&mut content)) {
        // The store may have removed it since the folder was listed.
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Problem::file("read", path, &error)),
        _ => Ok(content),
    }
}

/// `count` bytes of a file from `offset` on, as `hexdump -C` shows them.
pub(crate) fn hex_dump(place: &Place, count: usize) -> Outcome<Vec<String>> {
    let content = read(&place.file)?;
    let bytes: Vec<u8> = content.iter().skip(place.offset).take(count).copied().collect();
    Ok(bytes.chunks(16).zip((place.offset..).step_by(16)).map(|(row, at)| hex_row(row, at)).collect())
}

fn hex_row(row: &[u8], at: usize) -> String {
    let hex: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
    let text: String =
        row.iter().map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' }).collect();
    format!("{at:08x}  {:47}  |{text}|", hex.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_finds_what_is_there_and_only_that() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("below")).unwrap();
        fs::write(dir.path().join("a"), b"xxneedlexxneedle").unwrap();
        fs::write(dir.path().join("below/b"), b"needle").unwrap();
        let found = find(dir.path(), b"needle", 10).unwrap();
        assert_eq!(found.iter().map(|place| place.offset).collect::<Vec<_>>(), [2, 10, 0]);
        assert_eq!(find(dir.path(), b"needle", 2).unwrap().len(), 2);
        assert!(find(dir.path(), b"noodle", 10).unwrap().is_empty());
        assert_eq!(total(dir.path()).unwrap(), (2, 22));
        let place = Place { file: dir.path().join("a"), offset: 2 };
        assert_eq!(
            hex_dump(&place, 8).unwrap(),
            ["00000002  6e 65 65 64 6c 65 78 78                          |needlexx|"]
        );
    }

    #[test]
    fn percentiles() {
        let mut times: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut times, 50), 50.0);
        assert_eq!(percentile(&mut times, 99), 99.0);
        assert_eq!(percentile(&mut [], 50), 0.0);
    }

    #[test]
    fn the_disk_can_be_measured() {
        let dir = tempfile::tempdir().unwrap();
        let speed = sync_speed(dir.path()).unwrap();
        assert!(speed.p50_ms > 0.0);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
