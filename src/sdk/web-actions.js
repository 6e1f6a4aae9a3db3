// Web actions of a page: runs its callbacks and sends the events to Annals. The server wraps this
// function as a classic script and as a module. Each event waits in an entry of localStorage of its own
// until the server has answered for it, so tabs do not disturb each other. The server merges copies of
// an event, so sending one twice does no harm. Nothing here throws into the page.
function annalsWebActions(script) {
  "use strict";

  const PREFIX = "annals.web-actions.";
  const MOST_EVENTS = 1000;
  const MOST_CHARACTERS = 256 * 1024; // localStorage counts these
  const LARGEST_EVENT = 64 * 1024; // bytes, as the server counts
  const BATCH_EVENTS = 100;
  const BATCH_BYTES = 40 * 1024;
  const KEPT_ALIVE = 60000; // bytes; a browser sends 64 KiB at a time for a page that is gone
  const GATHER = 300; // milliseconds, as all below
  const PATIENCE = 2000;
  const HELD = PATIENCE + 1000;
  const TIMEOUT = 20000;
  const FIRST_WAIT = 1000;
  const LONGEST_WAIT = 300000;

  const before = window.annals;
  if (before && before.webActions) return before;

  const settings = { url: "", key: "", dataLayer: false, enrich: null, debug: false };
  const held = new Map(); // events of this page that wait for their enrichment
  const memory = new Map(); // entries that localStorage did not take
  const known = new Map(); // latest events of this page: the date of each
  let carried = []; // ids that a request under way takes along even when the page is left
  let listeners = [];
  let kept = null; // about how much is kept: {events, characters}
  let timer = 0;
  let sending = false;
  let refused = false; // the key was, until another is named
  let failures = 0;
  let most = BATCH_EVENTS;
  let forwarded = false;

  function warn(...words) {
    if (settings.debug) console.warn("annals:", ...words);
  }

  /** The same, but nothing is thrown. */
  const guarded = (work) => (...given) => {
    try {
      return work(...given);
    } catch (error) {
      warn(error);
    }
  };

  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  const copy = (event) => Object.assign({}, event);
  const bytes = (text) => new Blob([text]).size;

  /** JSON text. Half a surrogate pair, as of an emoji that was cut in two, becomes U+FFFD. */
  const json = (value) =>
    JSON.stringify(value).replace(/\\\\|\\ud[89a-f][0-9a-f]{2}/g, (escape) => (escape.length === 2 ? escape : "\ufffd"));

  // ---- callbacks

  const named = (media, state) => ({
    media: String(media).toLowerCase(),
    state: state === "timed out" ? "timedout" : String(state),
  });

  const split = (name) => named(...String(name).split(":"));

  function on(name, callback, once) {
    if (typeof callback !== "function") return warn("no callback for", name);
    listeners.push(Object.assign(split(name), { callback, once }));
  }

  function off(name, callback) {
    const { media, state } = split(name);
    listeners = listeners.filter((one) =>
      one.media !== media || one.state !== state || (callback !== undefined && one.callback !== callback));
  }

  function tell(event) {
    const { media, state } = named(event.actionMediaType, event.actionState);
    for (const one of listeners.slice()) {
      if (one.media !== media || (one.state !== "all" && one.state !== state)) continue;
      if (!listeners.includes(one)) continue; // an earlier callback took it off
      if (one.once) listeners = listeners.filter((other) => other !== one);
      // runs at once; what it throws, now or later, ends here
      (async () => one.callback(copy(event)))().catch(warn);
    }
  }

  // ---- what waits: an entry is the moment before which nobody but its page sends it, a blank, and the event

  /** What the work does with localStorage; nothing where a browser denies it. */
  const stored = guarded((work) => work(localStorage));

  function put(id, until, event) {
    const entry = until + " " + json(event);
    memory.delete(id);
    stored((storage) => storage.setItem(id, entry) || true) || memory.set(id, entry);
  }

  function get(id) {
    return memory.get(id) || stored((storage) => storage.getItem(id)) || "";
  }

  function drop(id) {
    memory.delete(id);
    stored((storage) => storage.removeItem(id));
  }

  /** The ids of what waits, oldest first. */
  function waiting() {
    const keys = stored((storage) => Object.keys(storage)) || [];
    return keys.concat(...memory.keys()).filter((key) => key.startsWith(PREFIX)).sort();
  }

  /** Makes room for an event; returns how many were dropped for it. */
  function makeRoom(characters) {
    const ids = kept ? [] : waiting();
    kept = kept || { events: ids.length, characters: ids.reduce((sum, id) => sum + get(id).length, 0) };
    const fits = () => kept.events < MOST_EVENTS && kept.characters + characters <= MOST_CHARACTERS;
    if (fits()) return 0;
    let dropped = 0;
    for (const id of waiting()) {
      if (fits()) break;
      kept.events -= 1;
      kept.characters -= get(id).length;
      held.delete(id);
      drop(id);
      dropped += 1;
    }
    return dropped;
  }

  let made = 0;
  function newId() {
    made += 1;
    const order = [Date.now(), made].map((number) => number.toString(36).padStart(9, "0"));
    return PREFIX + order.join("") + Math.random().toString(36).slice(2, 10);
  }

  /** Records an event, or a further copy of one that a callback enriched: that one is sent, and not told again. */
  function record(given) {
    if (!isObject(given)) return warn("no event:", given);
    const told = copy(given);
    const { media, state } = named(given.actionMediaType, given.actionState);
    const name = [given.actionId, media, state].join();
    const again = given.actionId !== undefined && known.has(name);
    if (!again) known.set(name, given.eventDate || new Date().toISOString());
    if (known.size > MOST_EVENTS) known.delete(known.keys().next().value);
    // what is no JSON is told, and not kept
    guarded(keep)(Object.assign({ eventDate: known.get(name) }, given), again);
    if (!again) tell(told);
  }

  function keep(event, again) {
    const text = json(event);
    if (bytes(text) > LARGEST_EVENT) return warn("too large:", event);
    const characters = text.length + 40;
    const dropped = makeRoom(characters);
    if (dropped > 0) event.droppedEvents = dropped;
    const id = newId();
    const enriches = typeof settings.enrich === "function";
    kept.events += 1;
    kept.characters += characters;
    if (enriches) held.set(id, event);
    put(id, enriches ? Date.now() + HELD : 0, event);
    if (enriches) enrich(id, event, again);
    else finish(event, again);
  }

  function enrich(id, event, again) {
    const own = copy(event);
    let over = false;
    const done = guarded((enriched) => {
      if (over) return;
      over = true;
      clearTimeout(patience);
      // what is gone was sent by another tab, or made room
      if (held.delete(id) && get(id)) put(id, 0, enriched);
      finish(enriched, again);
    });
    const patience = setTimeout(() => done(event), PATIENCE);
    new Promise((resolve) => resolve(settings.enrich(own)))
      .then((more) => {
        if (isObject(more)) Object.assign(own, more);
        JSON.stringify(own); // throws, where it is no JSON
        done(own);
      })
      .catch((error) => {
        warn(error);
        done(event);
      });
  }

  function finish(event, again) {
    schedule(GATHER);
    if (again || !settings.dataLayer) return;
    const name = typeof settings.dataLayer === "string" ? settings.dataLayer : "dataLayer";
    const { media, state } = named(event.actionMediaType, event.actionState);
    window[name] = window[name] || [];
    window[name].push(Object.assign({ event: media + ":" + state }, event));
  }

  // ---- sending

  function schedule(wait) {
    if (!timer && !refused) timer = setTimeout(guarded(flush), wait);
  }

  /** Sends at once, whatever failed before. */
  function wake() {
    clearTimeout(timer);
    timer = 0;
    failures = 0;
    schedule(0);
  }

  /**
   * The oldest that may be sent and are none of `not`: {ids, events}, and whether there are some to be sent `later`.
   * With `strict` all of them are within so many bytes; otherwise the first may be larger.
   */
  function take(not, room, strict) {
    const batch = { ids: [], events: [], bytes: 0, later: false };
    for (const id of waiting()) {
      if (batch.ids.length >= most) break;
      const entry = not.includes(id) ? "" : get(id);
      if (!entry) continue;
      const blank = entry.indexOf(" ");
      const left = Number(entry.slice(0, blank)) - Date.now();
      // held by its page; a clock that was set back holds nothing for long
      if (held.has(id) || (left > 0 && left <= HELD)) {
        batch.later = true;
        continue;
      }
      const event = entry.slice(blank + 1);
      const size = bytes(event) + 1;
      if (batch.bytes + size > room) {
        if (strict) continue;
        if (batch.ids.length > 0) break;
      }
      batch.ids.push(id);
      batch.events.push(event);
      batch.bytes += size;
    }
    return batch;
  }

  const target = () => settings.url.replace(/\/+$/, "") + "/v1/web-actions";

  // plain text, which a browser sends to another web site without a preflight request, also on leaving; so the key is in the body
  const body = (batch) => '{"key":' + JSON.stringify(settings.key) + ',"events":[' + batch.events.join(",") + "]}";

  function flush() {
    clearTimeout(timer);
    timer = 0;
    if (sending || refused || navigator.onLine === false) return;
    kept = null;
    const batch = take([], BATCH_BYTES, false);
    if (batch.ids.length === 0) {
      if (batch.later) schedule(GATHER);
      return;
    }
    sending = true;
    send(batch)
      .catch((error) => {
        warn(error);
        return backOff(0);
      })
      .then((wait) => {
        sending = false;
        carried = [];
        schedule(wait);
      });
  }

  function backOff(asked) {
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * Math.pow(2, failures));
    failures += 1;
    return Math.max(wait * (0.5 + Math.random()), asked * 1000 || 0);
  }

  /** Sends a batch; resolves to how long to wait before the next. */
  async function send(batch) {
    const text = body(batch);
    const small = bytes(text) <= KEPT_ALIVE;
    if (small) carried = batch.ids;
    const answer = await post(text, small);
    const asked = Number(answer.headers.get("Retry-After"));
    if (answer.status === 401 || answer.status === 403) {
      refused = true;
      warn("the server takes no events with this key; they are kept");
      return 0;
    }
    if ([400, 413, 422].includes(answer.status)) {
      // one of them makes the server refuse the batch: send smaller ones until it is found
      most = Math.ceil(batch.ids.length / 2);
      if (batch.ids.length > 1) return 0;
      warn("dropped an event:", batch.events[0]);
      drop(batch.ids[0]);
      return 0;
    }
    if (!answer.ok) return backOff(asked);
    const items = (await answer.json()).items;
    let again = false;
    batch.ids.forEach((id, index) => {
      const item = items[index];
      if (item.status === 429 || item.status >= 500) return void (again = true);
      if (item.status >= 400) warn("dropped an event:", batch.events[index], item.problem);
      drop(id);
    });
    most = BATCH_EVENTS;
    if (again) return backOff(asked);
    failures = 0;
    return 0;
  }

  function post(text, small) {
    const control = new AbortController();
    setTimeout(() => control.abort(), TIMEOUT); // does nothing once there is an answer
    return fetch(target(), {
      method: "POST", body: text, credentials: "omit", cache: "no-store", keepalive: small, signal: control.signal,
    });
  }

  /**
   * The page is left: beacons take along what waits, as it is. It stays until a later page has an answer for it.
   * The browser refuses a beacon when too many bytes are on their way; a smaller one may still go.
   */
  function leave() {
    held.forEach((event, id) => put(id, 0, event));
    held.clear();
    if (refused || !navigator.sendBeacon) return;
    const gone = carried.slice();
    for (let room = KEPT_ALIVE - bytes(body({ events: [] })); ;) {
      const batch = take(gone, room, true);
      if (batch.ids.length === 0) return;
      if (navigator.sendBeacon(target(), body(batch))) gone.push(...batch.ids);
      else room = batch.ids.length > 1 ? batch.bytes / 2 : batch.bytes - 1;
    }
  }

  // ---- the page

  function init(given) {
    if (!isObject(given)) return warn("init wants an object");
    Object.keys(settings).forEach((name) => {
      if (given[name] !== undefined) settings[name] = given[name];
    });
    refused = false;
    if (waiting().length > 0) schedule(GATHER);
  }

  const commands = new Map([
    ["init", init], ["on", (name, callback) => on(name, callback, false)], ["once", (name, callback) => on(name, callback, true)], ["off", off], ["record", record],
  ]);

  const ac = guarded((command, ...given) => {
    const known = commands.get(command);
    if (known) known(...given);
    else warn("no such command:", command);
  });
  ac.webActions = true;

  /** Where the page has another `ac`, its events are ours too. */
  function forward() {
    const other = window.ac;
    if (forwarded || typeof other !== "function" || other.webActions) return;
    forwarded = true;
    ["webchat:all", "contentoffer:all"].forEach((name) => other("on", name, guarded(record)));
  }

  const given = script && script.dataset ? script.dataset : {};
  init({
    url: given.url || (script && script.src ? script.src.replace(/\/sdk\/[^/]*$/, "") : location.origin),
    key: given.key,
    dataLayer: given.dataLayer === undefined ? undefined : given.dataLayer || true,
    debug: given.debug === undefined ? undefined : given.debug !== "false",
  });
  window.annals = ac;
  if (typeof window.ac !== "function") window.ac = ac;
  guarded(forward)();
  addEventListener("load", guarded(forward));
  addEventListener("online", guarded(wake));
  addEventListener("pageshow", guarded(() => schedule(GATHER)));
  addEventListener("pagehide", guarded(leave));
  document.addEventListener("visibilitychange", guarded(() => document.visibilityState === "hidden" && flush()));
  ((before && before.q) || []).forEach((call) => ac(...call));
  return ac;
}
