/** The calls of the operators' API that `npm run apply` makes. */

export interface Problem {
  code?: string;
  title?: string;
  detail?: string;
  errors?: { pointer: string; detail: string }[];
  overrides?: { clientId: string; errors: { pointer: string; detail: string }[] }[];
}

/** An answer that is not 2xx. */
export class Refused extends Error {
  readonly status: number;
  readonly problem: Problem;
  constructor(status: number, problem: Problem) {
    super(`${status} ${problem.code ?? ""}: ${problem.detail ?? problem.title ?? "no reason was told"}`);
    this.status = status;
    this.problem = problem;
  }

  /** One line for each fault. `place`: what the faults belong to. */
  at(place: string): string[] {
    const { errors = [], overrides = [] } = this.problem;
    const own = errors.map(({ pointer, detail }) => `${place}${pointer}: ${detail}`);
    const others = overrides.flatMap(({ clientId, errors }) =>
      errors.map(
        ({ pointer, detail }) => `${place}: makes the override of client ${clientId} invalid: ${pointer}: ${detail}`,
      ),
    );
    const all = [...own, ...others];
    return all.length > 0 ? all : [`${place}: ${this.message}`];
  }
}

export class Api {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url.replace(/\/+$/, "");
    this.#token = token;
  }

  /** Sends a request and answers its JSON. Throws Refused for an answer that is not 2xx, and the error of a lost connection. */
  async send<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.#url}/admin${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.ok) return (text === "" ? null : JSON.parse(text)) as T;
    throw new Refused(response.status, problemOf(text));
  }

  /** Reads something. Null if it does not exist. */
  async find<T>(path: string): Promise<T | null> {
    try {
      return await this.send<T>("GET", path);
    } catch (error) {
      if (error instanceof Refused && error.status === 404) return null;
      throw error;
    }
  }
}

/** The problem in an answer. A proxy may answer with an HTML page instead of JSON. */
function problemOf(text: string): Problem {
  try {
    return JSON.parse(text) as Problem;
  } catch {
    return {};
  }
}
