"""Calls every operation through the client that openapi-python-client generates.

usage: python_client.py FOLDER BASE_URL, where FOLDER holds the generated package `annals_client`.
Prints the operation ids that were called, one a line.
"""

import importlib
import io
import pkgutil
import re
import sys

folder, base = sys.argv[1:]
sys.path.insert(0, folder)

import annals_client.api  # noqa: E402
from annals_client import Client, models  # noqa: E402
from annals_client.types import File  # noqa: E402

modules = {
    module.name.rsplit(".", 1)[1]: importlib.import_module(module.name)
    for module in pkgutil.walk_packages(annals_client.api.__path__, "annals_client.api.")
    if not module.ispkg
}
client = Client(base_url=base)
called = set()


def call(operation, *path, expect=200, **arguments):
    """Calls an operation by its id, and returns what the client made of the answer."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
    answer = modules[name].sync_detailed(*path, client=client, **arguments)
    assert answer.status_code == expect, f"{operation}: {answer.status_code} {answer.content}"
    assert not isinstance(answer.parsed, models.Problem), f"{operation}: {answer.content}"
    called.add(operation)
    return answer.parsed


def of(model, **members):
    """A body, from its JSON members."""
    return getattr(models, model).from_dict(members)


# interactions
visit = call(
    "recordInteraction",
    expect=201,
    body=of(
        "NewInteraction",
        id="visit",
        mediaType="webengagement",
        contact={"EmailAddress": "ann@example.test"},
        userData={"rule": "hot", "sessionId": "s-1", "jsonEvent": {"page": "/"}},
    ),
)
assert visit.dropped_keys == ["jsonEvent"], visit
chat = call(
    "createEngagement",
    "visit",
    expect=201,
    body=of("NewEngagement", id="chat", mediaType="chat", copyUserData="rule", text="hello"),
)
assert chat.copied_keys == ["rule"], chat
shown = call("getInteraction", "chat", include="children,parent,contact")
assert shown.parent.id == "visit" and shown.children == [], shown
assert shown.contact.attributes["EmailAddress"] == ["ann@example.test"], shown
changed = call("changeInteraction", "chat", body=of("InteractionPatch", subject="Pricing"))
assert changed.revision == 2 and changed.subject == "Pricing", changed
edited = call("editUserData", "chat", body=of("UserDataEdit", attach={"score": 1}, delete=["x"]))
assert edited.user_data["score"] == 1, edited
assert call("getUserData", "chat", at="2100-01-01T00:00:00Z").user_data["score"] == 1
assert call("stopInteraction", "chat", body=of("Stop", stoppedReason="done")).status == "Stopped"
call("recordNoEngage", "visit", body=of("NoEngage", code="busy"))
lines = io.BytesIO(b'{"id": "old", "mediaType": "email", "subject": "old letter"}\n{"mediaType": 1}\n')
call("recordInteractionBatch", body=File(payload=lines))
mail = of("NewInteraction", id="mail", mediaType="email")
call("recordInteraction", expect=201, body=mail)
assert call("setParent", "mail", body=of("Parent", parentId="chat")).parent_id == "chat"
assert call("changeInteraction", "mail", body=of("InteractionPatch", parentId=None)).revision == 3
call("deleteInteraction", "mail", expect=204)
lineage = call("getLineage", "chat")
assert [link.child_id for link in lineage.links] == ["chat"], lineage
kinds = [change.kind for change in call("listInteractionChanges", "chat").items]
assert kinds[0] == "engagement.created", kinds

# finding
names = call("listFields")
assert any(field.field == "mediaType" for field in names.items)
filters = models.ListInteractionsFilters.from_dict({"userData.rule": "hot"})
page = call("listInteractions", media_type=["chat", "sms"], filters=filters, fields="id")
assert [item.id for item in page.items] == ["chat"], page
found = call("searchInteractions", body=of("SearchBody", filter={"q": "letter"}, count=True))
assert found.count == 1 and found.items[0].id == "old", found
assert len(call("getThread", visit.thread_id).items) == 2
assert len(call("listChanges", limit=2).items) == 2

# web actions
event = {"actionId": "offer", "actionState": "offered", "sessionId": "s-1", "colour": "red"}
call("recordWebActions", expect=201, body=models.WebActionEvent.from_dict(event))
assert len(call("listWebActions", action_id="offer").items) == 1
assert not call("getWebAction", "offer").terminal
assert call("listReports").items
assert call("reportWebActions", group_by="actionMapId").items
answer = call("querySql", body=of("SqlBody", sql="SELECT count(*) AS n FROM interactions"))
assert answer.complete and answer.columns[0].name == "n", answer

# webhooks
hook = call(
    "createWebhook",
    expect=201,
    body=of("NewWebhook", url="http://127.0.0.1:9/hook", kinds=["webAction"]),
)
assert hook.secret.startswith("whsec_"), hook
assert call("getWebhook", hook.id).url == hook.url
assert len(call("listWebhooks").items) == 1
assert call("changeWebhook", hook.id, body=of("WebhookPatch", description="x")).description == "x"
assert call("rotateWebhookSecret", hook.id, body=of("Rotation")).secret != hook.secret
event["actionState"] = "accepted"
call("recordWebActions", expect=201, body=models.WebActionEvent.from_dict(event))
deliveries = []
while not deliveries:
    deliveries = call("listDeliveries", hook.id).items
call("replayDelivery", hook.id, deliveries[0].cursor, expect=202)
call("replayDeliveries", hook.id, expect=202, body=of("Replay", state="waiting"))
call("deleteWebhook", hook.id, expect=204)

# contacts
person = call("identifyContact", body=of("Identify", attributes={"PhoneNumber": "+442079460900"}))
assert person.created, person
other = call(
    "createContact", expect=201, body=of("NewContact", attributes={"LastName": ["Rossi"]})
)
filters = models.ListContactsFilters.from_dict({"attributes.LastName": "ROSSI"})
assert [one.id for one in call("listContacts", filters=filters).items] == [other.id]
search = of("ContactSearch", filter={"field": "attributes.LastName", "prefix": "Ro"}, count=True)
assert call("searchContacts", body=search).count == 1
assert call("getContact", other.id).attributes["LastName"] == ["Rossi"]
body = of("ContactPatch", attributes={"Title": "Dr"})
assert call("changeContact", other.id, body=body).attributes["Title"] == ["Dr"]
call("mergeContact", other.id, body=of("Merge", into=person.contact_id))
call("unmergeContact", other.id, body=of("Nothing"))
call("deleteContact", other.id, expect=204)
assert len(call("getContactHistory", visit.contact_id).items) == 2
assert len(call("exportContact", visit.contact_id).interactions) == 2
assert call("eraseContact", visit.contact_id, body=of("Nothing")).contacts == [visit.contact_id]
call("deleteInteraction", "old", expect=204)

# operating
assert call("getHealth").status == "ok"
assert call("getReadiness").status == "ready"
assert "annals_http_requests" in call("getMetrics")

print("\n".join(sorted(called)))
