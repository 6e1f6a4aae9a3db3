use super::{Phrases, Topic};

pub(super) static PHRASES: Phrases = Phrases {
    hello: &[
        "Hola {name}, soy {agent}. ¿En qué puedo ayudarle?",
        "Buenos días {name}, gracias por esperar. Dígame.",
        "Bienvenido a atención al cliente, le atiende {agent}.",
    ],
    ask: &[
        "¿Me da el número de pedido, por favor?",
        "¿De qué pedido se trata?",
    ],
    detail: &[
        "Es el {order}.",
        "Claro: {order}",
        "En el recibo pone {order}, del {product}.",
    ],
    wait: &[
        "Gracias, un momento, lo compruebo.",
        "He encontrado su {product}, no se retire.",
        "Lo miro enseguida.",
    ],
    thanks: &[
        "¡Perfecto, muchas gracias!",
        "Gracias {agent}, muy amable.",
        "Vale, lo intento así. Gracias.",
    ],
    bye: &[
        "De nada, {name}. ¡Que tenga un buen día!",
        "Me alegro de haberle ayudado. ¡Adiós!",
    ],
    dear: &["Estimados señores:", "Buenos días:", "Hola:"],
    regards: &["Un saludo", "Atentamente", "Saludos cordiales"],
    news: &[
        (
            "Su pedido {order} está en camino",
            "Hola {name}, su {product} ha salido hoy de nuestro almacén. Puede seguir el paquete en su cuenta.",
        ),
        (
            "Factura del pedido {order}",
            "Hola {name}, adjuntamos la factura de su {product}.",
        ),
    ],
    topics: [
        Topic {
            subject: &["¿Dónde está mi paquete?", "Entrega del pedido {order}"],
            question: &[
                "Llevo dos semanas esperando mi {product}.",
                "El seguimiento de {order} no se mueve desde el lunes.",
                "Dicen que está entregado, pero aquí no hay nada.",
            ],
            answer: &[
                "El paquete está en el almacén de su ciudad y llega mañana.",
                "Se ha perdido; le envío otro sin coste.",
                "El mensajero volverá el próximo día laborable.",
            ],
        },
        Topic {
            subject: &["Factura incorrecta", "Cobro doble de {order}"],
            question: &[
                "Me han cobrado dos veces el {product}.",
                "En la factura de {order} hay un importe que no reconozco.",
                "Sigo esperando el reembolso.",
            ],
            answer: &[
                "He anulado el segundo cargo; lo verá en tres días.",
                "La diferencia son los gastos de envío.",
                "El reembolso salió el viernes.",
            ],
        },
        Topic {
            subject: &["Devolución de {product}", "Cambio de talla"],
            question: &[
                "Quiero devolver mi {product}.",
                "¿Hasta cuándo puedo devolverlo?",
                "Me ha llegado el color equivocado.",
            ],
            answer: &[
                "Tiene treinta días. Acabo de enviarle la etiqueta.",
                "Sin problema, lo cambiamos en cuanto llegue.",
                "Lo siento. El correcto sale hoy.",
            ],
        },
        Topic {
            subject: &["No puedo entrar", "Contraseña olvidada"],
            question: &[
                "Desde ayer no puedo entrar en mi cuenta.",
                "No me llega el correo para la contraseña.",
                "Mi cuenta está bloqueada.",
            ],
            answer: &[
                "He desbloqueado la cuenta; ponga una contraseña nueva.",
                "Se lo he reenviado, mire también en correo no deseado.",
                "Era una medida de seguridad tras cinco intentos.",
            ],
        },
        Topic {
            subject: &["Baja del contrato", "Cambio de tarifa"],
            question: &[
                "Quiero darme de baja a fin de mes.",
                "¿Qué tarifa conviene a una familia de cuatro?",
                "¿La renovación es automática?",
            ],
            answer: &[
                "La baja está anotada; hoy la recibe por escrito.",
                "La tarifa superior cuesta cuatro euros más al mes.",
                "Se renueva un año salvo aviso un mes antes.",
            ],
        },
        Topic {
            subject: &["{product} no enciende", "Error tras la actualización"],
            question: &[
                "Mi {product} no arranca desde la actualización.",
                "El {product} pierde la conexión todas las noches.",
                "La luz parpadea en rojo.",
            ],
            answer: &[
                "Mantenga el botón diez segundos y pruebe otra vez.",
                "Hay un firmware nuevo que lo corrige.",
                "Hay que cambiarlo; ya le he pedido uno nuevo.",
            ],
        },
    ],
};
