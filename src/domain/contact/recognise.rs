//! Finds the contact that a request means.

use super::{Attributes, ContactRules, Folded, MOST_ATTRIBUTES, MOST_VALUES, Rank};

/// The known values of a candidate contact.
#[derive(Clone, Debug, Default)]
pub struct Candidate {
    /// The values of the contact and its merged identities.
    pub all: Folded,
    /// The values of each identity.
    pub identities: Vec<Folded>,
}

impl Candidate {
    /// Adds the values of one more identity.
    pub fn add(&mut self, identity: &Folded) {
        if self.identities.contains(identity) {
            return;
        }
        for (name, values) in identity {
            let known = self.all.entry(name.clone()).or_default();
            known.extend(values.iter().cloned());
        }
        self.identities.push(identity.clone());
    }
}

impl From<Folded> for Candidate {
    fn from(only: Folded) -> Self {
        Self {
            identities: vec![only.clone()],
            all: only,
        }
    }
}

/// Whether the values of a rank with several attributes belong together. With two first names and
/// two last names, it is unknown which first name belongs to which last name.
fn belongs_together(rank: &[String], values: &Folded) -> bool {
    let several = |name: &&String| values.get(*name).is_some_and(|values| values.len() > 1);
    rank.iter().filter(several).count() <= 1
}

/// Whether both have a value of an attribute in common; `None` if one of them has no value.
fn shares(given: &Folded, known: &Folded, name: &str) -> Option<bool> {
    let (given, known) = (given.get(name)?, known.get(name)?);
    Some(given.iter().any(|value| known.contains(value)))
}

/// Narrows candidates down to the contacts that a request means. Returns their indices among the
/// candidates.
///
/// `known` are the values of contacts that share one, oldest first. The first rank with a match
/// starts the list: each of its attributes must be given and shared. Each later rank, and then the
/// narrowing attributes, removes candidates with a different value, until one contact is left. A
/// value that the request or the contact lacks matches anything.
///
/// Many people share the values of a rank with several attributes, such as names. Such a rank
/// starts the list only with contacts whose values in single-attribute ranks do not differ from the
/// given ones: two people may have the same name. All its values must belong together and to one
/// identity: a contact with the names Ann Ash and Bob Birch is not Ann Birch.
///
/// People also share what is usually one person's, such as the number of a switchboard or a family.
/// A single-attribute rank does not start the list with a contact that differs in an earlier one,
/// and in every attribute of a rank with several attributes.
pub fn recognise(
    rules: &ContactRules,
    media_type: Option<&str>,
    given: &Folded,
    known: &[Candidate],
) -> Vec<usize> {
    let ranks = rules.ranks(media_type);
    let shared = |place: usize, name: &str| shares(given, &known[place].all, name);
    let differs =
        |rank: &[String], place: usize| rank.iter().all(|name| shared(place, name) == Some(false));
    let is_another = |earlier: &[Rank], place: usize| {
        let single = |rank: &&Rank| rank.len() == 1;
        earlier
            .iter()
            .filter(single)
            .any(|rank| differs(rank, place))
            && ranks
                .iter()
                .any(|rank| rank.len() > 1 && differs(rank, place))
    };
    let opens = |order: usize, place: usize| {
        let rank = &ranks[order];
        let has_all = |values: &Folded| {
            let mut names = rank.iter();
            names.all(|name| shares(given, values, name) == Some(true))
        };
        if rank.len() == 1 {
            return has_all(&known[place].all) && !is_another(&ranks[..order], place);
        }
        belongs_together(rank, given)
            && known[place]
                .identities
                .iter()
                .any(|one| belongs_together(rank, one) && has_all(one))
            && ranks
                .iter()
                .filter(|other| other.len() == 1)
                .all(|other| shared(place, &other[0]) != Some(false))
    };
    let fits = |names: &[String], place: usize| {
        names.iter().all(|name| shared(place, name) != Some(false))
    };
    let mut left: Option<Vec<usize>> = None;
    for (order, rank) in ranks.iter().enumerate() {
        let found: Vec<usize> = match &left {
            None => (0..known.len())
                .filter(|place| opens(order, *place))
                .collect(),
            Some(left) => left
                .iter()
                .copied()
                .filter(|place| fits(rank, *place))
                .collect(),
        };
        match found.len() {
            0 if left.is_none() => {}
            0 | 1 => return found,
            _ => left = Some(found),
        }
    }
    let mut left = left.unwrap_or_default();
    for name in rules.narrowing() {
        if left.len() > 1 {
            left.retain(|place| fits(std::slice::from_ref(name), *place));
        }
    }
    left
}

/// The values of a request that the contact lacks, compared in their folded form, by attribute.
///
/// The second list names attributes that have no room for more values.
pub fn unknown_values(
    rules: &ContactRules,
    given: &Attributes,
    known: &Attributes,
) -> (Attributes, Vec<String>) {
    let same = |name: &str, one: &str, other: &str| {
        one == other
            || (rules.folds(name)
                && rules
                    .fold(name, one)
                    .is_some_and(|one| Some(one) == rules.fold(name, other)))
    };
    let (mut new, mut no_room) = (Attributes::new(), Vec::new());
    let mut names = known.len();
    for (name, values) in given {
        let there = known.get(name).map_or(&[][..], Vec::as_slice);
        let unknown: Vec<String> = values
            .iter()
            // placeholders add nothing
            .filter(|value| !rules.folds(name) || rules.fold(name, value).is_some())
            .filter(|value| !there.iter().any(|known| same(name, value, known)))
            .cloned()
            .collect();
        if unknown.is_empty() {
            continue;
        }
        if there.is_empty() {
            names += 1;
        }
        if there.len() + unknown.len() > MOST_VALUES || names > MOST_ATTRIBUTES {
            no_room.push(name.clone());
        } else {
            new.insert(name.clone(), unknown);
        }
    }
    (new, no_room)
}
