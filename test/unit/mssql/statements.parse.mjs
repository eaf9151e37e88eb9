// Parses T-SQL: an array of texts (JSON) from stdin, the faults (JSON) to stdout. Its parser loads as an ES module alone.
import { text } from "node:stream/consumers";
import { init, validate } from "@guanmingchiu/sqlparser-ts";

await init();
const faults = [];
for (const statement of JSON.parse(await text(process.stdin))) {
  try {
    validate(statement, "mssql");
  } catch (error) {
    faults.push(`${error.message}\n${statement}`);
  }
}
process.stdout.write(JSON.stringify(faults));
