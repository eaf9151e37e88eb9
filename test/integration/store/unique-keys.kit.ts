/** Unique keys from texts, and commits of records with such keys. */
import { createHash } from "node:crypto";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import type { ChunkCommit } from "../../../services/batch/batch.writes.domain.ts";
import { chunkCommit } from "./drafts.ts";

/** A key as long as a real one: half a hash. */
export const key = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 32);
export const joined = (...texts: string[]) => texts.map((text) => text && key(text)).join("\n");

/** The commit of the batch's next chunk, whose three records have these keys. */
export const keyed = (batch: BatchRow, texts: [string, string, string], over: Partial<ChunkCommit> = {}) =>
  chunkCommit(batch, [], { unique: { duplicates: [], keys: joined(...texts), freed: null }, ...over });
