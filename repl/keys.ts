/** The commands for the keys of clients. */
import type { ServiceBroker } from "moleculer";
import { Problem } from "../lib/errors.ts";
import { rangeIn } from "../lib/net/ranges.ts";
import { actors } from "../services/actors.ts";
import {
  type Client,
  KEY_NAME,
  KEY_NAME_RULE,
  type KeyScope,
  keyScopes,
  type ListedKey,
} from "../services/clientCache/clientCache.contract.ts";
import { type Answer, type Args, age, type Command, operand, say } from "./answer.ts";
import { clientNamed } from "./clients.ts";

const wrong = (detail: string) => new Problem("validation", detail);
const entriesOf = (text: unknown): string[] =>
  String(text)
    .split(",")
    .map((entry) => entry.trim());

function rangesOf(text: unknown): string[] | null {
  if (text === undefined) return null;
  return entriesOf(text).map((entry) => {
    const found = rangeIn(entry);
    if ("fault" in found) throw wrong(`--from: ${found.fault}.`);
    return found.range;
  });
}

function scopesOf(text: unknown): KeyScope[] | null {
  if (text === undefined) return null;
  const scopes = entriesOf(text);
  const unknown = scopes.find((scope) => !(keyScopes as readonly string[]).includes(scope));
  if (unknown !== undefined) throw wrong(`--scopes takes ${keyScopes.join(", ")}, not ${unknown}.`);
  return scopes as KeyScope[];
}

function endOf(text: unknown): number | null {
  if (text === undefined) return null;
  const expiresAt = Date.parse(String(text));
  if (expiresAt > Date.now()) return expiresAt;
  throw wrong(`--expires takes a time to come, such as 2027-01-31T12:00:00Z, not ${String(text)}.`);
}

const timeOf = (at: number | null, none: string) => (at === null ? none : new Date(at).toISOString());

function rowOf({ id, name, expiresAt, allowedCidrs, scopes, lastUsedAt, createdAt }: ListedKey) {
  return {
    id,
    name,
    scopes: (scopes ?? keyScopes).join(", "),
    from: allowedCidrs?.join(", ") ?? "anywhere",
    ends: timeOf(expiresAt, "never"),
    "last used": timeOf(lastUsedAt, "never"),
    age: age(createdAt),
  };
}

type Act = (broker: ServiceBroker, client: Client, name: string, options: Args["options"]) => Promise<Answer>;

const acts: Record<string, Act> = {
  async create(broker, { publicId }, name, options) {
    if (!KEY_NAME.test(name)) throw wrong(`The name of a key has ${KEY_NAME_RULE}.`);
    const draft = {
      name,
      expiresAt: endOf(options.expires),
      allowedCidrs: rangesOf(options.from),
      scopes: scopesOf(options.scopes),
    };
    const { key, secret } = await actors.clientCache.createKey(broker, { publicId, ...draft });
    return { rows: [rowOf(key)], notes: [`Its secret, which is shown only now: ${secret}`] };
  },
  async delete(broker, { publicId }, name) {
    const all = await actors.clientCache.keys(broker, { publicId });
    const key = all.find((one) => one.id === name || one.name === name);
    await actors.clientCache.removeKey(broker, { publicId, keyId: key?.id ?? name });
    return say(`The key ${name} is deleted.`);
  },
};

const keys: Command = {
  command: "keys <client> [action] [key]",
  description: "The keys of a client (its id or identifier); create or delete one",
  options: [
    { option: "--scopes <scopes>", description: "create: what it is for, import or read (both)" },
    { option: "--from <cidrs>", description: "create: the addresses and networks it may come from (anywhere)" },
    { option: "--expires <time>", description: "create: when it ends (never)" },
  ],
  async run(broker, args) {
    const client = await clientNamed(broker, operand(args, "client") ?? "");
    const action = operand(args, "action");
    if (action === undefined)
      return { rows: (await actors.clientCache.keys(broker, { publicId: client.publicId })).map(rowOf) };
    const act = Object.hasOwn(acts, action) ? acts[action] : undefined;
    const name = operand(args, "key");
    if (!act) throw wrong(`keys takes ${Object.keys(acts).join(" or ")}, not "${action}".`);
    if (!name) throw wrong(`Name the key: keys <client> ${action} <key>.`);
    return act(broker, client, name, args.options);
  },
};

export const keyCommands: Command[] = [keys];
