/** The calls of admins about the keys of a client. */
import { type Fault, Problem } from "../../../lib/errors.ts";
import { choice, described, instant, type JsonSchema, listOf, orNull, record, text } from "../../../lib/json-schema.ts";
import { rangeIn } from "../../../lib/net/ranges.ts";
import { actors } from "../../actors.ts";
import {
  DEFAULT_KEY,
  KEY_NAME,
  KEY_NAME_RULE,
  type KeyScope,
  keyScopes,
  type ListedKey,
} from "../../clientCache/clientCache.contract.ts";
import { type Exchange, json, privateJson, type Reply } from "../http/exchange.ts";
import { instantMs, jsonBody, noBody, objectOf, strictly } from "../http/input.ts";
import { time } from "./views.ts";

const MOST_RANGES = 50;
/** The most characters of an address with a network. */
const LONGEST_RANGE = 64;

const range = { type: "string", maxLength: LONGEST_RANGE, description: "An address or a network (CIDR)." };
const ranges = { type: "array", minItems: 1, maxItems: MOST_RANGES, uniqueItems: true, items: range };
const scopes = { type: "array", minItems: 1, uniqueItems: true, items: choice(keyScopes) };

export const newKey = strictly({
  name: {
    type: "string",
    pattern: KEY_NAME,
    messages: { stringPattern: `expected ${KEY_NAME_RULE}` },
  },
  expiresAt: {
    type: "string",
    optional: true,
    jsonSchema: { ...instant, description: "When the key ends by itself. Left out: never." },
  },
  allowedCidrs: { type: "any", optional: true, jsonSchema: ranges },
  scopes: { type: "any", optional: true, jsonSchema: scopes },
});

const fields = {
  id: text(`\`${DEFAULT_KEY}\`: the client's own secret, which rotate-secret changes.`),
  name: text(),
  createdAt: instant,
  expiresAt: described("When it ends by itself; null: never.", orNull(instant)),
  allowedCidrs: described("Where it may come from; null: anywhere.", orNull(listOf(text()))),
  scopes: described("`import`: calls that send or change, and checks. `read`: GET.", listOf(choice(keyScopes))),
  lastUsedAt: described("To the minute; null: never.", orNull(instant)),
};

/** The schema of what `keyView` answers. */
export const keySchema: JsonSchema = record(fields);

/** The schema of the answer that creates a key. */
export const newKeySchema: JsonSchema = record({ ...fields, secret: text("Shown in this answer only.") });

/** The schema of a list of keys. */
export const keysSchema: JsonSchema = record({
  items: listOf(keySchema),
  next: described("Always null: the list is whole.", { type: "null" }),
});

export const keyView = ({ id, name, createdAt, expiresAt, allowedCidrs, scopes: its, lastUsedAt }: ListedKey) => ({
  id,
  name,
  createdAt: time(createdAt),
  expiresAt: time(expiresAt),
  allowedCidrs,
  scopes: its ?? keyScopes,
  lastUsedAt: time(lastUsedAt),
});

/** Checks each item of a list. `read` answers the item, or what is wrong with the item. */
function listIn<T>(
  name: string,
  value: unknown,
  most: number,
  read: (item: unknown) => { item: T } | { fault: string },
): { items?: T[]; faults: Fault[] } {
  if (value === undefined) return { faults: [] };
  if (!Array.isArray(value) || value.length === 0 || value.length > most)
    return { faults: [{ pointer: `/${name}`, detail: `expected a list of 1 to ${most}` }] };
  const items: T[] = [];
  const faults: Fault[] = [];
  for (const [i, one] of value.entries()) {
    const found = read(one);
    const pointer = `/${name}/${i}`;
    if ("fault" in found) faults.push({ pointer, detail: found.fault });
    else if (items.includes(found.item))
      faults.push({ pointer, detail: `expected each value once, found ${JSON.stringify(found.item)} again` });
    else items.push(found.item);
  }
  return { items, faults };
}

const rangeOf = (value: unknown) => {
  const found = rangeIn(value);
  return "fault" in found ? found : { item: found.range };
};

const scopeOf = (value: unknown): { item: KeyScope } | { fault: string } =>
  keyScopes.includes(value as KeyScope)
    ? { item: value as KeyScope }
    : { fault: `expected one of ${keyScopes.join(", ")}, found ${JSON.stringify(value)?.slice(0, 60)}` };

function endIn(given: string | undefined): { ms?: number; faults: Fault[] } {
  if (given === undefined) return { faults: [] };
  const ms = instantMs(given);
  if (ms !== null && ms > Date.now()) return { ms, faults: [] };
  const detail = `expected a time to come with its offset, such as 2027-01-31T12:00:00Z, found ${JSON.stringify(given).slice(0, 60)}`;
  return { faults: [{ pointer: "/expiresAt", detail }] };
}

/** Reads the draft of a key. Throws validation. */
function draftOf(body: unknown) {
  const { name, expiresAt, allowedCidrs, scopes: wanted } = newKey(objectOf(body));
  const end = endIn(expiresAt);
  const from = listIn("allowedCidrs", allowedCidrs, MOST_RANGES, rangeOf);
  const its = listIn("scopes", wanted, keyScopes.length, scopeOf);
  const errors = [...end.faults, ...from.faults, ...its.faults];
  if (errors.length > 0) throw new Problem("validation", "A field is wrong or unknown.", { errors });
  return {
    name,
    expiresAt: end.ms ?? null,
    allowedCidrs: from.items ?? null,
    scopes: its.items ?? null,
  };
}

const clientIn = ({ path }: Exchange): string => path.id ?? "";

export async function postKey(exchange: Exchange): Promise<Reply> {
  const draft = draftOf(await jsonBody(exchange));
  const publicId = clientIn(exchange);
  const { key, secret } = await actors.clientCache.createKey(exchange.ctx, { publicId, ...draft });
  const location = `/admin/clients/${publicId}/keys/${key.id}`;
  return privateJson(201, { ...keyView(key), secret }, { Location: location });
}

/** Lists all keys of the client, without pages: a client has few. */
export async function listKeys(exchange: Exchange): Promise<Reply> {
  const keys = await actors.clientCache.keys(exchange.ctx, { publicId: clientIn(exchange) });
  return json(200, { items: keys.map(keyView), next: null });
}

export async function getKey(exchange: Exchange): Promise<Reply> {
  const keys = await actors.clientCache.keys(exchange.ctx, { publicId: clientIn(exchange) });
  const key = keys.find(({ id }) => id === exchange.path.keyId);
  if (!key) throw new Problem("not-found", "The client has no such key.");
  return json(200, keyView(key));
}

/** Deletes a key. Requests with this key that still run end, and so do the sessions that began with it. */
export async function deleteKey(exchange: Exchange): Promise<Reply> {
  await noBody(exchange);
  const publicId = clientIn(exchange);
  await actors.clientCache.removeKey(exchange.ctx, { publicId, keyId: exchange.path.keyId ?? "" });
  return { status: 204 };
}
