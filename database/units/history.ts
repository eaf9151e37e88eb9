/** The history of figures. Each process writes a row for a minute; old minutes are added up to hours. */
import { counted, type Figure, type FiguresAt, HOUR_MS, peak } from "../../services/stats/stats.domain.ts";
import { statHour, statMinute } from "../schema/figures.ts";
import { columnOf, snake } from "../schema/table.ts";
import type { FigureHistoryStore } from "../store.ts";
import { insert, removeFirst, rowSet, select, upsert } from "./steps.ts";
import type { Units } from "./unit.ts";

const sums = counted.map((name) => [name, snake(name)] as const);
const peakColumn = snake(peak);
const columns = [...counted, peak].map((name) => columnOf(statMinute, name).column);

/** The SELECT list that adds up the figures of rows `r`. */
const added = `${sums.map(([name, column]) => `CAST(SUM(r.${column}) AS BIGINT) AS "${name}"`).join(", ")}, MAX(r.${peakColumn}) AS "${peak}"`;
const figureValues = Object.fromEntries([...counted, peak].map((name) => [snake(name), `:${name}`]));
const figureParams = Object.fromEntries([...counted, peak].map((name) => [name, "bigint"])) as Record<Figure, "bigint">;

export function historyUnits(on: Units): FigureHistoryStore {
  // Only its own process writes a row, and always the whole count so far. So a repeated write does no harm.
  const keep = on.unit({ clientId: "bigint", at: "bigint", node: "name", run: "uuid", ...figureParams }, () => [
    upsert(statMinute, {
      key: ["client_id", "at", "node", "run"],
      values: { client_id: ":clientId", at: ":at", node: ":node", run: ":run", ...figureValues },
      update: columns,
    }),
  ]);
  const spans = (from: string) =>
    `SELECT x.at - x.at % :stepMs AS at, ${columns.map((column) => `x.${column}`).join(", ")} FROM ${from} AS x
    WHERE x.client_id = :clientId AND x.at >= :from AND x.at < :to`;
  const wanted = { clientId: "bigint", from: "bigint", to: "bigint", stepMs: "bigint" } as const;
  const of = (rows: string) =>
    on.unit(wanted, () => [
      select<FiguresAt>(`SELECT r.at AS "at", ${added} FROM (
    ${rows}) AS r GROUP BY r.at ORDER BY r.at`),
    ]);
  const minutes = of(spans("stat_minute"));
  const all = of(`${spans("stat_minute")}
    UNION ALL ${spans("stat_hour")}`);

  const gone = rowSet("gone", statMinute, ["clientId", "at", ...counted, peak]);
  const hour = `gone.at - gone.at % ${HOUR_MS}`;
  const roll = on.unit({ ageMs: "bigint", limit: "int" }, () => [
    removeFirst(statMinute, {
      key: ["client_id", "at", "node", "run"],
      where: "at < :now - :ageMs",
      order: "at",
      limit: ":limit",
      into: gone,
    }),
    insert(statHour, {
      values: {
        client_id: "gone.client_id",
        at: hour,
        ...Object.fromEntries(sums.map(([, column]) => [column, `SUM(gone.${column})`])),
        [peakColumn]: `MAX(gone.${peakColumn})`,
      },
      from: "gone",
      group: `gone.client_id, ${hour}`,
    }),
  ]);
  const old = on.unit({ ageMs: "bigint", limit: "int" }, () => [
    removeFirst(statHour, { key: ["id"], where: "at < :now - :ageMs", order: "at", limit: ":limit" }),
  ]);
  return {
    keepFigures: async (row) => void (await keep.changed({ ...row })),
    figureHistory: ({ stepMs, ...asked }) => (stepMs < HOUR_MS ? minutes : all).rows({ ...asked, stepMs }),
    rollFigures: async (ageMs, limit) => (await roll.changed({ ageMs, limit })) < limit,
    async forgetFigures(ageMs, limit, removed) {
      const rows = await old.changed({ ageMs, limit });
      removed?.("stat_hour", rows);
      return rows < limit;
    },
  };
}
