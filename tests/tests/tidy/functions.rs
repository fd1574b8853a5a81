//! Functions are short (protocol-spec/00-overview): those of the product, and of what tests are built from, but for the
//! vectors, whose makers are long lists.

use std::{fs, path::Path};

use super::{root, sources};

/// Lines after which a function is asking to be divided, its first and last included.
const LINES: usize = 70;

/// The name, where a function begins here.
fn begins(line: &str) -> Option<&str> {
    const BEFORE: &[&str] = &["const", "async", "unsafe", "extern", "\"C\""];
    let is_before = |word: &str| word.starts_with("pub") || word.ends_with("super)") || BEFORE.contains(&word);
    let mut words = line.trim_start().split(' ').skip_while(|word| is_before(word));
    let name = if words.next() == Some("fn") { words.next()? } else { return None };
    name.split(['(', '<']).next()
}

/// The functions of a file that is formatted, with their lines: one ends, body or not, where a line that stands below its
/// first letter ends with a brace or a semicolon.
fn functions(text: &str) -> Vec<(&str, usize)> {
    let lines: Vec<_> = text.lines().collect();
    let mut found = Vec::new();
    for (first, line) in lines.iter().enumerate() {
        let Some(name) = begins(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let stands_below = |line: &str| line.strip_prefix(indent).is_some_and(|rest| !rest.starts_with([' ', '/']));
        if let Some(more) = lines[first..].iter().position(|line| stands_below(line) && line.ends_with([';', '}'])) {
            found.push((name, more + 1));
        }
    }
    found
}

fn is_looked_at(relative: &Path) -> bool {
    let is_built_from = relative.starts_with("tests/src") && !relative.starts_with("tests/src/vectors");
    let in_tests = relative.components().any(|part| part.as_os_str() == "tests");
    let of_tests = relative.file_stem().unwrap().to_string_lossy().ends_with("tests");
    is_built_from || !in_tests && !of_tests
}

#[test]
fn functions_are_short() {
    let (mut wrong, mut looked_at) = (Vec::new(), 0);
    for path in sources() {
        let relative = path.strip_prefix(root()).unwrap();
        if !is_looked_at(relative) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let product = text.split_once("#[cfg(test)]\nmod ").map_or(text.as_str(), |(product, _)| product);
        let functions = functions(product);
        looked_at += functions.len();
        for (name, lines) in functions.into_iter().filter(|(_, lines)| *lines > LINES) {
            wrong.push(format!("{}: {name} has {lines} lines", relative.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(looked_at > 3_000, "functions were not found: {looked_at}");
}

#[test]
fn a_function_that_is_too_long_is_seen() {
    let of = |lines: usize| {
        format!(
            "impl X {{\n    pub(crate) async fn long<T>(&self) {{\n{}    }}\n}}\n",
            "        let _ = 1;\n".repeat(lines - 2)
        )
    };
    assert_eq!(functions(&of(70)), [("long", 70)]);
    assert_eq!(functions(&of(71)), [("long", 71)]);
    let declared = "trait X {\n    fn one(\n        &self,\n    ) -> u8;\n    fn two(&self) {}\n}\nfn three() {\n    fn four() {\n    }\n}\n";
    assert_eq!(functions(declared), [("one", 3), ("two", 1), ("three", 4), ("four", 2)]);
}
