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

export async function errorOf(response: Response): Promise<ApiError> {
  let code = "";
  let message = `The server answered ${response.status}.`;
  let field: string | null = null;
  try {
    const body: unknown = await response.clone().json();
    if (typeof body === "object" && body !== null) {
      const said = body as Record<string, unknown>;
      if (typeof said.code === "string") code = said.code;
      if (typeof said.error === "string") message = said.error;
      if (typeof said.field === "string") field = said.field;
    }
  } catch {
    // An answer of a server in front of the API is no JSON.
  }
  const retryAfter = Number(response.headers.get("retry-after"));
  return new ApiError(
    response.status,
    code,
    message,
    field,
    response.headers.get("x-request-id"),
    retryAfter > 0 ? retryAfter : null,
  );
}

export function connectionError(): ApiError {
  return new ApiError(0, "no_connection", "The server did not answer. Check your connection.");
}
