// Calls every operation through the client that oazapfts generates as api.ts.
//
// usage: node typescript_client.js BASE_URL
// Prints the operation ids that were called, one a line.

import * as api from "./api.js";

api.defaults.baseUrl = process.argv[2];
const called = new Set<string>();

type Answer = { status: number; data?: unknown };
/** The body of an answer with this status. */
type Body<A extends Answer, S extends number> = A extends { status: S } ? (A extends { data: infer D } ? D : undefined) : never;

/** Awaits the answer of an operation, and returns its body where its status is the one that is wanted. */
async function want<A extends Answer, S extends A["status"]>(operation: keyof typeof api, status: S, answer: Promise<A>): Promise<Body<A, S>> {
  const got = await answer;
  if (got.status !== status) throw new Error(`${operation}: ${got.status} ${JSON.stringify(got.data)}`);
  called.add(operation);
  return got.data as Body<A, S>;
}

function check(holds: boolean, what: unknown): asserts holds {
  if (!holds) throw new Error(`not as it should be: ${JSON.stringify(what)}`);
}

// interactions
const visit = await want("recordInteraction", 201, api.recordInteraction({
  id: "visit", mediaType: "webengagement", contact: { EmailAddress: "ann@example.test" },
  userData: { rule: "hot", sessionId: "s-1", jsonEvent: { page: "/" } },
}));
check(visit.droppedKeys?.[0] === "jsonEvent", visit);
const chat = await want("createEngagement", 201, api.createEngagement("visit", { id: "chat", mediaType: "chat", copyUserData: "rule", text: "hello" }));
check(chat.copiedKeys?.[0] === "rule", chat);
const shown = await want("getInteraction", 200, api.getInteraction("chat", { include: "children,parent,contact" }));
check(shown.parent?.id === "visit" && shown.children?.length === 0, shown);
check(shown.contact?.attributes.EmailAddress[0] === "ann@example.test", shown);
const changed = await want("changeInteraction", 200, api.changeInteraction("chat", { subject: "Pricing" }));
check(changed.revision === 2 && changed.subject === "Pricing", changed);
const edited = await want("editUserData", 200, api.editUserData("chat", { attach: { score: 1 }, delete: ["x"] }));
check((edited.userData as Record<string, unknown>).score === 1, edited);
const was = await want("getUserData", 200, api.getUserData("chat", { at: "2100-01-01T00:00:00Z" }));
check((was.userData as Record<string, unknown>).score === 1, was);
const stopped = await want("stopInteraction", 200, api.stopInteraction("chat", { stoppedReason: "done" }));
check(stopped.status === "Stopped", stopped);
await want("recordNoEngage", 200, api.recordNoEngage("visit", { code: "busy" }));
await want("recordInteractionBatch", 200, api.recordInteractionBatch('{"id": "old", "mediaType": "email", "subject": "old letter"}\n', {}, { headers: { "Content-Type": "application/x-ndjson" } }));
await want("recordInteraction", 201, api.recordInteraction({ id: "mail", mediaType: "email" }));
check((await want("setParent", 200, api.setParent("mail", { parentId: "chat" }))).parentId === "chat", "parent");
check((await want("changeInteraction", 200, api.changeInteraction("mail", { parentId: null }))).revision === 3, "no parent");
await want("deleteInteraction", 204, api.deleteInteraction("mail"));
const lineage = await want("getLineage", 200, api.getLineage("chat"));
check(lineage.links.length === 1 && lineage.links[0].childId === "chat", lineage);
const journal = await want("listInteractionChanges", 200, api.listInteractionChanges("chat"));
check(journal.items[0].kind === "engagement.created", journal);

// finding
const names = await want("listFields", 200, api.listFields());
check(names.items.some((field) => field.field === "mediaType"), names);
const page = await want("listInteractions", 200, api.listInteractions({ mediaType: ["chat", "sms"], filters: { "userData.rule": "hot" }, fields: "id" }));
check(page.items.length === 1 && page.items[0].id === "chat", page);
const found = await want("searchInteractions", 200, api.searchInteractions({ filter: { q: "letter" }, count: true }));
check(found.count === 1 && found.items[0].id === "old", found);
check((await want("getThread", 200, api.getThread(visit.threadId))).items.length === 2, "thread");
check((await want("listChanges", 200, api.listChanges({ limit: 2 }))).items.length === 2, "changes");

// web actions
const event = { actionId: "offer", actionState: "offered" as const, sessionId: "s-1", colour: "red" };
await want("recordWebActions", 201, api.recordWebActions(event));
check((await want("listWebActions", 200, api.listWebActions({ actionId: "offer" }))).items.length === 1, "events");
check(!(await want("getWebAction", 200, api.getWebAction("offer"))).terminal, "life");
check((await want("listReports", 200, api.listReports())).items.length > 0, "reports");
const report = await want("reportWebActions", 200, api.reportWebActions({ groupBy: "actionMapId" }));
check(typeof report !== "string" && report.items.length === 1, report);
const answer = await want("querySql", 200, api.querySql({ sql: "SELECT count(*) AS n FROM interactions" }));
check(typeof answer !== "string" && answer.complete && answer.columns[0].name === "n", answer);

// webhooks
const hook = await want("createWebhook", 201, api.createWebhook({ url: "http://127.0.0.1:9/hook", kinds: ["webAction"] }));
check(hook.secret?.startsWith("whsec_") === true, hook);
check((await want("getWebhook", 200, api.getWebhook(hook.id))).url === hook.url, "webhook");
check((await want("listWebhooks", 200, api.listWebhooks())).items.length === 1, "webhooks");
check((await want("changeWebhook", 200, api.changeWebhook(hook.id, { description: "x" }))).description === "x", "changed");
check((await want("rotateWebhookSecret", 200, api.rotateWebhookSecret(hook.id, {}))).secret !== hook.secret, "secret");
await want("recordWebActions", 201, api.recordWebActions({ ...event, actionState: "accepted" }));
let deliveries: api.DeliveryBody[] = [];
while (deliveries.length === 0) deliveries = (await want("listDeliveries", 200, api.listDeliveries(hook.id))).items;
await want("replayDelivery", 202, api.replayDelivery(hook.id, deliveries[0].cursor));
await want("replayDeliveries", 202, api.replayDeliveries(hook.id, { state: "waiting" }));
await want("deleteWebhook", 204, api.deleteWebhook(hook.id));

// contacts
const person = await want("identifyContact", 200, api.identifyContact({ attributes: { PhoneNumber: "+442079460900" } }));
check(person.created && person.contactId != null, person);
const other = await want("createContact", 201, api.createContact({ attributes: { LastName: ["Rossi"] } }));
const rossi = await want("listContacts", 200, api.listContacts({ filters: { "attributes.LastName": "ROSSI" } }));
check(rossi.items.length === 1 && rossi.items[0].id === other.id, rossi);
const search = { filter: { field: "attributes.LastName", prefix: "Ro" }, count: true };
check((await want("searchContacts", 200, api.searchContacts(search))).count === 1, "contacts");
check((await want("getContact", 200, api.getContact(other.id))).attributes.LastName[0] === "Rossi", "contact");
check((await want("changeContact", 200, api.changeContact(other.id, { attributes: { Title: "Dr" } }))).attributes.Title[0] === "Dr", "title");
await want("mergeContact", 200, api.mergeContact(other.id, { into: person.contactId }));
await want("unmergeContact", 200, api.unmergeContact(other.id));
await want("deleteContact", 204, api.deleteContact(other.id));
check(visit.contactId != null, visit);
check((await want("getContactHistory", 200, api.getContactHistory(visit.contactId))).items.length === 2, "history");
check((await want("exportContact", 200, api.exportContact(visit.contactId))).interactions.length === 2, "export");
check((await want("eraseContact", 200, api.eraseContact(visit.contactId))).contacts[0] === visit.contactId, "erasure");
await want("deleteInteraction", 204, api.deleteInteraction("old"));

// operating
check((await want("getHealth", 200, api.getHealth())).status === "ok", "health");
check((await want("getReadiness", 200, api.getReadiness())).status === "ready", "readiness");
check((await want("getMetrics", 200, api.getMetrics())).includes("annals_http_requests"), "metrics");

console.log([...called].sort().join("\n"));
