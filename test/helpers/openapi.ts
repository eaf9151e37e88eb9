/**
 * Compares answers and webhooks with the OpenAPI document: status, headers and body. Anything that the document does not name is
 * a difference.
 */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { openApi } from "../../services/api/openapi/document.ts";
import type { Received } from "./receiver.ts";

type Schema = Record<string, unknown>;
type Ref<T> = T | { $ref: string };

export interface Parameter {
  in: "path" | "query" | "header";
  name: string;
  schema: { enum?: string[] };
  example: unknown;
}
type Media = Record<string, { schema: Schema; examples: Record<string, { value: unknown }> }>;
interface Header {
  schema: Schema;
  required?: boolean;
}
interface Described {
  headers?: Record<string, Ref<Header>>;
  content?: Media;
}

export interface Operation {
  method: string;
  path: string;
  operationId: string;
  tags: string[];
  parameters: Parameter[];
  bodies: Media;
  isBodyOptional: boolean;
  responses: Record<string, Described>;
}

const document = openApi();

/** The target of a reference. */
function resolved<T>(value: Ref<T>): T {
  if (typeof value !== "object" || value === null || !("$ref" in value)) return value as T;
  const steps = value.$ref.slice(2).split("/");
  return steps.reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], document) as T;
}

function operation(method: string, path: string, raw: Record<string, unknown>): Operation {
  const body = raw.requestBody as { content: Media; required: boolean } | undefined;
  const responses = Object.entries(raw.responses as Record<string, Ref<Described>>);
  return {
    method: method.toUpperCase(),
    path,
    operationId: raw.operationId as string,
    tags: raw.tags as string[],
    parameters: (raw.parameters as Ref<Parameter>[]).map(resolved),
    bodies: body?.content ?? {},
    isBodyOptional: !body?.required,
    responses: Object.fromEntries(responses.map(([status, response]) => [status, resolved(response)])),
  };
}

export const operations: Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, raw]) => operation(method, path, raw as Record<string, unknown>)),
);

/**
 * A copy of a schema in which no object may have members that the schema does not name. The document itself allows them, for
 * later versions. References lead into the components, which are compiled once.
 */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== "object" || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, closed(inner)]));
  if (typeof copy.$ref === "string") copy.$ref = copy.$ref.replace(/^#/, `${DOCUMENT}#`);
  return "properties" in copy && copy.type !== undefined ? { additionalProperties: false, ...copy } : copy;
}

const DOCUMENT = "https://dataflow.example/openapi.json";
const ajv = new Ajv2020({ strict: false, allErrors: true });
(addFormats as unknown as (to: Ajv2020) => void)(ajv);
ajv.addSchema({ $id: DOCUMENT, components: closed(document.components) });
const validators = new Map<string, ValidateFunction>();

function faultsOf(schema: Schema, value: unknown): string[] {
  const key = JSON.stringify(schema);
  const validate = validators.get(key) ?? ajv.compile(closed(schema) as Schema);
  validators.set(key, validate);
  return validate(value)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

/** What is wrong in an excerpt of a document. Missing members are allowed. */
export function excerptFaults(schema: Schema, value: unknown): string[] {
  // An excerpt may show an id as "…".
  const isExcerpt = (fault: string) => / must (have required property|match format) /.test(fault);
  return faultsOf(schema, value).filter((fault) => !isExcerpt(fault));
}

/** The documents within a text: the lines of NDJSON, or the data of events. */
const itemsOf = (type: string, text: string): unknown[] =>
  text
    .split(type === "text/event-stream" ? "\n\n" : "\n")
    .filter((part) => part !== "" && !part.startsWith(":"))
    .map((part) => JSON.parse(type === "text/event-stream" ? (/^data: (.*)$/m.exec(part)?.[1] ?? "") : part));

export const isJson = (type: string): boolean => /[/+]json$/.test(type);

/** What is wrong in a body by its schema. */
export function bodyFaults(type: string, schema: Schema, text: string): string[] {
  if (isJson(type)) return faultsOf(schema, JSON.parse(text));
  const { contentSchema } = schema as { contentSchema?: Schema };
  const faults = faultsOf({ type: "string", minLength: 1 }, text);
  return contentSchema ? [...faults, ...faultsOf({ minItems: 1, ...contentSchema }, itemsOf(type, text))] : faults;
}

/** Headers that belong to HTTP itself, or that only a proxy uses. */
const GENERIC =
  /^(date|connection|keep-alive|content-(type|length|encoding)|transfer-encoding|x-content-type-options|x-frame-options|x-accel-buffering|referrer-policy)$/;

function headerFaults(headers: Headers, documented: Record<string, Ref<Header>>): string[] {
  const names = new Set(Object.keys(documented).map((name) => name.toLowerCase()));
  const unknown = [...headers.keys()].filter((name) => !names.has(name) && !GENERIC.test(name));
  const wrong = Object.entries(documented).flatMap(([name, ref]) => {
    const { schema, required } = resolved(ref);
    const value = headers.get(name);
    if (value === null) return required ? [`the header ${name} is missing`] : [];
    return faultsOf(schema, schema.type === "integer" ? Number(value) : value).map((fault) => `${name}:${fault}`);
  });
  return [...unknown.map((name) => `the header ${name} is not in the document`), ...wrong];
}

/** The text of an answer. Of an endless stream it reads the first event, or just the beginning if no event has to come. */
async function textOf(operationId: string, response: Response): Promise<string> {
  if (response.status !== 200 || !operationId.match(/^watch(All|System)$/)) return response.text();
  let text = "";
  if (operationId === "watchSystem")
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += piece;
      if (firstEvent(text)) break;
    }
  else await response.body?.cancel();
  return firstEvent(text) ?? ":\n\n";
}

/** The first event that has come completely. Comments do not count. */
const firstEvent = (text: string): string | undefined => /^event: [\s\S]*?\n\n/m.exec(text)?.[0];

/** All differences between an answer and the document. */
export async function differences({ operationId, responses }: Operation, response: Response): Promise<string[]> {
  const status = String(response.status);
  const described = responses[status] ?? (response.status >= 400 ? responses.default : undefined);
  const text = await textOf(operationId, response);
  if (!described) return [`the status ${status} is not in the document: ${text}`];
  const type = (response.headers.get("content-type") ?? "").split(";")[0] as string;
  const content = described.content?.[type];
  const faults = headerFaults(response.headers, described.headers ?? {});
  if (response.headers.get("x-content-type-options") !== "nosniff") faults.push("nosniff is missing");
  if (response.headers.get("x-frame-options") !== "DENY") faults.push("it may be framed");
  if (!described.content) return text === "" ? faults : [...faults, "there is a body"];
  if (!content) return [...faults, `the type ${type} is not in the document`];
  return [...faults, ...bodyFaults(type, content.schema, text)];
}

/** All differences between a received webhook and the document. */
export function webhookDifferences({ headers, body, event }: Received): string[] {
  const described = document.webhooks[event.type]?.post;
  if (!described) return [`the event ${event.type} is not in the document`];
  const type = (headers["content-type"] ?? "").split(";")[0] as string;
  const content = (described.requestBody.content as Media)[type];
  const names = described.parameters.map(({ name }) => name);
  const unknown = Object.keys(headers).filter((name) => name.startsWith("webhook-") && !names.includes(name));
  return [
    ...unknown.map((name) => `the header ${name} is not in the document`),
    ...described.parameters.flatMap(({ name, schema }) =>
      faultsOf(schema, headers[name]).map((fault) => `${name}:${fault}`),
    ),
    ...(content ? faultsOf(content.schema, JSON.parse(body)) : [`the type ${type} is not in the document`]),
  ];
}
