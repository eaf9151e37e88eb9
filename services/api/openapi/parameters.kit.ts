/** How a parameter is declared. */
import type { JsonSchema } from "../../../lib/json-schema.ts";
import { MOST_ITEMS } from "../http/pages.ts";

/** A parameter of a request. A test sends its example. */
export interface Parameter {
  in: "path" | "query" | "header";
  name: string;
  description: string;
  schema: JsonSchema;
  example: unknown;
  /** False if the values of an array stand in one parameter, with commas between. */
  explode?: boolean;
}

/** A header of a request. `example` must be a value that the schema accepts, and with which a call can be sent. */
export const header = (name: string, description: string, schema: JsonSchema, example: unknown): Parameter => ({
  in: "header",
  name,
  description,
  schema,
  example,
});
/** A parameter of the query. */
export const query = (name: string, description: string, schema: JsonSchema, example: unknown): Parameter => ({
  ...header(name, description, schema, example),
  in: "query",
});

/** The parameter for the most items of an answer. `usual`: the most items without the parameter. */
export const limit = (description: string, usual?: number): Parameter =>
  query(
    "limit",
    description,
    { type: "integer", minimum: 1, maximum: MOST_ITEMS, ...(usual !== undefined && { default: usual }) },
    10,
  );
