"""What Schemathesis does not know by itself about the API: media types and error codes."""

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def serialize_ndjson(_context, value):
    """Sends a generated text as it is: the schema of a body of lines is a text."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.check
def documented_error_code(_context, response, case):
    """The code of an error is the name of an example of its status: the schema of errors has
    no list of codes, since each would be a type in generated clients."""
    if response.status_code < 400:
        return
    responses = case.operation.definition.raw["responses"]
    documented = responses.get(str(response.status_code))
    if documented is None or "application/json" not in documented["content"]:
        return
    body = response.json()
    code = body.get("code") or body.get("error_code")
    codes = documented["content"]["application/json"]["examples"]
    assert code in codes, f"{response.status_code} {code} is not documented"
