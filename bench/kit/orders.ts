/** Orders of about 200 bytes as JSON, always the same ones. */

/** The schema that a partner would give: a few types, a bound, a choice, a format. */
export const orderSchema = {
  type: "object",
  required: ["id", "customer", "sku", "quantity", "price"],
  properties: {
    id: { type: "integer", minimum: 1 },
    customer: { type: "string", maxLength: 100 },
    sku: { type: "string" },
    quantity: { type: "integer", minimum: 1 },
    price: { type: "number", minimum: 0 },
    currency: { enum: ["EUR", "USD", "GBP"] },
    placedAt: { type: "string", format: "date-time" },
    note: { type: "string" },
  },
};

const currencies = ["EUR", "USD", "GBP"];
const notes = [
  "leave it with the neighbour at number 7",
  "please ring, the bell is on the left",
  "no note was given here",
];

function order(n: number) {
  return {
    id: n,
    customer: `customer-${String((n * 7919) % 100_000).padStart(6, "0")}`,
    sku: `SKU-${String((n * 104_729) % 1_000_000).padStart(7, "0")}`,
    quantity: 1 + (n % 12),
    price: ((n * 31) % 100_000) / 100,
    currency: currencies[n % 3] as string,
    placedAt: new Date(1_760_000_000_000 + n * 1000).toISOString(),
    // One in three holds a comma, so that a third of the CSV is quoted, as in files that people send.
    note: notes[n % 3] as string,
  };
}

export const orderJson = (n: number): string => JSON.stringify(order(n));

const cell = (value: string | number): string => (String(value).includes(",") ? `"${value}"` : String(value));
export const orderCsv = (n: number): string => Object.values(order(n)).map(cell).join(",");
export const csvHeader = Object.keys(order(1)).join(",");

export type BodyFormat = "ndjson" | "csv" | "json";
export const mediaTypes: Record<BodyFormat, string> = {
  ndjson: "application/x-ndjson",
  csv: "text/csv",
  json: "application/json",
};

/** The body of orders 1 to `count`. */
export function ordersBody(format: "ndjson" | "csv", count: number): Buffer {
  const line = format === "csv" ? orderCsv : orderJson;
  const lines = Array.from({ length: count }, (_, i) => line(i + 1));
  return Buffer.from(`${(format === "csv" ? [csvHeader, ...lines] : lines).join("\n")}\n`);
}
