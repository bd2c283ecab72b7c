/**
 * The API, with the types of its OpenAPI document. Each request names the account, changes carry
 * the token against forged requests and an idempotency key, and an ended session asks for a new
 * one before the call is made again.
 */
import createClient, { type Middleware } from "openapi-fetch";
import { newIdempotencyKey } from "../browser";
import { connectionError, errorOf } from "./errors";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/** Who is asked, set by the session. */
export const identity = {
  accountId: null as number | null,
  csrfToken: null as string | null,
  /** Resolves once somebody has signed in again; rejects if that was given up. */
  signInAgain: null as (() => Promise<void>) | null,
};

const RETRIED = [502, 503, 504];
/** What is about the user is not done again with the same key. */
const WITHOUT_KEY = /\/api\/v2\/(sessions|me|password-resets|invitations\/)/;
const headersOfRequests: Middleware = {
  onRequest({ request }) {
    if (identity.accountId !== null) {
      request.headers.set("X-Waypost-Account", String(identity.accountId));
    }
    if (request.method !== "GET") {
      if (identity.csrfToken) request.headers.set("X-CSRF-Token", identity.csrfToken);
      const isKeyed = request.headers.has("Idempotency-Key") || WITHOUT_KEY.test(request.url);
      if (request.method === "POST" && !isKeyed) {
        request.headers.set("Idempotency-Key", newIdempotencyKey());
      }
    }
    return request;
  },
};

async function send(request: Request): Promise<Response> {
  const again = request.clone();
  const response = await attempt(request);
  const isSignIn = new URL(request.url).pathname.startsWith("/api/v2/sessions");
  if (response.status === 401 && identity.signInAgain && !isSignIn) {
    await identity.signInAgain();
    const headers = new Headers(again.headers);
    if (identity.csrfToken) headers.set("X-CSRF-Token", identity.csrfToken);
    return attempt(new Request(again, { headers }));
  }
  if (RETRIED.includes(response.status) && request.method === "GET") return attempt(again);
  return response;
}

async function attempt(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw connectionError();
  }
}

export const api = createClient<paths, "application/json">({
  baseUrl: location.origin,
  credentials: "same-origin",
  fetch: send,
});
api.use(headersOfRequests);

/** The data of an answer, or its error as an exception. */
export async function data<T>(
  call: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  const { data: answer, error, response } = await call;
  if (!response.ok) throw errorOf(response, error);
  return answer as T;
}
