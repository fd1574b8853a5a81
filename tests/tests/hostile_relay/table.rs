//! The table of classes in protocol-spec/10-threat-model, section 3: what the chapter says of each is what must come out.
//!
//! An *outcome* is one of several that ` or ` parts, and names all that is seen together. A *deadline* is one for all of that,
//! but for what has its own: `when; X: when`. *Then* is one of several, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
};

use super::Seen;

/// One of the outcomes of a class, all of which is seen in a run: `refused`, `nothing lost`, `delayed and healed`, or kinds of
/// alarms.
type Outcome = BTreeSet<String>;

/// What the chapter says of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// What may be seen, one of these.
    outcomes: Vec<Outcome>,
    /// By when, each kind; under no name where all have one.
    deadlines: BTreeMap<String, String>,
    /// What becomes of the conversation, one of these.
    then: Vec<String>,
}

impl Row {
    fn deadline(&self, kind: &str) -> &str {
        self.deadlines.get(kind).or_else(|| self.deadlines.get("")).unwrap_or_else(|| panic!("no deadline of {kind}"))
    }
}

/// What has come in the runs of a class.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    seen: BTreeMap<(BTreeSet<String>, String), usize>,
}

impl Tally {
    /// What came in one run is one outcome of the chapter's, each part of it in time, and so is what became of it.
    pub(crate) fn count(&mut self, row: &Row, seen: &Seen) {
        let (_, outcome) = seen.moments.last().unwrap();
        assert!(row.outcomes.contains(outcome), "the chapter does not say so: {seen:?}");
        for kind in outcome {
            let deadline = row.deadline(kind);
            let in_time = seen.moments.iter().any(|(by, kinds)| *by == deadline && kinds.contains(kind));
            assert!(in_time, "{kind} was not seen {deadline}: {seen:?}");
        }
        assert!(row.then.iter().any(|then| then == seen.then), "the chapter does not say what became of it: {seen:?}");
        *self.seen.entry((outcome.clone(), seen.then.to_owned())).or_default() += 1;
    }

    /// All that the chapter says came at least once.
    pub(crate) fn all_came(&self, row: &Row) {
        for said in &row.outcomes {
            let came = self.seen.keys().any(|(outcome, _)| outcome == said);
            assert!(came, "the chapter says {said:?}, which never comes");
        }
        for then in &row.then {
            let came = self.seen.keys().any(|(_, became)| became == then);
            assert!(came, "the chapter says `{then}`, which never comes");
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, ((outcome, then), times)) in self.seen.iter().enumerate() {
            let outcome: Vec<&str> = outcome.iter().map(String::as_str).collect();
            let comma = if number > 0 { "; " } else { "" };
            write!(f, "{comma}{times} times {} ({then})", outcome.join(", "))?;
        }
        Ok(())
    }
}

fn outcome_of(text: &str) -> Outcome {
    text.trim_start_matches("shown as ").split(", ").map(str::to_owned).collect()
}

/// The classes of the chapter.
pub(crate) fn classes() -> BTreeMap<String, Row> {
    let chapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol-spec/10-threat-model.md");
    let text = fs::read_to_string(chapter).unwrap();
    let (_, section) = text.split_once("\n## 3. What a hostile relay does, and what comes of it\n").expect("section 3");
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let mut found = BTreeMap::new();
    for line in rows {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [class, _, outcome, deadline, then] = cells[..] else { panic!("not a row of five: {line}") };
        let outcomes = outcome.split(" or ").map(outcome_of).collect();
        let named = |part: &str| match part.split_once(": ") {
            Some((kind, when)) => (kind.to_owned(), when.to_owned()),
            None => (String::new(), part.to_owned()),
        };
        let deadlines = deadline.split("; ").map(named).collect();
        let row = Row { outcomes, deadlines, then: then.split(" or ").map(str::to_owned).collect() };
        let class = class.trim_matches('`').to_owned();
        assert!(found.insert(class.clone(), row).is_none(), "{class} stands there twice");
    }
    assert!(!found.is_empty());
    found
}
