//! The shape of what `--json` prints (protocol-spec/json-output, section 3): the page's own examples are the yardstick.

use std::{collections::BTreeSet, path::Path, sync::OnceLock};

use serde_json::Value;

/// The objects that the page shows under a heading.
fn examples(heading: &str) -> Vec<Value> {
    static PAGE: OnceLock<String> = OnceLock::new();
    let page = PAGE.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol-spec/json-output.md");
        std::fs::read_to_string(path).unwrap()
    });
    let section = page.split("\n### ").find(|section| section.starts_with(&format!("{heading}\n"))).unwrap();
    let code = section.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    code.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Has one of the shapes that the page shows under `heading`; a null and a value are the same shape.
pub(crate) fn shaped(heading: &str, object: &Value) {
    let examples = examples(heading);
    let fits = |example: &Value| {
        let (wanted, found) = (example.as_object().unwrap(), object.as_object().unwrap());
        keys(example) == keys(object)
            && wanted.iter().all(|(key, value)| {
                let other = &found[key];
                value.is_null() || other.is_null() || std::mem::discriminant(value) == std::mem::discriminant(other)
            })
    };
    assert!(examples.iter().any(fits), "the page shows no such object under {heading}: {object}");
}

/// All of them have, and there are this many.
pub(crate) fn all_shaped(heading: &str, objects: &[Value], count: usize) {
    assert_eq!(objects.len(), count, "{objects:?}");
    objects.iter().for_each(|object| shaped(heading, object));
}

/// What the page shows of a text under `heading` is what is printed, but for names, ids and tiers: the words that stand
/// in both make up the page's line.
pub(crate) fn worded(heading: &str, key: &str, object: &Value) {
    let lines = |value: &Value| match value {
        Value::Array(lines) => lines.iter().map(|line| line.as_str().unwrap().to_owned()).collect::<Vec<_>>(),
        line => vec![line.as_str().unwrap().to_owned()],
    };
    let (shown, printed) = (lines(&examples(heading)[0][key]), lines(&object[key]));
    assert_eq!(shown.len(), printed.len(), "{printed:?}");
    for (shown, printed) in shown.iter().zip(&printed) {
        let common = shown.split(' ').filter(|word| printed.split(' ').any(|other| other == *word)).count();
        assert!(common >= 3, "the page shows {shown:?} and {printed:?} is printed");
    }
}

/// Each of its fields stands in an object that the page shows under `heading`: where fields are left out when there is
/// nothing to say, not every combination is shown.
pub(crate) fn known_fields(heading: &str, object: &Value) {
    let examples = examples(heading);
    for (key, value) in object.as_object().unwrap() {
        let same = |example: &Value| std::mem::discriminant(&example[key]) == std::mem::discriminant(value);
        assert!(examples.iter().any(same), "the page shows no {key} like this under {heading}: {object}");
    }
}
