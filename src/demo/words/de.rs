use super::{Phrases, Topic};

pub(super) static PHRASES: Phrases = Phrases {
    hello: &[
        "Guten Tag {name}, mein Name ist {agent}. Wie kann ich helfen?",
        "Hallo {name}, danke fürs Warten. Worum geht es?",
        "Willkommen beim Kundendienst, Sie schreiben mit {agent}.",
    ],
    ask: &[
        "Können Sie mir bitte die Bestellnummer nennen?",
        "Um welche Bestellung geht es?",
    ],
    detail: &[
        "Das ist {order}.",
        "Gern: {order}",
        "Auf dem Beleg steht {order}, für den {product}.",
    ],
    wait: &[
        "Danke, einen Augenblick, ich schaue nach.",
        "Ich habe Ihren {product} gefunden, einen Moment bitte.",
        "Das prüfe ich sofort.",
    ],
    thanks: &[
        "Prima, vielen Dank!",
        "Danke {agent}, das hilft mir.",
        "Gut, ich versuche es so. Danke.",
    ],
    bye: &[
        "Gern geschehen, {name}. Einen schönen Tag noch!",
        "Auf Wiedersehen!",
        "Kann ich sonst noch etwas tun? Sonst wünsche ich einen schönen Abend.",
    ],
    dear: &["Sehr geehrte Damen und Herren,", "Guten Tag,", "Hallo,"],
    regards: &["Mit freundlichen Grüßen", "Viele Grüße", "Beste Grüße"],
    news: &[
        (
            "Ihre Bestellung {order} ist unterwegs",
            "Guten Tag {name}, Ihr {product} hat heute unser Lager verlassen. In Ihrem Konto können Sie das Paket verfolgen.",
        ),
        (
            "Rechnung zur Bestellung {order}",
            "Guten Tag {name}, anbei die Rechnung für Ihren {product}. Bei Lastschrift müssen Sie nichts weiter tun.",
        ),
    ],
    topics: [
        Topic {
            subject: &["Wo bleibt mein Paket?", "Lieferung der Bestellung {order}"],
            question: &[
                "Ich warte seit zwei Wochen auf meinen {product}.",
                "Die Sendungsverfolgung zu {order} steht seit Montag still.",
                "Angeblich wurde geliefert, hier ist aber nichts angekommen.",
            ],
            answer: &[
                "Das Paket liegt im Depot Ihrer Stadt und kommt morgen.",
                "Es ist verloren gegangen, ich habe kostenlos eine neue Sendung veranlasst.",
                "Der Bote kommt am nächsten Werktag noch einmal.",
            ],
        },
        Topic {
            subject: &[
                "Rechnung stimmt nicht",
                "Doppelt abgebucht: {order}",
                "Gutschrift fehlt",
            ],
            question: &[
                "Der {product} wurde mir zweimal berechnet.",
                "Auf der Rechnung zu {order} steht ein Betrag, den ich nicht kenne.",
                "Ich warte noch immer auf meine Gutschrift.",
            ],
            answer: &[
                "Ich habe die zweite Buchung storniert, in drei Tagen ist sie zurück.",
                "Der Unterschied sind die Versandkosten.",
                "Die Gutschrift ging am Freitag raus, Banken brauchen bis zu fünf Tage.",
            ],
        },
        Topic {
            subject: &["Rückgabe {product}", "Umtausch", "Rücksendeetikett"],
            question: &[
                "Ich möchte meinen {product} zurückgeben.",
                "Wie lange kann ich etwas zurückschicken?",
                "Ich habe die falsche Farbe bekommen.",
            ],
            answer: &[
                "Sie haben dreißig Tage Zeit. Das Etikett ist gerade per E-Mail unterwegs.",
                "Kein Problem, wir tauschen um, sobald das Paket da ist.",
                "Das tut mir leid. Der richtige geht heute noch raus.",
            ],
        },
        Topic {
            subject: &["Anmeldung geht nicht", "Passwort vergessen"],
            question: &[
                "Seit gestern kann ich mich nicht mehr anmelden.",
                "Die Mail zum Zurücksetzen kommt nicht an.",
                "Mein Konto ist gesperrt.",
            ],
            answer: &[
                "Ich habe das Konto entsperrt, bitte setzen Sie ein neues Passwort.",
                "Die Mail ist noch einmal raus, schauen Sie auch im Spamordner.",
                "Das war eine Schutzmaßnahme nach fünf Versuchen.",
            ],
        },
        Topic {
            subject: &["Kündigung", "Wechsel des Tarifs"],
            question: &[
                "Ich möchte zum Monatsende kündigen.",
                "Welcher Tarif passt zu einer vierköpfigen Familie?",
                "Verlängert sich der Vertrag von selbst?",
            ],
            answer: &[
                "Die Kündigung ist vermerkt, Sie bekommen sie heute schriftlich.",
                "Der größere Tarif kostet vier Euro mehr im Monat.",
                "Er verlängert sich um ein Jahr, wenn Sie nicht einen Monat vorher kündigen.",
            ],
        },
        Topic {
            subject: &["{product} startet nicht", "Fehler nach dem Update"],
            question: &[
                "Mein {product} startet nach dem Update nicht mehr.",
                "Der {product} verliert jeden Abend die Verbindung.",
                "Vorne blinkt es rot.",
            ],
            answer: &[
                "Bitte halten Sie die Taste zehn Sekunden gedrückt.",
                "Eine neue Firmware behebt das, ich habe sie aufgespielt.",
                "Der muss getauscht werden, ein neuer ist bestellt.",
            ],
        },
    ],
};
