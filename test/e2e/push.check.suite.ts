/** `--check`: the command shows what a check of the file finds, and imports it only if the person at the terminal says so. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "../../root.cjs";
import { becomeClient, client, file, folder, onlyBatch, push, rows, schema, system } from "./push.kit.ts";

export function filesAreChecked(): void {
  test("--check shows columns and errors in groups, and imports nothing", async () => {
    file("checked.csv", "n;note\n1;a\nzwei;b\ndrei;c\n;d\n");
    const { status, stdout } = await push(["checked.csv", "--check"]);
    expect(status).toBe(2);
    expect(stdout).toMatch(
      /^Columns:\n {2}n → n\n {2}note → note\nErrors:\n {2}2 × n: .*, such as zwei\n {2}1 × n: .*\nvalidated in /,
    );
    expect(stdout.match(/^Errors:$/gm)).toHaveLength(1);
    const batch = await onlyBatch();
    expect(batch).toMatchObject({ status: "validated", counts: { accepted: 1, rejected: 3 } });
    const right = await push(["checked.csv", "--check", "--json"]);
    expect(JSON.parse(right.stdout)).toMatchObject({ batch: { status: "validated" } });
    file("right.ndjson", rows(2));
    expect(await push(["right.ndjson", "--check"])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^validated/),
    });
    await becomeClient({ schema, maxErrors: 0 });
    expect(await push(["checked.csv", "--check"])).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^Columns:[\s\S]*\nErrors:\n[\s\S]*\nfailed in [\s\S]*too-many-errors/),
    });
    expect(await push(["checked.csv", "--check", "--no-wait"])).toMatchObject({ status: 1 });
  });

  test.each([
    ["y", "y\n", "completed", 0],
    ["n", "n\n", "validated", 0],
    ["Ctrl-D", "\x04", "validated", 0],
    ["Ctrl-C", "\x03", "validated", 130],
  ])("at a terminal %s imports the checked file or not", async (_, answer, end, status) => {
    file("asked.ndjson", rows(3));
    const [identifier = "", secret = ""] = Buffer.from(client.auth.slice("Basic ".length), "base64")
      .toString()
      .split(":");
    const [path, url] = [join(root, "cli/push.mjs"), system.url];
    const env = { PATH: process.env.PATH, DATAFLOW_URL: url, DATAFLOW_CLIENT: identifier, DATAFLOW_SECRET: secret };
    const line = `${process.execPath} ${path} ${join(folder, "asked.ndjson")} --check --quiet`;
    const child = spawn("script", ["-qec", line, "/dev/null"], { env: env as NodeJS.ProcessEnv });
    let seen = "";
    let isAnswered = false;
    child.stdout.on("data", (data) => {
      seen += data;
      if (!isAnswered && seen.includes("[y/N]")) isAnswered = child.stdin.write(answer);
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect(seen).toMatch(/Import 3 of 3 records\? \[y\/N\]/);
    expect([code, (await onlyBatch()).status]).toEqual([status, end]);
  });
}
