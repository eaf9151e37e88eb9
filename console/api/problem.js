/** What went wrong with a call, in one form: a refusal of the API (RFC 9457), or a node that cannot be reached. */

/**
 * @typedef {object} ProblemParts
 * @property {number} status 0: there was no answer
 * @property {string} code
 * @property {string} detail
 * @property {string | null} [requestId]
 * @property {number | null} [retryAfterS]
 * @property {Record<string, unknown>} [body] the whole document
 */

export class ApiProblem extends Error {
  /** @param {ProblemParts} parts */
  constructor({ status, code, detail, requestId = null, retryAfterS = null, body = {} }) {
    super(detail);
    this.name = "ApiProblem";
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.requestId = requestId;
    this.retryAfterS = retryAfterS;
    this.body = body;
    /** When the problem came. A count-down starts at this time. */
    this.at = Date.now();
  }

  /** @returns {{ pointer: string, detail: string }[]} the fields that are wrong */
  get errors() {
    const { errors } = this.body;
    return Array.isArray(errors) ? errors : [];
  }

  /** Whether it is unknown if the change was made. */
  get isOutcomeUnknown() {
    return this.body.outcome === "unknown";
  }
}

/**
 * @param {Response} response
 * @returns {Promise<ApiProblem>}
 */
export async function problemOf(response) {
  const { status, headers } = response;
  const retryAfter = headers.get("Retry-After");
  const body = await response.json().catch(() => ({}));
  return new ApiProblem({
    status,
    code: typeof body.code === "string" ? body.code : `http-${status}`,
    detail: typeof body.detail === "string" ? body.detail : `The answer was ${status} ${response.statusText}.`,
    requestId: headers.get("X-Request-Id"),
    retryAfterS: retryAfter === null ? null : Number(retryAfter),
    body,
  });
}

/** @param {unknown} error */
export const asProblem = (error) =>
  error instanceof ApiProblem
    ? error
    : new ApiProblem({ status: 0, code: "defect", detail: error instanceof Error ? error.message : String(error) });
