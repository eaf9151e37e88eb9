/** Lists audit rows, deletes old ones, and provides the step that writes an audit row in the unit of its change. */
import type { AuditDraft, AuditQuery, AuditRow } from "../../services/audit/audit.domain.ts";
import { audit } from "../schema/tables.ts";
import type { AuditStore } from "../store.ts";
import { insert, listOf, removeFirst, type Step, select } from "./steps.ts";
import { type Params, shapes, type Units } from "./unit.ts";

const LISTED = {
  who: "name",
  action: "name",
  subjectId: "name",
  subjectName: "name",
  from: "bigint",
  to: "bigint",
  after: "bigint",
  before: "bigint",
  limit: "int",
} as const;
/** Ids grow with time, except among rows written at nearly the same time. No change takes as long as this. */
const SKEW_MS = 60_000;
/** The conditions of a list. For each of the first four there is an index of its column and the id. */
const CONDITIONS = {
  who: "a.who = :who",
  action: "a.action = :action",
  subjectId: "a.subject_id = :subjectId",
  subjectName: "a.subject_name = :subjectName",
  from: "a.at >= :from",
  to: "a.at <= :to",
  after: "a.id > :after",
  before: "a.id < :before",
};
type Condition = keyof typeof CONDITIONS;
type Wanted = Omit<AuditQuery, "subject"> & { subjectId?: string; subjectName?: string; after?: number };

const COLUMNS = audit.columns.map(({ name }) => name);

export function auditUnits(on: Units): AuditStore {
  const which = shapes((asked: Condition[]) =>
    on.unit(LISTED, ({ first, plannedAnew }) => {
      const where = asked.length === 0 ? "" : ` WHERE ${asked.map((name) => CONDITIONS[name]).join(" AND ")}`;
      return [
        select<AuditRow>(
          first(":limit", `${listOf(audit, COLUMNS, "a")} FROM audit AS a${where} ORDER BY a.id DESC`) + plannedAnew,
        ),
      ];
    }),
  );
  const bounds = on.unit({ from: "bigint", to: "bigint" }, ({ first }) => [
    select<{ after: number | null; before: number | null }>(
      `SELECT (${first(1, `f.id FROM audit AS f WHERE f.at < :from - ${SKEW_MS} ORDER BY f.at DESC`)}) AS "after",
    (${first(1, `t.id FROM audit AS t WHERE t.at > :to + ${SKEW_MS} ORDER BY t.at`)}) AS "before"`,
    ),
  ]);
  /**
   * Turns a span of time into bounds for the id. Without bounds a walk by id would read all rows newer than the span.
   */
  const bounded = async (wanted: AuditQuery): Promise<AuditQuery & { after?: number }> => {
    const { from = null, to = null } = wanted;
    if (from === null && to === null) return wanted;
    const { after = null, before = null } = (await bounds.row({ from, to })) ?? {};
    const first = Math.min(before ?? Number.POSITIVE_INFINITY, wanted.before ?? Number.POSITIVE_INFINITY);
    return {
      ...wanted,
      ...(after !== null && { after }),
      ...(first !== Number.POSITIVE_INFINITY && { before: first }),
    };
  };
  const listed = (wanted: Wanted): Promise<AuditRow[]> => {
    const asked = (Object.keys(CONDITIONS) as Condition[]).filter((name) => wanted[name] !== undefined);
    const none = Object.fromEntries(Object.keys(CONDITIONS).map((name) => [name, null])) as Record<Condition, null>;
    const given = Object.fromEntries(asked.map((name) => [name, wanted[name]]));
    return which(asked).rows({ ...none, ...given, limit: wanted.limit });
  };
  const old = on.unit({ ageMs: "bigint", limit: "int" }, () => [
    removeFirst(audit, { key: ["id"], where: "at <= :now - :ageMs", order: "at", limit: ":limit" }),
  ]);
  return {
    async listAudit(query) {
      const { subject, ...rest } = await bounded(query);
      if (subject === undefined) return listed(rest);
      // Two walks along an index each. One query for both would read all rows of the subject and sort them.
      const found = await Promise.all([
        listed({ ...rest, subjectId: subject }),
        listed({ ...rest, subjectName: subject }),
      ]);
      const rows = new Map(found.flat().map((row) => [row.id, row]));
      return [...rows.values()].sort((a, b) => b.id - a.id).slice(0, rest.limit);
    },
    async forgetAudit(ageMs, limit, removed) {
      const gone = await old.changed({ ageMs, limit });
      removed?.("audit", gone);
      return gone < limit;
    },
  };
}

const DRAFT = {
  publicId: "uuid",
  who: "name",
  role: "name",
  address: "name",
  requestId: "name",
  action: "name",
  subjectType: "name",
  subjectId: "name",
  subjectName: "name",
  change: "text",
  reason: "text",
  status: "name",
} as const;
type Field = keyof typeof DRAFT;
const FIELDS = Object.keys(DRAFT) as Field[];
const parameterOf = (field: Field) => `audit${field[0]?.toUpperCase()}${field.slice(1)}`;

/** The parameters of a unit with an audit row. */
export const auditParams: Params = Object.fromEntries(FIELDS.map((field) => [parameterOf(field), DRAFT[field]]));

export const auditValues = (draft: AuditDraft | undefined): Record<string, string | null> =>
  draft ? Object.fromEntries(FIELDS.map((field) => [parameterOf(field), draft[field]])) : {};

const columns = new Map(audit.columns.map(({ name, column }) => [name, column]));

/**
 * Inserts a change's audit row if the row set `from`, which the change fills, has a row. `where` picks one of several
 * rows.
 */
export const auditStep = (from: string, where?: string): Step =>
  insert(audit, {
    values: {
      at: ":now",
      ...Object.fromEntries(FIELDS.map((field) => [columns.get(field), `:${parameterOf(field)}`])),
    },
    from,
    where,
  });
