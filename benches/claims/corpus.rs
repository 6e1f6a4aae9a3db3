//! Generated history in realistic proportions: half of it calls with one key, the rest web
//! engagements, chats and e-mails with up to 69 keys.
//!
//! UserData takes 55 bytes for a call, about 500 for a chat, 1.1 KB for an outbound e-mail, 1.8 KB
//! for a reply and 4.6 KB for a routed inbound e-mail, on average close to 1 KB. The same seed
//! generates the same history.

use annals::domain::Moment;
use annals::domain::contact::{GivenAttributes, OneOrMany};
use annals::domain::interaction::{NewInteraction, Participant};
use annals::domain::user_data::Document;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// 2024-01-01, in microseconds.
const BEGINNING: i64 = 1_704_067_200_000_000;
/// Average time between two interactions: a million cover a year and a half.
const STEP: i64 = 50_000_000;
const WORDS: usize = 8_000;

/// A source of interactions.
pub struct Corpus {
    random: ChaCha8Rng,
    words: Vec<String>,
    clock: i64,
}

impl Corpus {
    /// The history for a seed.
    pub fn new(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let words = (0..WORDS)
            .map(|_| {
                let syllables = random.random_range(1..=4);
                (0..syllables)
                    .map(|_| {
                        let consonant = b"bcdfghklmnprstvz"[random.random_range(0..16)];
                        let vowel = b"aeiou"[random.random_range(0..5)];
                        format!("{}{}", char::from(consonant), char::from(vowel))
                    })
                    .collect()
            })
            .collect();
        Self {
            random,
            words,
            clock: BEGINNING,
        }
    }

    /// The attributes of a customer.
    pub fn customer(&mut self, number: usize) -> GivenAttributes {
        let (first, last) = (self.word(), self.word());
        [
            (
                "EmailAddress",
                format!("{first}.{last}.{number}@customers.example"),
            ),
            ("PhoneNumber", format!("+39055{number:07}")),
            ("FirstName", first),
            ("LastName", last),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), OneOrMany::One(value)))
        .collect()
    }

    /// The next interaction, of one of these contacts.
    pub fn interaction(&mut self, contacts: &[String]) -> NewInteraction {
        self.clock += self.random.random_range(0..2 * STEP);
        let start = Moment::from_micros(self.clock);
        let end =
            Moment::from_micros(self.clock + self.random.random_range(20_000_000..900_000_000));
        let contact = contacts[self.random.random_range(0..contacts.len())].clone();
        let mut new = NewInteraction {
            contact_id: Some(contact),
            owner_id: Some(format!("{}", 1000 + self.random.random_range(0..400))),
            start_date: start,
            end_date: end,
            queue: Some(format!("queue-{}", self.random.random_range(0..40))),
            language: Some("en".to_owned()),
            ..NewInteraction::default()
        };
        match self.random.random_range(0..100) {
            0..50 => self.call(&mut new),
            50..57 => self.chat(&mut new, "webengagement"),
            57..65 => self.chat(&mut new, "chat"),
            65..77 => self.email(&mut new, "Outbound", "OutboundNew", 10),
            77..90 => self.email(&mut new, "Outbound", "OutboundReply", 22),
            _ => self.email(&mut new, "Inbound", "InboundNew", 69),
        }
        new
    }

    fn call(&mut self, new: &mut NewInteraction) {
        new.media_type = "voice".to_owned();
        new.kind = Some("Inbound".to_owned());
        new.external_id = Some(self.hexadecimal(16));
        if self.random.random_range(0..10) < 3 {
            new.comment = Some(self.sentences(90));
        }
        let case = self.uuid();
        new.user_data = document([("IW_CaseUid".to_owned(), json!(case))]);
    }

    fn chat(&mut self, new: &mut NewInteraction, media_type: &str) {
        new.media_type = media_type.to_owned();
        new.kind = Some("Inbound".to_owned());
        new.subtype = Some("InboundNew".to_owned());
        new.subject = Some(self.sentences(40));
        if media_type == "chat" {
            let length = self.random.random_range(500..1500);
            new.text = Some(self.sentences(length));
            new.participants = Some(
                ["Customer", "Agent"]
                    .map(|kind| Participant {
                        participant_id: self.hexadecimal(12),
                        nickname: Some(self.word()),
                        kind: Some(kind.to_owned()),
                    })
                    .to_vec(),
            );
        }
        let mut keys = vec![
            (
                "rule".to_owned(),
                json!(["hot-lead", "cart", "help"][self.random.random_range(0..3)]),
            ),
            ("strategy".to_owned(), json!("default")),
            ("ORS Data".to_owned(), json!(self.hexadecimal(24))),
            (
                "page_url".to_owned(),
                json!(format!("/shop/{}/{}", self.word(), self.word())),
            ),
            (
                "score".to_owned(),
                json!(self.random.random_range(0..10_000)),
            ),
            (
                "DispositionCode".to_owned(),
                json!(
                    ["resolved", "callback", "transferred", "abandoned"]
                        [self.random.random_range(0..4)]
                ),
            ),
        ];
        keys.extend(self.keys(6));
        new.user_data = document(keys);
    }

    fn email(&mut self, new: &mut NewInteraction, kind: &str, subtype: &str, keys: usize) {
        new.media_type = "email".to_owned();
        new.kind = Some(kind.to_owned());
        new.subtype = Some(subtype.to_owned());
        new.subject = Some(self.sentences(60));
        let length = self.random.random_range(500..2000);
        new.text = Some(self.sentences(length));
        let mut pairs = vec![
            (
                "EmailAddress".to_owned(),
                json!(format!("{}@customers.example", self.word())),
            ),
            (
                "Header_Message-ID".to_owned(),
                json!(format!("<{}@mail.example>", self.uuid())),
            ),
            (
                "_AttachmentsInfo".to_owned(),
                json!({"count": 1, "names": [format!("{}.pdf", self.word())], "bytes": self.random.random_range(1000..900_000)}),
            ),
            (
                "IWAttachedDataInformation".to_owned(),
                json!({"DispositionCode.Key": "DispositionCode", "Option.interaction.case-data.frame-color": "#17849D",
                       "DispositionCode.Label": "Disposition code"}),
            ),
        ];
        if keys < 20 {
            let body = self.sentences(450);
            pairs.push(("PegAGAgent Group Email".to_owned(), json!(body)));
        }
        pairs.extend(self.keys(keys - pairs.len()));
        new.user_data = document(pairs);
    }

    /// Keys as routing strategies attach them.
    fn keys(&mut self, count: usize) -> Vec<(String, Value)> {
        const PREFIXES: [&str; 8] = [
            "R",
            "CBR-actual_",
            "Header_",
            "IW_",
            "GSW_",
            "Segment",
            "Customer",
            "Origination_",
        ];
        (0..count)
            .map(|number| {
                let key = format!(
                    "{}{}{number}",
                    PREFIXES[number % PREFIXES.len()],
                    self.words[number * 7]
                );
                let value = match self.random.random_range(0..20) {
                    0..2 => json!(self.random.random_range(0..100_000)),
                    2 => json!({ (self.word()): self.word() }),
                    3..6 => json!(self.uuid()),
                    6..10 => json!(format!("{}", self.random.random_range(100..400))),
                    _ => json!(self.sentences(50)),
                };
                (key, value)
            })
            .collect()
    }

    /// A word; a few of them are frequent.
    fn word(&mut self) -> String {
        self.pick().to_owned()
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a short list"
    )]
    fn pick(&mut self) -> &str {
        let rank = (WORDS as f64).powf(self.random.random::<f64>()) as usize;
        &self.words[rank.min(WORDS) - 1]
    }

    fn sentences(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length + 16);
        while text.len() < length {
            if !text.is_empty() {
                text.push_str(if self.random.random_range(0..9) == 0 {
                    ". "
                } else {
                    " "
                });
            }
            text.push_str(self.pick());
        }
        text
    }

    fn hexadecimal(&mut self, digits: usize) -> String {
        (0..digits)
            .map(|_| char::from(b"0123456789ABCDEF"[self.random.random_range(0..16)]))
            .collect()
    }

    fn uuid(&mut self) -> String {
        [8, 4, 4, 4, 12]
            .map(|digits| self.hexadecimal(digits))
            .join("-")
    }
}

fn document(pairs: impl IntoIterator<Item = (String, Value)>) -> annals::domain::user_data::Given {
    pairs.into_iter().collect::<Document>().into()
}
