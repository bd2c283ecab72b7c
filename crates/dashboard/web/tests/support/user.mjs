/** The users of the tests, which scripts/dashboard creates. */
import { API_URL } from "./browser.mjs";

export const ACCOUNT = process.env.ACCOUNT_ID;
export const OWNER = "mara@tamblewick.example";
export const ANALYST = "nora@tamblewick.example";
export const PASSWORD = process.env.PASSWORD;

/** Cookies of a new session. */
export async function signIn(email = OWNER) {
  const response = await fetch(`${API_URL}/api/v2/sessions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email, password: PASSWORD }),
  });
  if (!response.ok) throw new Error(`sign-in answered ${response.status} ${await response.text()}`);
  return response.headers.getSetCookie().map((line) => {
    const [pair = ""] = line.split(";");
    const at = pair.indexOf("=");
    return { name: pair.slice(0, at), value: pair.slice(at + 1), url: API_URL };
  });
}
