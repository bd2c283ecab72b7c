"""What Schemathesis does not know by itself about the API's media types."""

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def serialize_ndjson(_context, value):
    """Sends a generated text as it is: the schema of a body of lines is a text."""
    return value if isinstance(value, bytes) else str(value).encode()
