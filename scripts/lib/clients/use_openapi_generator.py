"""What a program does with the client that OpenAPI Generator makes: create a key and a link,
shorten, bulk, creative, render, report and QR code. It checks answers by their types."""

import os

import waypost_generated as waypost


def connect(key):
    """A client with the API key in the header `X-Api-Key`."""
    configuration = waypost.Configuration(host=os.environ["API_URL"], api_key={"ApiKey": key})
    return waypost.ApiClient(configuration)


key = waypost.AccountsApi(connect(os.environ["OPERATOR_KEY"])).create_key(
    int(os.environ["ACCOUNT_ID"]), waypost.CreateKeyRequest(name="generator", scopes=["*"])
)
client = connect(key.key)
links = waypost.LinksApi(client)
lists = waypost.ListsApi(client)
offers = waypost.OffersApi(client)
creatives = waypost.CreativesApi(client)

SHORT, CLICK = "generator.example", "ct.generator.example"
for host, kind in [(SHORT, "short"), (CLICK, "click")]:
    lists.create_domain(waypost.CreateDomainRequest(host=host, kind=kind))
sending_list = lists.create_list(
    waypost.CreateListRequest(
        phone_number="+18005550173", list_name="Generator", short_domain=SHORT, click_domain=CLICK
    )
)
partnership = offers.create_partnership_offer(
    waypost.CreatePartnershipOfferRequest(
        name="Partnership",
        destination_url_template="https://example.com/?c={click_id}",
        payout=waypost.DecimalAmount("2.50"),
        filter_bots=waypost.ClearableBool(True),
    )
)
link = links.create_link(waypost.LinkRequest(offer_id=partnership.id, list_id=sending_list.id))
assert link.domain == f"https://{SHORT}", link
shortened = links.shorten_link(
    waypost.LinkRequest(
        url="https://example.com/page",
        list_id=sending_list.id,
        metadata={"source": "crm", "tags": ["a"]},
    )
)
assert shortened.metadata["source"] == "crm", shortened
bulk = links.create_links(
    waypost.CreateLinksRequest(
        links=[
            waypost.LinkRequest(url="https://example.com/a", list_id=sending_list.id),
            waypost.LinkRequest(url="no URL", list_id=sending_list.id),
        ]
    )
)
assert [error.code for error in bulk.errors] == ["invalid_url"], bulk
offer = offers.create_offer(
    waypost.CreateOfferRequest(name="Offer", tracking_url="https://example.com/o")
)
created = creatives.create_creative(
    waypost.CreateCreativeRequest(
        name="Promo",
        message="Hi {{contact.first_name}}: {{link1}}",
        offer_links=[waypost.OfferLinkRequest(key="link1", offer_id=offer.id)],
    )
)
message = waypost.MessageRequest(
    message_id="generator-1", contact_phone="+12025550103", variables={"first_name": "Ada"}
)
rendered = creatives.render_creative(
    created.creative.id,
    waypost.RenderCreativeRequest(list_id=sending_list.id, messages=[message]),
)
assert rendered.messages[0].text.startswith("Hi Ada: https://"), rendered
report = waypost.ReportsApi(client).get_performance_report(
    group_by="message", message_id="generator-1"
)
assert (report.rows[0].message_id, report.rows[0].sends) == ("generator-1", 1), report
assert b"<svg" in links.get_link_qr_svg(shortened.link_id)
assert links.get_link_qr_png(shortened.link_id)[1:4] == b"PNG"
try:
    links.shorten_link(waypost.LinkRequest(url="https://example.com"))
    raise AssertionError("a link without a list is refused")
except waypost.ApiException as error:
    assert error.status == 400 and error.data.code == "missing_list_identifier", error
