/** The short form in which calls are described. `document.ts` expands it to OpenAPI. */
import type { ProblemCode } from "../../../lib/errors.ts";
import type { JsonSchema } from "../../../lib/json-schema.ts";
import type { HeaderName } from "./headers.ts";
import type { ParameterName } from "./parameters.ts";

/** The schema of a body, and its examples by name. A test sends each example. */
export interface Content {
  schema: JsonSchema;
  examples: Record<string, unknown>;
}

export interface Answer {
  description: string;
  /**
   * The header fields that the answer has beside those of every answer. A header whose name ends with `?` is not always
   * present.
   */
  headers?: (HeaderName | `${HeaderName}?`)[];
  /** The content of the answer's body, by media type. Omitted if the answer has no body. */
  content?: Record<string, Content>;
}

export interface Body {
  /** The content of the request's body, by media type. */
  content: Record<string, Content>;
  isOptional?: boolean;
}

export interface Call {
  /** The operationId. Generators of clients name a method after it. */
  id: string;
  summary: string;
  description?: string;
  /** The names of query and header parameters. Path parameters are taken from the path. */
  parameters?: ParameterName[];
  body?: Body;
  /** The answers of the call, by status. */
  answers: Record<number, Answer>;
  /** The problems that the call may answer beside those of every call of its group. */
  problems?: ProblemCode[];
}

export const content = (
  schema: JsonSchema,
  examples: Record<string, unknown>,
  type = "application/json",
): Record<string, Content> => ({ [type]: { schema, examples } });

/** The schema of a text whose lines or events are documents by themselves. */
export const textOf = (mediaType: string, description: string, item?: JsonSchema): JsonSchema => ({
  type: "string",
  description,
  contentMediaType: mediaType,
  ...(item ? { contentSchema: { type: "array", items: item } } : {}),
});

/** The problems that reading a JSON body can have. */
export const bodyProblems: ProblemCode[] = [
  "malformed-body",
  "payload-too-large",
  "unsupported-media-type",
  "unsupported-encoding",
  "unsupported-transfer-coding",
  "upload-timeout",
  "validation",
];

/** The body of calls that take no input. */
export const noBody: Body = {
  isOptional: true,
  content: content({ type: "object", additionalProperties: false, description: "Nothing." }, { nothing: {} }),
};
