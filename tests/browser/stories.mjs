// Stories of a page that loads the browser SDK, each in a real Chromium: node stories.mjs NAME
//
// It serves the pages itself, from http://localhost:PORT, which is another web site than the server's. First it prints {"origin": "…"}; then it reads a line
// {"base", "key", "reader", "states"} from standard input: the server, the key of the page, a token that may read, and the published states. It ends with status 0
// where the story came true, and with what was seen instead on standard error where it did not.

import assert from "node:assert/strict";
import {createServer} from "node:http";
import {createInterface} from "node:readline";
import {chromium} from "playwright-core";

const MEDIA = ["webchat", "contentoffer"];
const PATIENCE = 60_000;

const pages = new Map();
const site = createServer((request, response) => {
    const html = pages.get(new URL(request.url, "http://localhost").pathname);
    response.writeHead(html === undefined ? 404 : 200, {"content-type": "text/html; charset=utf-8"});
    response.end(html);
});
await new Promise(ready => site.listen(0, "127.0.0.1", ready));
const port = site.address().port;
const origin = `http://localhost:${port}`;
console.log(JSON.stringify({origin}));
const given = await new Promise(ready => createInterface({input: process.stdin}).once("line", ready));
const {base, key, reader, states} = JSON.parse(given);

const browser = await chromium.launch({
    executablePath: process.env.ANNALS_TEST_CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
const context = await browser.newContext();
const thrown = [];
context.on("weberror", error => thrown.push(String(error.error())));

/** A page with this in its head: its path. */
function made(head) {
    const path = `/${pages.size}`;
    pages.set(path, `<!doctype html><title>shop</title>${head}`);
    return path;
}
const classic = (attributes = `data-key="${key}"`) => made(`<script src="${base}/sdk/web-actions.js" ${attributes}></script>`);
const module = () => made(`<script type="module">
    import ac, {ac as named} from "${base}/sdk/web-actions.mjs";
    ac("init", {key: "${key}"});
    window.same = ac === named && ac === window.ac;
</script>`);
pages.set("/elsewhere", "<!doctype html><title>elsewhere</title>");

async function open(path, at = origin) {
    const page = await context.newPage();
    await page.goto(at + path);
    await page.waitForFunction(() => typeof window.ac === "function");
    return page;
}

/** All events that the server has. */
async function stored() {
    const all = [];
    for (let cursor = ""; cursor !== null;) {
        const answer = await fetch(`${base}/v1/web-actions?limit=1000${cursor && `&cursor=${cursor}`}`, {headers: {authorization: `Bearer ${reader}`}});
        assert.equal(answer.status, 200);
        const list = await answer.json();
        all.push(...list.items);
        cursor = list.next ?? null;
    }
    return all;
}

/** Waits until something is so. */
async function until(what, holds) {
    const begun = Date.now();
    let seen;
    while (Date.now() - begun < PATIENCE) {
        seen = await holds();
        if (seen) {
            return seen;
        }
        await new Promise(later => setTimeout(later, 50));
    }
    assert.fail(`it never came to be: ${what}`);
}

const names = events => events.map(event => `${event.actionId} ${event.actionState}`).sort();

/** Waits until so many events are stored: what is stored. */
const arrived = count => until(`${count} events`, async () => {
    const all = await stored();
    return all.length >= count && all;
});

/** Waits until nothing waits in a page any more, and sees that exactly these events are stored, without a contradiction. */
async function settled(page, wanted) {
    await until("an empty queue", () => page.evaluate(() => Object.keys(localStorage).every(key => !key.startsWith("annals."))));
    const all = await stored();
    assert.deepEqual(names(all), names(wanted));
    for (const id of new Set(wanted.map(event => event.actionId).slice(0, 20))) {
        const life = await (await fetch(`${base}/v1/web-actions/${id}`, {headers: {authorization: `Bearer ${reader}`}})).json();
        assert.deepEqual(life.flags.filter(flag => flag.flag === "contradicted"), [], id);
    }
    return all;
}

/** In the page: records so many offers at once. */
const offers = (page, prefix, count) => page.evaluate(([prefix, count]) => {
    for (let n = 0; n < count; n += 1) {
        ac("record", {actionId: `${prefix}${n}`, actionState: "offered", actionMediaType: "webchat"});
    }
}, [prefix, count]);
const offered = (prefix, count) => Array.from({length: count}, (_, n) => ({actionId: `${prefix}${n}`, actionState: "offered"}));

async function subscriptions(path) {
    const page = await open(path);
    const {calls, flat, recorded} = await page.evaluate(([media, states]) => {
        const calls = {};
        const counting = name => {
            calls[name] = 0;
            return () => { calls[name] += 1; };
        };
        ac("on", "webchat:offered", () => { throw new Error("of a callback"); });
        ac("on", "webchat:offered", () => Promise.reject(new Error("of a callback, later")));
        for (const medium of media) {
            for (const state of [...states, "all"]) {
                const name = `${medium}:${state}`;
                ac("on", name, counting(`on ${name}`));
                ac("once", name, counting(`once ${name}`));
                const gone = counting(`off ${name}`);
                ac("on", name, gone);
                ac("once", name, gone);
                ac("off", name, gone);
            }
        }
        let flat;
        ac("once", "webchat:errored", event => { flat = event; });
        const all = () => ac("off", "contentoffer:all", last);
        const last = counting("taken off by a callback before");
        ac("on", "contentoffer:all", all);
        ac("on", "contentoffer:all", last);
        const recorded = [];
        for (const round of [1, 2]) {
            for (const medium of media) {
                for (const state of states) {
                    const event = {
                        actionId: `${medium}-${round}`, actionState: state, actionMediaType: medium, actionMapId: "8f2c", actionMapVersion: 3,
                        customerId: "c0", customerIdType: "cookie", sessionId: "5e", ...(state === "errored" && {errorCode: 7, errorMessage: "no agent"}),
                    };
                    recorded.push(event);
                    ac("record", event);
                }
            }
        }
        return {calls, flat, recorded};
    }, [MEDIA, states]);
    for (const medium of MEDIA) {
        for (const state of states) {
            assert.deepEqual([calls[`on ${medium}:${state}`], calls[`once ${medium}:${state}`], calls[`off ${medium}:${state}`]], [2, 1, 0], `${medium}:${state}`);
        }
        assert.deepEqual([calls[`on ${medium}:all`], calls[`once ${medium}:all`], calls[`off ${medium}:all`]], [2 * states.length, 1, 0], medium);
    }
    assert.equal(calls["taken off by a callback before"], 0);
    assert.deepEqual(flat, recorded.find(event => event.actionState === "errored"), "the payload is flat, as it was recorded");
    assert.equal(recorded.length, 4 * states.length);
    const all = await settled(page, recorded);
    const failed = all.find(event => event.actionId === "contentoffer-2" && event.actionState === "errored");
    assert.ok(Date.now() - Date.parse(failed.eventDate) < PATIENCE, "it says when it happened");
    delete failed.eventDate;
    assert.deepEqual(failed, recorded.find(event => event.actionId === "contentoffer-2" && event.actionState === "errored"));
    return page;
}

const stories = {
    async classic() {
        await subscriptions(classic());
    },

    async module() {
        const page = await subscriptions(module());
        assert.equal(await page.evaluate(() => window.same), true);
    },

    async both_scripts_are_one() {
        const page = await open(made(`<script src="${base}/sdk/web-actions.js" data-key="${key}"></script><script src="${base}/sdk/web-actions.js"></script>
            <script type="module" src="${base}/sdk/web-actions.mjs" data-key="other"></script>`));
        const calls = await page.evaluate(() => {
            let calls = 0;
            ac("on", "webchat:offered", () => { calls += 1; });
            ac("record", {actionId: "a", actionState: "offered", actionMediaType: "webchat"});
            return ac === annals ? calls : "two of them";
        });
        assert.equal(calls, 1);
        await settled(page, offered("a", 1).map(event => ({...event, actionId: "a"})));
    },

    async calls_before_the_script_are_not_lost() {
        const page = await open(made(`<script>window.annals = function () { (annals.q = annals.q || []).push(arguments); };
            annals("init", {url: "${base}", key: "${key}"}); annals("on", "webchat:all", event => { window.told = event; });
            annals("record", {actionId: "a", actionState: "timed out", actionMediaType: "WebChat"});</script><script async src="${base}/sdk/web-actions.js"></script>`));
        assert.equal((await page.evaluate(() => window.told)).actionState, "timed out");
        await settled(page, [{actionId: "a", actionState: "timedout"}]);
    },

    async enrichment() {
        const page = await open(classic());
        await page.evaluate(() => {
            const ways = {
                returned: () => ({conversationId: "c-returned"}),
                promised: () => new Promise(later => setTimeout(later, 200, {conversationId: "c-promised"})),
                put: event => { event.conversationId = "c-put"; },
                throws: event => { event.conversationId = "half"; throw new Error("of the page"); },
                rejects: () => Promise.reject(new Error("of the page")),
                never: () => new Promise(() => {}),
                wrong: () => "a text",
                circular: () => { const loop = {}; loop.loop = loop; return loop; },
            };
            ac("init", {enrich: event => ways[event.actionId](event)});
            Object.keys(ways).forEach(way => ac("record", {actionId: way, actionState: "offered", actionMediaType: "webchat"}));
        });
        const all = await arrived(8);
        const plain = ["actionId", "actionMediaType", "actionState", "eventDate"];
        for (const event of all) {
            assert.deepEqual(Object.keys(event).filter(name => name !== "conversationId").sort(), plain, event.actionId);
        }
        const found = Object.fromEntries(all.map(event => [event.actionId, event.conversationId]));
        assert.deepEqual(found, {
            returned: "c-returned", promised: "c-promised", put: "c-put", throws: undefined, rejects: undefined, never: undefined, wrong: undefined, circular: undefined,
        });
        await settled(page, all);
    },

    async a_handler_that_enriches_and_sends_on() {
        const page = await open(classic());
        const calls = await page.evaluate(async () => {
            let calls = 0;
            // as the widgets answer: later
            const bus = {command: () => new Promise(later => setTimeout(later, 100, {conversationId: "conv-1"}))};
            ac("on", "webchat:all", async event => {
                calls += 1;
                const data = await bus.command("WebChatService.getSessionData");
                event.conversationId = data.conversationId;
                ac("record", event);
            });
            ac("record", {actionId: "a", actionState: "started", actionMediaType: "webchat"});
            await new Promise(later => setTimeout(later, 500));
            ac("record", {actionId: "a", actionState: "timed out", actionMediaType: "webchat"});
            await new Promise(later => setTimeout(later, 500));
            return calls;
        });
        assert.equal(calls, 2, "the handler is not called for what it sends on");
        const all = await settled(page, [{actionId: "a", actionState: "started"}, {actionId: "a", actionState: "timedout"}]);
        assert.ok(all.every(event => event.conversationId === "conv-1"), JSON.stringify(all));
    },

    async a_handler_that_sends_on_at_once() {
        const page = await open(classic(`data-key="${key}" data-data-layer`));
        await page.evaluate(() => {
            ac("on", "webchat:all", event => ac("record", {...event, conversationId: "conv-1"}));
            ac("on", "webchat:all", event => ac("record", event));
            ac("record", {actionId: "a", actionState: "started", actionMediaType: "webchat"});
        });
        const all = await settled(page, [{actionId: "a", actionState: "started"}]);
        assert.equal(all[0].conversationId, "conv-1");
        assert.equal(await page.evaluate(() => window.dataLayer.length), 1, "the data layer has it once");
    },

    async a_handler_beside_the_vendors() {
        const page = await open(made(`<script>
            const listeners = {};
            window.ac = function (command, name, callback) { if (command === "on") (listeners[name] = listeners[name] || []).push(callback); };
            window.emit = event => (listeners[event.actionMediaType + ":all"] || []).forEach(callback => callback(event));
            const send = event => annals("record", event);
            // one handler enriches at once, before the SDK hears of the event, one later, one makes a copy
            ac("on", "webchat:all", event => { if (event.actionId === "at once") { event.conversationId = "conv-1"; send(event); } });
        </script><script src="${base}/sdk/web-actions.js" data-key="${key}"></script><script>
            ac("on", "webchat:all", event => { if (event.actionId === "later") setTimeout(() => { event.conversationId = "conv-1"; send(event); }, 600); });
            ac("on", "webchat:all", event => { if (event.actionId === "copy") send({...event, conversationId: "conv-1"}); });
        </script>`));
        const ids = ["at once", "later", "copy"];
        await page.evaluate(ids => ids.forEach(actionId => emit({actionId, actionState: "started", actionMediaType: "webchat", actionMapVersion: 3})), ids);
        await until("the enriched events", async () => {
            const all = await stored();
            return all.length === 3 && all.every(event => event.conversationId === "conv-1");
        });
        await settled(page, ids.map(actionId => ({actionId, actionState: "started"})));
    },

    async a_handler_that_posts_by_itself() {
        const page = await open(classic());
        await page.evaluate(([base, key]) => {
            ac("on", "webchat:all", event => fetch(`${base}/v1/web-actions`, {
                method: "POST", body: JSON.stringify({key, events: [{...event, conversationId: "conv-1"}]}),
            }));
            for (const actionState of ["offered", "accepted", "started"]) {
                ac("record", {actionId: "a", actionState, actionMediaType: "webchat"});
            }
        }, [base, key]);
        const all = await settled(page, ["offered", "accepted", "started"].map(actionState => ({actionId: "a", actionState})));
        await until("the enriched events", async () => (await stored()).every(event => event.conversationId === "conv-1"));
        assert.equal(all.length, 3);
    },

    async texts_cut_within_an_emoji() {
        const page = await open(classic());
        await page.evaluate(() => {
            const face = "\u{1f600}";
            const event = {
                actionId: "a", actionState: "offered", actionMediaType: "webchat",
                high: "cut " + face[0], low: face[1] + " cut", whole: face, spelt: "\\ud83d", [face[0] + "key"]: [{deep: face[0]}],
            };
            ac("record", event);
            ac("record", {actionId: "good0", actionState: "offered", actionMediaType: "webchat"});
        });
        const all = await settled(page, [{actionId: "a", actionState: "offered"}, ...offered("good", 1)]);
        const {high, low, whole, spelt, ...rest} = all.find(event => event.actionId === "a");
        assert.deepEqual({high, low, whole, spelt}, {high: "cut \ufffd", low: "\ufffd cut", whole: "\u{1f600}", spelt: "\\ud83d"});
        assert.deepEqual(rest["\ufffdkey"], [{deep: "\ufffd"}]);
    },

    async events_too_large() {
        const page = await open(classic(`data-key="${key}" data-debug`));
        const told = [];
        page.on("console", message => message.type() === "warning" && told.push(message.text()));
        await page.evaluate(() => {
            const event = (actionId, text) => ac("record", {actionId, actionState: "offered", actionMediaType: "webchat", text});
            event("fits", "\u6f22".repeat(20_000));
            event("large", "\u6f22".repeat(22_000));
            event("ascii", "x".repeat(60_000));
            event("good0", "");
        });
        await settled(page, ["fits", "ascii", "good0"].map(actionId => ({actionId, actionState: "offered"})));
        assert.equal(told.filter(text => text.includes("too large")).length, 1, told.join("\n"));
        assert.equal(told.filter(text => text.includes("dropped")).length, 0, told.join("\n"));
    },

    async a_trial_on_this_machine() {
        const page = await open(made(`<script src="${base}/sdk/web-actions.js"></script>`));
        await offers(page, "trial", 3);
        await settled(page, offered("trial", 3));
        const other = await open(made(`<script src="${base}/sdk/web-actions.js"></script>`), `http://127.0.0.1:${port}`);
        await offers(other, "same", 1);
        await settled(other, [...offered("trial", 3), ...offered("same", 1)]);
        await offers(page, "left", 1);
        await page.goto(`${origin}/elsewhere`);
        await arrived(5);
    },

    async a_module_in_a_trial_on_this_machine() {
        const page = await open(made(`<script type="module">import ac from "${base}/sdk/web-actions.mjs";</script>`));
        await offers(page, "trial", 3);
        await settled(page, offered("trial", 3));
    },

    async offline_and_back() {
        const page = await open(classic());
        await context.setOffline(true);
        await offers(page, "off", 250);
        await page.evaluate(() => new Promise(later => setTimeout(later, 1000)));
        assert.deepEqual(await stored(), []);
        const back = Date.now();
        await context.setOffline(false);
        const all = await settled(page, offered("off", 250));
        assert.ok(all.every(event => Date.parse(event.eventDate) < back), "they say when they happened");
        assert.deepEqual(all.map(event => event.actionId), offered("off", 250).map(event => event.actionId), "in their order");
    },

    async two_tabs_offline_and_back() {
        // even what both make at one moment does not collide
        await context.addInitScript(() => { Date.now = () => 1_800_000_000_000; });
        const path = classic();
        const [one, two] = [await open(path), await open(path)];
        await context.setOffline(true);
        await Promise.all([offers(one, "one", 60), offers(two, "two", 60)]);
        await context.setOffline(false);
        await settled(one, [...offered("one", 60), ...offered("two", 60)]);
    },

    async reloads_in_the_midst() {
        // requests are lost on their way, and answers, after the server recorded what they are about
        let answers = 0;
        await context.route(`${base}/v1/web-actions`, async route => {
            answers += 1;
            try {
                if (answers % 4 === 1) {
                    await route.fetch();
                    await route.abort();
                } else if (answers % 4 === 3) {
                    await route.abort();
                } else {
                    await route.continue();
                }
            } catch {
                // the page is gone, and its request with it
            }
        });
        const page = await open(made(`<script src="${base}/sdk/web-actions.js" data-key="${key}"></script><script>
            const run = Number(sessionStorage.run || 0);
            sessionStorage.run = run + 1;
            let n = 0;
            const more = setInterval(() => {
                for (const end = n + 5; n < end && n < 150; n += 1) {
                    const actionId = "run" + run + "-" + n;
                    sessionStorage.made = (sessionStorage.made || "") + " " + actionId;
                    ac("record", {actionId, actionState: "offered", actionMediaType: "contentoffer"});
                }
                if (n >= 150) { clearInterval(more); window.done = true; }
            }, 10);
        </script>`));
        for (const wait of [60, 200, 330, 500]) {
            await page.evaluate(wait => new Promise(later => setTimeout(later, wait)), wait);
            await page.reload();
        }
        await page.waitForFunction(() => window.done);
        const ids = (await page.evaluate(() => sessionStorage.made)).trim().split(" ");
        assert.equal(await page.evaluate(() => sessionStorage.run), "5");
        assert.ok(ids.length > 150 && new Set(ids).size === ids.length, `${ids.length}`);
        await settled(page, ids.map(actionId => ({actionId, actionState: "offered"})));
        assert.ok(answers > 4, `${answers}`);
    },

    async leaving_the_page() {
        const beacons = [];
        context.on("request", request => request.resourceType() === "ping" && beacons.push(request.postData()));
        const page = await open(classic());
        await page.evaluate(() => {
            ac("init", {enrich: event => event.actionId === "held" ? new Promise(() => {}) : {}});
            ac("record", {actionId: "plain", actionState: "offered", actionMediaType: "webchat"});
            ac("record", {actionId: "held", actionState: "offered", actionMediaType: "webchat"});
            location.href = "/elsewhere";
        });
        await page.waitForURL(`${origin}/elsewhere`);
        const left = await arrived(2);
        assert.deepEqual(left.map(event => event.actionId).sort(), ["held", "plain"]);
        assert.equal(beacons.length, 1);
        // the answer for the other may have come before the page was gone
        assert.ok(await page.evaluate(() => Object.values(localStorage).some(kept => kept.includes("held"))), "nobody was there for the answer");
        // the next page of the site sends them again, and has it
        await page.goto(origin + classic());
        await settled(page, left);
    },

    async leaving_with_more_than_a_beacon_carries() {
        const page = await open(classic());
        await page.evaluate(() => {
            // so that nothing goes before the page is left
            Object.defineProperty(navigator, "onLine", {value: false});
            // each character is three bytes
            const event = (actionId, many) => ac("record", {actionId, actionState: "offered", actionMediaType: "webchat", text: "\u6f22".repeat(many)});
            event("huge", 21_000);
            for (let n = 0; n < 3; n += 1) {
                event("large" + n, 8_000);
            }
            for (let n = 0; n < 30; n += 1) {
                event("small" + n, 10);
            }
            location.href = "/elsewhere";
        });
        await page.waitForURL(`${origin}/elsewhere`);
        // two of the large ones and all small ones fit
        const left = await arrived(32);
        assert.deepEqual(left.map(event => event.actionId.replace(/\d+/, "")).filter(id => id !== "small"), ["large", "large"]);
        await page.goto(origin + classic());
        await settled(page, ["huge", "large0", "large1", "large2"].concat(Array.from({length: 30}, (_, n) => "small" + n))
            .map(actionId => ({actionId, actionState: "offered"})));
    },

    async leaving_while_a_request_is_under_way() {
        // a proxy holds the request, not the browser: a browser that intercepts requests may lose the beacon of a page that is gone
        let begun;
        const under_way = new Promise(ready => { begun = ready; });
        let answer;
        const held = new Promise(ready => { answer = ready; });
        const bodies = [];
        const proxy = createServer(async (request, response) => {
            const parts = [];
            for await (const part of request) parts.push(part);
            const body = Buffer.concat(parts);
            if (request.method === "POST") {
                bodies.push(body.toString());
                if (bodies.length === 1) {
                    begun();
                    await held;
                }
            }
            const {host: _, connection: __, ...headers} = request.headers;
            const answered = await fetch(base + request.url, {method: request.method, headers, body: body.length ? body : undefined});
            const kept = [...answered.headers].filter(([name]) => !["connection", "content-encoding", "content-length", "transfer-encoding"].includes(name));
            response.writeHead(answered.status, Object.fromEntries(kept)).end(Buffer.from(await answered.arrayBuffer()));
        });
        await new Promise(ready => proxy.listen(0, "127.0.0.1", ready));
        const by_proxy = () => made(`<script src="http://127.0.0.1:${proxy.address().port}/sdk/web-actions.js" data-key="${key}"></script>`);
        const page = await open(by_proxy());
        await offers(page, "first", 2);
        await under_way;
        await offers(page, "second", 2);
        await page.evaluate(() => { location.href = "/elsewhere"; });
        await page.waitForURL(`${origin}/elsewhere`);
        await arrived(2);
        assert.equal(bodies.length, 2);
        assert.ok(bodies[1].includes("second0") && !bodies[1].includes("first0"), "what is on its way needs no beacon");
        answer();
        await page.goto(origin + by_proxy());
        await settled(page, [...offered("first", 2), ...offered("second", 2)]);
        proxy.closeAllConnections();
        proxy.close();
    },

    async leaving_a_page_without_storage() {
        await context.addInitScript(() => {
            Object.defineProperty(window, "localStorage", {get() { throw new DOMException("denied", "SecurityError"); }});
        });
        const page = await open(classic());
        await page.evaluate(() => {
            for (let n = 0; n < 120; n += 1) {
                ac("record", {actionId: "mem" + n, actionState: "offered", actionMediaType: "webchat"});
            }
            location.href = "/elsewhere";
        });
        await page.waitForURL(`${origin}/elsewhere`);
        assert.deepEqual(names(await arrived(120)), names(offered("mem", 120)));
    },

    async a_page_with_no_storage_at_all() {
        await context.addInitScript(() => Object.defineProperty(window, "localStorage", {value: null}));
        const page = await open(classic());
        await page.evaluate(() => ac("init", {enrich: () => Promise.resolve({conversationId: "c"})}));
        await offers(page, "mem", 3);
        const all = await arrived(3);
        assert.deepEqual(names(all), names(offered("mem", 3)));
        assert.ok(all.every(event => event.conversationId === "c"));
    },

    async what_the_vendor_tells() {
        const page = await open(made(`<script>
            const listeners = {};
            window.ac = function (command, name, callback) { if (command === "on") (listeners[name] = listeners[name] || []).push(callback); };
            window.theirs = window.ac;
            window.emit = event => (listeners[event.actionMediaType + ":all"] || []).forEach(callback => callback(event));
        </script><script src="${base}/sdk/web-actions.js" data-key="${key}"></script>`));
        const told = await page.evaluate(() => {
            const told = [];
            annals("on", "contentoffer:accepted", event => told.push(event.actionId));
            emit({actionId: "w", actionState: "offered", actionMediaType: "webchat"});
            emit({actionId: "c", actionState: "accepted", actionMediaType: "contentoffer"});
            return {told, untouched: ac === theirs};
        });
        assert.deepEqual(told, {told: ["c"], untouched: true});
        await settled(page, [{actionId: "w", actionState: "offered"}, {actionId: "c", actionState: "accepted"}]);
    },

    async a_vendor_that_comes_later() {
        const page = await open(made(`<script src="${base}/sdk/web-actions.js" data-key="${key}"></script><script>
            window.ac = function (command, name, callback) { if (name === "webchat:all") window.emit = callback; };
        </script>`));
        await page.waitForFunction(() => window.emit);
        await page.evaluate(() => emit({actionId: "w", actionState: "offered", actionMediaType: "webchat"}));
        await settled(page, [{actionId: "w", actionState: "offered"}]);
    },

    async the_data_layer() {
        const page = await open(classic(`data-key="${key}" data-data-layer`));
        const layer = await page.evaluate(async () => {
            ac("init", {enrich: () => Promise.resolve({conversationId: "c"})});
            ac("record", {actionId: "a", actionState: "offered", actionMediaType: "contentoffer", eventDate: "2026-03-01T09:30:00Z"});
            while (!window.dataLayer) {
                await new Promise(later => setTimeout(later, 10));
            }
            return window.dataLayer;
        });
        assert.deepEqual(layer, [{
            event: "contentoffer:offered", actionId: "a", actionState: "offered", actionMediaType: "contentoffer", eventDate: "2026-03-01T09:30:00Z", conversationId: "c",
        }]);
        const silent = await open(classic());
        await offers(silent, "b", 1);
        await arrived(2);
        assert.equal(await silent.evaluate(() => window.dataLayer), undefined);
    },

    async a_server_that_is_busy_at_first() {
        const answers = [[503, {}], [429, {"retry-after": "1", "access-control-expose-headers": "retry-after"}], [500, {}]];
        let tries = 0;
        await context.route(`${base}/v1/web-actions`, async route => {
            tries += 1;
            const [status, headers] = answers.shift() ?? [];
            await (status ? route.fulfill({status, headers: {"access-control-allow-origin": "*", ...headers}, body: "{}"}) : route.continue());
        });
        const page = await open(classic());
        await offers(page, "busy", 3);
        await settled(page, offered("busy", 3));
        assert.equal(tries, 4);
    },

    async a_page_that_may_not() {
        const strange = await open(classic(), `http://127.0.0.1:${port}`);
        await offers(strange, "strange", 2);
        const page = await open(classic(`data-key="annals_wrong"`));
        const answer = page.waitForResponse(response => response.url() === `${base}/v1/web-actions`);
        await offers(page, "wrong", 2);
        assert.equal((await answer).status(), 401);
        await until("the strange page tried", () => strange.evaluate(() => performance.getEntriesByType("resource").some(one => one.name.endsWith("/v1/web-actions"))));
        assert.deepEqual(await stored(), []);
        assert.equal(await page.evaluate(() => Object.keys(localStorage).length), 2, "they are kept");
        await page.evaluate(key => ac("init", {key}), key);
        await settled(page, offered("wrong", 2));
    },

    async what_the_server_refuses_is_dropped() {
        const page = await open(classic(`data-key="${key}" data-debug`));
        const told = [];
        page.on("console", message => message.type() === "warning" && told.push(message.text()));
        await page.evaluate(() => {
            ac("record", {actionId: "bad", actionState: "gone", actionMediaType: "webchat"});
            ac("record", {actionState: "offered", actionMediaType: "webchat"});
            ac("record", "no event");
            ac("record");
            ac("on", "webchat:offered");
            ac("nothing of the kind");
            ac();
            const loop = {actionId: "loop", actionState: "offered"};
            loop.loop = loop;
            ac("record", loop);
            ac("record", {actionId: "good0", actionState: "offered", actionMediaType: "webchat"});
        });
        await settled(page, offered("good", 1));
        assert.equal(told.filter(text => text.includes("dropped an event")).length, 2, told.join("\n"));
    },

    async what_spoils_a_batch_is_found() {
        const page = await open(classic());
        await context.setOffline(true);
        await page.evaluate(() => { localStorage["annals.web-actions.000"] = "0 {\"actionId\": cut of"; });
        await offers(page, "good", 7);
        await context.setOffline(false);
        await settled(page, offered("good", 7));
    },

    async a_page_without_storage() {
        await context.addInitScript(() => {
            Object.defineProperty(window, "localStorage", {get() { throw new DOMException("denied", "SecurityError"); }});
        });
        const page = await open(classic());
        await offers(page, "mem", 120);
        assert.deepEqual(names(await arrived(120)), names(offered("mem", 120)));
    },

    async a_queue_that_is_full() {
        const page = await open(classic());
        await context.setOffline(true);
        await offers(page, "many", 1010);
        await context.setOffline(false);
        const all = await settled(page, offered("many", 1010).slice(10));
        const dropped = all.map(event => event.droppedEvents ?? 0).reduce((sum, one) => sum + one);
        assert.equal(dropped, 10, "the events after them tell of those that were dropped");
    },

    async a_call_with_the_key_in_a_header() {
        const page = await open(classic());
        const call = (key, path) => page.evaluate(async ([base, key, path]) => {
            try {
                const answer = await fetch(base + path, {
                    method: "POST", headers: {authorization: `Bearer ${key}`, "content-type": "application/json"},
                    body: JSON.stringify({actionId: "a", actionState: "offered"}),
                });
                return answer.status;
            } catch {
                return "blocked";
            }
        }, [base, key, path]);
        assert.equal(await call(key, "/v1/web-actions"), 201);
        assert.equal(await call("annals_wrong", "/v1/web-actions"), 401);
        assert.equal(await call(key, "/v1/interactions"), "blocked");
    },
};

const story = stories[process.argv[2]];
assert.ok(story, `no such story; there are ${Object.keys(stories).join(" ")}`);
try {
    await story();
    assert.deepEqual(thrown, [], "nothing was thrown into a page");
} finally {
    await browser.close();
}
process.exit(0);
