/** Runs `npm run apply`: in a process of its own, as operators do, or in this process, which takes a hundredth of the time. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { root } from "../../root.cjs";
import { apply } from "../../scripts/apply-run.ts";
import { ADMIN_TOKEN } from "../helpers/system.ts";

const usual = (url: string) => ({ DATAFLOW_URL: url, ADMIN_TOKEN });

/** `env` replaces the URL and the token. */
export async function applied(args: string[], url: string, env: Record<string, string> = usual(url)) {
  const [out, err] = [[], []] as [string[], string[]];
  const status = await apply(args, env, {
    log: (line) => out.push(`${line}\n`),
    error: (line) => err.push(`${line}\n`),
  });
  return { out: out.join(""), err: err.join(""), status };
}

/** Runs the script of package.json in a process of its own. */
export async function appliedByProcess(args: string[], url: string) {
  const child = spawn(process.execPath, [join(root, "scripts/apply.ts"), ...args], {
    env: { PATH: process.env.PATH ?? "", NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? "", ...usual(url) },
  });
  const [out, err, status] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.on("close", resolve)),
  ]);
  return { out, err, status };
}
