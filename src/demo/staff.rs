//! The staff of the contact centre.

use super::dice::Dice;
use super::words::Language;

/// An agent.
pub struct Agent {
    /// The user name.
    pub user: &'static str,
    /// The name that customers see.
    pub first: &'static str,
    /// The agent's number in the configuration.
    pub number: u32,
}

const fn agent(user: &'static str, first: &'static str, number: u32) -> Agent {
    Agent {
        user,
        first,
        number,
    }
}

static ENGLISH: [Agent; 6] = [
    agent("kate.london", "Kate", 101),
    agent("john.smith", "John", 102),
    agent("maria.gomez", "Maria", 103),
    agent("amir.haddad", "Amir", 104),
    agent("sue.park", "Sue", 105),
    agent("tom.reilly", "Tom", 106),
];
static ITALIAN: [Agent; 3] = [
    agent("paola.serra", "Paola", 201),
    agent("dario.leone", "Dario", 202),
    agent("ivana.testa", "Ivana", 203),
];
static GERMAN: [Agent; 3] = [
    agent("petra.lang", "Petra", 301),
    agent("uwe.brandt", "Uwe", 302),
    agent("aylin.demir", "Aylin", 303),
];
static FRENCH: [Agent; 2] = [
    agent("claire.petit", "Claire", 401),
    agent("yves.morel", "Yves", 402),
];
static SPANISH: [Agent; 2] = [
    agent("nuria.vidal", "Nuria", 501),
    agent("pablo.cano", "Pablo", 502),
];
static JAPANESE: [Agent; 2] = [
    agent("naoko.mori", "森", 601),
    agent("kenji.abe", "阿部", 602),
];

/// An agent who speaks the language.
pub fn who_speaks(language: Language, dice: &mut Dice) -> &'static Agent {
    let team: &[Agent] = match language {
        Language::En => &ENGLISH,
        Language::It => &ITALIAN,
        Language::De => &GERMAN,
        Language::Fr => &FRENCH,
        Language::Es => &SPANISH,
        Language::Ja => &JAPANESE,
    };
    let place = dice.below(u64::try_from(team.len()).unwrap_or(0));
    &team[usize::try_from(place).unwrap_or(0)]
}

/// The disposition codes with their labels.
pub const DISPOSITIONS: [(&str, &str); 6] = [
    ("resolved", "Resolved"),
    ("follow-up", "Follow-up needed"),
    ("escalated", "Escalated"),
    ("sale", "Sale"),
    ("no-answer", "No answer from customer"),
    ("wrong-queue", "Wrong queue"),
];

/// A random disposition.
pub fn disposition(dice: &mut Dice) -> (&'static str, &'static str) {
    DISPOSITIONS[dice.weighted([55, 18, 9, 10, 5, 3].into_iter())]
}
