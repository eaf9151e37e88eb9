/** The plans for writing into the company's own tables. Each node keeps its own. */
import { LRUCache } from "lru-cache";
import { TableFailure } from "../../database/errors.ts";
import { orBusy, type TargetDatabases } from "../../database/targets/databases.ts";
import { planTable } from "../../database/targets/plan.ts";
import { referencesOf, unknownAmong } from "../../database/targets/references.ts";
import type { TableDocument, TablePlan } from "../../database/targets/target.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { Policy } from "../policy/policy.contract.ts";
import type { Look } from "./batchProcessor.references.ts";

/** The name of the handler that writes records as rows of a table. */
export const tableHandler = "table";

/** The table that the policy's records go into. Null: the policy has another handler. */
export const tableOf = (policy: Policy & { table?: TableDocument | null }): TableDocument | null =>
  policy.handler === tableHandler ? (policy.table ?? null) : null;

/** How long a plan is kept. Tables rarely change, and a write that no longer fits its table drops the plan. */
const KNOWN_MS = 5_000;
const MOST_KNOWN = 200;

type Pinned = Pick<BatchRow, "clientId" | "policyVersion">;
const keyOf = ({ clientId, policyVersion }: Pinned): string => `${clientId}:${policyVersion}`;

export class TablePlans {
  private readonly known = new LRUCache<string, Promise<TablePlan>>({ max: MOST_KNOWN, ttl: KNOWN_MS });
  private readonly tables: () => TargetDatabases;

  /** `tables` is called only after the node has started. */
  constructor(tables: () => TargetDatabases) {
    this.tables = tables;
  }

  /** Throws TableFailure if the table is gone, no longer fits, or its database is away; throws DatabaseUnavailable. */
  of(batch: Pinned, document: TableDocument, schema: object): Promise<TablePlan> {
    const key = keyOf(batch);
    const known = this.known.get(key);
    if (known) return known;
    const planning = this.plan(document, schema);
    this.known.set(key, planning);
    planning.catch(() => this.known.delete(key));
    return planning;
  }

  /** The table's catalog has changed since the plan was made. */
  drop(batch: Pinned): void {
    this.known.delete(keyOf(batch));
  }

  /** Answers the function that looks up the references of a table's rows. */
  look({ table }: TablePlan): Look {
    const tables = this.tables();
    const database = tables.find(table.database);
    if (!database) throw unfit(table, `TABLE_DATABASES has no "${table.database}"`);
    return (reference, keys) => orBusy(unknownAmong(database, table, reference, keys));
  }

  private async plan(document: TableDocument, schema: object): Promise<TablePlan> {
    const tables = this.tables();
    const database = tables.find(document.database);
    if (!database) throw unfit(document, `TABLE_DATABASES has no "${document.database}"`);
    const found = await orBusy(tables.describe(database, document.name));
    if ("fault" in found) throw unfit(document, found.fault);
    const planned = planTable(document, schema, found.table);
    if ("plan" in planned) {
      const references = document.checkReferences ? await orBusy(referencesOf(database, found.table)) : [];
      return { ...planned.plan, references };
    }
    const [first] = planned.faults;
    throw unfit(document, `${first?.pointer}: ${first?.detail}`);
  }
}

const unfit = ({ name }: Pick<TableDocument, "name">, detail: string) =>
  new TableFailure("gone", "", `the table ${name} cannot be written: ${detail}`);
