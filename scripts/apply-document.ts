/** Reads the documents of `npm run apply`: YAML or JSON. Several files count as one document. */
import { readFileSync } from "node:fs";
import { type Document, parseDocument, visit } from "yaml";
import { inexactNumbers } from "../formats/check/exact-json.ts";

type Json = Record<string, unknown>;

export interface WantedClient {
  name?: string;
  policy?: Json;
  /** The client's overrides, by the names of datasets. */
  datasets: Map<string, Json>;
}

/** What the files ask for, by name. */
export interface Wanted {
  datasets: Map<string, Json>;
  /** The clients, by identifier. */
  clients: Map<string, WantedClient>;
}

/** All faults of the files, one line each. */
export class ApplyFaults extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(faults.join("\n"));
    this.faults = faults;
  }
}

/** Reads the files. Throws ApplyFaults. */
export function wantedOf(files: readonly { path: string; name: string }[]): Wanted {
  const wanted: Wanted = { datasets: new Map(), clients: new Map() };
  const faults: string[] = [];
  for (const { path, name } of files) {
    const found: string[] = [];
    take(wanted, parsed(path, found), found);
    faults.push(...found.map((fault) => `${name}: ${fault}`));
  }
  if (faults.length > 0) throw new ApplyFaults(faults);
  return wanted;
}

function parsed(path: string, faults: string[]): unknown {
  try {
    // YAML includes JSON.
    const document = parseDocument(readFileSync(path, "utf8"), { merge: true });
    // A warning counts as a fault: the parser has read a value with an unknown tag as something else.
    const { errors, warnings } = document;
    faults.push(...[...errors, ...warnings].map(({ message }) => message.split("\n")[0] as string));
    faults.push(
      ...roundedNumbers(document).map((source) => `expected a number that is kept as it is, found ${source}`),
    );
    return faults.length > 0 ? {} : document.toJS();
  } catch (error) {
    faults.push((error as Error).message);
    return {};
  }
}

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * Finds numbers that JavaScript would round. The API refuses such numbers, but would not see them, because they would be rounded
 * before they are sent.
 */
function roundedNumbers(document: Document): string[] {
  const found: string[] = [];
  visit(document, {
    Scalar(_, { value, source = "" }) {
      if (typeof value === "number" && JSON_NUMBER.test(source) && inexactNumbers(source).length > 0)
        found.push(source);
    },
  });
  return found;
}

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The members of an object. A member without a value counts as an empty object. */
function members(
  value: unknown,
  place: string,
  known: readonly string[] | null,
  faults: string[],
): [string, unknown][] {
  if (value === null || value === undefined) return [];
  if (!isObject(value)) {
    faults.push(`${place || "the document"}: expected an object`);
    return [];
  }
  const all = Object.entries(value);
  const unknown = known ? all.filter(([name]) => !known.includes(name)) : [];
  faults.push(...unknown.map(([name]) => `${place}/${name}: unknown field, expected ${known?.join(", ")}`));
  return all.filter((member) => !unknown.includes(member));
}

function documentOf(value: unknown, place: string, faults: string[]): Json {
  const document = value ?? {};
  if (!isObject(document)) faults.push(`${place}: expected an object`);
  if (hasNoJson(document)) faults.push(`${place}: expected values that JSON has`);
  return isObject(document) ? document : {};
}

const hasNoJson = (value: unknown): boolean =>
  typeof value === "object" && value !== null
    ? Object.values(value).some(hasNoJson)
    : typeof value === "number" && !Number.isFinite(value);

function take(wanted: Wanted, document: unknown, faults: string[]): void {
  const root = Object.fromEntries(members(document, "", ["datasets", "clients"], faults));
  for (const [name, value] of members(root.datasets, "/datasets", null, faults)) {
    const place = `/datasets/${name}`;
    if (wanted.datasets.has(name)) faults.push(`${place}: another file has it as well`);
    wanted.datasets.set(name, documentOf(value, place, faults));
  }
  for (const [identifier, value] of members(root.clients, "/clients", null, faults)) {
    const place = `/clients/${identifier}`;
    if (wanted.clients.has(identifier)) faults.push(`${place}: another file has it as well`);
    wanted.clients.set(identifier, clientOf(value, place, faults));
  }
}

function clientOf(value: unknown, place: string, faults: string[]): WantedClient {
  const { name, policy, datasets } = Object.fromEntries(members(value, place, ["name", "policy", "datasets"], faults));
  if (name !== undefined && typeof name !== "string") faults.push(`${place}/name: expected a text`);
  const grants = members(datasets, `${place}/datasets`, null, faults).map(([dataset, grant]): [string, Json] => {
    const at = `${place}/datasets/${dataset}`;
    const { override } = Object.fromEntries(members(grant, at, ["override"], faults));
    return [dataset, documentOf(override, `${at}/override`, faults)];
  });
  return {
    ...(typeof name === "string" && { name }),
    // A `policy` without a value counts as not given. Otherwise it would replace the client's policy with all defaults.
    ...(policy != null && { policy: documentOf(policy, `${place}/policy`, faults) }),
    datasets: new Map(grants),
  };
}
