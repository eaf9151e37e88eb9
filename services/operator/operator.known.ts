/** An operator as the service knows it: its row, its token, and what the audit tells of it. */
import { hash, randomBytes, randomInt, timingSafeEqual } from "node:crypto";
import type { AuditDraft, AuditedAction } from "../audit/audit.domain.ts";
import { type Asked, auditing, differences, named } from "../audits.ts";
import type { KnownOperator, Operator, TokenParts } from "./operator.domain.ts";

const TAG_LENGTH = 12;
const TOKEN = /^dfo_([a-z0-9]{12})_[\w-]{43}$/;
const TAG_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

export const newTag = (): string =>
  Array.from({ length: TAG_LENGTH }, () => TAG_LETTERS[randomInt(TAG_LETTERS.length)]).join("");

/** A new token of 256 random bits. Nobody can guess it, so a fast hash is enough to store it. */
export const newToken = (tag: string): string => `dfo_${tag}_${randomBytes(32).toString("base64url")}`;

export const tokenHashOf = (token: string): string => hash("sha256", token, "hex");

/** The parts of a token. Null: it is not the token of an operator. */
export function partsOf(token: string): TokenParts | null {
  const [, tag] = TOKEN.exec(token) ?? [];
  return tag === undefined ? null : { tag, tokenHash: tokenHashOf(token) };
}

const NOBODY = "0".repeat(64);

/** Whether the hash is that of the operator's token, and the operator is neither deleted nor expired. Takes constant time. */
export function isTokenOf(operator: KnownOperator | null, tokenHash: string, nowMs: number): boolean {
  const given = Buffer.from(tokenHash.padEnd(NOBODY.length).slice(0, NOBODY.length));
  const isRight = timingSafeEqual(given, Buffer.from(operator?.tokenHash ?? NOBODY));
  return isRight && operator !== null && operator.deletedAt === null && (operator.expiresAt ?? Infinity) > nowMs;
}

/** The columns that a change may write. */
export type Change = Partial<Pick<KnownOperator, "role" | "expiresAt" | "deletedAt" | "tokenHash" | "createdAt">>;

export const publicPart = ({ name, role, expiresAt, version, createdAt }: KnownOperator): Operator => ({
  name,
  role,
  expiresAt,
  version,
  createdAt,
});

/** A database row in the service's form: some databases answer BIGINT columns as text. */
export function knownOf(row: Omit<KnownOperator, "tokenHash"> & { tokenHash: Buffer }): KnownOperator {
  const numberOf = (value: number | null) => (value === null ? null : Number(value));
  const { tag, name, role, version, createdAt } = row;
  return {
    tag,
    name,
    role,
    tokenHash: Buffer.from(row.tokenHash).toString("hex"),
    expiresAt: numberOf(row.expiresAt),
    deletedAt: numberOf(row.deletedAt),
    version: Number(version),
    createdAt: Number(createdAt),
  };
}

export const bytesOf = ({ tokenHash, ...rest }: Change) => ({
  ...rest,
  ...(tokenHash !== undefined && { tokenHash: Buffer.from(tokenHash, "hex") }),
});

/** The audit row of a change. `before` null: the operator is new. */
export type AuditOf = (before: KnownOperator | null, after: KnownOperator) => AuditDraft | null;

const shown = ({ role, expiresAt }: KnownOperator) => ({
  role,
  expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
});

export const auditOf =
  (asked: Asked, action: AuditedAction): AuditOf =>
  (before, after) =>
    auditing(asked)({
      action,
      subject: named("operator", after.name),
      change: differences(
        before && before.deletedAt === null ? shown(before) : {},
        after.deletedAt === null ? shown(after) : {},
      ),
    });
