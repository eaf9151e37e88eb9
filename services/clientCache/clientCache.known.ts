/** A client with the hashes of its secrets, in three forms: database row, cache entry, public part. */

import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import type { AuditDraft, AuditedAction } from "../audit/audit.domain.ts";
import { type Asked, auditing, clientSubject, differences } from "../audits.ts";
import type { Client, ClientStatus } from "./clientCache.contract.ts";
import { columnOf, keysFromJson, keysIn, keysToJson, type StoredKey } from "./clientCache.keys.ts";

/** The columns that decide whether a secret is right. Hashes are SHA-256. */
export interface SecretHashes {
  secretHash: Buffer;
  oldSecretHash: Buffer | null;
  /** Epoch ms until which the old secret is valid. */
  oldSecretUntil: number | null;
}

/** A new secret of 256 bits. Nobody can guess it, so a fast hash is enough to store it. */
export const newSecret = (): string => randomBytes(32).toString("base64url");

/** The length of SHA-256. */
export const HASH_BYTES = 32;

export const hashOf = (secret: string): Buffer => hash("sha256", secret, "buffer");

/** Compared with if there is no such client, so that an unknown client takes as long as a wrong secret. */
const nobody: SecretHashes = { secretHash: randomBytes(32), oldSecretHash: null, oldSecretUntil: null };

/** Whether `given` is the hash of a valid secret of the client. Takes constant time, also without a client. */
export function isSecretOf(client: SecretHashes | null, given: Buffer, nowMs: number): boolean {
  if (given.length !== nobody.secretHash.length) return false;
  const { secretHash, oldSecretHash, oldSecretUntil } = client ?? nobody;
  const isCurrent = timingSafeEqual(given, secretHash);
  const isOld = timingSafeEqual(given, oldSecretHash ?? nobody.secretHash) && (oldSecretUntil ?? 0) > nowMs;
  return client !== null && (isCurrent || isOld);
}

/** Epoch ms, as the columns of these names have them. */
interface ClientTimes {
  secretAt: number | null;
  webhookOffAt: number | null;
}

/** `keys`: those beside the secret. */
export type Known = Client & SecretHashes & ClientTimes & { keys: readonly StoredKey[] };
/** The columns that a change may write. */
export type KnownRow = Omit<Known, "legalHold" | "keys"> & { legalHold: number | null; keys: string | null };

export const rowOf = <T extends Partial<Known>>({ legalHold, keys, ...values }: T) => ({
  ...values,
  ...(keys !== undefined && { keys: columnOf(keys) }),
  ...(legalHold !== undefined && { legalHold: legalHold ? 1 : null }),
});

/** A new row has no such field yet. */
const numberOf = (value: number | null | undefined) => (value === null || value === undefined ? null : Number(value));

/** A database row in the service's form: some databases answer BIGINT columns as text. */
export function knownOf(row: KnownRow): Known {
  const { oldSecretUntil } = row;
  return {
    id: Number(row.id),
    publicId: row.publicId,
    identifier: row.identifier,
    name: row.name,
    status: row.status as ClientStatus,
    policyVersion: Number(row.policyVersion),
    version: Number(row.version),
    createdAt: Number(row.createdAt),
    legalHold: Number(row.legalHold) === 1,
    erasureId: row.erasureId ?? null,
    pausedAt: numberOf(row.pausedAt),
    pausedBy: row.pausedBy ?? null,
    secretHash: Buffer.from(row.secretHash),
    oldSecretHash: row.oldSecretHash && Buffer.from(row.oldSecretHash),
    oldSecretUntil: oldSecretUntil === null ? null : Number(oldSecretUntil),
    secretAt: numberOf(row.secretAt),
    webhookOffAt: numberOf(row.webhookOffAt),
    keys: keysIn(row.keys),
  };
}

export function publicPart({
  id,
  publicId,
  identifier,
  name,
  status,
  policyVersion,
  version,
  createdAt,
  legalHold,
  erasureId,
  pausedAt,
  pausedBy,
}: Known): Client {
  const pause = { pausedAt, pausedBy };
  return { id, publicId, identifier, name, status, policyVersion, version, createdAt, legalHold, erasureId, ...pause };
}

const audited = ({ identifier: clientIdentifier, name, status, legalHold, erasureId, pausedAt }: Client) => ({
  clientIdentifier,
  name,
  status,
  legalHold,
  erasureId,
  ...(pausedAt !== null && { paused: true }),
});

/** The audit row of a change. `before` null: the client is new. */
export type AuditOf = (before: Client | null, after: Client) => AuditDraft | null;

export const noAudit: AuditOf = () => null;

/** `more`: what differs beside what others may see. */
export const auditOf =
  (asked: Asked, action: AuditedAction, more: object = {}, reason?: string): AuditOf =>
  (before, after) =>
    auditing(asked)({
      action,
      reason,
      subject: clientSubject(after),
      change: { ...differences(before ? audited(before) : {}, audited(after)), ...more },
    });

/** The keys of its cache entries. */
export const keysOf = ({ id, publicId, identifier }: Pick<Client, "id" | "publicId" | "identifier">) => [
  `id:${id}`,
  `publicId:${publicId}`,
  `identifier:${identifier}`,
];

const bytes = (hex: unknown) => Buffer.from(hex as string, "hex");

export const toJson = ({ secretHash, oldSecretHash, keys, ...rest }: Known) => ({
  ...rest,
  keys: keysToJson(keys),
  secretHash: secretHash.toString("hex"),
  oldSecretHash: oldSecretHash?.toString("hex") ?? null,
});

export function fromJson(json: unknown): Known {
  // Nobody else holds this object, so it is changed in place. A copy would cost half as much as the read from Redis.
  const known = json as Known;
  // A node of the previous version has not written these members.
  known.legalHold ??= false;
  known.erasureId ??= null;
  known.pausedAt ??= null;
  known.pausedBy ??= null;
  known.secretAt ??= null;
  known.webhookOffAt ??= null;
  known.keys = keysFromJson((json as ReturnType<typeof toJson>).keys);
  known.secretHash = bytes(known.secretHash);
  known.oldSecretHash &&= bytes(known.oldSecretHash);
  return known;
}

const LONGEST_NAME = 64;

/**
 * The caller may be anybody, so an identifier is checked before it is looked up: a long one would fill the cache, a NUL
 * would end SQLite's statement text, and SQL Server would ignore a blank at the end.
 */
export const mayBeName = (value: string | number) =>
  typeof value === "number" || (value.length <= LONGEST_NAME && !value.includes("\0") && !value.endsWith(" "));
