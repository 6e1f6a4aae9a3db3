//! What people say in a contact centre, in six languages.

mod de;
mod en;
mod es;
mod fr;
mod it;
mod ja;

use super::dice::Dice;

/// A language of the contact centre.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    En,
    /// Italian.
    It,
    /// German.
    De,
    /// French.
    Fr,
    /// Spanish.
    Es,
    /// Japanese.
    Ja,
}

impl Language {
    /// The name in UCS.
    pub fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::It => "Italian",
            Self::De => "German",
            Self::Fr => "French",
            Self::Es => "Spanish",
            Self::Ja => "Japanese",
        }
    }

    /// The two-letter code.
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::It => "it",
            Self::De => "de",
            Self::Fr => "fr",
            Self::Es => "es",
            Self::Ja => "ja",
        }
    }

    /// Its phrases.
    pub fn phrases(self) -> &'static Phrases {
        match self {
            Self::En => &en::PHRASES,
            Self::It => &it::PHRASES,
            Self::De => &de::PHRASES,
            Self::Fr => &fr::PHRASES,
            Self::Es => &es::PHRASES,
            Self::Ja => &ja::PHRASES,
        }
    }
}

/// The phrases of one language. `{name}`, `{agent}`, `{order}` and `{product}` are placeholders.
pub struct Phrases {
    /// The agent says hello.
    pub hello: &'static [&'static str],
    /// The agent asks which order it is about.
    pub ask: &'static [&'static str],
    /// The customer says which.
    pub detail: &'static [&'static str],
    /// The agent looks it up.
    pub wait: &'static [&'static str],
    /// The customer says thank you.
    pub thanks: &'static [&'static str],
    /// The agent says good-bye.
    pub bye: &'static [&'static str],
    /// A letter begins.
    pub dear: &'static [&'static str],
    /// A letter ends.
    pub regards: &'static [&'static str],
    /// The company writes first.
    pub news: &'static [(&'static str, &'static str)],
    /// The topics, in the order of [`TOPICS`].
    pub topics: [Topic; 6],
}

/// The names of the topics, the same in every language.
pub const TOPICS: [&str; 6] = [
    "Delivery",
    "Billing",
    "Returns",
    "Account",
    "Contract",
    "Technical",
];

/// The phrases about one topic.
pub struct Topic {
    /// Subject lines.
    pub subject: &'static [&'static str],
    /// What the customer begins with.
    pub question: &'static [&'static str],
    /// What the agent answers.
    pub answer: &'static [&'static str],
}

/// The products.
pub const PRODUCTS: [&str; 8] = [
    "Aurora 300",
    "Aurora 500",
    "Nimbus Router",
    "Nimbus Mesh",
    "Solano Watch",
    "Solano Band",
    "Vireo Speaker",
    "Vireo Studio",
];

/// The values of the placeholders.
pub struct About<'a> {
    /// The customer's first name.
    pub name: &'a str,
    /// The agent's first name.
    pub agent: &'a str,
    /// The order.
    pub order: &'a str,
    /// The product.
    pub product: &'a str,
}

/// A random phrase with its placeholders filled in.
pub fn say(dice: &mut Dice, phrases: &[&'static str], about: &About<'_>) -> String {
    fill(dice.pick(phrases), about)
}

/// Fills in the placeholders.
pub fn fill(phrase: &str, about: &About<'_>) -> String {
    let mut said = String::with_capacity(phrase.len() + 24);
    let mut rest = phrase;
    while let Some((before, after)) = rest.split_once('{') {
        said.push_str(before);
        let (placeholder, after) = after.split_once('}').unwrap_or((after, ""));
        said.push_str(match placeholder {
            "name" => about.name,
            "agent" => about.agent,
            "order" => about.order,
            _ => about.product,
        });
        rest = after;
    }
    said.push_str(rest);
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_something_to_say_about_everything() {
        for language in [
            Language::En,
            Language::It,
            Language::De,
            Language::Fr,
            Language::Es,
            Language::Ja,
        ] {
            let phrases = language.phrases();
            for list in [
                phrases.hello,
                phrases.ask,
                phrases.detail,
                phrases.wait,
                phrases.thanks,
                phrases.bye,
                phrases.dear,
                phrases.regards,
            ] {
                assert!(!list.is_empty(), "{}", language.name());
            }
            assert!(!phrases.news.is_empty());
            for topic in &phrases.topics {
                assert!(topic.subject.len() > 1 && topic.question.len() > 1);
                assert!(topic.answer.len() > 1);
            }
        }
    }

    #[test]
    fn placeholders_are_filled_in() {
        let about = About {
            name: "Ann",
            agent: "Bob",
            order: "42",
            product: "Vireo",
        };
        assert_eq!(
            fill("{name}, {agent}: {order} {product}!", &about),
            "Ann, Bob: 42 Vireo!"
        );
    }
}
