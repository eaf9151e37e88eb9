/** The records of the example batch: one that is stored, and one that is rejected. */
import { knownFormats } from "../../../formats/formats.ts";

const [storedOrder, refusedOrder] = knownFormats.json.examples.array;

export const rejectedRecord = {
  record: 2,
  line: 2,
  errors: [{ field: "quantity", code: "minimum", message: "must be >= 1", value: "0" }],
  raw: JSON.stringify(refusedOrder),
};

export const batchRules = {
  dataset: "default",
  version: { batch: 7, now: 9 },
  isKept: true,
  changes: { "/schema/properties/quantity/minimum": [1, 0] },
};
export const rejectedCsv =
  "record,line,field,code,message,raw,column,value\r\n" +
  `2,2,quantity,minimum,must be >= 1,"${JSON.stringify(refusedOrder).replaceAll('"', '""')}",,0\r\n`;

export const rejectedLine = `${JSON.stringify({ _record: 2, _errors: "quantity: must be >= 1", ...refusedOrder })}\n`;

export const rejectedRow =
  "\ufeff_record,_errors,order_id,sku,quantity\r\n2,quantity: must be >= 1,SO-100005,SPOON-OAK,0\r\n";

export const errorSummary = {
  total: 1,
  records: 1,
  groups: [
    {
      field: "quantity",
      code: "minimum",
      count: 1,
      firstRecord: 2,
      firstLine: 2,
      message: "must be >= 1",
      values: ["0"],
    },
  ],
  other: { count: 0 },
};

export const storedRecord = { record: 1, data: storedOrder };

/** The example of a correction: merge patches of rejected records. */
export const patches = '{"record":2,"patch":{"quantity":3}}\n';
