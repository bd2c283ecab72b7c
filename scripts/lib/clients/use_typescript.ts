// What a program does with the client that openapi-typescript makes: create a key and a link,
// shorten, bulk, creative, render, report and QR code. It compiles in strict mode without casts.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { env: Record<string, string | undefined> };

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is missing`);
  return value;
}

// What the API answered; an error has a code.
function data<T>(result: { data?: T; error?: unknown; response: Response }): T {
  if (result.data === undefined) {
    throw new Error(`${result.response.url}: ${result.response.status} ${JSON.stringify(result.error)}`);
  }
  return result.data;
}

function expect(what: string, found: unknown, wanted: unknown): void {
  if (found !== wanted) throw new Error(`${what} is ${String(found)}, not ${String(wanted)}`);
}

const baseUrl = setting("API_URL");
const operator = createClient<paths>({ baseUrl, headers: { "X-Api-Key": setting("OPERATOR_KEY") } });
const account_id = Number(setting("ACCOUNT_ID"));
const { key } = data(
  await operator.POST("/api/v2/accounts/{account_id}/keys", {
    params: { path: { account_id } },
    body: { name: "typescript", scopes: ["*"] },
  }),
);
if (key === null) throw new Error("the key is not shown");
const api = createClient<paths>({ baseUrl, headers: { "X-Api-Key": key } });

const short_domain = "typescript.example";
data(await api.POST("/api/v2/domains", { body: { host: short_domain, kind: "short" } }));
const click_domain = "ct.typescript.example";
data(await api.POST("/api/v2/domains", { body: { host: click_domain, kind: "click" } }));
const list = data(
  await api.POST("/api/v2/lists", {
    body: { phone_number: "+18005550171", list_name: "TypeScript", short_domain, click_domain },
  }),
);
const partnership = data(
  await api.POST("/api/v2/partnership-offers", {
    body: {
      name: "Partnership",
      destination_url_template: "https://example.com/?c={click_id}",
      payout: "2.50",
      filter_bots: true,
    },
  }),
);
const link = data(
  await api.POST("/api/v2/links", { body: { offerId: partnership.id, listId: list.id } }),
);
expect("the domain", link.domain, `https://${short_domain}`);
const metadata: components["schemas"]["LinkRequest"]["metadata"] = { source: "crm", tags: ["a"] };
const shortened = data(
  await api.POST("/api/v2/links/shorten", {
    body: { url: "https://example.com/page", listId: list.id, metadata },
  }),
);
expect("metadata", shortened.metadata?.["source"], "crm");
const bulk = data(
  await api.POST("/api/v2/links/bulk", {
    body: {
      links: [
        { url: "https://example.com/a", listId: list.id },
        { url: "no URL", listId: list.id },
      ],
    },
  }),
);
expect("the code of the second link", bulk.errors[0]?.code, "invalid_url");
const offer = data(
  await api.POST("/api/v2/offers", { body: { name: "Offer", tracking_url: "https://example.com/o" } }),
);
const { creative } = data(
  await api.POST("/api/v2/creatives", {
    body: {
      name: "Promo",
      message: "Hi {{contact.first_name}}: {{link1}}",
      offer_links: [{ key: "link1", offer_id: offer.id, url_params: { sub1: "sms" } }],
    },
  }),
);
const rendered = data(
  await api.POST("/api/v2/creatives/{creative_id}/render", {
    params: { path: { creative_id: creative.id } },
    body: {
      listId: list.id,
      messages: [
        { messageId: "typescript-1", contactPhone: "+12025550101", variables: { first_name: "Ada" } },
      ],
    },
  }),
);
expect("the text", rendered.messages[0]?.text.startsWith("Hi Ada: https://"), true);
const report = data(
  await api.GET("/api/v2/reports/performance", {
    params: { query: { group_by: "message", message_id: "typescript-1" } },
  }),
);
// With format=csv it would be a text.
if (typeof report === "string") throw new Error("the report is CSV");
expect("the sends", report.rows[0]?.sends, 1);
expect("the message", report.rows[0]?.message_id, "typescript-1");
const path = { link_id: shortened.linkId };
const svg = data(
  await api.GET("/api/v2/links/{link_id}/qr.svg", { params: { path }, parseAs: "text" }),
);
expect("the SVG", svg.includes("<svg"), true);
const png = data(
  await api.GET("/api/v2/links/{link_id}/qr.png", { params: { path }, parseAs: "arrayBuffer" }),
);
expect("the PNG", new Uint8Array(png)[1], 0x50);
const refused = await api.POST("/api/v2/links/shorten", { body: { url: "https://example.com" } });
expect("the error", refused.error?.code, "missing_list_identifier");
