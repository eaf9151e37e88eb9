/** The rows of erasures: how they begin, how they are read, and how a piece moves one on. */
import { Op } from "sequelize";
import { addAudit, changeSilently } from "../../database/change.ts";
import type { Database } from "../../database/database.ts";
import { rowsWhere } from "../../database/model-reads.ts";
import type { ErasureEntry } from "../../database/models.ts";
import type { Auditing } from "../audits.ts";
import { uuidv7 } from "../ids.ts";
import {
  type Criteria,
  type Erasure,
  type ErasureStep,
  erasureCounts,
  type NewErasure,
  newErasure,
} from "./retention.domain.ts";

/** An erasure as it is stored: what it looks for, and how far it has got. */
export interface ErasureRow extends Erasure {
  clientId: number | null;
  criteria: Criteria | null;
  lastBatch: number;
  afterBatch: number;
  step: ErasureStep;
  seq: number;
  touched: number;
  skipped: number | null;
  version: number;
  batches: number;
}

/** What a move may change. */
export type ErasureMove = Partial<
  Pick<ErasureRow, "state" | "waits" | "afterBatch" | "step" | "seq" | "touched" | "skipped" | "batches">
>;

export class Erasures {
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  /** Stores an erasure. The audit has only the names of the person's fields, not their values. */
  async add(about: Omit<NewErasure, "publicId">, audit: Auditing): Promise<ErasureRow> {
    const { models } = this.database;
    const publicId = uuidv7();
    const { dataset, clientIdentifier: name, criteria } = about;
    const entry = audit({
      action: "erasure.create",
      subject: { type: "erasure", id: publicId, name },
      change: { "/dataset": [null, dataset], "/fields": [null, Object.keys(criteria ?? {})] },
    });
    const row = await changeSilently(this.database, async (transaction, nowMs) => {
      await addAudit(models, entry, { transaction, nowMs });
      return models.Erasure.create(newErasure({ publicId, ...about }, nowMs), { transaction });
    });
    return rowOf(row);
  }

  async get(publicId: string): Promise<ErasureRow | null> {
    const [row] = await rowsWhere(this.database.models.Erasure, { publicId });
    return row ? rowOf(row) : null;
  }

  /** Newest first. */
  async list({ before, limit }: { before?: number | undefined; limit: number }): Promise<ErasureRow[]> {
    const where = before === undefined ? {} : { id: { [Op.lt]: before } };
    const rows = await this.database.models.Erasure.findAll({ where, order: [["id", "DESC"]], limit });
    return rows.map(rowOf);
  }

  /** The erasures that can go on now, oldest first. */
  async due(limit: number): Promise<ErasureRow[]> {
    const where = { state: "running", dueAt: { [Op.lte]: await this.database.now() } };
    const rows = await this.database.models.Erasure.findAll({ where, order: [["id", "ASC"]], limit });
    return rows.map(rowOf);
  }

  /** False: another node has moved it since it was read. Its values go with its end. */
  async moved({ id, version }: ErasureRow, move: ErasureMove, inMs = 0): Promise<boolean> {
    const now = await this.database.now();
    const end = move.state === "done" ? { criteria: null, waits: null, finishedAt: now } : {};
    const values = { ...move, ...end, version: version + 1, dueAt: now + inMs };
    const [changed] = await this.database.models.Erasure.update(values, { where: { id, version } });
    return changed > 0;
  }
}

const numberOrNull = (value: unknown): number | null => (value === null || value === undefined ? null : Number(value));

function rowOf(row: ErasureEntry): ErasureRow {
  const values = row.get({ plain: true });
  const counts = Object.fromEntries(erasureCounts.map((name) => [name, Number(values[name])])) as Erasure["counts"];
  return {
    id: Number(values.id),
    publicId: values.publicId,
    state: values.state,
    client: values.clientPublicId ?? null,
    clientIdentifier: values.clientIdentifier ?? null,
    clientId: numberOrNull(values.clientId),
    dataset: values.dataset ?? null,
    fields: values.fields ? JSON.parse(values.fields) : [],
    criteria: values.criteria ? JSON.parse(values.criteria) : null,
    waits: values.waits ?? null,
    counts,
    lastBatch: Number(values.lastBatch),
    afterBatch: Number(values.afterBatch),
    step: values.step,
    seq: Number(values.seq),
    touched: Number(values.touched),
    skipped: numberOrNull(values.skipped),
    version: Number(values.version),
    batches: counts.batches,
    createdAt: Number(values.createdAt),
    finishedAt: numberOrNull(values.finishedAt),
  };
}

/** An erasure as others see it: without the values that it looks for. */
export function erasureOf(row: ErasureRow): Erasure {
  const { id, publicId, state, client, clientIdentifier, dataset, fields, waits, counts, createdAt, finishedAt } = row;
  return { id, publicId, state, client, clientIdentifier, dataset, fields, waits, counts, createdAt, finishedAt };
}
