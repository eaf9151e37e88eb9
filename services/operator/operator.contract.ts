import type { CacheFigures } from "../../mixins/cache.ts";
import { action, event } from "../declare.ts";
import { type Operator, operatorRoles, type TokenParts } from "./operator.domain.ts";

const name = { type: "string" } as const;
const role = { type: "enum", values: operatorRoles } as const;
/** Epoch ms; null: for ever. */
const expiresAt = { type: "number", integer: true, optional: true, nullable: true } as const;

export const operatorActions = {
  /** The operator with this token; null: the token is wrong or has expired, or its operator is deleted. */
  authenticate: action({ token: { type: "string" } }).answers<{ operator: Operator; parts: TokenParts } | null>(),
  /** The same, by what a session holds of the token. */
  recognise: action({ tag: { type: "string" }, tokenHash: { type: "string" } }).answers<Operator | null>(),
  /** Only this answer and that of `rotate` show the token. Throws conflict. */
  create: action({ name, role, expiresAt }).answers<{ operator: Operator; token: string }>(),
  /** Reads an operator. Null: there is no such operator. */
  get: action({ name }).answers<Operator | null>(),
  /** Lists operators by name, those after `after`. */
  list: action({
    after: { type: "string", optional: true },
    limit: { type: "number", integer: true, min: 1, max: 201 },
  }).answers<Operator[]>(),
  /** Throws not-found. */
  update: action({ name, role: { ...role, optional: true }, expiresAt }).answers<Operator>(),
  /** A new token. The old one ends at once. Throws not-found. */
  rotate: action({ name }).answers<{ operator: Operator; token: string }>(),
  /** Throws not-found. */
  remove: action({ name }).answers<void>(),
  /** Hits and misses of this node's cache, by level. */
  figures: action({}).answers<CacheFigures>(),
  /** Empties the cache in Redis, as `clientCache.emptyRedis` does. */
  emptyRedis: action({}).answers<number | null>(),
};

export const operatorEvents = {
  /** The operator is new, or its role, its token or its end changed. Only caches listen to it. */
  "operator.changed": event<{ tag: string; version: number }>({
    tag: { type: "string" },
    version: { type: "number" },
  }),
  /** Somebody has logged out: the streams of this session end. The node of the logout sends the event. */
  "session.ended": event<{ id: string }>({ id: { type: "string" } }),
};
