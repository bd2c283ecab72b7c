// What people do on the screens, against a running system.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { API_URL, axe, open, settled, start } from "./support/browser.mjs";
import { ACCOUNT, ANALYST, OWNER, PASSWORD, signIn } from "./support/user.mjs";

let browser;
let cookies;

before(async () => {
  cookies = await signIn();
  browser = await start();
});
after(() => browser.close());

/** A page of the account, with its faults checked at the end. */
async function visit(path, act, options = {}) {
  const { context, page, faults } = await open(browser, { cookies, ...options });
  await page.goto(`${API_URL}/a/${ACCOUNT}/${path}`);
  await settled(page);
  await act(page, context);
  assert.deepEqual(faults, []);
  await context.close();
}

async function report(parameters) {
  const query = new URLSearchParams(parameters);
  const response = await fetch(`${API_URL}/api/v2/reports/performance?${query}`, {
    headers: {
      cookie: cookies.map(({ name, value }) => `${name}=${value}`).join("; "),
      "x-waypost-account": ACCOUNT,
    },
  });
  assert.equal(response.status, 200);
  return response.json();
}

function figure(text) {
  return Number(text.replace(/[^0-9.]/g, ""));
}

test("signing in goes on where one wanted to go, and a wrong password is said at the field", async () => {
  const { context, page, faults } = await open(browser);
  await page.goto(`${API_URL}/a/${ACCOUNT}/reports?rows=country`);
  await page.getByLabel("E-mail").fill(OWNER);
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  assert.equal(await page.getByLabel("E-mail").inputValue(), OWNER, "nothing typed is lost");
  assert.equal(await page.getByLabel("Password").getAttribute("aria-invalid"), "true");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Countries", level: 1 }).waitFor();
  assert.match(page.url(), /rows=country/);
  assert.deepEqual(faults, []);
  await context.close();
});

test("the tiles are the report's totals, and all clicks are unique, repeated or bots", async () => {
  await visit("overview?from=7d", async (page) => {
    const tile = async (name) =>
      figure(await page.locator(".kpi", { hasText: name }).locator(".v").innerText());
    const days = await page.evaluate(() =>
      performance.getEntriesByType("resource").map((one) => one.name),
    );
    const asked = new URL(days.find((name) => /group_by=(hour|date)/.test(name)));
    const { totals } = await report(asked.searchParams);
    assert.equal(await tile("Clicks"), totals.clicks);
    assert.equal(await tile("Bots"), totals.bot_clicks);
    assert.equal(await tile("Unique"), totals.unique_clicks);
    assert.equal(await tile("Conversions"), totals.conversions);
    assert.equal(await tile("Revenue"), Number(totals.revenue));
    const parts = await page.locator(".went > li:not(.in):not(.sum) .num").allInnerTexts();
    assert.equal(
      parts.map(figure).reduce((a, b) => a + b),
      totals.clicks,
    );
    assert.ok(totals.clicks > 0);
  });
});

test("the address is the state: filters, range and order are in it, and Back takes them off", async () => {
  await visit("reports", async (page) => {
    await page.getByRole("row").nth(2).getByRole("link").click();
    await page.waitForURL(/offer_id=/);
    assert.equal(await page.getByRole("row").count(), 3, "the head, the totals and one row");
    await page.reload();
    await settled(page);
    assert.equal(await page.getByRole("row").count(), 3);
    await page.goBack();
    await settled(page);
    assert.equal(await page.getByRole("row").count(), 10);
    await page
      .getByRole("columnheader", { name: "Revenue", exact: true })
      .getByRole("button")
      .click();
    await page.waitForURL(/sort=-revenue/);
    await page.keyboard.press("d");
    await page.waitForURL(/from=today/);
  });
});

test("a second dimension opens below a row, and its clicks are those of the row", async () => {
  await visit("reports?rows=offer,country&cols=clicks", async (page) => {
    const first = page.getByRole("row").nth(2);
    const whole = figure(await first.getByRole("cell").last().innerText());
    await first.getByRole("button", { name: /Rows below/ }).click();
    await page.locator("tr.kid").first().waitFor();
    const cells = await page.locator("tr.kid td:last-child").allInnerTexts();
    assert.equal(
      cells.map(figure).reduce((a, b) => a + b),
      whole,
    );
  });
});

test("selected rows are summed, and can be left out", async () => {
  await visit("reports?cols=clicks,unique_clicks,revenue", async (page) => {
    const rows = page.getByRole("row");
    const clicks = [];
    for (const i of [2, 3]) {
      await rows.nth(i).getByRole("checkbox").check();
      clicks.push(figure(await rows.nth(i).getByRole("cell").nth(1).innerText()));
    }
    const bar = page.getByRole("region", { name: "Selected rows" });
    const sum = clicks[0] + clicks[1];
    assert.match(await bar.innerText(), new RegExp(`Clicks ${sum.toLocaleString("en-US")}`));
    await bar.getByRole("button", { name: "Without these" }).click();
    await page.waitForURL(/offer_id\.not=/);
    await settled(page);
    assert.equal(await rows.count(), 8);
  });
});

test("a failed call keeps what is shown and says what to do", async () => {
  await visit("reports", async (page, context) => {
    await context.route("**/reports/performance**", (route) =>
      route.fulfill({
        status: 503,
        headers: { "x-request-id": "7f3c-19ab" },
        json: { code: "timeout", error: "The database did not answer within 10 s." },
      }),
    );
    await page.keyboard.press("t");
    const alert = page.getByRole("alert").first();
    await alert.waitFor();
    assert.match(await alert.innerText(), /did not answer within 10 s[\s\S]*7f3c-19ab/);
    assert.equal(await page.getByRole("row").count(), 10, "the old rows stay");
    assert.deepEqual(await axe(page), []);
    await context.unroute("**/reports/performance**");
    await page.getByRole("button", { name: "Try again" }).first().click();
    await page.getByRole("alert").first().waitFor({ state: "detached" });
  });
});

test("an ended session asks to sign in over the page, and goes on", async () => {
  await visit("reports", async (page, context) => {
    await context.clearCookies();
    await page.keyboard.press("m");
    const dialog = page.getByRole("dialog", { name: "Your session ended" });
    await dialog.waitFor();
    assert.deepEqual(await axe(page), []);
    await dialog.getByLabel("Password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });
    await settled(page);
    assert.match(page.url(), /from=month/);
    assert.equal(await page.getByRole("alert").count(), 0);
  });
});

test("a link is made, refused without losing what was typed, and deactivated with an undo", async () => {
  await visit("links?open=new", async (page) => {
    await page.getByLabel("Destination").fill("https://shop.example/kit?c={clickid}");
    await page.getByText("{click_id}").first().waitFor();
    await page.getByLabel("Short link").fill("glim");
    await page.getByRole("button", { name: /Make link/ }).click();
    await page.getByRole("alert").waitFor();
    assert.equal(await page.getByLabel("Short link").inputValue(), "glim");
    const slug = `test-${Math.floor(performance.now())}`;
    await page.getByLabel("Short link").fill(slug);
    await page.keyboard.press("Control+Enter");
    await page.getByText("is made and copied").waitFor();
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), new RegExp(slug));
    const row = page.getByRole("row", { name: new RegExp(slug) });
    await row.getByRole("button", { name: "Deactivate" }).click();
    await page.getByText(`${slug} is deactivated`).waitFor();
    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByText(`${slug} is active again`).waitFor();
  });
});

test("the palette opens screens by the keyboard alone", async () => {
  await visit("overview", async (page) => {
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Search" }).fill("report by cou");
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Countries", level: 1 }).waitFor();
  });
});

test("the chart is read by the arrow keys, and as a table", async () => {
  await visit("overview", async (page) => {
    const chart = page.getByRole("slider");
    await chart.focus();
    const before = await chart.getAttribute("aria-valuetext");
    await page.keyboard.press("ArrowRight");
    assert.notEqual(await chart.getAttribute("aria-valuetext"), before);
    await page.getByRole("button", { name: "Show as table" }).first().click();
    await page
      .getByRole("region", { name: /as a table/ })
      .getByRole("row")
      .nth(2)
      .waitFor();
    assert.deepEqual(await axe(page), []);
  });
});

test("a postback is explained", async () => {
  await visit("postbacks", async (page) => {
    await page
      .getByLabel("Explain a postback")
      .fill("/conv?link_id=glim&txn_id=A-17&revenue=12.50");
    await page.getByRole("button", { name: "Explain" }).click();
    await page.getByText("It would be stored").waitFor();
    assert.deepEqual(await axe(page), []);
  });
});

test("who may not make links has no button for it, and other accounts do not exist", async () => {
  const own = await signIn(ANALYST);
  await visit(
    "overview",
    async (page) => assert.equal(await page.getByRole("link", { name: "New link" }).count(), 0),
    { cookies: own },
  );
  const { context, page } = await open(browser, { cookies: own });
  await page.goto(`${API_URL}/a/99999/overview`);
  await page.getByRole("heading", { name: "There is no such account" }).waitFor();
  await context.close();
});

test("text of strangers is text", async () => {
  await visit("reports?rows=sub1", async (page) => {
    await page.getByText('Ω "quoted" <b>sub</b>').first().waitFor();
  });
});
