use super::{Phrases, Topic};

pub(super) static PHRASES: Phrases = Phrases {
    hello: &[
        "Buongiorno {name}, sono {agent}. Come posso aiutarla?",
        "Salve {name}, grazie per l'attesa. Mi dica pure.",
        "Buongiorno, qui {agent} del servizio clienti.",
    ],
    ask: &[
        "Mi può dare il numero d'ordine, per favore?",
        "Di quale ordine si tratta?",
    ],
    detail: &[
        "È il {order}.",
        "Certo: {order}",
        "Sulla ricevuta c'è scritto {order}, per il {product}.",
    ],
    wait: &[
        "Grazie, un momento che controllo.",
        "Ho trovato il suo {product}, resti in linea.",
        "Verifico subito.",
    ],
    thanks: &[
        "Perfetto, grazie mille!",
        "Grazie {agent}, molto gentile.",
        "Va bene, provo così. Grazie.",
    ],
    bye: &[
        "Di nulla, {name}. Buona giornata!",
        "Sono contento di averla aiutata. Arrivederci!",
        "Posso fare altro per lei? Altrimenti le auguro una buona serata.",
    ],
    dear: &["Gentili signori,", "Buongiorno,", "Spett.le assistenza,"],
    regards: &["Cordiali saluti", "Distinti saluti", "Grazie e saluti"],
    news: &[
        (
            "Il suo ordine {order} è in viaggio",
            "Gentile {name}, il suo {product} ha lasciato oggi il nostro magazzino. Può seguire il pacco dal suo profilo.",
        ),
        (
            "Fattura dell'ordine {order}",
            "Gentile {name}, in allegato trova la fattura del suo {product}. Se paga con addebito diretto non deve fare nulla.",
        ),
    ],
    topics: [
        Topic {
            subject: &["Dov'è il mio pacco?", "Consegna dell'ordine {order}"],
            question: &[
                "Aspetto il mio {product} da due settimane.",
                "Il tracciamento dell'ordine {order} è fermo da lunedì.",
                "Il corriere dice di aver consegnato, ma qui non c'è niente.",
            ],
            answer: &[
                "Il pacco è nel deposito della sua città e arriva domani.",
                "Risulta smarrito: ho predisposto una nuova spedizione gratuita.",
                "Il corriere ripassa il prossimo giorno lavorativo.",
            ],
        },
        Topic {
            subject: &[
                "Fattura errata",
                "Addebito doppio per {order}",
                "Rimborso non ricevuto",
            ],
            question: &[
                "Mi avete addebitato due volte il {product}.",
                "Nella fattura di {order} c'è un importo che non riconosco.",
                "Sto ancora aspettando il rimborso.",
            ],
            answer: &[
                "Ho annullato il secondo addebito; lo rivede sul conto entro tre giorni.",
                "La differenza sono le spese di spedizione.",
                "Il rimborso è partito venerdì, le banche impiegano fino a cinque giorni.",
            ],
        },
        Topic {
            subject: &["Reso di {product}", "Cambio taglia", "Etichetta di reso"],
            question: &[
                "Vorrei restituire il mio {product}.",
                "Entro quando posso fare il reso?",
                "Mi è arrivato il colore sbagliato.",
            ],
            answer: &[
                "Ha trenta giorni. Le ho appena mandato l'etichetta per e-mail.",
                "Nessun problema, lo cambiamo appena arriva il pacco.",
                "Mi dispiace. Quello giusto parte oggi.",
            ],
        },
        Topic {
            subject: &["Non riesco ad accedere", "Password dimenticata"],
            question: &[
                "Da ieri non riesco più ad accedere.",
                "L'e-mail per la nuova password non arriva.",
                "Il mio profilo risulta bloccato.",
            ],
            answer: &[
                "Ho sbloccato il profilo: imposti una nuova password.",
                "Gliel'ho rimandata, guardi anche nella posta indesiderata.",
                "Era una misura di sicurezza dopo cinque tentativi.",
            ],
        },
        Topic {
            subject: &["Disdetta del contratto", "Cambio di tariffa"],
            question: &[
                "Voglio disdire il contratto a fine mese.",
                "Quale tariffa conviene a una famiglia di quattro persone?",
                "Il rinnovo è automatico?",
            ],
            answer: &[
                "Ho registrato la disdetta, oggi la riceve per iscritto.",
                "La tariffa superiore costa quattro euro in più al mese.",
                "Si rinnova per un anno, salvo avviso un mese prima.",
            ],
        },
        Topic {
            subject: &["{product} non si accende", "Errore dopo l'aggiornamento"],
            question: &[
                "Il mio {product} non parte più dopo l'aggiornamento.",
                "Il {product} perde la connessione tutte le sere.",
                "La spia davanti lampeggia in rosso.",
            ],
            answer: &[
                "Tenga premuto il tasto per dieci secondi e riprovi.",
                "C'è un nuovo firmware che risolve il problema.",
                "Va sostituito: gliene ho ordinato uno nuovo.",
            ],
        },
    ],
};
