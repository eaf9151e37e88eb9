/** The texts that the demo shows. */
import { visible } from "../lib/log/visible.cjs";
import type { Batch, Partner } from "./demo-client.ts";
import type { ImportFile } from "./demo-options.ts";
import type { DemoSystem } from "./demo-system.ts";
import { queryCommands } from "./demo-table.ts";
import { count } from "./demo-terminal.ts";

export function summary({ status, counts, error, startedAt, finishedAt }: Batch): string {
  const seconds = (Date.parse(finishedAt ?? "") - Date.parse(startedAt ?? "")) / 1000;
  const width = Math.max(...Object.values(counts).map((value) => count(value).length));
  return [
    `${status}${seconds >= 0 ? ` in ${seconds.toFixed(2)} s` : ""}`,
    ...Object.entries(counts).map(([name, value]) => `  ${name.padEnd(9)}  ${count(value).padStart(width)}`),
    ...(error ? [`  ${visible(`${error.code}: ${error.detail}`)}`] : []),
  ].join("\n");
}

interface Ready {
  system: DemoSystem;
  file: ImportFile;
  partner: Partner;
  batch: Batch;
  /** Paths that a browser can open. */
  pages: string[];
}

export function whatNext({ system, file, partner, batch: { id }, pages }: Ready): string {
  const { url, adminToken } = system;
  const asPartner = `curl -u ${partner.identifier}:${partner.secret}`;
  const headers = Object.entries(file.headers)
    .map(([name, value]) => `-H '${name}: ${value}'`)
    .join(" ");
  const dataset = `${url}/datasets/${partner.dataset}`;
  const one = `${url}/imports/${id}`;
  return [
    "Try it (paste one):",
    `  ${asPartner} ${one}`,
    `  ${asPartner} ${one}/errors`,
    `  ${asPartner} -H 'Accept: text/csv' ${one}/errors`,
    `  ${asPartner} ${one}/records`,
    `  ${asPartner} ${dataset}/template`,
    `  ${asPartner} ${headers} --data-binary '@${file.name}' ${dataset}/imports`,
    `  curl -H 'Authorization: Bearer ${adminToken}' ${url}/admin/batches`,
    ...(file.isExample
      ? ["", "Read the table, in another terminal:", ...queryCommands(system.file).map((one) => `  ${one}`)]
      : []),
    "",
    ...pages.map((page) => `  ${url}${page}`),
    "",
    "Ctrl-C ends it and removes its data.",
  ].join("\n");
}
