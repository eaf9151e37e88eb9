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
import { createTable } from "./ddl.ts";
import { LOG, type Migration, type MigrationContext } from "./migration.ts";
import { takePlace } from "./place.ts";

/** In the order in which they are taken. */
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
];

/**
 * Takes the steps that the database lacks, under the dialect's lock: by one process at a time. Steps and their log are ONE
 * transaction, done as a whole or not at all. What an index or a change of a large table takes is apart from them: in a transaction
 * of its own, and on PostgreSQL outside of any. There it is written down afterwards; where the process ends between, the step is taken again, and
 * goes on with what is there.
 */
export async function migrate(dialect: Dialect, steps = migrations): Promise<string[]> {
  const taken: string[] = [];
  while ((await pending(dialect, steps)).length > 0) taken.push(...(await takeNext(dialect, steps)));
  return taken;
}

/** The next steps that go together, or one that is apart. None: another process has taken them meanwhile. */
async function takeNext(dialect: Dialect, steps: Migration[]): Promise<string[]> {
  // With a command line and all that it needs: most starts have no step to take.
  const { Umzug } = await import("umzug");
  return dialect.migrations.transaction(async (transaction) => {
    await dialect.lockMigrations(transaction);
    const moved = await takePlace(dialect, transaction);
    // A step that is apart would wait for the tables that this transaction has moved.
    if (moved.length > 0) return moved;
    const storage = new Log(dialect, transaction);
    const done = new Set(await storage.executed());
    const open = steps.filter(({ name }) => !done.has(name));
    const first = open.findIndex(({ index, backfill }) => index !== undefined || backfill !== undefined);
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

/** Takes the step outside of the transaction, where the dialect can. */
const apart = ({ makeIndex, fill }: Dialect, { index, backfill }: Migration): Promise<void> | undefined =>
  index ? makeIndex?.(index) : backfill && fill?.(backfill);

export async function pending(dialect: Dialect, steps = migrations): Promise<string[]> {
  const taken = new Set(await new Log(dialect, null).executed());
  return steps.map(({ name }) => name).filter((name) => !taken.has(name));
}

/** umzug's own storage cannot write inside our transaction. */
class Log implements UmzugStorage<MigrationContext> {
  #dialect: Dialect;
  #transaction: Transaction | null;

  constructor(dialect: Dialect, transaction: Transaction | null) {
    this.#dialect = dialect;
    this.#transaction = transaction;
  }

  async executed(): Promise<string[]> {
    // Outside of a step there is no reason to wait for long.
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
