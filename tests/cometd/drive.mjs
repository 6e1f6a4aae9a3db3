// The CometD client, driven from outside: commands come on standard input and events go to standard output, a line of JSON each.
//
//   {"do":"start","major":9,"url":"http://…/api/v2/notifications","user":"ann","password":"","webSocket":false,"subscriptions":["/**"]}
//   {"do":"subscribe","channel":"/v2/me/chats"}   {"do":"unsubscribe","channel":"/v2/me/chats"}   {"do":"disconnect"}
//
//   {"event":"handshake","successful":true,"clientId":"…","again":false,"transport":"long-polling","acknowledges":true}
//   {"event":"subscribed","channel":"…","successful":true}   {"event":"unsubscribed",…}   {"event":"disconnected",…}
//   {"event":"connected"}   {"event":"broken"}               when that changes
//   {"event":"arrived","channel":"…","data":{…}}             each message once, whether or not a subscription is there to take it
//   {"event":"message","to":"/**","channel":"…","data":{…}}  the same again for each subscription that the client finds for it
//
// It ends with its standard input. What the client has to say about its own state goes to standard error.

import {createInterface} from "node:readline";
import {adapt} from "cometd-nodejs-client";

adapt();
const aside = (...words) => console.error(...words);
window.console = {debug: aside, log: aside, info: aside, warn: aside, error: aside};

const tell = (event, more) => process.stdout.write(JSON.stringify({event, ...more}) + "\n");

function tellMessage(event, message, more) {
    if (!message.channel.startsWith("/meta/")) { // which the client shows to "/**" too
        tell(event, {...more, channel: message.channel, data: message.data});
    }
}

let client;
let connected = false;
const wanted = new Set();
const subscriptions = new Map();

function subscribe(channel) {
    const handle = client.subscribe(
        channel,
        message => tellMessage("message", message, {to: channel}),
        reply => tell("subscribed", {channel, successful: reply.successful, error: reply.error}));
    subscriptions.set(channel, handle);
}

function unsubscribe(channel) {
    client.unsubscribe(subscriptions.get(channel),
        reply => tell("unsubscribed", {channel, successful: reply.successful, error: reply.error}));
    subscriptions.delete(channel);
}

async function start(order) {
    const {AckExtension, CometD} = await import(`cometd${order.major}`);
    client = new CometD(`cometd${order.major}`);
    if (!order.webSocket) {
        client.unregisterTransport("websocket");
    }
    const headers = {};
    if (order.user !== undefined) {
        headers.Authorization = "Basic " + Buffer.from(`${order.user}:${order.password ?? ""}`).toString("base64");
    }
    // a desktop waits a second longer after each failure, up to a minute; a test has less time
    client.configure({url: order.url, requestHeaders: headers, backoffIncrement: 100, maxBackoff: 500, logLevel: order.logLevel ?? "info"});
    client.registerExtension("ack", new AckExtension());
    // not as a listener of "/**": the client would take it for a subscription, and not tell the server of one
    client.registerExtension("arrivals", {incoming: message => void tellMessage("arrived", message)});
    order.subscriptions.forEach(channel => wanted.add(channel));
    client.addListener("/meta/handshake", reply => {
        tell("handshake", {
            successful: reply.successful,
            clientId: reply.clientId,
            again: reply.reestablish,
            transport: client.getTransport()?.type,
            acknowledges: Boolean(reply.ext?.ack),
            error: reply.error ?? reply.failure?.reason,
        });
        if (reply.successful) {
            // a new session has no subscriptions, and the client has dropped those of the old one
            client.batch(() => wanted.forEach(subscribe));
        }
    });
    client.addListener("/meta/connect", reply => {
        if (client.isDisconnected() || connected === (reply.successful === true)) {
            return;
        }
        connected = reply.successful === true;
        tell(connected ? "connected" : "broken", {error: reply.error ?? reply.failure?.reason});
    });
    client.handshake();
}

const commands = {
    start,
    subscribe({channel}) {
        wanted.add(channel);
        if (client.getClientId()) { // else the handshake under way sees to it
            subscribe(channel);
        }
    },
    unsubscribe({channel}) {
        wanted.delete(channel);
        if (client.getClientId()) {
            unsubscribe(channel);
        }
    },
    disconnect() {
        client.disconnect(reply => tell("disconnected", {successful: reply.successful, error: reply.error}));
    },
};

for await (const line of createInterface({input: process.stdin})) {
    const order = JSON.parse(line);
    await commands[order.do](order);
}
process.exit(0);
