/** Imports a body, and reads what happened to each record. */
import { accepted, batchWhen, get, lines, type TestClient } from "../helpers/http.ts";

/** The schema for the records of these tests. */
export const schema = {
  type: "object",
  required: ["id"],
  properties: {
    id: { type: "integer" },
    amount: { type: "number", exclusiveMinimum: 0 },
    paid: { type: "boolean" },
    text: { type: "string" },
    state: { type: "string", default: "new" },
    address: { type: "object", properties: { zip: { type: "string", minLength: 4 } } },
    tags: { type: "array", items: { type: "string" } },
  },
};

export interface Rejected {
  record: number;
  line: number | null;
  errors: { field: string; code: string; message: string }[];
  raw: string;
}
export interface Stored {
  record: number;
  data: Record<string, unknown>;
}

/** Posts a body, waits for the end of its batch, and answers the batch with its records and errors. */
export async function imported(url: string, who: TestClient, body: string | Buffer, type = "application/x-ndjson") {
  const { id } = await accepted(url, who, body as string, type);
  return outcomeOf(url, who, id);
}

/** The batch at its end, with its records and errors. */
export async function outcomeOf(url: string, who: TestClient, id: string) {
  const batch = await batchWhen(url, who, id);
  const records = await lines<Stored>(get(url, who, `/imports/${id}/records`));
  const errors = await lines<Rejected>(get(url, who, `/imports/${id}/errors`));
  return { batch, records, errors };
}

export const problemOf = async (response: Response) => ({
  status: response.status,
  ...((await response.json()) as Record<string, unknown>),
});
