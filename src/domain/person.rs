//! Which interactions belong to a person.
//!
//! A person is a contact with all its merged identities. Their interactions are:
//!
//! 1. the interactions of these contacts;
//! 2. the anonymous ancestors of those: the parent without a contact, its parent, and so on up to
//!    the first ancestor with a contact. A web engagement that led to a chat is one of these;
//! 3. other anonymous interactions, by their place in the family. One with descendants of known
//!    contacts belongs to those contacts, and to the contact of the nearest ancestor that has one.
//!    One without belongs to the owners of its parent.
//!
//! An anonymous interaction that belongs to this person and to somebody else is *shared*. An
//! interaction of another known contact never belongs to this person, whatever its family.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Serialize;

/// The data of an interaction that decide ownership in its family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relative {
    /// Its identifier.
    pub id: String,
    /// The interaction that led to it.
    pub parent: Option<String>,
    /// Its contact, if known.
    pub contact: Option<String>,
}

/// Who an interaction belongs to, from one person's point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This person alone.
    Theirs,
    /// This person and somebody else.
    Shared,
    /// Other people only.
    Others,
}

/// An anonymous interaction that belongs to more than one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shared {
    /// The interaction.
    pub interaction_id: String,
    /// The UserData keys that it exchanged with interactions of this person.
    pub keys: BTreeSet<String>,
}

const PERSON: u8 = 1;
const SOMEBODY_ELSE: u8 = 2;

/// The interactions of a person's families, parents before children, with the links between them.
pub struct Relatives {
    all: Vec<Relative>,
    parents: Vec<Option<usize>>,
    whose: Vec<Whose>,
}

impl Relatives {
    /// Decides who each interaction belongs to.
    ///
    /// The list must hold the person's own interactions. For each of their families it must also
    /// hold every anonymous interaction that is reachable through anonymous ones, and the
    /// interactions of known contacts at the ends of these paths. It may be in any order.
    pub fn of(person: &HashSet<String>, all: Vec<Relative>) -> Self {
        let (all, parents) = in_order(all);
        let known = |relative: &Relative| match &relative.contact {
            None => 0,
            Some(contact) if person.contains(contact) => PERSON,
            Some(_) => SOMEBODY_ELSE,
        };
        // the persons of the nearest known descendants
        let mut below = vec![0; all.len()];
        for (index, relative) in all.iter().enumerate().rev() {
            if let Some(parent) = parents[index] {
                below[parent] |= if relative.contact.is_some() {
                    known(relative)
                } else {
                    below[index]
                };
            }
        }
        // the person of the nearest known ancestor
        let mut above = vec![0; all.len()];
        let mut owners = vec![0; all.len()];
        for (index, relative) in all.iter().enumerate() {
            if let Some(parent) = parents[index] {
                above[index] = if all[parent].contact.is_some() {
                    known(&all[parent])
                } else {
                    above[parent]
                };
            }
            owners[index] = match (known(relative), below[index]) {
                (0, 0) => parents[index].map_or(0, |parent| owners[parent]),
                (0, leads_to) => leads_to | above[index],
                (owner, _) => owner,
            };
        }
        let whose = owners.iter().map(|owners| match *owners {
            PERSON => Whose::Theirs,
            owners if owners & PERSON != 0 => Whose::Shared,
            _ => Whose::Others,
        });
        Self {
            whose: whose.collect(),
            all,
            parents,
        }
    }

    /// The interactions that belong to this person alone.
    pub fn theirs(&self) -> impl Iterator<Item = &str> {
        self.having(Whose::Theirs)
    }

    /// The shared interactions.
    pub fn shared(&self) -> impl Iterator<Item = &str> {
        self.having(Whose::Shared)
    }

    fn having(&self, wanted: Whose) -> impl Iterator<Item = &str> {
        let of = self.all.iter().zip(&self.whose);
        of.filter(move |(_, whose)| **whose == wanted)
            .map(|(relative, _)| relative.id.as_str())
    }

    /// The children whose links show what shared interactions exchanged with others.
    pub fn linked(&self) -> Vec<String> {
        let touches = |index: &usize| {
            let of = |index: usize| self.whose[index] == Whose::Shared;
            self.parents[*index].is_some_and(|parent| of(*index) || of(parent))
        };
        let children = (0..self.all.len()).filter(touches);
        children.map(|index| self.all[index].id.clone()).collect()
    }

    /// The shared interactions, each with the keys that it exchanged with this person: copied to a
    /// child of theirs, or from a parent of theirs. A key that passed through several shared
    /// interactions counts in each of them.
    ///
    /// `copied` has the keys that children received, by child.
    pub fn exchanged(&self, copied: &HashMap<String, Vec<String>>) -> Vec<Shared> {
        let none = Vec::new();
        let received = |index: usize| copied.get(&self.all[index].id).unwrap_or(&none);
        let mut keys: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        let mut both = |to: usize, from: usize, via: &[String]| {
            let passed: Vec<String> = match self.whose[from] {
                Whose::Theirs => via.to_vec(),
                Whose::Shared => {
                    let held = keys.get(&from);
                    let is_held = |key: &&String| held.is_some_and(|held| held.contains(*key));
                    via.iter().filter(is_held).cloned().collect()
                }
                Whose::Others => return,
            };
            if self.whose[to] == Whose::Shared {
                keys.entry(to).or_default().extend(passed);
            }
        };
        for (index, parent) in self.parents.iter().enumerate().rev() {
            if let Some(parent) = parent {
                both(*parent, index, received(index));
            }
        }
        for (index, parent) in self.parents.iter().enumerate() {
            if let Some(parent) = parent {
                both(index, *parent, received(index));
            }
        }
        let shared = (0..self.all.len()).filter(|index| self.whose[*index] == Whose::Shared);
        shared
            .map(|index| Shared {
                interaction_id: self.all[index].id.clone(),
                keys: keys.remove(&index).unwrap_or_default(),
            })
            .collect()
    }
}

/// The relatives, parents before children, each with the index of its parent.
///
/// A parent that is not in the list counts as none. The store allows no cycles; should parents form
/// one, the first member reached counts as having no parent.
fn in_order(all: Vec<Relative>) -> (Vec<Relative>, Vec<Option<usize>>) {
    let places: HashMap<&str, usize> = all
        .iter()
        .enumerate()
        .map(|(place, relative)| (relative.id.as_str(), place))
        .collect();
    let parent_of = |place: usize| places.get(all[place].parent.as_deref()?).copied();
    let mut order = Vec::with_capacity(all.len());
    let mut seen = vec![false; all.len()];
    for start in 0..all.len() {
        let mut path = Vec::new();
        let mut next = Some(start);
        while let Some(here) = next.filter(|here| !seen[*here]) {
            seen[here] = true;
            path.push(here);
            next = parent_of(here);
        }
        order.extend(path.into_iter().rev());
    }
    let mut place_in_order = vec![0; all.len()];
    for (place, before) in order.iter().enumerate() {
        place_in_order[*before] = place;
    }
    let parents = order
        .iter()
        .enumerate()
        .map(|(place, before)| {
            let parent = parent_of(*before).map(|parent| place_in_order[parent]);
            parent.filter(|parent| *parent < place)
        })
        .collect();
    let mut all: Vec<Option<Relative>> = all.into_iter().map(Some).collect();
    let sorted = order.iter().filter_map(|before| all[*before].take());
    (sorted.collect(), parents)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `id<parent:contact`, with optional parent and contact.
    fn relatives(words: &str) -> Relatives {
        let read = |word: &str| {
            let (rest, contact) = word
                .split_once(':')
                .map_or((word, None), |(a, b)| (a, Some(b)));
            let (id, parent) = rest
                .split_once('<')
                .map_or((rest, None), |(a, b)| (a, Some(b)));
            Relative {
                id: id.to_owned(),
                parent: parent.map(str::to_owned),
                contact: contact.map(str::to_owned),
            }
        };
        let person = ["p", "merged"].map(str::to_owned).into();
        Relatives::of(&person, words.split(' ').map(read).collect())
    }

    fn sorted<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
        let mut ids: Vec<&str> = ids.collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn anonymous_relatives_belong_to_the_known_ones() {
        for (family, theirs, shared) in [
            // the visit that led to a chat, and that visit's parent
            ("chat<visit:p visit<first first", "chat first visit", ""),
            // a merged identity is the same person
            ("a<visit:p b<visit:merged visit", "a b visit", ""),
            // anonymous descendants, down to the next known contact
            ("a:p b<a c<b", "a b c", ""),
            ("a:p b<a c<b d<c:q e<d f<b", "a", "b c f"),
            // an anonymous sibling with the same parent visit
            ("chat<visit:p other<visit visit", "chat other visit", ""),
            // a visit that led to two persons, and its anonymous child
            ("a<visit:p b<visit:q c<visit visit", "a", "c visit"),
            // each branch of a shared visit has an owner of its own
            (
                "a<x:p x<visit b<y:q y<visit visit c<x d<y",
                "a c x",
                "visit",
            ),
            // interactions beyond another contact's interaction are not reached through it
            ("a<b:p b<visit:q visit", "a", ""),
            ("a<b:q b<visit:p visit", "b visit", ""),
            // between two persons
            ("a:p b<a c<b:q", "a", "b"),
            ("a:q b<a c<b:p d<b", "c", "b d"),
            ("alone stranger:q", "", ""),
        ] {
            let found = relatives(family);
            let words = |list: &'static str| list.split_whitespace().collect::<Vec<_>>();
            assert_eq!(sorted(found.theirs()), words(theirs), "{family}");
            assert_eq!(sorted(found.shared()), words(shared), "{family}");
        }
    }

    #[test]
    fn a_circle_of_parents_ends() {
        let found = relatives("a<b:p b<c c<a");
        assert_eq!(sorted(found.theirs()), ["a", "b", "c"]);
    }

    fn exchanged(family: &str, copied: &[(&str, &str)]) -> Vec<(String, String)> {
        let copied = copied
            .iter()
            .map(|(child, keys)| {
                let keys = keys.split_whitespace().map(str::to_owned).collect();
                ((*child).to_owned(), keys)
            })
            .collect();
        let mut found: Vec<_> = relatives(family)
            .exchanged(&copied)
            .into_iter()
            .map(|shared| {
                let keys: Vec<String> = shared.keys.into_iter().collect();
                (shared.interaction_id, keys.join(" "))
            })
            .collect();
        found.sort();
        found
    }

    #[test]
    fn the_keys_of_a_shared_interaction_are_those_it_exchanged_with_this_person() {
        let pair = |id: &str, keys: &str| (id.to_owned(), keys.to_owned());
        let visit = "a<visit:p b<visit:q visit";
        assert_eq!(
            exchanged(visit, &[("a", "k l"), ("b", "l m")]),
            [pair("visit", "k l")]
        );
        assert_eq!(exchanged(visit, &[("b", "m")]), [pair("visit", "")]);
        // copied twice: this person's keys count in both, and in the anonymous sibling
        assert_eq!(
            exchanged(
                "a<second:p b<second:q second<first first c<first",
                &[("a", "k"), ("second", "k l"), ("c", "k n")]
            ),
            [pair("c", "k"), pair("first", "k"), pair("second", "k")]
        );
        // received from a parent of theirs, and copied on to somebody else
        assert_eq!(
            exchanged("a:p b<a c<b:q", &[("b", "k"), ("c", "k x")]),
            [pair("b", "k")]
        );
    }

    #[test]
    fn links_that_matter_are_those_of_shared_interactions() {
        let mut linked = relatives("a<visit:p b<visit:q visit c:p d<c").linked();
        linked.sort();
        assert_eq!(linked, ["a", "b"]);
    }
}
