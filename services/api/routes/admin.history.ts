/** `GET /admin/stats/history`: the figures that all nodes have counted, in steps of time, for charts. */

import { isUuid } from "../../../database/rows.ts";
import { count, described, instant, type JsonSchema, listOf, orNull, record } from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import {
  ALL_CLIENTS,
  addFigures,
  type Figures,
  type FiguresAt,
  HOUR_MS,
  HOURS_KEPT_MS,
  MINUTE_MS,
  MINUTES_KEPT_MS,
  noFigures,
  SECONDS_KEPT_MS,
} from "../../stats/stats.domain.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { instantMs, queryOf, wrongQuery } from "../http/input.ts";
import { time } from "./views.ts";

/** The most points of a series. A screen cannot show more. */
const MOST_POINTS = 1_500;

interface Step {
  ms: number;
  /** How long figures of this step are kept. */
  keptMs: number;
  /** The length of the range if `from` is omitted. */
  usualMs: number;
}

const steps = {
  "10s": { ms: 10_000, keptMs: SECONDS_KEPT_MS, usualMs: 5 * MINUTE_MS },
  "1m": { ms: MINUTE_MS, keptMs: MINUTES_KEPT_MS, usualMs: HOUR_MS },
  "1h": { ms: HOUR_MS, keptMs: HOURS_KEPT_MS, usualMs: 24 * HOUR_MS },
  "1d": { ms: 24 * HOUR_MS, keptMs: HOURS_KEPT_MS, usualMs: 30 * 24 * HOUR_MS },
} as const satisfies Record<string, Step>;
export const historySteps = Object.keys(steps) as (keyof typeof steps)[];

type Point = number | null;

const plain = (name: keyof Figures) => (figures: Figures) => figures[name];

/** The average time from when a batch is ready to its first claim. */
const claimLatency = ({ claims, claimMs }: Figures): Point => (claims === 0 ? null : Math.round(claimMs / claims));

/** The series of figures, by group. */
const groups = {
  records: { accepted: plain("accepted"), rejected: plain("rejected"), duplicate: plain("duplicate") },
  bytes: { bytes: plain("bytes") },
  batches: {
    batchesCompleted: plain("batchesCompleted"),
    batchesCompletedWithErrors: plain("batchesCompletedWithErrors"),
    batchesFailed: plain("batchesFailed"),
    batchesRejected: plain("batchesRejected"),
    batchesCancelled: plain("batchesCancelled"),
    batchesValidated: plain("batchesValidated"),
    batchesUndone: plain("batchesUndone"),
  },
  requests: { requestsAllowed: plain("requestsAllowed"), requestsRefused: plain("requestsRefused") },
  deliveries: {
    deliveriesDelivered: plain("deliveriesDelivered"),
    deliveriesRetried: plain("deliveriesRetried"),
    deliveriesFailed: plain("deliveriesFailed"),
  },
  queueAge: { queueAgeMs: plain("queueAgeMs") },
  claimLatency: { claimLatencyMs: claimLatency },
} satisfies Record<string, Record<string, (figures: Figures) => Point>>;
export const historySeries = Object.keys(groups);

type Series = readonly [name: string, of: (figures: Figures) => Point];
const allSeries = Object.values(groups).flatMap((group): Series[] => Object.entries(group));
const seriesNames = allSeries.map(([name]) => name);
/** The names that the query's `series` takes: a group, or one series of a group. */
const named = new Map<string, readonly Series[]>([
  ...allSeries.map((one) => [one[0], [one]] as const),
  ...Object.entries(groups).map(([name, group]) => [name, Object.entries(group)] as const),
]);

/** The schema of what `getHistory` answers. */
export const historySchema: JsonSchema = record({
  step: { enum: historySteps },
  from: described("Where the first step begins.", instant),
  series: described(
    "A number for each step, null where it is not kept any more, or has not begun. `queueAgeMs` is the longest wait of a claimable batch, `claimLatencyMs` the average from ready to the first claim, null where there was none.",
    record(Object.fromEntries(seriesNames.map((name) => [name, listOf(orNull(count))])), seriesNames),
  ),
  partial: described("The last step is not over.", { type: "boolean" }),
});

interface Wanted {
  step: keyof typeof steps;
  /** The beginning of the first step, and the end of the last step. */
  from: number;
  to: number;
  series: readonly Series[];
}

/** Answers the figures of a range of time. Throws validation, unavailable. */
export async function getHistory(exchange: Exchange): Promise<Reply> {
  const query = queryOf(exchange, "from", "to", "step", "series", "client");
  const now = Date.now();
  const wanted = wantedOf(query, now);
  const clientId = await clientOf(exchange, query.client, wanted);
  const rows = await rowsOf(exchange, wanted, clientId);
  const { step, from, to } = wanted;
  return json(200, { step, from: time(from), series: seriesOf(wanted, rows, now), partial: now < to });
}

function wantedOf({ from, to, step, series }: Record<string, string>, now: number): Wanted {
  const end = timeIn("to", to) ?? now;
  const begin = timeIn("from", from);
  const name = stepIn(step, begin === undefined ? null : end - begin, begin === undefined ? 0 : now - begin);
  const { ms, usualMs } = steps[name];
  const first = begin ?? end - usualMs;
  if (first >= end) throw wrongQuery("from", `expected a time before "to" (${time(end)})`);
  const wanted = { step: name, from: floor(first, ms), to: floor(end - 1, ms) + ms, series: seriesIn(series) };
  const points = (wanted.to - wanted.from) / ms;
  if (points > MOST_POINTS)
    throw wrongQuery(
      "step",
      `expected a longer step: ${points} points in steps of ${name}, ${MOST_POINTS} are allowed`,
    );
  return wanted;
}

const floor = (at: number, ms: number) => at - (at % ms);

function timeIn(name: string, value: string | undefined): number | undefined {
  const ms = value === undefined ? undefined : instantMs(value);
  if (ms === null || (ms !== undefined && ms < 0))
    throw wrongQuery(name, "expected a time with its offset, such as 2027-01-31T12:00:00Z");
  return ms;
}

/**
 * The step of the query. Without one: a minute if there is no range either, else the shortest step whose figures are
 * still kept and that shows the whole range in MOST_POINTS points, else a day.
 */
function stepIn(value: string | undefined, rangeMs: number | null, agoMs: number): keyof typeof steps {
  if (value === undefined && rangeMs === null) return "1m";
  const name = historySteps.find((known) =>
    value === undefined
      ? steps[known].keptMs >= agoMs && (rangeMs ?? 0) / steps[known].ms < MOST_POINTS
      : known === value,
  );
  if (name) return name;
  if (value === undefined) return "1d";
  throw wrongQuery("step", `expected one of ${historySteps.join(", ")}`);
}

function seriesIn(value: string | undefined): readonly Series[] {
  if (value === undefined) return allSeries;
  const names = value.split(",");
  const unknown = names.find((name) => !named.has(name));
  if (unknown === undefined) return names.flatMap((name) => named.get(name) ?? []);
  throw wrongQuery("series", `expected some of ${[...named.keys()].join(", ")}, by commas; found "${unknown}"`);
}

/** Finds the client with this id or identifier. Throws validation if there is none. */
async function clientOf({ ctx }: Exchange, value: string | undefined, { step }: Wanted): Promise<number> {
  if (value === undefined) return ALL_CLIENTS;
  if (step === "10s") throw wrongQuery("client", "expected only with a step of 1m or longer");
  const client = await actors.clientCache.get(ctx, isUuid(value) ? { publicId: value } : { identifier: value });
  if (!client) throw wrongQuery("client", "expected the id or the identifier of a client");
  return client.id;
}

/**
 * Reads the figures. Figures in steps of seconds are in the memory of each node; all other figures are in the database.
 */
async function rowsOf({ ctx }: Exchange, { step, from, to }: Wanted, clientId: number): Promise<FiguresAt[]> {
  const { ms: stepMs } = steps[step];
  if (step === "10s") return actors.monitor.recentOfAll(ctx, { stepMs });
  return actors.stats.history(ctx, { clientId, from, to, stepMs });
}

/** The points of each series. A point is null if its figures are no longer kept, or are not written yet. */
function seriesOf({ step, from, to, series }: Wanted, rows: FiguresAt[], now: number): Record<string, Point[]> {
  const { ms, keptMs } = steps[step];
  const isKnown = (at: number) => at <= now && at + ms > now - keptMs;
  const points = Array.from({ length: (to - from) / ms }, (_, i) => (isKnown(from + i * ms) ? noFigures() : null));
  for (const row of rows) {
    const sum = points[(row.at - from) / ms];
    if (sum) addFigures(sum, row);
  }
  return Object.fromEntries(series.map(([name, of]) => [name, points.map((point) => point && of(point))]));
}
