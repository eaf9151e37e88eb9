/**
 * When autovacuum comes to the tables whose rows change or go all the time. By itself it waits for a fifth of a table: of
 * millions of bodies of failed batches, or of a day's events that RabbitMQ did not take, that fifth is what the disk holds for
 * nothing, and what every look for the next row walks past.
 */

/** After so many rows, whatever the table's size: these hold what is under way, and are read from one end. */
const byNumber = (rows: number) => `autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = ${rows}`;
/** After such a share of rows that are kept. */
const byShare = (share: number) => `autovacuum_vacuum_scale_factor = ${share}`;
/** Bodies are beside their table, in pieces of 2 kB, and are vacuumed by settings of their own. */
const bodies = "toast.autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_vacuum_threshold = 5000";

const settings: Record<string, string> = {
  outbox: byNumber(1000),
  batch_count: byNumber(1000),
  client_queue: byNumber(1000),
  batch_chunk: `${byShare(0.01)}, autovacuum_vacuum_threshold = 1000, ${bodies}`,
  batch: `${byShare(0.02)}, autovacuum_analyze_scale_factor = 0.02`,
  delivery: byShare(0.02),
  record: `${byShare(0.01)}, autovacuum_vacuum_insert_scale_factor = 0.05`,
};

export const cleaned = Object.entries(settings).map(([table, given]) => `ALTER TABLE "${table}" SET (${given})`);
