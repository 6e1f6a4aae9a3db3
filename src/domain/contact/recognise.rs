//! Which contact a request means.

use super::{Attributes, ContactRules, Folded, MOST_ATTRIBUTES, MOST_VALUES};

/// What is known of a contact that a request may mean.
#[derive(Clone, Debug, Default)]
pub struct Candidate {
    /// The values of the contact and of those that were merged into it.
    pub all: Folded,
    /// The values of each of them by itself.
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

/// Whether it is plain which values of a rank of several attributes belong together. Of two first and two last names
/// nobody knows which first name goes with which last name.
fn belongs_together(rank: &[String], values: &Folded) -> bool {
    let several = |name: &&String| values.get(*name).is_some_and(|values| values.len() > 1);
    rank.iter().filter(several).count() <= 1
}

/// Whether two share a value of an attribute; `None` where one of them says nothing of it.
fn shares(given: &Folded, known: &Folded, name: &str) -> Option<bool> {
    let (given, known) = (given.get(name)?, known.get(name)?);
    Some(given.iter().any(|value| known.contains(value)))
}

/// Narrows candidates down to the contacts that a request means: their places among the candidates.
///
/// `known` are the values of contacts that share one, oldest first. The first rank that finds somebody opens the list:
/// each of its attributes must be given and shared. Each further rank, and then the attributes that only narrow, leave
/// those out that have another value, until one contact is left; what the request or the contact lacks matches anything.
///
/// A rank of several attributes, such as names, is shared by many people. It opens only with contacts that have no other
/// value in a rank of one attribute than those given: two people of one name are two. All its values must belong to one
/// identity, and together: a contact that is called Ann Ash and Bob Birch is not Ann Birch.
pub fn recognise(
    rules: &ContactRules,
    media_type: Option<&str>,
    given: &Folded,
    known: &[Candidate],
) -> Vec<usize> {
    let ranks = rules.ranks(media_type);
    let shared = |place: usize, name: &str| shares(given, &known[place].all, name);
    let opens = |rank: &[String], place: usize| {
        let has_all = |values: &Folded| {
            let mut names = rank.iter();
            names.all(|name| shares(given, values, name) == Some(true))
        };
        if rank.len() == 1 {
            return has_all(&known[place].all);
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
    for rank in ranks {
        let found: Vec<usize> = match &left {
            None => (0..known.len())
                .filter(|place| opens(rank, *place))
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

/// What a request says about a contact that is not known of it: values in another form than all that are, by attribute.
///
/// The second list names attributes for whose values there is no room.
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
            // what says nothing adds nothing
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
