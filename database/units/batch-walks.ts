/** Lists and counts batches by a filter. A call looks at a limited number of batches, however few of them match. */
import type { BatchRow } from "../../services/batch/batch.domain.ts";
import {
  type BatchWalk,
  type IdsBetween,
  MOST_COUNTED_BATCHES,
  MOST_COUNTED_FROM,
  MOST_LOOKED_AT,
  type Walked,
  type WalkWay,
} from "../../services/batch/batch.filter.domain.ts";
import { batchRow, liveColumn, type RawBatch, WORK } from "../rows.ts";
import type { BatchStore } from "../store.ts";
import { LISTED } from "./batches.ts";
import { type Answer, select } from "./steps.ts";
import { type Fragments, type Params, shapes, type Units, type Walk } from "./unit.ts";

const PARAMS = {
  after: "bigint",
  before: "bigint",
  limit: "int",
  look: "int",
  clientId: "bigint",
  states: "texts",
  dataset: "name",
  format: "name",
  createdFrom: "bigint",
  createdTo: "bigint",
  finishedFrom: "bigint",
  finishedTo: "bigint",
  withErrors: "int",
  errorCode: "name",
  errorReason: "name",
  retryOf: "uuid",
  corrects: "uuid",
  requestId: "name",
  hash: "hash",
  ids: "ids",
} as const satisfies Params;

/** For each kind of walk: its index, the columns it compares, and further conditions. */
const WAYS: Record<Exclude<WalkWay, "id" | "ids" | "state" | "stateOfClient">, Omit<Walk, "isOldestFirst">> = {
  client: { index: "batch_client_id_id_ix", equal: [["client_id", ":clientId"]], and: [] },
  dataset: { index: "batch_dataset_id_ix", equal: [["dataset", ":dataset"]], and: ["k.dataset <> 'default'"] },
  datasetOfClient: {
    index: "batch_client_id_dataset_id_ix",
    equal: [
      ["client_id", ":clientId"],
      ["dataset", ":dataset"],
    ],
    and: ["k.dataset <> 'default'"],
  },
  request: { index: "batch_request_id_id_ix", equal: [["request_id", ":requestId"]], and: [] },
  checksum: { index: "batch_content_hash_id_ix", equal: [["content_hash", ":hash"]], and: [] },
  retryOf: { index: "batch_retry_of_id_ix", equal: [["retry_of", ":retryOf"]], and: ["k.retry_of IS NOT NULL"] },
  corrects: { index: "batch_corrects_id_ix", equal: [["corrects", ":corrects"]], and: ["k.corrects IS NOT NULL"] },
};

interface Shape {
  way: WalkWay;
  /** The state's name. It is in the SQL text, not a parameter, because the planner knows how common each state is. */
  state: string;
  isOldestFirst: boolean;
  isFiltered: boolean;
}

function walkOf({ way, state, isOldestFirst }: Shape, { isIn }: Fragments): Walk {
  const seen = "k.state <> 'receiving'";
  const byState = ["state", `'${state}'`] as const;
  switch (way) {
    case "id":
      return { index: null, equal: [], and: [seen], isOldestFirst };
    case "ids":
      return { index: null, equal: [], and: [isIn("k.id", ":ids"), seen], isOldestFirst };
    case "state":
      return { index: "batch_state_id_ix", equal: [byState], and: ["k.state <> 'completed'"], isOldestFirst };
    case "stateOfClient": {
      const equal = [byState, ["client_id", ":clientId"]] as const;
      return { index: "batch_state_client_id_id_ix", equal, and: [], isOldestFirst };
    }
    default:
      return { ...WAYS[way], and: [...WAYS[way].and, seen], isOldestFirst };
  }
}

/**
 * The conditions that no index serves. The text is the same for all filters: a parameter that is NULL matches every
 * batch.
 */
const filtered = ({ isIn }: Fragments): string =>
  [
    isIn("batch.state", ":states", "texts"),
    "(:clientId IS NULL OR batch.client_id = :clientId)",
    "(:dataset IS NULL OR batch.dataset = :dataset)",
    "(:format IS NULL OR batch.format = :format)",
    "(:createdFrom IS NULL OR batch.created_at >= :createdFrom)",
    "(:createdTo IS NULL OR batch.created_at <= :createdTo)",
    "(:finishedFrom IS NULL OR batch.finished_at >= :finishedFrom)",
    "(:finishedTo IS NULL OR batch.finished_at <= :finishedTo)",
    "(:retryOf IS NULL OR batch.retry_of = :retryOf)",
    `(:withErrors IS NULL OR CASE WHEN ${liveColumn("rejected")} > 0 THEN 1 ELSE 0 END = :withErrors)`,
    `(:errorCode IS NULL OR batch.reason LIKE :errorReason ESCAPE '!' OR EXISTS (SELECT 1 FROM error_group AS g
      WHERE g.batch_id = batch.id AND g.pass = batch.pass AND g.code = :errorCode))`,
  ].join("\n    AND ");

/** The FROM text of a walk's matching batches. It first limits how many batches are read, and then compares those. */
const matching = (shape: Shape, fragments: Fragments): string => {
  const way = fragments.walk(walkOf(shape, fragments));
  return shape.isFiltered
    ? `FROM (${fragments.first(":look", `k.* ${way}`)}) AS batch ${WORK}\n  WHERE ${filtered(fragments)}`
    : `FROM (${fragments.first(":limit", `k.* ${way}`)}) AS batch ${WORK}`;
};

export function batchWalkUnits(on: Units): Pick<BatchStore, "walkBatches" | "countBatches"> {
  const rows = shapes((shape: Shape) =>
    on.unit(PARAMS, (fragments): [Answer<RawBatch>] => [
      {
        do: "select",
        text: `${fragments.first(":limit", `${LISTED} ${matching(shape, fragments)} ORDER BY ${fragments.walkOrder(walkOf(shape, fragments), "batch")}`)}${fragments.plannedAnew}`,
        read: [{ name: "contentHash", as: "hex" }],
      },
    ]),
  );
  const looked = shapes((shape: Shape) =>
    on.unit(PARAMS, (fragments) => [
      select<{ seen: number; least: number | null; greatest: number | null }>(
        `SELECT COUNT(*) AS "seen", MIN(few.id) AS "least", MAX(few.id) AS "greatest"
  FROM (${fragments.first(":look", `k.id ${fragments.walk(walkOf(shape, fragments))}`)}) AS few${fragments.plannedAnew}`,
      ),
    ]),
  );
  const counts = shapes((shape: Shape) =>
    on.unit(PARAMS, (fragments) => [
      select<{ n: number; seen: number }>(
        shape.isFiltered
          ? `SELECT COUNT(*) AS "n", (SELECT COUNT(*) FROM (${fragments.first(":look", `k.id ${fragments.walk(walkOf(shape, fragments))}`)}) AS few) AS "seen"
  FROM (${fragments.first(":limit", `batch.id ${matching(shape, fragments)}`)}) AS found${fragments.plannedAnew}`
          : `SELECT COUNT(*) AS "n", COUNT(*) AS "seen"
  FROM (${fragments.first(":limit", `k.id ${fragments.walk(walkOf(shape, fragments))}`)}) AS found${fragments.plannedAnew}`,
      ),
    ]),
  );
  const shapeOf = ({ way, filter, isFiltered }: BatchWalk, isOldestFirst = false): Shape => ({
    way,
    state: filter.state ?? "",
    isOldestFirst,
    isFiltered,
  });
  return {
    async walkBatches(
      walk,
      between,
      { limit, look = MOST_LOOKED_AT, isOldestFirst = false },
    ): Promise<Walked<BatchRow>> {
      const [shape, values] = [shapeOf(walk, isOldestFirst), valuesOf(walk, between, limit, look)];
      const batches = (await rows(shape).rows(values)).map(batchRow);
      if (batches.length === limit) return { batches, end: batches.at(-1)?.id ?? null };
      if (!walk.isFiltered) return { batches, end: null };
      const { seen = 0, least = null, greatest = null } = (await looked(shape).row(values)) ?? {};
      return { batches, end: seen < look ? null : isOldestFirst ? greatest : least };
    },
    async countBatches(walk, between) {
      const values = valuesOf(walk, between, MOST_COUNTED_BATCHES + 1, MOST_COUNTED_FROM);
      const { n = 0, seen = 0 } = (await counts(shapeOf(walk)).row(values)) ?? {};
      const most = walk.isFiltered ? MOST_COUNTED_FROM : MOST_COUNTED_BATCHES + 1;
      return { value: Math.min(n, MOST_COUNTED_BATCHES), isMore: n > MOST_COUNTED_BATCHES || seen >= most };
    },
  };
}

const LIKE_SIGNS = /[!%_[]/g;
/** The LIKE pattern of a batch's reason (JSON text) that contains this error code. */
const reasonWith = (code: string) => `%"code":${JSON.stringify(code).replaceAll(LIKE_SIGNS, "!$&")}%`;

function valuesOf({ filter }: BatchWalk, { after, before }: IdsBetween, limit: number, look: number) {
  const { hasErrors, errorCode } = filter;
  return {
    after,
    before,
    limit,
    look,
    clientId: filter.clientId ?? null,
    states: [...filter.states],
    dataset: filter.dataset ?? null,
    format: filter.format ?? null,
    createdFrom: filter.createdFrom ?? null,
    createdTo: filter.createdTo ?? null,
    finishedFrom: filter.finishedFrom ?? null,
    finishedTo: filter.finishedTo ?? null,
    withErrors: hasErrors === undefined ? null : Number(hasErrors),
    errorCode: errorCode ?? null,
    errorReason: errorCode === undefined ? null : reasonWith(errorCode),
    retryOf: filter.retryOf ?? null,
    corrects: filter.corrects ?? null,
    requestId: filter.requestId ?? null,
    hash: filter.hash ?? null,
    ids: filter.ids ?? [],
  };
}
