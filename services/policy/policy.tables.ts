/**
 * Checks whether datasets with a table fit it, by the current catalog. It runs at each write of a dataset, of a client's
 * policy, and of a grant.
 */
import { isDeepStrictEqual } from "node:util";
import { TableFailure } from "../../database/errors.ts";
import type { AskedDatabase } from "../../database/targets/catalog.ts";
import { createTable, plannedTable } from "../../database/targets/create.ts";
import { TableDatabaseAway, type TargetDatabases } from "../../database/targets/databases.ts";
import { type ListedTable, listTables } from "../../database/targets/list.ts";
import { planTable } from "../../database/targets/plan.ts";
import type { TableDocument, TargetTable } from "../../database/targets/target.ts";
import { isUnavailable } from "../../database/unavailable.ts";
import { type Fault, isProblem, Problem } from "../../lib/errors.ts";
import type { TableLook } from "./policy.contract.ts";
import type { Policy } from "./policy.document.ts";
import { isIntoTable } from "./policy.table.ts";

/** The fields of a complete policy or dataset that the check reads. */
export type IntoTable = Pick<Policy, "handler" | "table" | "schema">;

/** Whether the one fits its table if the other does. Then a patch does not need the catalog, whose database may be away. */
export const isSameTarget = (one: IntoTable, other: IntoTable): boolean =>
  one.handler === other.handler &&
  isDeepStrictEqual(one.table, other.table) &&
  isDeepStrictEqual(one.schema, other.schema);

type Looked = { table: TargetTable } | { faults: Fault[] };

/** What one change has looked at: the overrides of a dataset all go into its table. */
export type Looks = Map<string, Looked>;

const faultOf = (pointer: string, detail: string): { faults: Fault[] } => ({ faults: [{ pointer, detail }] });

export class TableChecks {
  readonly #tables: TargetDatabases;

  constructor(tables: TargetDatabases) {
    this.#tables = tables;
  }

  /**
   * The faults, with pointers into the document. `mayCreate`: a missing table is created if the document says so. Throws
   * unavailable while the database is away.
   */
  async faults(
    document: IntoTable,
    { mayCreate, looks = new Map() }: { mayCreate: boolean; looks?: Looks },
  ): Promise<Fault[]> {
    if (!isIntoTable(document)) return [];
    const { table, schema } = document;
    const database = this.#tables.find(table.database);
    if (!database) return faultOf("/table/database", this.#databaseExpected()).faults;
    try {
      const key = JSON.stringify([table.database, table.name]);
      const looked = looks.get(key) ?? (await this.#look(database, table, schema, mayCreate));
      looks.set(key, looked);
      if ("faults" in looked) return looked.faults;
      const planned = planTable(table, schema, looked.table);
      if ("faults" in planned) return planned.faults;
      if (table.database !== null && mayCreate) await this.#tables.appliedIn(table.database)?.make();
    } catch (error) {
      if (error instanceof TableFailure) return faultOf("/table/database", error.message).faults;
      throw error instanceof TableDatabaseAway ? away(error) : error;
    }
    return [];
  }

  /** How the document fits its table now, for operators. Null: it does not go into a table. */
  async look(document: IntoTable): Promise<TableLook | null> {
    if (!isIntoTable(document)) return null;
    const { database, name, mode } = document.table;
    const told = { database, name, mode, errors: [], isAway: false };
    try {
      return { ...told, errors: await this.faults(document, { mayCreate: false }) };
    } catch (error) {
      if (!isUnavailable(error) && !(isProblem(error) && error.type === "unavailable")) throw error;
      return { ...told, isAway: true };
    }
  }

  /**
   * The tables of a database that a dataset may choose, by name. Throws validation (no such database), and unavailable while it is
   * away.
   */
  async list({
    database,
    ...page
  }: {
    database: string | null;
    after?: string;
    limit: number;
  }): Promise<ListedTable[]> {
    const found = this.#tables.find(database);
    if (!found)
      throw new Problem("validation", 'The field "database" is wrong.', {
        errors: [{ pointer: "/database", detail: this.#databaseExpected() }],
      });
    try {
      return await listTables(found, this.#tables.allowed, page);
    } catch (error) {
      throw error instanceof TableDatabaseAway ? away(error) : error;
    }
  }

  async #look(database: AskedDatabase, document: TableDocument, schema: object, mayCreate: boolean): Promise<Looked> {
    const found = await this.#tables.describe(database, document.name);
    if ("table" in found) return found;
    if (!found.isMissing || !document.create) return faultOf("/table/name", found.fault);
    const wanted = await plannedTable(database, document, schema, this.#tables.allowed);
    if ("faults" in wanted) return wanted;
    if (!mayCreate) return wanted;
    const planned = planTable(document, schema, wanted.table);
    if ("faults" in planned) return planned;
    const refusal = await createTable(database, wanted);
    const made = await this.#tables.describe(database, document.name);
    return "table" in made ? made : faultOf("/table/create", refusal ?? made.fault);
  }

  #databaseExpected(): string {
    const { names } = this.#tables;
    return `expected null or a name of TABLE_DATABASES${names.length > 0 ? `: ${names.join(", ")}` : ", which has none"}`;
  }
}

/** The error shows the server's code, because only operators write datasets. */
const away = ({ message }: TableDatabaseAway): Problem =>
  new Problem("unavailable", message, { headers: { "Retry-After": "5" } });
