/** The plan of `npm run apply`. It compares and checks everything before the first change. */
import { isDeepStrictEqual } from "node:util";
import { type Dataset, overrideFaults } from "../services/policy/policy.dataset.document.ts";
import { type Api, Refused } from "./apply-api.ts";
import { ApplyFaults, type Wanted, type WantedClient } from "./apply-document.ts";

type Json = Record<string, unknown>;

/** One change. */
export interface Step {
  /** What the step changes: one line each. */
  lines: string[];
  /** Makes the change. Answers lines that are shown only once, such as a secret. */
  run(): Promise<string[]>;
}

interface Client {
  id: string;
  clientIdentifier: string;
  name: string;
}

/** Stands for a client that an earlier step creates. */
interface Made {
  id: string | null;
}

interface Secrets {
  secret?: string;
  webhook?: { secret?: string } | null;
}

export class Planner {
  readonly #api: Api;
  readonly #wanted: Wanted;
  readonly #faults: string[] = [];
  readonly #steps: Step[] = [];
  /** The datasets after the plan has run. Null: the dataset does not exist. */
  readonly #datasets = new Map<string, Dataset | null>();

  constructor(api: Api, wanted: Wanted) {
    this.#api = api;
    this.#wanted = wanted;
  }

  /** Makes the steps. Throws ApplyFaults with all faults, and the error of a lost connection. */
  async steps(): Promise<Step[]> {
    for (const [name, document] of this.#wanted.datasets) await this.#dataset(name, document);
    const known = await this.#clients([...this.#wanted.clients.keys()]);
    for (const [identifier, wanted] of this.#wanted.clients)
      await this.#client(identifier, wanted, known.get(identifier) ?? null);
    if (this.#faults.length > 0) throw new ApplyFaults(this.#faults);
    return this.#steps;
  }

  async #dataset(name: string, document: Json): Promise<void> {
    const path = `/datasets/${encodeURIComponent(name)}`;
    const before = await this.#api.find<Json>(path);
    const after = await this.#checked(`/datasets/${name}`, "PUT", `${path}?dryRun=true`, document);
    this.#datasets.set(name, after as Dataset | null);
    if (!after) return;
    const run = async () => {
      await this.#api.send("PUT", path, document);
      return [];
    };
    if (!before) this.#steps.push({ lines: [`+ dataset ${name}`], run });
    else this.#change(`~ dataset ${name}`, differences(before, after), run);
  }

  async #client(identifier: string, wanted: WantedClient, client: Client | null): Promise<void> {
    const made: Made = { id: client?.id ?? null };
    if (client) await this.#known(client, wanted);
    else await this.#new(identifier, wanted, made);
    for (const [name, override] of wanted.datasets) await this.#grant(identifier, made, name, override);
  }

  async #new(identifier: string, { name = identifier, policy }: WantedClient, made: Made): Promise<void> {
    const body = { clientIdentifier: identifier, name, ...(policy && { policy }) };
    await this.#checked(`/clients/${identifier}`, "POST", "/clients?dryRun=true", body);
    const run = async () => {
      const client = await this.#api.send<Client & Secrets>("POST", "/clients", body);
      made.id = client.id;
      return secretsOf(client);
    };
    this.#steps.push({ lines: [`+ client ${identifier}`], run });
  }

  async #known({ id, clientIdentifier, name: before }: Client, { name = before, policy }: WantedClient): Promise<void> {
    const path = `/clients/${id}`;
    this.#change(`~ client ${clientIdentifier}`, differences({ name: before }, { name }), async () => {
      await this.#api.send("PATCH", path, { name });
      return [];
    });
    if (!policy) return;
    const place = `/clients/${clientIdentifier}/policy`;
    const after = await this.#checked(place, "PUT", `${path}/policy?dryRun=true`, policy);
    if (!after) return;
    const now = (await this.#api.find<Json>(`${path}/policy`)) ?? {};
    this.#change(`~ policy of client ${clientIdentifier}`, differences(now, after), async () =>
      secretsOf(await this.#api.send<Secrets>("PUT", `${path}/policy`, policy)),
    );
  }

  async #grant(identifier: string, made: Made, name: string, override: Json): Promise<void> {
    const place = `/clients/${identifier}/datasets/${name}`;
    const dataset = await this.#datasetNamed(name);
    if (!dataset) {
      if (!this.#wanted.datasets.has(name)) this.#faults.push(`${place}: there is no dataset "${name}"`);
      return;
    }
    const faults = overrideFaults(dataset, override, { isHandler: () => true });
    this.#faults.push(...faults.map(({ pointer, detail }) => `${place}/override${pointer}: ${detail}`));
    const pathOf = (id: string | null) => `/clients/${id}/datasets/${encodeURIComponent(name)}`;
    const before = made.id === null ? null : await this.#api.find<{ override: Json }>(pathOf(made.id));
    const run = async () => {
      await this.#api.send("PUT", pathOf(made.id), override);
      return [];
    };
    const what = `dataset ${name} of client ${identifier}`;
    if (!before) this.#steps.push({ lines: [`+ ${what}`], run });
    else this.#change(`~ ${what}`, differences(before.override, override), run);
  }

  async #datasetNamed(name: string): Promise<Dataset | null> {
    const known = this.#datasets.get(name);
    if (known !== undefined) return known;
    const found = await this.#api.find<Dataset>(`/datasets/${encodeURIComponent(name)}`);
    this.#datasets.set(name, found);
    return found;
  }

  /** The complete document that the server would store. Null if the server would refuse it. */
  async #checked(place: string, method: string, path: string, body: unknown): Promise<Json | null> {
    try {
      return await this.#api.send<Json>(method, path, body);
    } catch (error) {
      if (!(error instanceof Refused) || ![409, 413, 422].includes(error.status)) throw error;
      this.#faults.push(...error.at(place));
      return null;
    }
  }

  #change(title: string, differing: string[], run: Step["run"]): void {
    if (differing.length > 0) this.#steps.push({ lines: [title, ...differing.map((line) => `    ${line}`)], run });
  }

  /** The existing clients with these identifiers. */
  async #clients(identifiers: string[]): Promise<Map<string, Client>> {
    const found = new Map<string, Client>();
    for (let cursor: string | null = ""; cursor !== null && found.size < identifiers.length; ) {
      const path: string = `/clients?limit=200${cursor ? `&cursor=${cursor}` : ""}`;
      const page: { items: Client[]; next: string | null } = await this.#api.send("GET", path);
      for (const client of page.items)
        if (identifiers.includes(client.clientIdentifier)) found.set(client.clientIdentifier, client);
      cursor = page.next;
    }
    return found;
  }
}

const secretsOf = ({ secret, webhook }: Secrets): string[] => [
  ...(secret ? [`secret: ${secret} (shown this once)`] : []),
  ...(webhook?.secret ? [`secret of the webhook: ${webhook.secret} (shown this once)`] : []),
];

const LONGEST_SHOWN = 120;
const shown = (value: unknown): string => {
  const text = value === undefined ? "none" : JSON.stringify(value);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
};

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The differences of two values, one line each: `backoff.delayMs: 1000 → 2000`. */
export function differences(before: unknown, after: unknown, place = ""): string[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isObject(before) || !isObject(after)) return [`${place}: ${shown(before)} → ${shown(after)}`];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => differences(before[name], after[name], place === "" ? name : `${place}.${name}`));
}
