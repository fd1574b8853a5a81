//! Names that could be taken for each other.

use amanat_client::api::Person;

/// Letters of a name that are compared.
const COMPARED: usize = 60;

/// Somebody else whose name is close to a person's.
pub(super) fn close<'a>(person: &Person, people: &'a [Person]) -> Option<&'a Person> {
    let name = folded(&person.name);
    people
        .iter()
        .filter(|other| other.address != person.address)
        .map(|other| (distance(&name, &folded(&other.name)), other))
        .filter(|(distance, _)| *distance <= allowed(name.len()))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// Letters that may differ in a name of a length.
fn allowed(length: usize) -> usize {
    if length < 5 { 1 } else { 2 }
}

/// Letters alone, without case, and one for those that look alike.
fn folded(name: &str) -> Vec<char> {
    let letters = name.chars().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric());
    letters.map(alike).take(COMPARED).collect()
}

fn alike(c: char) -> char {
    match c {
        'ي' | 'ى' | 'ئ' | 'ے' => 'ی',
        'ك' => 'ک',
        'ه' | 'ۀ' | 'ھ' | 'ة' => 'ہ',
        'أ' | 'إ' | 'آ' => 'ا',
        '0' | 'о' | 'ο' => 'o',
        '1' | 'і' | 'ι' | 'l' => 'i',
        'а' | 'α' => 'a',
        'е' | 'ε' => 'e',
        'с' => 'c',
        'р' | 'ρ' => 'p',
        'х' => 'x',
        'у' | 'υ' => 'y',
        other => other,
    }
}

/// Letters to be changed, taken out or put in (Levenshtein).
fn distance(one: &[char], other: &[char]) -> usize {
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (row, c) in one.iter().enumerate() {
        let mut corner = row;
        let mut left = row + 1;
        let mut current = vec![left];
        for (d, over) in other.iter().zip(above.iter().skip(1)) {
            let replaced = corner + usize::from(c != d);
            left = replaced.min(left + 1).min(over + 1);
            current.push(left);
            corner = *over;
        }
        above = current;
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[test]
    fn letters_are_counted() {
        let of = |one: &str, other: &str| distance(&folded(one), &folded(other));
        assert_eq!(of("Sana Tariq", "SANA TARIQ"), 0);
        assert_eq!(of("Sana Tariq", "Sara Tariq"), 1);
        assert_eq!(of("kitten", "sitting"), 3);
        assert_eq!(of("", "abc"), 3);
        assert_eq!(of("Bilal", "Віlаl"), 1, "look-alikes count as what they look like");
        assert_eq!(of("علی", "علي"), 0);
    }

    #[test]
    fn another_person_with_a_close_name_is_found() {
        let people = fake::people();
        let sana = people.iter().find(|person| person.name == "Sana Tariq").unwrap();
        assert_eq!(close(sana, &people).unwrap().name, "Sana Tarique");
        let bilal = people.iter().find(|person| person.name == "Bilal Ahmed").unwrap();
        assert!(close(bilal, &people).is_none());
    }
}
