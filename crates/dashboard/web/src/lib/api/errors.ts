/** What an answer of the API says when a call failed. */

export class ApiError extends Error {
  constructor(
    /** 0 if there was no answer. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field: string | null = null,
    readonly requestId: string | null = null,
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
  }
}

/** `body` is what the answer said, read as JSON where it is that. */
export function errorOf(response: Response, body: unknown): ApiError {
  const said = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const text = (value: unknown) => (typeof value === "string" ? value : null);
  const retryAfter = Number(response.headers.get("retry-after"));
  return new ApiError(
    response.status,
    text(said.code) ?? "",
    text(said.error) ?? `The server answered ${response.status}.`,
    text(said.field),
    response.headers.get("x-request-id"),
    retryAfter > 0 ? retryAfter : null,
  );
}

export function connectionError(): ApiError {
  return new ApiError(0, "no_connection", "The server did not answer. Check your connection.");
}
