import { QueryTypes, type Transaction } from "sequelize";
import type { UmzugStorage } from "umzug";
import type { Dialect } from "../dialect.ts";
import { schema } from "./0001-schema.ts";
import { repeats } from "./0002-repeats.ts";
import { keyReservations } from "./0003-key-reservations.ts";
import { retryOf } from "./0004-retry-of.ts";
import { webhook } from "./0005-webhook.ts";
import { errorReport } from "./0006-error-report.ts";
import { rowLocks } from "./0007-row-locks.ts";
import { batchCount } from "./0008-batch-count.ts";
import { passes } from "./0009-passes.ts";
import { keyEnds } from "./0010-key-ends.ts";
import { attempts } from "./0011-attempts.ts";
import { waitingClients } from "./0012-waiting-clients.ts";
import { narrowRows } from "./0013-batch-work.ts";
import { clockDoubt } from "./0014-clock-doubt.ts";
import { groupPlaces } from "./0015-group-places.ts";
import { deliveryHeads } from "./0016-delivery-heads.ts";
import { vacuum } from "./0017-vacuum.ts";
import { groupMembers } from "./0018-group-members.ts";
import { nativeIds } from "./0019-native-ids.ts";
import { datasets } from "./0020-datasets.ts";
import { datasetBatches } from "./0021-dataset-batches.ts";
import { errorCause } from "./0022-error-cause.ts";
import { tableCounts } from "./0023-table-counts.ts";
import { endedScopes } from "./0024-ended-scopes.ts";
import { order } from "./0025-order.ts";
import { rejectedBefore } from "./0026-rejected-before.ts";
import { checked } from "./0027-checked.ts";
import { errorGroups } from "./0029-error-groups.ts";
import { duplicateCounts } from "./0030-duplicate-counts.ts";
import { corrections } from "./0031-corrections.ts";
import { legalHold } from "./0032-legal-hold.ts";
import { erasures } from "./0033-erasures.ts";
import { rejectedMarks } from "./0036-rejected-marks.ts";
import { operators } from "./0040-operators.ts";
import { audit } from "./0042-audit.ts";
import { clientKeys } from "./0043-client-keys.ts";
import { batchSearch } from "./0045-batch-search.ts";
import { batchLists } from "./0046-batch-lists.ts";
import { keySearch } from "./0047-key-search.ts";
import { batchHistory } from "./0048-history.ts";
import { stats } from "./0050-stats.ts";
import { pausedClients } from "./0052-paused-clients.ts";
import { documentVersions } from "./0053-document-versions.ts";
import { deliveryLists } from "./0054-delivery-lists.ts";
import { allDeliveries } from "./0055-all-deliveries.ts";
import { clientTimes } from "./0056-client-times.ts";
import { batchTrace } from "./0061-batch-trace.ts";
import { alerts } from "./0062-alerts.ts";
import { createTable, LOG, type Migration, type MigrationContext } from "./ddl.ts";
import { takePlace } from "./place.ts";

/** All migrations, in the order in which they run. */
export const migrations: Migration[] = [
  schema,
  repeats,
  keyReservations,
  retryOf,
  webhook,
  errorReport,
  rowLocks,
  batchCount,
  passes,
  keyEnds,
  attempts,
  waitingClients,
  narrowRows,
  clockDoubt,
  groupPlaces,
  deliveryHeads,
  vacuum,
  groupMembers,
  nativeIds,
  datasets,
  datasetBatches,
  errorCause,
  tableCounts,
  endedScopes,
  order,
  rejectedBefore,
  checked,
  errorGroups,
  duplicateCounts,
  corrections,
  legalHold,
  erasures,
  rejectedMarks,
  operators,
  audit,
  clientKeys,
  batchSearch,
  batchLists,
  keySearch,
  batchHistory,
  stats,
  pausedClients,
  documentVersions,
  deliveryLists,
  allDeliveries,
  clientTimes,
  batchTrace,
  alerts,
];

/**
 * Runs the migrations that the database lacks, and returns their names. The dialect's lock lets only one process
 * migrate at a time. Consecutive migrations and their log entries are ONE transaction. A migration that makes an index
 * or changes a large table is separate: it has a transaction of its own. On PostgreSQL a separate migration runs
 * outside of any transaction, and is logged afterwards. If the process dies before that log entry, the migration runs
 * again and continues with what exists.
 */
export async function migrate(dialect: Dialect, steps = migrations): Promise<string[]> {
  const taken: string[] = [];
  while ((await pending(dialect, steps)).length > 0) taken.push(...(await takeNext(dialect, steps)));
  return taken;
}

/**
 * Runs the next migrations of one transaction, or one separate migration. Empty: another process has run the migrations
 * meanwhile.
 */
async function takeNext(dialect: Dialect, steps: Migration[]): Promise<string[]> {
  // umzug is loaded only if a migration must run: it also loads its command line, and most starts have nothing to
  // migrate.
  const { Umzug } = await import("umzug");
  return dialect.migrations.transaction(async (transaction) => {
    await dialect.lockMigrations(transaction);
    const moved = await takePlace(dialect, transaction);
    // The transaction ends here. Otherwise a separate migration would wait for the tables that this transaction has
    // moved.
    if (moved.length > 0) return moved;
    const storage = new Log(dialect, transaction);
    const done = new Set(await storage.executed());
    const open = steps.filter(({ name }) => !done.has(name));
    const first = open.findIndex(({ indexes, backfill }) => indexes !== undefined || backfill !== undefined);
    const next = open.slice(0, first === -1 ? undefined : Math.max(first, 1));
    const query = (sql: string) => dialect.migrations.query(dialect.names.in(sql), { transaction, logging: false });
    const umzug = new Umzug<MigrationContext>({
      migrations: next.map((step) => ({
        name: step.name,
        up: ({ context }) => apart(dialect, step) ?? step.up(context),
      })),
      context: { ddl: dialect.ddl, query },
      storage,
      logger: undefined,
    });
    return (await umzug.up()).map((step) => step.name);
  });
}

/**
 * Runs a separate migration outside of the transaction. Undefined: the migration is not separate, or the dialect runs
 * it inside.
 */
function apart({ makeIndex, fill }: Dialect, { indexes, backfill }: Migration): Promise<void> | undefined {
  if (indexes && makeIndex) return eachOf(indexes, makeIndex);
  return backfill && fill?.(backfill);
}

async function eachOf<T>(all: T[], made: (one: T) => Promise<void>): Promise<void> {
  for (const one of all) await made(one);
}

export async function pending(dialect: Dialect, steps = migrations): Promise<string[]> {
  const taken = new Set(await new Log(dialect, null).executed());
  return steps.map(({ name }) => name).filter((name) => !taken.has(name));
}

/** The log of migrations, for umzug. umzug's own log cannot write in DataFlow's transaction. */
class Log implements UmzugStorage<MigrationContext> {
  #dialect: Dialect;
  #transaction: Transaction | null;

  constructor(dialect: Dialect, transaction: Transaction | null) {
    this.#dialect = dialect;
    this.#transaction = transaction;
  }

  async executed(): Promise<string[]> {
    // Outside of a migration, the log is read over the usual connection with its usual timeouts.
    const sequelize = this.#transaction ? this.#dialect.migrations : this.#dialect.sequelize;
    if (!(await this.#dialect.hasTable(LOG, this.#dialect.names.schema, this.#transaction))) return [];
    const rows = await sequelize.query<{ name: string }>(
      `SELECT "name" FROM ${this.#dialect.names.of(LOG)} ORDER BY "name"`,
      {
        type: QueryTypes.SELECT,
        transaction: this.#transaction,
        raw: true,
      },
    );
    return rows.map((row) => row.name);
  }

  async logMigration({ name, context }: { name: string; context: MigrationContext }): Promise<void> {
    if ((await this.executed()).length === 0)
      for (const statement of createTable(
        { name: LOG, columns: { name: "name", applied_at: "bigint" }, primaryKey: ["name"] },
        context.ddl,
      ))
        await context.query(statement);
    const now = await this.#dialect.now();
    await context.query(`INSERT INTO "${LOG}" ("name", "applied_at") VALUES ('${name}', ${now})`);
  }

  async unlogMigration(): Promise<void> {
    throw new Error("Migrations only go forward.");
  }
}
