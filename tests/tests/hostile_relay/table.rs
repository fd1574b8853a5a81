//! The table of classes in protocol-spec/10-threat-model, section 3: what the chapter says of each is what must come out.

use std::{collections::BTreeMap, fs, path::Path};

/// What the chapter says of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// What may be seen: `refused`, `nothing lost`, `delayed and healed`, or kinds of alarms.
    pub(crate) outcomes: Vec<String>,
    /// By when.
    pub(crate) deadline: String,
    /// What becomes of the conversation.
    pub(crate) then: String,
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
        let outcomes = outcome.split(" or ").flat_map(|part| part.trim_start_matches("shown as ").split(", "));
        let outcomes = outcomes.map(|part| part.trim_matches('`').to_owned()).collect();
        let row = Row { outcomes, deadline: deadline.to_owned(), then: then.to_owned() };
        let class = class.trim_matches('`').to_owned();
        assert!(found.insert(class.clone(), row).is_none(), "{class} stands there twice");
    }
    assert!(!found.is_empty());
    found
}
