/** How calls of the api are described: short forms that `document.ts` makes OpenAPI's own of. */
import type { ProblemCode } from "../../../lib/errors.ts";
import type { JsonSchema } from "../../../lib/json-schema.ts";
import type { HeaderName } from "./headers.ts";
import type { ParameterName } from "./parameters.ts";

/** What a body is, and examples of it by their names: each is sent by a test. */
export interface Content {
  schema: JsonSchema;
  examples: Record<string, unknown>;
}

export interface Answer {
  description: string;
  /** Header fields beside those of every answer; `?`: not always. */
  headers?: (HeaderName | `${HeaderName}?`)[];
  /** By media type; absent: there is no body. */
  content?: Record<string, Content>;
}

export interface Body {
  /** By media type. */
  content: Record<string, Content>;
  isOptional?: boolean;
}

export interface Call {
  /** The operationId: what client generators name its method. */
  id: string;
  summary: string;
  description?: string;
  /** Of the query and the header; those of the path come from the path. */
  parameters?: ParameterName[];
  body?: Body;
  /** By status. */
  answers: Record<number, Answer>;
  /** Beside those of every call of its group. */
  problems?: ProblemCode[];
}

export const content = (
  schema: JsonSchema,
  examples: Record<string, unknown>,
  type = "application/json",
): Record<string, Content> => ({ [type]: { schema, examples } });

/** Text whose lines or events are documents of their own. */
export const textOf = (mediaType: string, description: string, item?: JsonSchema): JsonSchema => ({
  type: "string",
  description,
  contentMediaType: mediaType,
  ...(item ? { contentSchema: { type: "array", items: item } } : {}),
});

/** What reading a JSON body may meet. */
export const bodyProblems: ProblemCode[] = [
  "malformed-body",
  "payload-too-large",
  "unsupported-media-type",
  "unsupported-encoding",
  "unsupported-transfer-coding",
  "upload-timeout",
  "validation",
];

/** For calls that take nothing. */
export const noBody: Body = {
  isOptional: true,
  content: content({ type: "object", additionalProperties: false, description: "Nothing." }, { nothing: {} }),
};
