import { BrokenLink } from "../errors.ts";

/** Rows without the id of their batch, which was asked for with them. Throws BrokenLink for those of another one. */
export function ofBatch<T extends { batchId: number }>(id: number, rows: T[]): Omit<T, "batchId">[] {
  return rows.map(({ batchId, ...row }) => {
    if (batchId !== id) throw new BrokenLink();
    return row;
  });
}
