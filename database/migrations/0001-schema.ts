/**
 * The first schema; later migrations change it (docs/architecture.md, Storage). Times are epoch ms. Structured values
 * are JSON in columns of type `text`.
 */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

const tables: Table[] = [
  {
    name: "client",
    columns: {
      id: "id",
      public_id: "uuid",
      identifier: "name",
      name: "name",
      secret_hash: "hash",
      old_secret_hash: "hash?",
      old_secret_until: "bigint?",
      status: "name",
      policy_version: "int",
      version: "bigint",
      changed_at: "bigint",
      created_at: "bigint",
    },
    unique: [["public_id"], ["identifier"]],
    indexes: [["changed_at"]],
  },
  {
    name: "policy",
    columns: { client_id: "bigint", version: "int", body: "text", created_at: "bigint" },
    primaryKey: ["client_id", "version"],
    indexes: [["created_at"]],
  },
  {
    // `pass` is a double. With whole numbers, 1000/weight would be 1 for a weight of 600 and for a weight of 900.
    name: "client_queue",
    columns: { client_id: "bigint", running: "int", pass: "double", cap: "int", weight: "int" },
    primaryKey: ["client_id"],
  },
  {
    // `day`: days since 1970, UTC.
    name: "client_usage",
    columns: { client_id: "bigint", day: "int", bytes: "bigint", records: "bigint" },
    primaryKey: ["client_id", "day"],
  },
  {
    name: "batch",
    columns: {
      id: "id",
      public_id: "uuid",
      client_id: "bigint",
      policy_version: "int",
      state: "name",
      reason: "text?",
      format: "name",
      envelope: "text",
      content_hash: "hash?",
      parent_id: "bigint?",
      request_id: "name?",
      bytes: "bigint",
      records: "bigint",
      chunks: "int",
      phase: "name",
      next_chunk: "int",
      accepted: "bigint",
      rejected: "bigint",
      duplicate: "bigint",
      fence: "bigint",
      owner: "name?",
      due_at: "bigint?",
      attempt: "int",
      attempts_total: "int",
      version: "bigint",
      created_at: "bigint",
      ready_at: "bigint?",
      started_at: "bigint?",
      finished_at: "bigint?",
    },
    unique: [["public_id"]],
    uniqueWhereSet: ["parent_id"],
    indexes: [
      ["state", "due_at"],
      ["state", "client_id", "id"],
      ["client_id", "id"],
    ],
  },
  {
    // `oversized`: positions of records that were too long, as a JSON array. NULL: there are none.
    name: "batch_chunk",
    columns: {
      batch_id: "bigint",
      no: "int",
      first_record: "bigint",
      first_line: "bigint?",
      records: "int",
      codec: "name",
      oversized: "text?",
      body: "bytes",
    },
    primaryKey: ["batch_id", "no"],
  },
  {
    name: "record",
    columns: { batch_id: "bigint", seq: "bigint", data: "text" },
    primaryKey: ["batch_id", "seq"],
  },
  {
    // Only the row with n = 0 has `line` and `raw`.
    name: "record_error",
    columns: {
      batch_id: "bigint",
      seq: "bigint",
      n: "int",
      line: "bigint?",
      field: "text?",
      code: "name?",
      message: "text?",
      raw: "text?",
    },
    primaryKey: ["batch_id", "seq", "n"],
  },
  {
    name: "record_key",
    columns: { client_id: "bigint", key_hash: "key", batch_id: "bigint", chunk_no: "int", expires_at: "bigint?" },
    primaryKey: ["client_id", "key_hash"],
  },
  {
    name: "content_key",
    columns: { client_id: "bigint", hash: "hash", batch_id: "bigint", expires_at: "bigint" },
    primaryKey: ["client_id", "hash"],
  },
  {
    name: "idempotency_key",
    columns: {
      client_id: "bigint",
      key: "name",
      fingerprint: "hash?",
      batch_id: "bigint?",
      answer: "text?",
      expires_at: "bigint",
    },
    primaryKey: ["client_id", "key"],
  },
  {
    name: "outbox",
    columns: { id: "id", topic: "name", body: "text", due_at: "bigint", attempts: "int" },
    indexes: [["due_at"]],
  },
  {
    name: "delivery",
    columns: {
      id: "id",
      public_id: "uuid",
      batch_id: "bigint",
      client_id: "bigint",
      event: "name",
      body: "text",
      state: "name",
      due_at: "bigint?",
      attempts: "int",
      created_at: "bigint",
    },
    unique: [["public_id"], ["batch_id", "event"]],
    indexes: [["due_at"]],
  },
  {
    name: "delivery_attempt",
    columns: { delivery_id: "bigint", no: "int", at: "bigint", status: "int?", error: "text?", ms: "int" },
    primaryKey: ["delivery_id", "no"],
  },
  {
    name: "batch_lock",
    columns: { name: "name", token: "name", expires_at: "bigint" },
    primaryKey: ["name"],
  },
  { name: "audit", columns: { id: "id", at: "bigint", who: "name", what: "text" } },
];

export const schema: Migration = {
  name: "0001-schema",
  async up({ ddl, query }) {
    for (const table of tables) for (const statement of createTable(table, ddl)) await query(statement);
  },
};
