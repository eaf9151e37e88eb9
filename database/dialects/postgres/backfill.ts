/** Migrations of large tables that run while other nodes write: changes of rows, and new indexes. */
import { QueryTypes, type Sequelize } from "sequelize";
import type { Backfill, Index, Logger } from "../../dialect.ts";
import { createIndex } from "../../migrations/ddl.ts";
import type { Names } from "../../schema/names.ts";

/** How many key values one transaction covers. There are few, so that rows are locked only briefly. */
const PIECE = 10_000;

interface Left {
  from: number | null;
  to: number;
}

/**
 * Implements `Dialect.fill`: finds the range of the rows to change once, then changes the rows piece by piece along the
 * key.
 */
export async function fill(sequelize: Sequelize, { table, key, set, where }: Backfill, names: Names): Promise<void> {
  const name = names.of(table);
  const [left] = await sequelize.query<Left>(
    `SELECT min("${key}")::float8 AS "from", max("${key}")::float8 AS "to" FROM ${name} WHERE ${where}`,
    { type: QueryTypes.SELECT },
  );
  const { from, to } = left as Left;
  for (let at = from ?? Number.POSITIVE_INFINITY; at <= to; at += PIECE)
    await sequelize.query(
      `UPDATE ${name} SET ${set} WHERE "${key}" >= ${at} AND "${key}" < ${at + PIECE} AND (${where})`,
    );
}

/** Settings for logging which sessions a new index waits for. `sequelize` must have a free connection meanwhile. */
interface TellsWaits {
  sequelize: Sequelize;
  logger: Pick<Logger, "warn">;
  everyMs?: number;
}

const TELL_MS = 10_000;

interface Blocker {
  pid: number;
  application: string;
  since: Date | null;
}

/** Logs which sessions a new index waits for. Their queries are not logged, because they may contain values. */
async function tellWaits({ name, table }: Index, names: Names, { sequelize, logger }: TellsWaits): Promise<void> {
  const found = await sequelize.query<Blocker>(
    `SELECT DISTINCT ON (other.pid) other.pid, other.application_name AS application, other.xact_start AS since
      FROM pg_stat_activity AS maker
      CROSS JOIN LATERAL unnest(pg_blocking_pids(maker.pid)) AS blocking (pid)
      JOIN pg_stat_activity AS other ON other.pid = blocking.pid
      WHERE maker.query LIKE '%INDEX CONCURRENTLY%"${name}"%' AND maker.wait_event_type = 'Lock'
        AND maker.pid IN (SELECT pid FROM pg_locks WHERE relation = to_regclass('${names.of(table)}'))
      ORDER BY other.pid`,
    { type: QueryTypes.SELECT },
  );
  for (const { pid, application, since } of found)
    logger.warn(
      `The index ${name} waits for the transaction of session ${pid} (application_name ${JSON.stringify(application)}${since ? `, open since ${since.toISOString()}` : ""}).`,
    );
}

/**
 * Implements `Dialect.makeIndex`. CREATE INDEX CONCURRENTLY waits for running transactions and blocks no writer. An
 * interrupted run leaves an invalid index, which writers maintain and no query uses. So an invalid index is dropped and
 * made again.
 */
export async function makeIndex(
  sequelize: Sequelize,
  index: Index,
  names: Names,
  told: TellsWaits | null = null,
): Promise<void> {
  const telling =
    told && setInterval(() => void tellWaits(index, names, told).catch(() => {}), told.everyMs ?? TELL_MS);
  try {
    await madeIndex(sequelize, index, names);
  } finally {
    if (telling) clearInterval(telling);
  }
}

async function madeIndex(sequelize: Sequelize, index: Index, names: Names): Promise<void> {
  const name = names.schema === null ? `"${index.name}"` : `"${names.schema}"."${index.name}"`;
  const found = await sequelize.query<{ isValid: boolean }>(
    `SELECT indisvalid AS "isValid" FROM pg_index WHERE indexrelid = to_regclass('${name}')`,
    { type: QueryTypes.SELECT },
  );
  if (found[0]?.isValid) return;
  if (found.length > 0) await sequelize.query(`DROP INDEX CONCURRENTLY ${name}`);
  await sequelize.query(names.in(createIndex(index, "CONCURRENTLY ")));
}
