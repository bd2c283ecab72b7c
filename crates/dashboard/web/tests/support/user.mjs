/** The user of the tests, made by the command of operators, and signed in by the API. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { API_URL } from "./browser.mjs";

export const ACCOUNT = process.env.ACCOUNT_ID;
export const EMAIL = "mara@tamblewick.example";
export const PASSWORD = "a long password for tests";

export function createUser(email = EMAIL, role = "owner", name = "Mara Ostrel") {
  execFileSync(
    join(process.env.BIN, "links-api"),
    [
      "users",
      "create",
      "--email",
      email,
      "--account",
      ACCOUNT,
      "--role",
      role,
      "--name",
      name,
      "--password-stdin",
    ],
    { input: PASSWORD },
  );
}

/** Cookies of a new session. */
export async function signIn(email = EMAIL) {
  const response = await fetch(`${API_URL}/api/v2/sessions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email, password: PASSWORD }),
  });
  if (!response.ok) throw new Error(`sign-in answered ${response.status} ${await response.text()}`);
  return response.headers.getSetCookie().map((line) => {
    const [pair] = line.split(";");
    const at = pair.indexOf("=");
    return { name: pair.slice(0, at), value: pair.slice(at + 1), url: API_URL };
  });
}
