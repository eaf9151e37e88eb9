/** What `npm run apply` asks of the operators' API. */

export interface Problem {
  code?: string;
  title?: string;
  detail?: string;
  errors?: { pointer: string; detail: string }[];
  overrides?: { clientId: string; errors: { pointer: string; detail: string }[] }[];
}

/** An answer that is no success. */
export class Refused extends Error {
  readonly status: number;
  readonly problem: Problem;
  constructor(status: number, problem: Problem) {
    super(`${status} ${problem.code ?? ""}: ${problem.detail ?? problem.title ?? "no reason was told"}`);
    this.status = status;
    this.problem = problem;
  }

  /** A line for each fault. */
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

  /** The JSON of a success. Throws Refused, and what a lost connection throws. */
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

  /** Null: there is none. */
  async find<T>(path: string): Promise<T | null> {
    try {
      return await this.send<T>("GET", path);
    } catch (error) {
      if (error instanceof Refused && error.status === 404) return null;
      throw error;
    }
  }
}

/** A proxy may answer with a page. */
function problemOf(text: string): Problem {
  try {
    return JSON.parse(text) as Problem;
  } catch {
    return {};
  }
}
