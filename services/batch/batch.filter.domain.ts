/** The filter of a list of batches, and the walks through the table that find these batches. */
import type { Format } from "../../formats/formats.ts";
import type { BatchState } from "./batch.domain.ts";

/** The possible meanings of one search term. With several, a batch matches if it matches one of them. */
export type SearchTerm =
  /** The whole public id without hyphens, or its first hexadecimal digits. */
  | { by: "id"; digits: string }
  | { by: "request"; requestId: string }
  /** SHA-256 of the decoded body, in hexadecimal digits. */
  | { by: "checksum"; hash: string }
  | { by: "key"; key: string }
  /** A client's identifier, or the beginning of identifiers. */
  | { by: "client"; identifier: string };

/**
 * A filter. A batch must meet all of its conditions; an omitted condition is always met. Times are epoch ms, and ranges include both
 * ends.
 */
export interface BatchFilter {
  /** The internal id of the client. */
  clientId?: number;
  states?: BatchState[];
  dataset?: string;
  format?: Format;
  createdFrom?: number;
  createdTo?: number;
  finishedFrom?: number;
  finishedTo?: number;
  /** Whether records were rejected. */
  hasErrors?: boolean;
  /** A code of the batch's own error, or of an error of its records. */
  errorCode?: string;
  /** The public id of the batch whose rejected records these batches contain. */
  retryOf?: string;
  search?: SearchTerm[];
}

/** Which part of a list to read. */
export interface BatchPage {
  /** Only batches after this id in the order of the list: lower ids, or higher ids if the oldest come first. */
  beyond?: number;
  isOldestFirst?: boolean;
  limit: number;
}

/**
 * `next`: the id after which the next part begins. This part may have fewer batches than its limit, or none. Null: the list ends here.
 */
export interface BatchesFound<Row> {
  batches: Row[];
  next: number | null;
}

/**
 * How many batches a page looks at, in all its walks together. This number, not the number of matches, limits the cost of a page.
 */
export const MOST_LOOKED_AT = 2_000;

/** How many batches of a state a count looks at if the filter has more conditions than the state. */
export const MOST_COUNTED_FROM = 1_000;

/** The most batches that are read to find those that ended in a range of time, or whose ids begin with given digits. */
export const MOST_FINISHED = 10_000;

/** The highest number that a count can reach. */
export const MOST_COUNTED_BATCHES = 10_000;

/** `isMore`: there are, or may be, more batches than this number. */
export interface BoundedCount {
  value: number;
  isMore: boolean;
}

/** The columns by which a walk can find batches. Each has an index whose last column is the id. */
export const walkWays = [
  "id",
  "ids",
  "client",
  "state",
  "stateOfClient",
  "dataset",
  "datasetOfClient",
  "request",
  "checksum",
  "retryOf",
  "corrects",
] as const;
export type WalkWay = (typeof walkWays)[number];

/** The conditions of a walk. They always name states, so that no walk finds an upload. */
export interface WalkFilter extends Omit<BatchFilter, "search" | "states"> {
  states: readonly BatchState[];
  /** The state of `way`, if `way` finds batches by their state. */
  state?: BatchState;
  ids?: number[];
  requestId?: string;
  hash?: string;
  corrects?: string;
}

export interface BatchWalk {
  way: WalkWay;
  filter: WalkFilter;
  /** Whether `filter` has conditions that `way` does not cover. Then the number of batches that the walk looks at is limited. */
  isFiltered: boolean;
}

/** Exclusive bounds of ids. */
export interface IdsBetween {
  after: number;
  before: number;
}

/** The first batches of a walk. `end`: the last id that the walk looked at. Null: there are no more batches. */
export interface Walked<Row> {
  batches: Row[];
  end: number | null;
}

/** The lowest and highest id of the batches that ended in a range of time, if they are few. */
export interface FinishedSpan {
  batches: number;
  least: number | null;
  greatest: number | null;
}
