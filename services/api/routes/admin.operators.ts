/** The calls of admins about operators. */
import { Problem } from "../../../lib/errors.ts";
import { choice, described, instant, type JsonSchema, orNull, record, text } from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import { REPL_CALLER } from "../../audit/audit.domain.ts";
import { FIRST_OPERATOR, type Operator, operatorRoles } from "../../operator/operator.domain.ts";
import { type Exchange, json, privateJson, type Reply } from "../http/exchange.ts";
import { instantMs, jsonBody, noBody, queryOf, strictly } from "../http/input.ts";
import { namePageBody, namePageOf } from "../http/pages.ts";
import { time } from "./views.ts";

const role = { type: "enum", values: operatorRoles } as const;
const expiresAt = {
  type: "string",
  optional: true,
  nullable: true,
  jsonSchema: { ...orNull(instant), description: "When the token ends. Null: never." },
} as const;

export const newOperator = strictly({
  name: {
    type: "string",
    pattern: /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/,
    messages: { stringPattern: "expected 1 to 64 of A-Z a-z 0-9 . _ @ + -, the first a letter or a digit" },
  },
  role,
  expiresAt,
});
export const operatorChange = strictly({ role: { ...role, optional: true }, expiresAt });

/** The schema of what `operatorView` answers. */
export const operatorSchema: JsonSchema = record({
  name: text(),
  role: described(
    "viewer: reads; operator: also moves batches and deliveries; admin: everything.",
    choice(operatorRoles),
  ),
  expiresAt: orNull(instant),
  createdAt: instant,
});

/** The schema of the answer that creates an operator, or a new token. */
export const newOperatorSchema: JsonSchema = record({
  ...(operatorSchema.properties as Record<string, JsonSchema>),
  token: text("For `Authorization: Bearer`. Shown in this answer only."),
});

export const operatorView = ({ name, role: itsRole, expiresAt: end, createdAt }: Operator) => ({
  name,
  role: itsRole,
  expiresAt: time(end),
  createdAt: time(createdAt),
});

/** Reads when an operator's token ends, as epoch ms. Throws validation unless the time is in the future. */
function endOf(given: string | null | undefined): { expiresAt?: number | null } {
  if (given === undefined) return {};
  if (given === null) return { expiresAt: null };
  const ms = instantMs(given);
  if (ms !== null && ms > Date.now()) return { expiresAt: ms };
  const detail = `expected a time to come with its offset, such as 2027-01-31T12:00:00Z, found ${JSON.stringify(given).slice(0, 60)}`;
  throw new Problem("validation", "A field is wrong or unknown.", { errors: [{ pointer: "/expiresAt", detail }] });
}

const nameIn = ({ path }: Exchange): string => path.name ?? "";

/**
 * Names that the audit gives to other callers. An operator with one of these names could not be told from such a
 * caller.
 */
const taken = new Map([
  [FIRST_OPERATOR, "the operator of ADMIN_TOKEN"],
  [REPL_CALLER.who, "what the audit calls the REPL"],
]);

export async function postOperator(exchange: Exchange): Promise<Reply> {
  const { name, role: itsRole, expiresAt: end } = newOperator(await jsonBody(exchange));
  const values = { name, role: itsRole, ...endOf(end) };
  const owner = taken.get(name);
  if (owner) throw new Problem("conflict", `"${name}" is ${owner}. Choose another name.`);
  const { operator, token } = await actors.operator.create(exchange.ctx, values);
  const location = `/admin/operators/${encodeURIComponent(name)}`;
  return privateJson(201, { ...operatorView(operator), token }, { Location: location });
}

export async function listOperators(exchange: Exchange): Promise<Reply> {
  const page = namePageOf("operators", queryOf(exchange, "limit", "cursor"));
  const operators = await actors.operator.list(exchange.ctx, page.asked);
  return json(200, namePageBody(page, operators, operatorView));
}

export async function getOperator(exchange: Exchange): Promise<Reply> {
  const operator = await actors.operator.get(exchange.ctx, { name: nameIn(exchange) });
  if (!operator) throw new Problem("not-found", "There is no such operator.");
  return json(200, operatorView(operator));
}

export async function patchOperator(exchange: Exchange): Promise<Reply> {
  const { role: itsRole, expiresAt: end } = operatorChange(await jsonBody(exchange));
  const values = { ...(itsRole !== undefined && { role: itsRole }), ...endOf(end) };
  return json(200, operatorView(await actors.operator.update(exchange.ctx, { name: nameIn(exchange), ...values })));
}

/** Makes a new token for an operator. The old token, and sessions that began with it, end at once. */
export async function rotateOperator(exchange: Exchange): Promise<Reply> {
  await noBody(exchange);
  const { operator, token } = await actors.operator.rotate(exchange.ctx, { name: nameIn(exchange) });
  return privateJson(200, { ...operatorView(operator), token });
}

export async function deleteOperator(exchange: Exchange): Promise<Reply> {
  await noBody(exchange);
  await actors.operator.remove(exchange.ctx, { name: nameIn(exchange) });
  return { status: 204 };
}
