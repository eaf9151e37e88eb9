/** The short form that calls are described in. `document.ts` expands it to OpenAPI. */
import type { ProblemCode } from "../../../lib/errors.ts";
import type { JsonSchema } from "../../../lib/json-schema.ts";
import type { HeaderName } from "./headers.ts";
import type { ParameterName } from "./parameters.ts";

/** A body's schema, and examples by name. A test sends each of them. */
export interface Content {
  schema: JsonSchema;
  examples: Record<string, unknown>;
}

export interface Answer {
  description: string;
  /** Header fields beside those of every answer. A name that ends with `?` is not always present. */
  headers?: (HeaderName | `${HeaderName}?`)[];
  /** The body's content by media type. Left out: there is no body. */
  content?: Record<string, Content>;
}

export interface Body {
  /** The body's content by media type. */
  content: Record<string, Content>;
  isOptional?: boolean;
}

export interface Call {
  /** The operationId: client generators name the method after it. */
  id: string;
  summary: string;
  description?: string;
  /** Names of query and header parameters. Path parameters are taken from the path. */
  parameters?: ParameterName[];
  body?: Body;
  /** Answers by status. */
  answers: Record<number, Answer>;
  /** Problems beside those that every call of its group may answer. */
  problems?: ProblemCode[];
}

export const content = (
  schema: JsonSchema,
  examples: Record<string, unknown>,
  type = "application/json",
): Record<string, Content> => ({ [type]: { schema, examples } });

/** A text whose lines or events are documents by themselves. */
export const textOf = (mediaType: string, description: string, item?: JsonSchema): JsonSchema => ({
  type: "string",
  description,
  contentMediaType: mediaType,
  ...(item ? { contentSchema: { type: "array", items: item } } : {}),
});

/** The problems of reading a JSON body. */
export const bodyProblems: ProblemCode[] = [
  "malformed-body",
  "payload-too-large",
  "unsupported-media-type",
  "unsupported-encoding",
  "unsupported-transfer-coding",
  "upload-timeout",
  "validation",
];

/** The body of calls that take none. */
export const noBody: Body = {
  isOptional: true,
  content: content({ type: "object", additionalProperties: false, description: "Nothing." }, { nothing: {} }),
};
