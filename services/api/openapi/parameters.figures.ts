/** Parameters of figures over time and of event streams. */
import { choice, instant, text } from "../../../lib/json-schema.ts";
import { historySeries, historySteps } from "../routes/admin.history.ts";
import { ids } from "./examples.ts";
import { type Parameter, query } from "./parameters.kit.ts";

export const figureParameters = {
  topics: query(
    "topics",
    "What to tell of, by commas: `stats`, `batches`, `deliveries`, and `batch:ID` at most 20 times. Omitted: `stats`.",
    text(),
    "stats,batches,deliveries",
  ),
  ownTopics: query(
    "topics",
    "What to tell of, by commas: `batches`, `deliveries`, and `batch:ID` at most 20 times. Omitted: `batches`.",
    text(),
    "batches,deliveries",
  ),
  historyFrom: query(
    "from",
    "The first step has this time. Omitted: 5 minutes, an hour, a day or 30 days before `to`, by the step.",
    instant,
    "2026-11-23T00:00:00Z",
  ),
  historyTo: query("to", "The last step ends here at the earliest. Omitted: now.", instant, "2026-11-23T12:00:00Z"),
  step: query(
    "step",
    "The length of a step. Omitted: the shortest one that has the whole range, or `1m`.",
    choice(historySteps),
    "1d",
  ),
  series: query(
    "series",
    `Which figures, by commas: ${historySeries.join(", ")}, or the names in the answer. Omitted: all.`,
    text(),
    "records",
  ),
  historyClient: query("client", "Only what the client with this id or identifier did.", text(), ids.client),
} satisfies Record<string, Parameter>;
