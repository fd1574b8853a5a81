//! What two policies say differently (protocol-spec/09-policy, section 3), fact by fact, for whoever signs or reads one.

use std::collections::BTreeMap;

use amanat_identity::Tier;

use crate::{
    document::{Limit, Policy, TierPolicy, Words},
    rule::{Form, Rule},
};

/// Something that the two say differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What it is about, for instance `tier.secret.copy` or `rule.identity card`.
    pub about: String,
    /// What the first says; nothing where it says nothing.
    pub before: Option<String>,
    /// What the second says.
    pub after: Option<String>,
}

/// The differences, in the order of what they are about.
#[must_use]
pub fn diff(first: &Policy, second: &Policy) -> Vec<Difference> {
    let (before, mut after) = (facts(first), facts(second));
    let mut found = Vec::new();
    for (about, said) in before {
        let now = after.remove(&about);
        if now.as_ref() != Some(&said) {
            found.push(Difference { about, before: Some(said), after: now });
        }
    }
    found.extend(after.into_iter().map(|(about, said)| Difference { about, before: None, after: Some(said) }));
    found.extend(order("rules", names_of_rules(first), names_of_rules(second)));
    found.extend(order("tables", names_of_tables(first), names_of_tables(second)));
    found.sort_by(|a, b| a.about.cmp(&b.about));
    found
}

fn names_of_rules(policy: &Policy) -> Vec<&str> {
    policy.rules.iter().map(|rule| &*rule.name).collect()
}

fn names_of_tables(policy: &Policy) -> Vec<&str> {
    policy.tables.iter().map(|table| &*table.name).collect()
}

/// What both have may be tried in another order.
fn order(of: &str, before: Vec<&str>, after: Vec<&str>) -> Option<Difference> {
    let kept = |names: &[&str], others: &[&str]| -> Vec<String> {
        names.iter().filter(|name| others.contains(name)).map(|name| format!("{name:?}")).collect()
    };
    let (before, after) = (kept(&before, &after).join(", "), kept(&after, &before).join(", "));
    (before != after).then(|| Difference { about: format!("{of}.order"), before: Some(before), after: Some(after) })
}

/// All that a policy says. [POL-07]
fn facts(policy: &Policy) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut say = |about: String, said: String| drop(facts.insert(about, said));
    say("number".to_owned(), policy.number.to_string());
    for (tier, rules) in Tier::ALL.iter().zip(policy.tiers.iter()) {
        of_tier(*tier, rules, &mut say);
    }
    for rule in policy.rules.iter() {
        say(format!("rule.{}", &*rule.name), of_rule(rule));
    }
    for marking in policy.markings.iter() {
        for phrase in marking.phrases.iter() {
            say(format!("marking.{}", &**phrase), marking.tier.to_string());
        }
    }
    for (name, words) in [("marking_labels", &policy.labels), ("marking_beside", &policy.beside)] {
        for word in words.iter() {
            say(format!("{name}.{}", &**word), "counts".to_owned());
        }
    }
    for table in policy.tables.iter() {
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|column| column.iter().map(|cell| cell.name()).collect::<Vec<_>>().join("|"))
            .collect();
        say(format!("table.{}", &*table.name), format!("{} in {} rows", columns.join(", "), table.rows));
    }
    for procedure in policy.procedures.iter() {
        let about = format!("procedure.{}", &*procedure.id);
        say(format!("{about}.tier"), procedure.tier.to_string());
        say(format!("{about}.version"), procedure.version.to_string());
        say(format!("{about}.title"), of_words(&procedure.title));
        say(format!("{about}.body"), of_words(&procedure.body));
        for (place, question) in procedure.questions.iter().enumerate() {
            let answers: Vec<String> = question.answers.iter().map(of_words).collect();
            let said = format!("{} [{}] right: {}", of_words(&question.ask), answers.join("; "), question.right);
            say(format!("{about}.question {}", place + 1), said);
        }
    }
    facts
}

fn of_tier(tier: Tier, rules: &TierPolicy, say: &mut impl FnMut(String, String)) {
    let limit = |limit: &Limit| format!("{} an hour, {} a day", limit.hour, limit.day);
    // Named one by one, so that a field that is added is missed by the compiler, not by a reader.
    let TierPolicy {
        title,
        copy,
        save,
        print,
        forward,
        preview,
        notification,
        retention,
        lifetime_days,
        idle_lock,
        offline,
        stops_offline,
        external,
        group_size,
        save_by_two,
        history_by_two,
        opens,
        saves,
        thresholds,
        unreadable,
        recipient,
    } = rules;
    for (name, said) in [
        ("title", of_words(title)),
        ("copy", copy.to_string()),
        ("save", save.to_string()),
        ("print", print.to_string()),
        ("forward", forward.to_string()),
        ("preview", preview.to_string()),
        ("notification", format!("{notification:?}").to_lowercase()),
        ("retention", format!("{retention:?}").to_lowercase()),
        ("lifetime_days", lifetime_days.to_string()),
        ("idle_lock", format!("{idle_lock}s")),
        ("offline", format!("{offline}s")),
        ("stops_offline", stops_offline.to_string()),
        ("external", external.to_string()),
        ("group_size", group_size.to_string()),
        ("save_by_two", save_by_two.to_string()),
        ("history_by_two", history_by_two.to_string()),
        ("opens", limit(opens)),
        ("saves", limit(saves)),
        ("unreadable", unreadable.to_string()),
        ("recipient", recipient.to_string()),
    ] {
        say(format!("tier.{tier}.{name}"), said);
    }
    let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for threshold in thresholds.iter() {
        kinds
            .entry(threshold.kind.as_str())
            .or_default()
            .push(format!("{} from {}", threshold.action, threshold.count));
    }
    for (kind, steps) in kinds {
        say(format!("tier.{tier}.filter.{kind}"), steps.join(", "));
    }
}

fn of_rule(rule: &Rule) -> String {
    let form = match &rule.form {
        Form::Numbers(numbers) => {
            let groupings: Vec<&str> = numbers.groupings.iter().map(|one| &**one).collect();
            format!("numbers {} digits {:?} check {:?}", groupings.join(" "), &*numbers.digits, numbers.check)
        }
        Form::Pattern(pattern) => {
            let capitals = if pattern.capitals { " in capitals" } else { "" };
            let contains =
                if pattern.contains.is_empty() { String::new() } else { format!(" where {:?} is", &*pattern.contains) };
            format!("pattern {:?} check {:?}{capitals}{contains}", &*pattern.expression, pattern.check)
        }
    };
    let words = |words: &[amanat_wire::Text<48>]| {
        words.iter().map(|word| format!("{:?}", &**word)).collect::<Vec<_>>().join(", ")
    };
    let near = if rule.near.is_empty() {
        String::new()
    } else {
        format!(" near ({}) within {}", words(&rule.near), rule.within)
    };
    let except = if rule.except.is_empty() { String::new() } else { format!(" except ({})", words(&rule.except)) };
    format!("{}: {form}{near}{except}", rule.kind)
}

fn of_words(words: &Words) -> String {
    format!("{:?} / {:?}", &*words.en, &*words.ur)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    // [POL-07]
    #[test]
    fn what_changes_is_named() {
        let before = Policy::builtin().unwrap().policy().clone();
        assert_eq!(diff(&before, &before), []);
        let source = "number = 7\n[tier.secret]\ncopy = true\n[tier.secret.filter]\ncnic = { refuse = 1 }\n[[rule]]\nname = \"file number\"\nkind = \"file\"\npattern = 'f\\.no'\n";
        let after = Policy::from_source(source).unwrap().policy().clone();
        let found = diff(&before, &after);
        let said = |about: &str| {
            found
                .iter()
                .find(|change| change.about == about)
                .map(|change| (change.before.as_deref(), change.after.as_deref()))
        };
        assert_eq!(said("number"), Some((Some("0"), Some("7"))));
        assert_eq!(said("tier.secret.copy"), Some((Some("false"), Some("true"))));
        assert_eq!(
            said("tier.secret.filter.cnic"),
            Some((Some("warn from 50, reason from 500"), Some("refuse from 1")))
        );
        assert!(said("rule.file number").is_some_and(|(before, _)| before.is_none()));
        assert_eq!(found.len(), 4);
        assert_eq!(diff(&after, &before).len(), 4);
        // A marking that counts for less, and words that only look the same.
        let less = Policy::from_source("number = 0\n[[marking]]\ntier = \"restricted\"\nphrases = [\"SECRET\"]\n")
            .unwrap()
            .policy()
            .clone();
        let found = diff(&before, &less);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].before.as_deref(), found[0].after.as_deref()), (Some("secret"), Some("restricted")));
        let rule = |near: &str| {
            let source =
                format!("number = 0\n[[rule]]\nname = \"x\"\nkind = \"x\"\npattern = \"a\"\nnear = [{near}]\n");
            Policy::from_source(&source).unwrap().policy().clone()
        };
        assert_eq!(diff(&rule("\"a, b\""), &rule("\"a\", \"b\"")).len(), 1);
    }
}
