//! The search: all canaries in all their encodings, in one pass over bytes, over the files of a folder, over the memory of a
//! process.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use aho_corasick::AhoCorasick;
use amanat_tests::programs::{contents, signal};
use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

use crate::canaries::Canaries;

/// Bytes of memory looked at in one go.
const WINDOW: usize = 1 << 20;
const PAGE: usize = 4096;

/// What is looked for.
pub(crate) struct Search {
    automaton: AhoCorasick,
    /// Each with the string that it stands for, by its place in the list, and the encoding's name.
    patterns: Vec<Vec<u8>>,
    of: Vec<(usize, &'static str)>,
    longest: usize,
}

/// Patterns that were found, by their place in the search.
pub(crate) type Found = BTreeSet<usize>;

impl Search {
    /// For these strings, in all encodings.
    pub(crate) fn new(strings: &[String]) -> Self {
        let mut seen = BTreeMap::new();
        for (index, string) in strings.iter().enumerate() {
            for (encoding, pattern) in encodings(string) {
                // Where both alphabets of base64 write the same.
                seen.entry(pattern).or_insert((index, encoding));
            }
        }
        let (patterns, of): (Vec<_>, Vec<_>) = seen.into_iter().unzip();
        let longest = patterns.iter().map(Vec::len).max().unwrap();
        Self { automaton: AhoCorasick::new(&patterns).unwrap(), patterns, of, longest }
    }

    /// All that can be found.
    pub(crate) fn everything(&self) -> Found {
        (0..self.patterns.len()).collect()
    }

    /// All of it, a line each: what a control plants.
    pub(crate) fn planted(&self) -> Vec<u8> {
        self.patterns.join(&b'\n')
    }

    /// The strings that were found in this encoding.
    pub(crate) fn strings(&self, found: &Found, encoding: &str) -> BTreeSet<usize> {
        found.iter().map(|pattern| self.of[*pattern]).filter(|of| of.1 == encoding).map(|of| of.0).collect()
    }

    /// The strings that were found in any encoding.
    pub(crate) fn any(&self, found: &Found) -> BTreeSet<usize> {
        found.iter().map(|pattern| self.of[*pattern].0).collect()
    }

    /// What was found, in words: places, encodings and how many.
    pub(crate) fn named(&self, found: &Found) -> String {
        let mut counts = BTreeMap::<String, usize>::new();
        for (index, encoding) in found.iter().map(|pattern| self.of[*pattern]) {
            let place = Canaries::place(index).map_or_else(|| "code or passphrase".into(), |put| format!("{put:?}"));
            *counts.entry(format!("{place} in {encoding}")).or_default() += 1;
        }
        counts.iter().map(|(what, count)| format!("{count} of {what}; ")).collect()
    }

    pub(crate) fn in_bytes(&self, bytes: &[u8]) -> Found {
        self.automaton.find_overlapping_iter(bytes).map(|found| found.pattern().as_usize()).collect()
    }

    /// The same in what may be text: also where an encoding goes on in the next line.
    pub(crate) fn in_lines(&self, bytes: &[u8]) -> Found {
        let mut found = self.in_bytes(bytes);
        let joined: Vec<u8> = bytes.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
        found.extend(self.in_bytes(&joined));
        found
    }

    /// Looks into each file under a folder, and at its name; those that hold something.
    pub(crate) fn in_folder(&self, folder: &Path) -> BTreeMap<PathBuf, Found> {
        let look = |(path, bytes): (PathBuf, Vec<u8>)| {
            let mut found = self.in_lines(&bytes);
            found.extend(self.in_bytes(path.as_os_str().as_encoded_bytes()));
            (path, found)
        };
        contents(folder).into_iter().map(look).filter(|(_, found)| !found.is_empty()).collect()
    }

    /// Looks into all memory of a process, which stands still meanwhile unless it is this one.
    ///
    /// # Errors
    /// This process has not the right to.
    pub(crate) fn in_memory(&self, process: u32) -> io::Result<Found> {
        let memory = File::open(format!("/proc/{process}/mem"))?;
        let others = process != std::process::id();
        if others {
            signal("STOP", process);
        }
        let mut found = Found::new();
        let mut read = 0;
        for (begin, end) in regions(process)? {
            read += self.in_region(&memory, begin, end, &mut found);
        }
        if others {
            signal("CONT", process);
        }
        assert!(read > 4 << 20, "only {read} bytes of the memory of process {process} could be read");
        Ok(found)
    }

    /// How many bytes could be read; pages that nothing stands behind cannot.
    fn in_region(&self, memory: &File, begin: u64, end: u64, found: &mut Found) -> usize {
        let mut window = Vec::with_capacity(WINDOW + self.longest);
        let (mut part, zeros) = (vec![0; WINDOW], vec![0; WINDOW]);
        let (mut at, mut total) = (begin, 0);
        while at < end {
            let wanted = WINDOW.min((end - at) as usize);
            match memory.read_at(&mut part[..wanted], at) {
                Ok(read @ 1..) => {
                    // What begins at the end of one window and ends in the next is found as well.
                    let kept = window.len().saturating_sub(self.longest);
                    window.drain(..kept);
                    window.extend_from_slice(&part[..read]);
                    if part[..read] != zeros[..read] {
                        found.extend(self.in_bytes(&window));
                    }
                    (at, total) = (at + read as u64, total + read);
                }
                _ => {
                    window.clear();
                    at += PAGE as u64;
                }
            }
        }
        total
    }
}

/// The mapped addresses of a process, whatever may be done there.
fn regions(process: u32) -> io::Result<Vec<(u64, u64)>> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps"))?;
    let region = |line: &str| {
        // The kernel's own pages hold no data and cannot be read.
        if line.contains("[v") {
            return None;
        }
        let (begin, end) = line.split_once(' ')?.0.split_once('-')?;
        Some((u64::from_str_radix(begin, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
    };
    Ok(maps.lines().filter_map(region).collect())
}

/// A string as it is, as UTF-16, in base64 at each of three alignments and both alphabets, and in hex, both cases.
fn encodings(string: &str) -> Vec<(&'static str, Vec<u8>)> {
    let utf16 = string.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bytes = string.as_bytes();
    let mut all = vec![("utf-8", bytes.to_vec()), ("utf-16", utf16)];
    for before in 0..3 {
        let shifted = [&vec![0; before], bytes].concat();
        // Characters that tell of nothing but the string: those at the ends hang on its neighbours, too.
        let begin = (before * 8).div_ceil(6);
        let end = shifted.len() * 8 / 6;
        for (name, alphabet) in [("base64", &BASE64_NOPAD), ("base64url", &BASE64URL_NOPAD)] {
            all.push((name, alphabet.encode(&shifted)[begin..end].into()));
        }
    }
    all.extend([("hex", HEXLOWER.encode(bytes).into()), ("HEX", HEXUPPER.encode(bytes).into())]);
    all
}

// The controls of the search itself.

#[test]
fn every_encoding_is_found_wherever_it_stands() {
    let strings = ["x7k2m9q4w1z8c5v3b6n0j2h1".to_owned(), "بپتجچدرسشصفقلمنوبپتجچدرس".to_owned()];
    let search = Search::new(&strings);
    for (index, string) in strings.iter().enumerate() {
        for before in 0..7 {
            let bytes = [&vec![b'<'; before], string.as_bytes(), &vec![b'>'; 7 - before]].concat();
            let utf16 = string.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let written: [(&str, Vec<u8>); 6] = [
                ("utf-8", bytes.clone()),
                ("utf-16", utf16),
                ("base64", BASE64_NOPAD.encode(&bytes).into()),
                ("base64url", BASE64URL_NOPAD.encode(&bytes).into()),
                ("hex", HEXLOWER.encode(&bytes).into()),
                ("HEX", HEXUPPER.encode(&bytes).into()),
            ];
            for (encoding, bytes) in written {
                let found = search.in_bytes(&bytes);
                let mut named = found.iter().map(|pattern| search.of[*pattern]);
                // One pattern where both alphabets write the same.
                let same =
                    |name: &str| name == encoding || name.trim_end_matches("url") == encoding.trim_end_matches("url");
                assert!(named.any(|(of, name)| of == index && same(name)), "{string} in {encoding}, {before} before");
            }
        }
    }
    assert!(search.in_bytes(&strings[0].as_bytes()[1..]).is_empty());
}

#[test]
fn what_stands_across_two_windows_of_memory_is_found() {
    let strings = ["a7k2m9q4w1z8c5v3b6n0j2h1".to_owned()];
    let search = Search::new(&strings);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory");
    for at in [0, WINDOW - 23, WINDOW - 1, WINDOW, 2 * WINDOW + PAGE - 24] {
        let mut bytes = vec![0; 2 * WINDOW + PAGE];
        bytes[at..at + 24].copy_from_slice(strings[0].as_bytes());
        fs::write(&path, &bytes).unwrap();
        let mut found = Found::new();
        let read = search.in_region(&File::open(&path).unwrap(), 0, bytes.len() as u64, &mut found);
        assert_eq!((read, search.strings(&found, "utf-8").len()), (bytes.len(), 1), "at {at}");
    }
}
