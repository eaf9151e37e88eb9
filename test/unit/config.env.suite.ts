/** What `.env` adds to the settings of a process, and which `.env` files are refused. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configOf, loadConfig, useConfig } from "../../config/config.ts";

const UTF8_MARK = "\uFEFF";

/** Runs in a folder of its own whose `.env` is made by `write`, as a process that has not read one yet. */
function withEnvFile(
  write: (file: string) => void,
  look: (config: typeof import("../../config/config.ts")) => void,
): void {
  const folder = mkdtempSync(join(tmpdir(), "dataflow-env-"));
  write(join(folder, ".env"));
  const [cwd, env] = [process.cwd(), process.env];
  try {
    process.chdir(folder);
    process.env = {};
    jest.isolateModules(() => look(require("../../config/config.ts") as typeof import("../../config/config.ts")));
  } finally {
    process.chdir(cwd);
    process.env = env;
    rmSync(folder, { recursive: true });
  }
}

export function envFileTests(): void {
  test("a broker has its own settings; without them those of the process, where .env adds what is not set", () => {
    const [broker, own] = [{}, loadConfig({ PORT: "0" })];
    useConfig(broker, own);
    expect(configOf(broker)).toBe(own);

    const folder = mkdtempSync(join(tmpdir(), "dataflow-env-"));
    writeFileSync(join(folder, ".env"), "PORT=4001\nWORKER_CONCURRENCY=7\n");
    const [cwd, env] = [process.cwd(), process.env];
    try {
      process.chdir(folder);
      process.env = { PORT: "4000" };
      const config = configOf({});
      expect(config).toMatchObject({ port: 4000, workerConcurrency: 7 });
      process.env = { PORT: "4002" };
      expect(configOf({})).toBe(config);
    } finally {
      process.chdir(cwd);
      process.env = env;
      rmSync(folder, { recursive: true });
    }
  });

  test("a .env that cannot be read is a fault like any other", () => {
    withEnvFile(mkdirSync, ({ processConfig }) =>
      expect(processConfig).toThrow(
        ".env: expected a file that can be read; found a file that cannot be read (EISDIR)",
      ),
    );
  });

  test("a byte order mark before the first line of .env is no part of its name", () => {
    withEnvFile(
      (file) => writeFileSync(file, `${UTF8_MARK}PORT=4001\r\nWORKER_CONCURRENCY=7\r\n`),
      ({ processConfig }) => expect(processConfig()).toMatchObject({ port: 4001, workerConcurrency: 7 }),
    );
  });

  test.each([
    ["with a byte order mark", Buffer.from(`${UTF8_MARK}PORT=4001\n`, "utf16le")],
    ["without one", Buffer.from("PORT=4001\n", "utf16le")],
    ["of an older kind", Buffer.from("NAMESPACE=f\xfcr\n", "latin1")],
  ])("a .env in another encoding than UTF-8 (%s) is a fault", (_name, bytes) => {
    withEnvFile(
      (file) => writeFileSync(file, bytes),
      ({ processConfig }) =>
        expect(processConfig).toThrow(".env: expected text in UTF-8; found text in another encoding"),
    );
  });
}
