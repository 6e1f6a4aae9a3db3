"""Teaches schemathesis to send NDJSON."""

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def ndjson(ctx, value):
    """The body of a batch: what was made up is one line."""
    text = value if isinstance(value, str) else ""
    return text.encode("utf-8", "surrogatepass")
