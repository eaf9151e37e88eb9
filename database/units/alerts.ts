/** Alerts for the operators' chat: stores notes, and lets one node at a time hold each kind of alert. */
import { alert, alertNote } from "../schema/tables.ts";
import type { AlertStore } from "../store.alerts.ts";
import { remove, rowSet, select, selectFrom, update, upsert } from "./steps.ts";
import type { Units } from "./unit.ts";

const TAKEN = rowSet("taken", alert, ["kind", "tries", "pending"]);
const HELD = rowSet("written", alert, ["kind"]);

export function alertUnits(on: Units): AlertStore {
  const open = on.unit({ kind: "name" }, () => [
    upsert(alert, { key: ["kind"], values: { kind: ":kind", due_at: ":now", tries: "0" }, update: [] }),
  ]);
  const note = on.unit({ publicId: "uuid", kind: "name", about: "text" }, () => [
    upsert(alertNote, {
      key: ["public_id"],
      values: { public_id: ":publicId", kind: ":kind", at: ":now", about: ":about" },
      update: [],
    }),
  ]);
  const due = on.unit({ always: "name" }, () => [
    select<{ kind: string }>(`SELECT a.kind AS "kind" FROM alert AS a WHERE a.due_at <= :now
    AND (a.kind = :always OR a.pending IS NOT NULL OR EXISTS (SELECT 1 FROM alert_note AS n WHERE n.kind = a.kind))
    ORDER BY a.kind`),
  ]);
  const taken = on.unit({ kind: "name", claim: "uuid", leaseMs: "bigint" }, () => [
    update(alert, {
      set: "due_at = :now + :leaseMs, claim = :claim",
      where: "kind = :kind AND due_at <= :now",
      into: TAKEN,
    }),
    selectFrom(alert, ["tries", "pending"], "taken", "FROM taken"),
  ]);
  const notes = on.unit({ kind: "name", limit: "int" }, ({ first }) => {
    const oldest = first(":limit", "n.public_id FROM alert_note AS n WHERE n.kind = :kind ORDER BY n.at, n.public_id");
    return [
      selectFrom(
        alertNote,
        ["publicId", "at", "about"],
        "a",
        `FROM alert_note AS a WHERE a.public_id IN (${oldest}) ORDER BY a.at, a.public_id`,
      ),
    ];
  });
  const write = {
    kind: "name",
    claim: "uuid",
    tries: "int",
    pending: "text",
    dueInMs: "bigint",
    notes: "uuids",
  } as const;
  const written = on.unit(write, ({ isIn }) => [
    update(alert, {
      set: `tries = :tries, pending = :pending, due_at = CASE WHEN :dueInMs IS NULL THEN due_at ELSE :now + :dueInMs END,
    claim = CASE WHEN :dueInMs IS NULL THEN claim ELSE NULL END`,
      where: "kind = :kind AND claim = :claim",
      into: HELD,
    }),
    remove(alertNote, { where: `${isIn("public_id", ":notes", "uuids")} AND EXISTS (SELECT 1 FROM written)` }),
  ]);
  return {
    openAlerts: async (kinds) => {
      for (const kind of kinds) await open.changed({ kind });
    },
    noteAlert: async ({ about, ...which }) => void (await note.changed({ ...which, about: JSON.stringify(about) })),
    dueAlerts: async (always) => (await due.rows({ always })).map(({ kind }) => kind as typeof always),
    takeAlert: async (kind, claim, leaseMs) => {
      const row = await taken.row({ kind, claim, leaseMs });
      return row ? { ...row, kind, claim } : null;
    },
    alertNotes: (kind, limit) => notes.rows({ kind, limit }),
    writeAlert: async ({ pending, ...row }) =>
      (await written.changed({ ...row, pending: pending === null ? null : JSON.stringify(pending) })) > 0,
  };
}
