/** The promise: the receivers in docs/webhooks.md accept what DataFlow signs, and nothing else. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../root.cjs";
import { uuidv7 } from "../../services/ids.ts";
import { signed } from "../../services/webhook/webhook.sign.ts";
import { blocksOf, pageOf } from "./docs.kit.ts";

const [[, js] = ["", ""], [, python] = ["", ""]] = blocksOf(pageOf("docs/webhooks.md"), "js|python");
const SECRET = `whsec_${Buffer.from("a secret of twenty-four bytes").toString("base64")}`;
const body = JSON.stringify({ type: "batch.completed", subject: "a-batch", data: { status: "completed" } });
const headersAt = (at: Date) => signed(uuidv7(), body, [SECRET], at);
const LONG_AGO = new Date(Date.now() - 3_600_000);

test("the one in Node.js", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dataflow-webhook-"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const told = '.listen(0, "127.0.0.1", function () { console.log(this.address().port); });';
  writeFileSync(join(folder, "receiver.mjs"), js.replace(/\.listen\(8080\);$/m, told));
  const receiver = spawn(process.execPath, [join(folder, "receiver.mjs")], {
    env: { WEBHOOK_SECRET: SECRET },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [port] = await once(receiver.stdout, "data");
    const send = async (headers: Record<string, string>, sent = body) =>
      (await fetch(`http://127.0.0.1:${String(port).trim()}`, { method: "POST", body: sent, headers })).status;
    const logged = once(receiver.stdout, "data");
    expect(await send(headersAt(new Date()))).toBe(204);
    expect(String((await logged)[0])).toBe("batch.completed a-batch completed\n");
    expect(await send(headersAt(new Date()), `${body} `)).toBe(400);
    expect(await send(headersAt(LONG_AGO))).toBe(400);
  } finally {
    receiver.kill();
    rmSync(folder, { recursive: true });
  }
});

const withPython = spawnSync("python3", ["--version"]).error ? test.skip : test;
withPython("the one in Python (skipped without python3)", () => {
  const verified = (headers: Record<string, string>, sent = body) => {
    const call = `import json, sys\ngiven = json.load(sys.stdin)\nverify(given["secret"], given["headers"], given["body"].encode())\n`;
    const input = JSON.stringify({ secret: SECRET, headers, body: sent });
    const { status, stderr } = spawnSync("python3", ["-c", `${python}\n${call}`], { input, encoding: "utf8" });
    return status === 0 ? "right" : (/ValueError: (.+)/.exec(stderr)?.[1] ?? stderr);
  };
  expect(verified(headersAt(new Date()))).toBe("right");
  expect(verified(headersAt(new Date()), `${body} `)).toBe("wrong signature");
  expect(verified(headersAt(LONG_AGO))).toBe("too old");
});
