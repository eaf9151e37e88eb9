/** Undoes what a batch has delivered outside of DataFlow's own database. */
import type { ServiceBroker } from "moleculer";
import { TableFailure } from "../database/errors.ts";
import { orBusy, type TargetDatabases } from "../database/targets/databases.ts";
import type { TableDocument } from "../database/targets/target.ts";
import { batchRowsOf, referencesTo, removeRows } from "../database/targets/undo.ts";
import type { Referring } from "../database/targets/undo.types.ts";
import { oneLine } from "../lib/log/logger.ts";
import type { BatchRow } from "./batch/batch.domain.ts";
import type { RowReference } from "./batch/batch.table.domain.ts";
import type { Policy } from "./policy/policy.contract.ts";

/** Throws DatabaseUnavailable while DataFlow's own database is away. */
export type TakeBack =
  | {
      /** The foreign keys by which other rows now refer to the batch's rows. Omitted: the batch has no rows in a table. */
      references?(): Promise<RowReference[]>;
      /** Deletes one piece of what was delivered. `waits`: why the deletion cannot continue now, in words. */
      piece(): Promise<"done" | "more" | { waits: string }>;
    }
  | {
      /** Lasts up to `timeoutMs`. */
      call(): Promise<"done" | { waits: string }>;
      timeoutMs: number;
    };

export interface TakeBackParts {
  broker: ServiceBroker;
  tables: TargetDatabases;
}

type Delivered = Policy & { table?: TableDocument | null };

/** Whether a batch may have delivered more than it counts, because its records go to a handler or another database. */
export const isElsewhere = ({ handler, table }: Delivered): boolean =>
  handler !== "store" && (handler !== "table" || (table ?? null)?.database !== null);

/** For batches that deliver nothing outside of DataFlow. */
const nowhere: TakeBack = { piece: async () => "done" };

/** `fault`: why the batch cannot be undone. Throws TableFailure if the table's database does not answer, and DatabaseUnavailable. */
export async function takeBackOf(
  { broker, tables }: TakeBackParts,
  policy: Delivered,
  batch: BatchRow,
): Promise<TakeBack | { fault: string }> {
  if (policy.handler === "store") return nowhere;
  if (policy.handler === "table" && policy.table) return rowsTakenBack(tables, policy.table, batch.publicId);
  return handlerTakesBack(broker, policy, batch.publicId);
}

/** The longest text of a handler that operators see. */
const LONGEST = 500;

/** The handler is called until it answers. It is called again if a node dies after the answer. */
function handlerTakesBack(
  broker: ServiceBroker,
  { handler, handlerTimeoutMs: timeout, uniqueKey, sensitive }: Policy,
  batchId: string,
): TakeBack | { fault: string } {
  const willing = willingNode(broker, handler);
  if ("fault" in willing) return willing;
  // Keys are computed from stored records, and records for a handler are not stored.
  if (uniqueKey !== null)
    return { fault: `The unique keys of records that went to "${handler}" cannot be found again.` };
  return {
    timeoutMs: timeout,
    call: async () => {
      const at = willingNode(broker, handler);
      if ("fault" in at) return { waits: at.fault };
      try {
        await broker.call(handler, { batchId }, { timeout, retries: 0, nodeID: at.nodeID });
        return "done";
      } catch (error) {
        // The handler's text may contain sensitive values. There are no records here to find and mask them by.
        const why = sensitive.length > 0 ? "" : `: ${oneLine((error as Error).message, LONGEST)}`;
        return { waits: `the handler "${handler}" has not taken it back${why}` };
      }
    },
  };
}

/** A node whose handler declares importUndo. During an update some nodes may run a version that does not. */
function willingNode(broker: ServiceBroker, handler: string): { nodeID: string } | { fault: string } {
  const seen = new Set<string>();
  for (;;) {
    const endpoint = broker.findNextActionEndpoint(handler);
    if (endpoint instanceof Error)
      return { fault: `Its records went to the handler "${handler}", which is not there.` };
    if ((endpoint.action as { importUndo?: boolean }).importUndo === true) return { nodeID: endpoint.id };
    if (seen.has(endpoint.id))
      return { fault: `Its records went to the handler "${handler}", which does not declare importUndo: true.` };
    seen.add(endpoint.id);
  }
}

async function rowsTakenBack(
  tables: TargetDatabases,
  document: TableDocument,
  batch: string,
): Promise<TakeBack | { fault: string }> {
  const database = tables.find(document.database);
  if (!database) return { fault: `TABLE_DATABASES has no "${document.database}".` };
  const rows = await orBusy(batchRowsOf(database, document, () => tables.describe(database, document.name)));
  if ("fault" in rows) return rows;
  const references = async () => (await orBusy(referencesTo(database, rows, batch))).map(shown);
  return {
    references,
    piece: async () => {
      const end = await orBusy(removeRows(database, rows, batch));
      return end === "stuck" ? { waits: stuckText(document.name, await references()) } : end;
    },
  };
}

const stuckText = (table: string, all: RowReference[]): string =>
  all.length === 0
    ? `rows of the table ${table} stay: they are locked, refer to each other, or a trigger keeps them`
    : `rows of the table ${table} are referred to by ${all.map(({ table: by, columns }) => `${by} (${columns.join(", ")})`).join(", ")}`;

const shown = ({ schema, table, columns, constraint }: Referring): RowReference => ({
  table: `${schema}.${table}`,
  columns,
  constraint,
});

/** The reason for waiting after a failure of the table, in words. */
export async function orWaits<T>(work: () => Promise<T>): Promise<T | { waits: string }> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TableFailure) return { waits: error.message };
    throw error;
  }
}
