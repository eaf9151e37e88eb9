// Parses T-SQL: reads an array of texts (JSON) from stdin, and writes the faults (JSON) to stdout. It is a process of its own,
// because its parser loads only as an ES module.
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
