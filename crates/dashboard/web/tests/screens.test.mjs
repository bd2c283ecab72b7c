// Every screen in light, dark and phone width: it shows its data, breaks no rule of the policy,
// and axe finds nothing. The pictures are for people to look at.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { API_URL, axe, open, PHONE, picture, settled, start, WIDE } from "./support/browser.mjs";
import { ACCOUNT, signIn } from "./support/user.mjs";

let browser;
let cookies;

before(async () => {
  cookies = await signIn();
  browser = await start();
});
after(() => browser.close());

const SCREENS = [
  { name: "sign-in", path: "/sign-in", shows: "Sign in", signedOut: true },
  { name: "overview", path: `/a/${ACCOUNT}/overview`, shows: "Where" },
  { name: "reports", path: `/a/${ACCOUNT}/reports?rows=offer,country`, shows: "All 8 offers" },
  { name: "clicks", path: `/a/${ACCOUNT}/clicks?from=30d`, shows: "Person" },
  { name: "conversions", path: `/a/${ACCOUNT}/conversions?from=30d`, shows: "Sale" },
  { name: "postbacks", path: `/a/${ACCOUNT}/postbacks`, shows: "Explain a postback" },
  { name: "links", path: `/a/${ACCOUNT}/links`, shows: "tmbl.example/glim" },
  { name: "new-link", path: `/a/${ACCOUNT}/links?open=new`, shows: "Destination" },
  { name: "nothing", path: `/a/${ACCOUNT}/reports?country=ZW`, shows: "Nothing fits" },
];
const MODES = [
  { theme: "light", viewport: WIDE },
  { theme: "dark", viewport: WIDE },
  { theme: "light", viewport: PHONE },
  { theme: "dark", viewport: PHONE },
];

for (const screen of SCREENS) {
  test(`${screen.name} in light, dark and phone width`, async () => {
    for (const mode of MODES) {
      const own = screen.signedOut ? {} : { cookies };
      const { context, page, faults } = await open(browser, { ...mode, ...own });
      await page.goto(API_URL + screen.path);
      await page.getByText(screen.shows, { exact: false }).first().waitFor();
      await settled(page);
      await picture(page, `${screen.name}-${mode.theme}-${mode.viewport.width}`);
      const where = `${screen.name} ${mode.theme} ${mode.viewport.width}`;
      assert.deepEqual(await axe(page), [], where);
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      assert.ok(overflow <= 0, `${where} is ${overflow} px wider than the window`);
      assert.deepEqual(faults, [], where);
      await context.close();
    }
  });
}
