/** Erasures: of a whole client, or of what the batches of a dataset have of one person. */
import type { Format } from "../../formats/formats.ts";

export const erasureStates = ["running", "done"] as const;
export type ErasureState = (typeof erasureStates)[number];

/** What is looked at in a batch, one after the other; of a client: its batches, then the rest. */
export type ErasureStep = "records" | "errors" | "rest" | "client";

/** What an erasure has deleted, or would. */
export const erasureCounts = [
  "batches",
  "records",
  "errors",
  "examples",
  "bodies",
  "deliveries",
  "uniqueKeys",
] as const;
export type ErasureCounts = Record<(typeof erasureCounts)[number], number>;

export const noCounts = (): ErasureCounts => ({
  batches: 0,
  records: 0,
  errors: 0,
  examples: 0,
  bodies: 0,
  deliveries: 0,
  uniqueKeys: 0,
});

/** The values of a person by field. All of them must be there. */
export type Criteria = Record<string, string | number>;

/** How far an erasure is, and what it is about. Not its values. */
export interface Erasure {
  id: number;
  publicId: string;
  state: ErasureState;
  /** Public ids and names. */
  client: string | null;
  clientIdentifier: string | null;
  dataset: string | null;
  fields: string[];
  waits: string | null;
  counts: ErasureCounts;
  createdAt: number;
  finishedAt: number | null;
}

/** A batch that an erasure looks at. */
export interface ErasedBatch {
  id: number;
  publicId: string;
  clientId: number;
  pass: number;
  format: Format;
  /** 0: it has no body any more. */
  chunks: number;
  /** 1: nobody works at it, and no errors of earlier passes are left. */
  isResting: number;
}

/** A row of `error_group`. */
export interface GroupTexts {
  pass: number;
  name: string;
  examples: string | null;
  message: string | null;
}

/** Where an erasure is, as the store must still find it. */
export interface ErasureAt {
  erasure: number;
  version: number;
  /** The batch. */
  id: number;
}

export interface NewErasure {
  publicId: string;
  clientId: number | null;
  clientPublicId: string | null;
  clientIdentifier: string | null;
  dataset: string | null;
  criteria: Criteria | null;
  lastBatch: number;
}

/** The values of a new row. */
export const newErasure = ({ criteria, ...about }: NewErasure, now: number) => ({
  state: "running" as const,
  ...about,
  fields: criteria && JSON.stringify(Object.keys(criteria)),
  criteria: criteria && JSON.stringify(criteria),
  afterBatch: 0,
  step: about.dataset === null ? ("client" as const) : ("records" as const),
  seq: 0,
  touched: 0,
  version: 1,
  dueAt: now,
  ...noCounts(),
  createdAt: now,
});
