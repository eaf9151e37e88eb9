/** `npm run apply`: creates or changes datasets, clients and grants so that they are as the YAML or JSON files say. */
import { basename, resolve } from "node:path";
import { parseArgs } from "node:util";
import { visible } from "../lib/log/visible.cjs";
import { Api, Refused } from "./apply-api.ts";
import { ApplyFaults, wantedOf } from "./apply-document.ts";
import { Planner } from "./apply-plan.ts";

const USAGE = `Creates or changes datasets, clients and grants as files say. Deletes nothing, and changes nothing the second time.

  npm run apply -- FILE… [OPTIONS]      FILE: YAML or JSON (docs/datasets.md)

  --dry-run       shows what would change, and changes nothing
  --url URL       where DataFlow is             (DATAFLOW_URL, http://127.0.0.1:3000)
  --token TOKEN   the operators' token; better as variable  (ADMIN_TOKEN)

  Exit code: 0 done, or nothing to do; 1 something is wrong. All is checked before the first change.`;

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;

/** Where the output goes, such as `console`. */
export interface Output {
  log(line: string): void;
  error(line: string): void;
}

/** Runs the command. Answers the exit code: 0, or 1 after it has printed each fault. */
export async function apply(args: string[], env: NodeJS.ProcessEnv, output: Output): Promise<number> {
  try {
    await applied(args, env, output);
    return 0;
  } catch (error) {
    for (const reason of reasonsOf(error)) output.error(visible(reason));
    return 1;
  }
}

async function applied(args: string[], env: NodeJS.ProcessEnv, output: Output): Promise<void> {
  const print = (line: string) => output.log(visible(line));
  const options = { "dry-run": flag, url: text, token: text, help: { ...flag, short: "h" } } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  if (values.help) return output.log(USAGE);
  if (positionals.length === 0) throw new ApplyFaults(["No file is named: name at least one."]);
  const token = values.token ?? env.ADMIN_TOKEN;
  if (!token)
    throw new ApplyFaults(["The operators' token is missing: pass --token, or set the variable ADMIN_TOKEN."]);
  // npm runs a script in the package's folder; INIT_CWD is the user's folder.
  const place = (env.npm_lifecycle_event === "apply" && env.INIT_CWD) || ".";
  const wanted = wantedOf(positionals.map((file) => ({ path: resolve(place, file), name: basename(file) })));
  const api = new Api(values.url ?? env.DATAFLOW_URL ?? "http://127.0.0.1:3000", token);
  const steps = await new Planner(api, wanted).steps();
  for (const { lines, run } of steps) {
    const secrets = values["dry-run"] ? [] : await run();
    for (const line of [...lines, ...secrets.map((secret) => `    ${secret}`)]) print(line);
  }
  if (steps.length === 0) print("Nothing to change.");
  else if (values["dry-run"]) print("Nothing was changed (--dry-run).");
}

function reasonsOf(error: unknown): readonly string[] {
  if (error instanceof ApplyFaults) return error.faults;
  if (error instanceof Refused) return [error.message];
  const { message, cause } = error as Error & { cause?: Error };
  return [cause ? `${message}: ${cause.message}` : message];
}
