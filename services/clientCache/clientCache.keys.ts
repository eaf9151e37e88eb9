/** The keys of a client: its secret, which is the key `default`, and those that an admin has given it beside. */
import { timingSafeEqual } from "node:crypto";
import { Problem } from "../../lib/errors.ts";
import { uuidv7 } from "../ids.ts";
import { type ClientKey, DEFAULT_KEY, MOST_KEYS } from "./clientCache.contract.ts";

export interface StoredKey extends ClientKey {
  /** SHA-256 of the key's secret. */
  secretHash: Buffer;
}

/** A key as JSON text has it. */
type Written = Omit<StoredKey, "secretHash"> & { secretHash: string };

/** Shared by all clients that have no further key. */
export const noKeys: readonly StoredKey[] = [];

export const keysToJson = (keys: readonly StoredKey[]): Written[] =>
  keys.map((key) => ({ ...key, secretHash: key.secretHash.toString("hex") }));

export const keysFromJson = (keys: Written[] | null | undefined): readonly StoredKey[] =>
  keys && keys.length > 0 ? keys.map((key) => ({ ...key, secretHash: Buffer.from(key.secretHash, "hex") })) : noKeys;

/** The column `keys`. */
export const columnOf = (keys: readonly StoredKey[]): string | null =>
  keys.length > 0 ? JSON.stringify(keysToJson(keys)) : null;

export const keysIn = (column: string | null | undefined): readonly StoredKey[] =>
  column ? keysFromJson(JSON.parse(column)) : noKeys;

/** The key with this secret; undefined: none has it. All are compared, so the time does not tell which one it is. */
export function keyWith(keys: readonly StoredKey[], given: Buffer): StoredKey | undefined {
  let found: StoredKey | undefined;
  for (const key of keys) if (timingSafeEqual(given, key.secretHash)) found = key;
  return found;
}

export const keyPart = ({ id, name, createdAt, expiresAt, allowedCidrs, scopes }: ClientKey): ClientKey => ({
  id,
  name,
  createdAt,
  expiresAt,
  allowedCidrs,
  scopes,
});

/** The client's own secret as a key. */
export const defaultKeyOf = ({ createdAt, secretAt }: { createdAt: number; secretAt: number | null }): ClientKey => ({
  id: DEFAULT_KEY,
  name: DEFAULT_KEY,
  createdAt: secretAt ?? createdAt,
  expiresAt: null,
  allowedCidrs: null,
  scopes: null,
});

/** What an admin says of a new key. */
export type KeyDraft = Pick<ClientKey, "name" | "expiresAt" | "allowedCidrs" | "scopes">;

/** The keys with a new one. Throws conflict. */
export function withKey(
  keys: readonly StoredKey[],
  { name, expiresAt, allowedCidrs, scopes }: KeyDraft,
  secretHash: Buffer,
  nowMs: number,
): StoredKey[] {
  if (name === DEFAULT_KEY || keys.some((key) => key.name === name))
    throw new Problem("conflict", `The client has a key "${name}" already.`);
  if (keys.length >= MOST_KEYS)
    throw new Problem("conflict", `The client has ${MOST_KEYS} keys beside "${DEFAULT_KEY}": delete one first.`);
  return [...keys, { id: uuidv7(), name, createdAt: nowMs, expiresAt, allowedCidrs, scopes, secretHash }];
}

/** The keys without this one. Throws not-found, conflict. */
export function withoutKey(keys: readonly StoredKey[], keyId: string): { left: StoredKey[]; gone: StoredKey } {
  if (keyId === DEFAULT_KEY)
    throw new Problem("conflict", `The key "${DEFAULT_KEY}" cannot be deleted. To end its secret, rotate it.`);
  const gone = keys.find(({ id }) => id === keyId);
  if (!gone) throw new Problem("not-found", "The client has no such key.");
  return { left: keys.filter((key) => key !== gone), gone };
}

/** What the audit tells of a key. */
export const auditedKey = ({ id, name, expiresAt, allowedCidrs, scopes }: ClientKey) => ({
  id,
  name,
  expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
  allowedCidrs,
  scopes,
});
