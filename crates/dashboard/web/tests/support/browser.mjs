/**
 * Chromium on the dashboard. Whatever a page should never do fails the test that saw it: a
 * violation of the content security policy, a request to another host, a line in the console.
 */
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
export const API_URL = process.env.API_URL;
export const OUT = process.env.OUT ?? "/tmp";
export const WIDE = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

export async function start() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}

/** A page of somebody who is signed in with these cookies, and what it should not have done. */
export async function open(browser, { theme = "light", viewport = WIDE, cookies, zone } = {}) {
  const context = await browser.newContext({
    viewport,
    colorScheme: theme,
    // Another zone than the account's: the page must not show it.
    timezoneId: zone ?? "Asia/Tokyo",
    locale: "en-US",
    reducedMotion: "reduce",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  if (cookies) await context.addCookies(cookies);
  const page = await context.newPage();
  const faults = [];
  await page.exposeFunction("reportViolation", (text) => faults.push(text));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      window.reportViolation(
        `${event.violatedDirective} refused ${event.blockedURI} ${event.sample}`,
      );
    });
  });
  page.on("console", (message) => {
    // Refused calls are part of some tests; the browser writes a line for each.
    const isRefusal = message.text().startsWith("Failed to load resource");
    if (["error", "warning"].includes(message.type()) && !isRefusal) faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith("http") && origin !== API_URL) faults.push(`request to ${origin}`);
  });
  return { context, page, faults };
}

/** What axe finds against WCAG 2.2 A and AA and its best practices. */
export async function axe(page) {
  // Evaluated by the debugger, not by a script element, which the policy would refuse.
  const source = require("node:fs").readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(source);
  const result = await page.evaluate(() =>
    window.axe.run(document, { resultTypes: ["violations"] }),
  );
  return result.violations.map(
    ({ id, nodes }) =>
      `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join("; ")}`,
  );
}

export async function picture(page, name) {
  mkdirSync(OUT, { recursive: true });
  await page.screenshot({ path: join(OUT, `${name}.png`), fullPage: true });
}

/** Until nothing is loading any more. */
export async function settled(page) {
  await page.waitForLoadState("networkidle");
  await page.waitForFunction(() => !document.querySelector(".skel, [aria-busy=true]"));
}
