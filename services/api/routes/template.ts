/** `GET /datasets/{name}/template`: an example file that can be imported as it is. */
import { knownFormats } from "../../../formats/formats.ts";
import { csvTemplate } from "../../../formats/template/csv.ts";
import { exampleRecord } from "../../../formats/template/example.ts";
import { xlsxTemplate } from "../../../formats/template/xlsx.ts";
import { Problem } from "../../../lib/errors.ts";
import type { Dataset } from "../../policy/policy.contract.ts";
import type { Exchange } from "../http/exchange.ts";
import { queryOf, wrongQuery } from "../http/input.ts";
import { effectiveOf } from "./datasets.ts";

/** The formats that have a template. There are no templates for other formats of a dataset. */
export const templateFormats = ["csv", "xlsx", "ndjson"] as const;
type TemplateFormat = (typeof templateFormats)[number];

const templates: Record<TemplateFormat, { type: string; body(dataset: Dataset): string | Buffer }> = {
  csv: { type: "text/csv; charset=utf-8", body: ({ schema, read }) => csvTemplate(schema, read) },
  xlsx: { type: knownFormats.xlsx.mediaTypes[0], body: ({ schema, read }) => xlsxTemplate(schema, read) },
  ndjson: { type: "application/x-ndjson", body: ({ schema }) => `${JSON.stringify(exampleRecord(schema))}\n` },
};

export async function getTemplate(exchange: Exchange): Promise<undefined> {
  const { format = "csv" } = queryOf(exchange, "format");
  const asked = templateFormats.find((one) => one === format);
  if (!asked) throw wrongQuery("format", `expected one of ${templateFormats.join(", ")}`);
  const { name, effective } = await effectiveOf(exchange);
  const template = templates[asked];
  if (!effective.formats.includes(asked))
    throw new Problem(
      "unsupported-media-type",
      `The dataset "${name}" takes ${effective.formats.join(", ")}, not ${asked}.`,
    );
  const body = Buffer.from(template.body(effective));
  exchange.res.writeHead(200, {
    "Content-Type": template.type,
    "Content-Length": body.length,
    "Content-Disposition": `attachment; filename="${name}-template.${asked}"`,
  });
  exchange.res.end(body);
}
