//! What documents rest on and name is there (protocol-spec/00-overview): links, the rules behind chapter 10, and the
//! commands, tests and files that `tests/README.md` names.

use std::{collections::BTreeSet, fs};

use super::{files, ids, root, rules};

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents = Vec::new();
    files(&root().join("protocol-spec"), ".md", &mut documents);
    for name in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/README.md"] {
        documents.push(root().join(name));
    }
    let mut wrong = Vec::new();
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for part in text.split("](").skip(1) {
            let Some((target, _)) = part.split_once(')') else { continue };
            let target = target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            if !document.parent().unwrap().join(target).exists() {
                wrong.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The second cells of all tables of *can* and *cannot* in chapter 10.
fn cannots() -> Vec<String> {
    let text = fs::read_to_string(root().join("protocol-spec/10-threat-model.md")).unwrap();
    let (mut inside, mut found) = (false, Vec::new());
    for line in text.lines() {
        if line == "| can | cannot |" {
            inside = true;
        } else if !line.starts_with('|') {
            inside = false;
        } else if inside && line != "| --- | --- |" {
            let cells: Vec<_> = line.trim_matches('|').split(" | ").collect();
            assert_eq!(cells.len(), 2, "two cells: {line}");
            found.push(cells[1].trim().to_owned());
        }
    }
    found
}

// Which rules these are every_rule_stands_in_chapter_code_and_test looks after.
#[test]
fn each_cannot_of_the_threat_model_rests_on_a_rule() {
    let (rules, cannots) = (rules(), cannots());
    let rests = |cell: &&String| ids(cell).iter().any(|id| rules.contains_key(id));
    let wrong: Vec<_> = cannots.iter().filter(|cell| !rests(cell)).map(String::as_str).collect();
    assert!(wrong.is_empty(), "no rule stands behind:\n{}", wrong.join("\n"));
    assert!(cannots.len() >= 40, "the tables were not found: {}", cannots.len());
}

/// What a run makes, and a checkout does not have.
const MADE: &[&str] = &["tests/fuzz/artifacts"];

/// Whether a test program of this name is there.
fn is_test_program(name: &str) -> bool {
    let crates = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path().join("tests"));
    crates.chain([root().join("tests/tests")]).any(|folder| folder.join(format!("{name}.rs")).is_file())
}

/// Whether a test of this program has this in its name, or in that of its module.
fn has_test(program: &str, filter: &str) -> bool {
    let tests = root().join("tests/tests");
    let mut sources = vec![tests.join(format!("{program}.rs"))];
    if tests.join(program).is_dir() {
        files(&tests.join(program), ".rs", &mut sources);
    }
    // By a function or module, or in a list from which a macro makes tests.
    let begins = |line: &str| ["fn ", "mod "].iter().any(|word| line.trim_start().starts_with(word));
    let listed = |line: &str| line.contains(" => ") && line.ends_with(&format!("::{filter},"));
    let named = |line: &str| begins(line) && line.contains(filter) || listed(line);
    sources.iter().any(|path| fs::read_to_string(path).unwrap().lines().any(named))
}

fn packages() -> BTreeSet<String> {
    let mut manifests = Vec::new();
    for dir in ["crates", "apps", "tests"] {
        files(&root().join(dir), "Cargo.toml", &mut manifests);
    }
    let name =
        |text: &str| text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"').map(str::to_owned));
    manifests.iter().filter_map(|path| name(&fs::read_to_string(path).unwrap())).collect()
}

/// What a command names that is not there.
fn missing_of(command: &str) -> Vec<String> {
    let words: Vec<_> = command.split_whitespace().collect();
    let mut missing = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let next = words.get(place + 1).copied().unwrap_or_default();
        let there = match *word {
            "NAME" => continue,
            "--test" => {
                let filter = words.get(place + 2).filter(|word| !word.starts_with('-'));
                next == "NAME" || is_test_program(next) && filter.is_none_or(|filter| has_test(next, filter))
            }
            "--bin" => root().join(format!("tests/src/bin/{next}.rs")).is_file(),
            "-p" | "--package" => packages().contains(next),
            path => !is_path(path) || MADE.contains(&path) || is_there(path),
        };
        if !there {
            missing.push(format!("{word} {next} in `{command}`"));
        }
    }
    missing
}

fn is_path(word: &str) -> bool {
    let first = word.split('/').next().unwrap_or_default();
    word.contains('/')
        && (["tests", "crates", "apps", "protocol-spec", ".cargo"].contains(&first) || word.ends_with(".rs"))
}

/// From the root, or from the folder of test programs.
fn is_there(path: &str) -> bool {
    root().join(path).exists() || root().join("tests/tests").join(path).exists()
}

/// What stands between backticks; an indented line is a command as a whole.
fn commands(line: &str) -> Vec<&str> {
    match line.strip_prefix("    ") {
        Some(command) => vec![command],
        None => line.split('`').skip(1).step_by(2).collect(),
    }
}

#[test]
fn what_the_readme_of_the_tests_names_is_there() {
    let text = fs::read_to_string(root().join("tests/README.md")).unwrap();
    let mut wrong = Vec::new();
    let mut programs = BTreeSet::new();
    for line in text.lines() {
        let commands = commands(line);
        wrong.extend(commands.iter().flat_map(|command| missing_of(command)));
        programs.extend(commands.iter().flat_map(|command| command.split("--test ").nth(1)?.split(' ').next()));
        // In a row that names test programs a word alone in its last cell is one more.
        let last = line.trim_end_matches('|').rsplit(" | ").next().unwrap_or_default();
        if line.starts_with('|') && last.contains("`--test ") {
            for word in
                self::commands(last).into_iter().filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
            {
                programs.insert(word);
                if !is_test_program(word) {
                    wrong.push(format!("--test {word}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "tests/README.md names what is not there:\n{}", wrong.join("\n"));
    for entry in fs::read_dir(root().join("tests/tests")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.is_file() && !programs.contains(name.as_str()) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "tests/README.md says nothing of these test programs: {}", wrong.join(", "));
    assert!(root().join("tests/run").is_file(), "the one test command");
}
