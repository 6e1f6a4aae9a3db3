use super::{Phrases, Topic};

pub(super) static PHRASES: Phrases = Phrases {
    hello: &[
        "Bonjour {name}, ici {agent}. Comment puis-je vous aider ?",
        "Bonjour {name}, merci d'avoir patienté. Je vous écoute.",
        "Bienvenue au service client, je m'appelle {agent}.",
    ],
    ask: &[
        "Pouvez-vous me donner le numéro de commande ?",
        "De quelle commande s'agit-il ?",
    ],
    detail: &[
        "C'est la {order}.",
        "Bien sûr : {order}",
        "Sur le reçu il y a {order}, pour le {product}.",
    ],
    wait: &[
        "Merci, un instant, je vérifie.",
        "J'ai trouvé votre {product}, ne quittez pas.",
        "Je regarde tout de suite.",
    ],
    thanks: &[
        "Parfait, merci beaucoup !",
        "Merci {agent}, c'est très gentil.",
        "D'accord, j'essaie comme ça. Merci.",
    ],
    bye: &[
        "Je vous en prie, {name}. Bonne journée !",
        "Ravi d'avoir pu vous aider. Au revoir !",
    ],
    dear: &["Madame, Monsieur,", "Bonjour,", "Cher service client,"],
    regards: &["Cordialement", "Bien à vous", "Meilleures salutations"],
    news: &[
        (
            "Votre commande {order} est en route",
            "Bonjour {name}, votre {product} a quitté notre entrepôt aujourd'hui. Vous pouvez suivre le colis dans votre espace client.",
        ),
        (
            "Facture de la commande {order}",
            "Bonjour {name}, vous trouverez ci-joint la facture de votre {product}.",
        ),
    ],
    topics: [
        Topic {
            subject: &["Où est mon colis ?", "Livraison de la commande {order}"],
            question: &[
                "J'attends mon {product} depuis deux semaines.",
                "Le suivi de la commande {order} n'a pas bougé depuis lundi.",
                "Le colis est dit livré, mais je n'ai rien reçu.",
            ],
            answer: &[
                "Le colis est au dépôt de votre ville et arrivera demain.",
                "Il a été perdu, je vous en renvoie un sans frais.",
                "Le livreur repassera le prochain jour ouvré.",
            ],
        },
        Topic {
            subject: &["Facture erronée", "Débité deux fois pour {order}"],
            question: &[
                "J'ai été débité deux fois pour le {product}.",
                "La facture de {order} comporte un montant que je ne reconnais pas.",
                "J'attends toujours mon remboursement.",
            ],
            answer: &[
                "J'ai annulé le second débit, il reviendra sur votre compte sous trois jours.",
                "La différence correspond aux frais de port.",
                "Le remboursement est parti vendredi.",
            ],
        },
        Topic {
            subject: &["Retour du {product}", "Échange de taille"],
            question: &[
                "Je voudrais renvoyer mon {product}.",
                "Jusqu'à quand puis-je retourner un article ?",
                "J'ai reçu la mauvaise couleur.",
            ],
            answer: &[
                "Vous avez trente jours. L'étiquette vient de partir par courriel.",
                "Aucun problème, nous l'échangeons dès réception.",
                "Désolé, le bon part aujourd'hui.",
            ],
        },
        Topic {
            subject: &["Impossible de me connecter", "Mot de passe oublié"],
            question: &[
                "Je ne peux plus me connecter depuis hier.",
                "Le courriel de réinitialisation n'arrive pas.",
                "Mon compte est bloqué.",
            ],
            answer: &[
                "J'ai débloqué le compte, choisissez un nouveau mot de passe.",
                "Je l'ai renvoyé, regardez aussi les indésirables.",
                "C'était une mesure de sécurité après cinq essais.",
            ],
        },
        Topic {
            subject: &["Résiliation", "Changement de forfait"],
            question: &[
                "Je veux résilier à la fin du mois.",
                "Quel forfait pour une famille de quatre ?",
                "Le renouvellement est-il automatique ?",
            ],
            answer: &[
                "La résiliation est enregistrée, vous l'aurez par écrit aujourd'hui.",
                "Le forfait supérieur coûte quatre euros de plus par mois.",
                "Il se renouvelle pour un an, sauf préavis d'un mois.",
            ],
        },
        Topic {
            subject: &["{product} ne démarre pas", "Erreur après la mise à jour"],
            question: &[
                "Mon {product} ne démarre plus depuis la mise à jour.",
                "Le {product} perd la connexion chaque soir.",
                "Le voyant clignote en rouge.",
            ],
            answer: &[
                "Maintenez le bouton dix secondes et réessayez.",
                "Un nouveau micrologiciel corrige cela.",
                "Il faut le remplacer, un neuf est commandé.",
            ],
        },
    ],
};
