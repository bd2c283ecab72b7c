"""What a program does with the client that openapi-python-client makes: create a key and a link,
shorten, bulk, creative, render, report and QR code."""

import os

from waypost_client import AuthenticatedClient
from waypost_client.api.accounts import create_key
from waypost_client.api.creatives import create_creative, render_creative
from waypost_client.api.links import (
    create_link,
    create_links,
    get_link_qr_png,
    get_link_qr_svg,
    shorten_link,
)
from waypost_client.api.lists import create_domain, create_list
from waypost_client.api.offers import create_offer, create_partnership_offer
from waypost_client.api.reports import get_performance_report
from waypost_client.models import (
    CreateCreativeRequest,
    CreateDomainRequest,
    CreateDomainRequestKind,
    CreateKeyRequest,
    CreateLinksRequest,
    CreateListRequest,
    CreateOfferRequest,
    CreatePartnershipOfferRequest,
    GetPerformanceReportGroupBy,
    LinkRequest,
    LinkRequestMetadataType0,
    MessageRequest,
    MessageRequestVariablesType0,
    OfferLinkRequest,
    RenderCreativeRequest,
    V2Error,
)

URL = os.environ["API_URL"]


def done(answer):
    """What the API answered: the type of the success, which an error is not."""
    assert answer is not None and not isinstance(answer, V2Error), answer
    return answer


operator = AuthenticatedClient(URL, token=os.environ["OPERATOR_KEY"])
key = done(
    create_key.sync(
        int(os.environ["ACCOUNT_ID"]),
        client=operator,
        body=CreateKeyRequest(name="python", scopes=["*"]),
    )
)
api = AuthenticatedClient(URL, token=key.key)

SHORT, CLICK = "python.example", "ct.python.example"
for host, kind in [(SHORT, "short"), (CLICK, "click")]:
    domain = CreateDomainRequest(host=host, kind=CreateDomainRequestKind(kind))
    done(create_domain.sync(client=api, body=domain))
sending_list = done(
    create_list.sync(
        client=api,
        body=CreateListRequest(
            phone_number="+18005550172", list_name="Python", short_domain=SHORT, click_domain=CLICK
        ),
    )
)
partnership = done(
    create_partnership_offer.sync(
        client=api,
        body=CreatePartnershipOfferRequest(
            name="Partnership",
            destination_url_template="https://example.com/?c={click_id}",
            payout=2.5,
            filter_bots=True,
        ),
    )
)
link = done(
    create_link.sync(client=api, body=LinkRequest(offer_id=partnership.id, list_id=sending_list.id))
)
assert link.domain == f"https://{SHORT}", link
metadata = LinkRequestMetadataType0.from_dict({"source": "crm", "tags": ["a"]})
shortened = done(
    shorten_link.sync(
        client=api,
        body=LinkRequest(
            url="https://example.com/page", list_id=sending_list.id, metadata=metadata
        ),
    )
)
assert shortened.metadata["source"] == "crm", shortened
bulk = done(
    create_links.sync(
        client=api,
        body=CreateLinksRequest(
            links=[
                LinkRequest(url="https://example.com/a", list_id=sending_list.id),
                LinkRequest(url="no URL", list_id=sending_list.id),
            ]
        ),
    )
)
assert [error.code for error in bulk.errors] == ["invalid_url"], bulk
offer = done(
    create_offer.sync(
        client=api, body=CreateOfferRequest(name="Offer", tracking_url="https://example.com/o")
    )
)
created = done(
    create_creative.sync(
        client=api,
        body=CreateCreativeRequest(
            name="Promo",
            message="Hi {{contact.first_name}}: {{link1}}",
            offer_links=[OfferLinkRequest(key="link1", offer_id=offer.id)],
        ),
    )
)
message = MessageRequest(
    message_id="python-1",
    contact_phone="+12025550102",
    variables=MessageRequestVariablesType0.from_dict({"first_name": "Ada"}),
)
rendered = done(
    render_creative.sync(
        created.creative.id,
        client=api,
        body=RenderCreativeRequest(list_id=sending_list.id, messages=[message]),
    )
)
assert rendered.messages[0].text.startswith("Hi Ada: https://"), rendered
report = done(
    get_performance_report.sync(
        client=api, group_by=GetPerformanceReportGroupBy.MESSAGE, message_id="python-1"
    )
)
assert (report.rows[0].message_id, report.rows[0].sends) == ("python-1", 1), report
assert b"<svg" in done(get_link_qr_svg.sync(shortened.link_id, client=api)).payload.read()
assert done(get_link_qr_png.sync(shortened.link_id, client=api)).payload.read()[1:4] == b"PNG"
refused = shorten_link.sync(client=api, body=LinkRequest(url="https://example.com"))
assert isinstance(refused, V2Error) and refused.code == "missing_list_identifier", refused
