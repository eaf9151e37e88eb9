/** The filter of a list of batches, and the walks through the table that find these batches. */
import type { Format } from "../../formats/formats.ts";
import type { BatchState } from "./batch.domain.ts";

/** What one term of a search may be. Several: a batch matches that matches one of them. */
export type SearchTerm =
  /** The whole public id, or its first hexadecimal digits, without hyphens. */
  | { by: "id"; digits: string }
  | { by: "request"; requestId: string }
  /** SHA-256 of the decoded body, in hexadecimal digits. */
  | { by: "checksum"; hash: string }
  | { by: "key"; key: string }
  /** A client's identifier, or the beginning of identifiers. */
  | { by: "client"; identifier: string };

/** All conditions must hold. Omitted: any. Times are epoch ms, both ends included. */
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
  /** The public id of the batch whose rejected records they are. */
  retryOf?: string;
  search?: SearchTerm[];
}

/** A part of a list. */
export interface BatchPage {
  /** Only batches beyond this id: lower ones, or higher ones where the oldest come first. */
  beyond?: number;
  isOldestFirst?: boolean;
  limit: number;
}

/** `next`: where the list goes on, also if this part has fewer batches than its limit, or none. Null: it is over. */
export interface BatchesFound<Row> {
  batches: Row[];
  next: number | null;
}

/**
 * How many batches a page looks at, in all its walks together. This number, not the number of matches, limits the cost of a page.
 */
export const MOST_LOOKED_AT = 2_000;

/** How many batches of a state a count looks at if it has to compare more than their state. */
export const MOST_COUNTED_FROM = 1_000;

/** Batches that ended in a time, or are of a beginning of ids, are read up to this number. */
export const MOST_FINISHED = 10_000;

/** Counts stop here. */
export const MOST_COUNTED_BATCHES = 10_000;

/** `isMore`: there are more, or may be. */
export interface BoundedCount {
  value: number;
  isMore: boolean;
}

/** The columns by which a walk can find batches. Each has an index that ends with the id. */
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

/** Conditions of a walk. `states` is never omitted in it: nobody sees an upload. */
export interface WalkFilter extends Omit<BatchFilter, "search" | "states"> {
  states: readonly BatchState[];
  /** The state of `way`, if it is by one. */
  state?: BatchState;
  ids?: number[];
  requestId?: string;
  hash?: string;
  corrects?: string;
}

export interface BatchWalk {
  way: WalkWay;
  filter: WalkFilter;
  /** Whether `way` alone does not say all of `filter`. Then what it looks at is bounded. */
  isFiltered: boolean;
}

/** Exclusive bounds of ids. */
export interface IdsBetween {
  after: number;
  before: number;
}

/** The first batches of a walk. `end`: the last id that it looked at; null: there are no more. */
export interface Walked<Row> {
  batches: Row[];
  end: number | null;
}

/** Bounds of the ids of the batches that ended in a time, if they are few. */
export interface FinishedSpan {
  batches: number;
  least: number | null;
  greatest: number | null;
}
