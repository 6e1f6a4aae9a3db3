use super::{Phrases, Topic};

pub(super) static PHRASES: Phrases = Phrases {
    hello: &[
        "Hello {name}, this is {agent}. How can I help you?",
        "Good day {name}, you are chatting with {agent}.",
        "Hi {name}, thanks for waiting. What can I do for you?",
    ],
    ask: &[
        "Could you give me the order number, please?",
        "Which order is this about?",
        "May I have your reference number?",
    ],
    detail: &[
        "It is {order}.",
        "Sure: {order}",
        "The number on the receipt is {order}, for the {product}.",
    ],
    wait: &[
        "Thank you, one moment while I look it up.",
        "I have found your {product}. Bear with me.",
        "Let me check that for you.",
    ],
    thanks: &[
        "Great, thank you very much!",
        "That helps, thanks {agent}.",
        "OK, I will try that. Thanks.",
        "Well, I had hoped for more, but thank you.",
    ],
    bye: &[
        "You are welcome, {name}. Have a nice day!",
        "Glad I could help. Good-bye!",
        "Anything else? Otherwise I wish you a good day.",
    ],
    dear: &["Dear Sir or Madam,", "Hello,", "Dear support team,"],
    regards: &["Kind regards", "Best wishes", "Yours sincerely"],
    news: &[
        (
            "Your order {order} is on its way",
            "Dear {name}, your {product} left our warehouse today. You can follow the parcel in your account under order {order}.",
        ),
        (
            "Your invoice for order {order}",
            "Dear {name}, please find attached the invoice for your {product}. No action is needed if you pay by direct debit.",
        ),
        (
            "How did we do?",
            "Dear {name}, you were recently in touch with {agent} about your {product}. We would be glad to hear how it went.",
        ),
    ],
    topics: [
        Topic {
            subject: &[
                "Where is my parcel?",
                "Delivery of order {order}",
                "{product} not delivered",
            ],
            question: &[
                "I have been waiting for my {product} for two weeks now.",
                "The tracking of order {order} has not moved since Monday.",
                "The courier says it was delivered, but nothing is here.",
                "Can I change the delivery address of my order?",
            ],
            answer: &[
                "The parcel is at the depot in your town and will be delivered tomorrow.",
                "I see it was lost. I have arranged a new shipment at no cost.",
                "The courier will try again on the next working day.",
                "I have changed the address; the new date is in your confirmation.",
            ],
        },
        Topic {
            subject: &[
                "Invoice is wrong",
                "Charged twice for {order}",
                "Refund not received",
            ],
            question: &[
                "I was charged twice for the {product}.",
                "The invoice for {order} shows an amount that I do not recognise.",
                "I am still waiting for my refund.",
                "My credit card was declined, although there is nothing wrong with it.",
            ],
            answer: &[
                "I have cancelled the second charge; it will be back on your account in three days.",
                "The difference is the shipping cost; here is the breakdown.",
                "The refund was sent on Friday. Banks take up to five days.",
                "Please try the payment again, the lock has been removed.",
            ],
        },
        Topic {
            subject: &[
                "Return of {product}",
                "Exchange for another size",
                "Return label for {order}",
            ],
            question: &[
                "I would like to return my {product}.",
                "How long can I send something back?",
                "The return label for {order} cannot be printed.",
                "I received the wrong colour.",
            ],
            answer: &[
                "You have thirty days. I have just sent you a label by e-mail.",
                "No problem, we exchange it as soon as the parcel has arrived.",
                "Please leave it in its packaging; the courier collects it.",
                "I am sorry about that. The right one leaves today.",
            ],
        },
        Topic {
            subject: &[
                "Cannot log in",
                "Forgotten login",
                "Please change my e-mail address",
            ],
            question: &[
                "I cannot log in any more since yesterday.",
                "The password reset mail does not arrive.",
                "Please change the e-mail address of my account.",
                "My account is locked.",
            ],
            answer: &[
                "I have unlocked the account; please set a new password.",
                "The mail was sent again. Please look into the spam folder, too.",
                "The address is changed. You will get a confirmation at both.",
                "That was a safety measure after five attempts. It is open again.",
            ],
        },
        Topic {
            subject: &[
                "Cancel my contract",
                "Upgrade of my plan",
                "Question about renewal",
            ],
            question: &[
                "I want to cancel my contract at the end of the month.",
                "Which plan would suit a family of four?",
                "What does it cost to move to the larger plan?",
                "Is the renewal automatic?",
            ],
            answer: &[
                "I have noted the cancellation; you will have it in writing today.",
                "The larger plan costs four more a month and can be left at any time.",
                "It renews for a year unless you tell us a month before.",
                "I can offer you three months at half the price.",
            ],
        },
        Topic {
            subject: &[
                "{product} does not start",
                "{product} loses connection",
                "Error after the update",
            ],
            question: &[
                "My {product} does not start after the update.",
                "The {product} loses its connection every evening.",
                "The app shows error 504 when I open it.",
                "The light on the front blinks red.",
            ],
            answer: &[
                "Please hold the button for ten seconds and try once more.",
                "There is a new firmware that cures this; I have sent it to your device.",
                "We had a fault in your area, which is repaired now.",
                "It needs an exchange. I have ordered one for you.",
            ],
        },
    ],
};
