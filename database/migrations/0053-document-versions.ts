/**
 * The versions of policies and datasets, for operators to look at. The migration copies existing versions, whose author
 * is unknown.
 */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

const versions: Table = {
  name: "document_version",
  columns: {
    client_id: "bigint",
    dataset: "name",
    version: "int",
    at: "bigint",
    who: "name?",
    changed: "text?",
    body: "text?",
  },
  primaryKey: ["client_id", "dataset", "version"],
};

export const documentVersions: Migration = {
  name: "0053-document-versions",
  async up({ ddl, query }) {
    for (const statement of createTable(versions, ddl)) await query(statement);
    const into = 'INSERT INTO "document_version" ("client_id", "dataset", "version", "at", "body")';
    await query(
      `${into} SELECT p."client_id", '', p."version", p."created_at", p."body" FROM "policy" AS p
  WHERE NOT EXISTS (SELECT 1 FROM "policy" AS later WHERE later."client_id" = p."client_id" AND later."version" >= p."version" + 100)`,
    );
    await query(`${into} SELECT 0, "name", "version", "changed_at", "body" FROM "shared_dataset"`);
  },
};
