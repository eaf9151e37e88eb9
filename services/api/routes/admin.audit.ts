/** `GET /admin/audit`: who has changed what, as a page of JSON, as lines of JSON, or as CSV. */
import Negotiator from "negotiator";
import { choice, described, id, instant, type JsonSchema, orNull, record, text } from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import {
  type AuditedAction,
  type AuditQuery,
  type AuditRow,
  auditedActions,
  subjectTypes,
} from "../../audit/audit.domain.ts";
import { operatorRoles } from "../../operator/operator.domain.ts";
import { safeCell } from "../http/csv.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { queryOf, timeIn, wrongQuery } from "../http/input.ts";
import { pageBody, pageOf } from "../http/pages.ts";
import { NDJSON, sent } from "./export.ts";
import { time } from "./views.ts";

const CSV = "text/csv; charset=utf-8; header=present";
const JSON_PAGE = "application/json";
/** How many entries of the audit are read at once. Each may have 18 kB. */
const ROWS_AT_ONCE = 100;

/** The schema of what `auditView` answers. */
export const auditSchema: JsonSchema = record({
  id,
  at: instant,
  who: described("The operator or the client. Null: nobody knows, as of failed logins.", orNull(text())),
  role: orNull(choice([...operatorRoles, "partner"])),
  address: described("Where the request came from; of IPv6 its network. Null: not by HTTP.", orNull(text())),
  requestId: orNull(text()),
  action: choice(auditedActions),
  subject: record({
    type: orNull(choice(subjectTypes)),
    id: described("Of datasets and operators their name.", orNull(text())),
    name: described("Of clients their identifier.", orNull(text())),
  }),
  change: described(
    "What differs: by JSON pointers the values before and after, where null also means that there is none. `truncated`: so many further members differ.",
    orNull({ type: "object" }),
  ),
  reason: described("The operator's own words.", orNull(text())),
  status: text("`done`, or the code of the refusal."),
});

export const auditView = (row: AuditRow) => ({
  id: row.publicId,
  at: time(row.at),
  who: row.who,
  role: row.role,
  address: row.address,
  requestId: row.requestId,
  action: row.action,
  subject: { type: row.subjectType, id: row.subjectId, name: row.subjectName },
  change: row.change === null ? null : (JSON.parse(row.change) as object),
  reason: row.reason,
  status: row.status,
});

/** A text of the query that is compared with a column of 255 characters. Throws validation. */
function textIn(name: string, value: string | undefined): string | undefined {
  if (value === undefined || /^[^\p{Cc}\p{Cs}]{1,255}$/u.test(value)) return value;
  throw wrongQuery(name, "expected 1 to 255 characters, none of them a control character");
}

function actionIn(value: string | undefined): AuditedAction | undefined {
  const action = auditedActions.find((known) => known === value);
  if (value === undefined || action) return action;
  throw wrongQuery("action", `expected one of ${auditedActions.join(", ")}`);
}

export async function getAudit(exchange: Exchange): Promise<Reply | undefined> {
  const { who, action, subject, from, to, ...page } = queryOf(
    exchange,
    "who",
    "action",
    "subject",
    "from",
    "to",
    "limit",
    "cursor",
  );
  const wanted = {
    who: textIn("who", who),
    action: actionIn(action),
    subject: textIn("subject", subject),
    from: timeIn("from", from),
    to: timeIn("to", to),
  };
  exchange.res.setHeader("Vary", "Accept");
  const type = new Negotiator(exchange.req).mediaType([JSON_PAGE, NDJSON, CSV, "application/jsonl"]) ?? JSON_PAGE;
  if (type !== JSON_PAGE) return sendAll(exchange, type, wanted, page);
  const asked = pageOf(exchange, "audit", page);
  const rows = await actors.audit.list(exchange.ctx, { ...wanted, ...asked.asked });
  return json(200, await pageBody(exchange, asked, rows, auditView));
}

type Wanted = Omit<AuditQuery, "before" | "limit">;

/** Sends all entries, the newest first. Throws validation, too-many-streams. */
async function sendAll(
  { ctx, req, res }: Exchange,
  type: string,
  wanted: Wanted,
  page: Record<string, string>,
): Promise<undefined> {
  for (const name of ["limit", "cursor"])
    if (page[name] !== undefined) throw wrongQuery(name, `expected only with Accept: ${JSON_PAGE}`);
  const isCsv = type === CSV;
  const file = `audit.${isCsv ? "csv" : "ndjson"}`;
  const headers = { "Content-Type": type, "Content-Disposition": `attachment; filename="${file}"` };
  if (req.method === "HEAD") return void res.writeHead(200, headers).end();
  const { exports } = req.$service;
  const reader = `operator ${req.operator?.name}`;
  exports.requirePlace(reader);
  const rowsAfter = async (last: number) => {
    const rows = await actors.audit.list(ctx, { ...wanted, limit: ROWS_AT_ONCE, ...(last > 0 && { before: last }) });
    return rows.map((row) => ({ seq: row.id, row }));
  };
  const content = isCsv ? { head: CSV_HEAD, page: rowsAfter, show: csvLine } : { page: rowsAfter, show: jsonLine };
  await exports.keep(reader, { closed: sent(res, headers, content, exports.turns) });
}

type Numbered = { seq: number; row: AuditRow };

function* jsonLine({ row }: Numbered): Generator<string> {
  yield `${JSON.stringify(auditView(row))}\n`;
}

const CSV_HEAD = "id,at,who,role,address,requestId,action,subjectType,subjectId,subjectName,change,reason,status\r\n";

function* csvLine({ row }: Numbered): Generator<string> {
  const { id: of, at, who, role, address, requestId, action, subject, reason, status } = auditView(row);
  const subjects = [subject.type, subject.id, subject.name];
  const cells = [of, at, who, role, address, requestId, action, ...subjects, row.change, reason, status];
  yield `${cells.map((value) => safeCell(value ?? "")).join(",")}\r\n`;
}
