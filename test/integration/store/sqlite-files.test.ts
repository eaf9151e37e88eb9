/**
 * The files of an embedded database: one process by whatever name, readable by their owner only, and no write into a lost file.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { openDatabase } from "../../../database/database.ts";
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { root } from "../../../root.cjs";
import { freshDatabase, type TestDatabase } from "../../helpers/database.ts";
import { until } from "../../helpers/patience.ts";
import { ready } from "./drafts.ts";

let opened: TestDatabase;
let folder: string;
beforeEach(async () => {
  opened = await freshDatabase();
  folder = dirname(opened.file);
});
afterEach(() => opened.remove());

const refusal = (url: string) =>
  openDatabase({ url }).then(
    (db) => db.close().then(() => "opened"),
    (error: Error) => error.message,
  );

describe("one process on a file", () => {
  let holding: ChildProcess;
  beforeEach(async () => {
    await opened.db.close();
    const script = join(root, "test/integration/store/holder.ts");
    const node = join(root, "node_modules/.bin/node");
    holding = spawn(node, [script, opened.url], { stdio: ["ignore", "pipe", "inherit"] });
    await once(holding.stdout as NodeJS.ReadableStream, "data");
  });
  afterEach(async () => {
    holding.kill("SIGKILL");
    await once(holding, "exit");
  });

  test("a second process by a symbolic link to the file or its folder is refused", async () => {
    symlinkSync(opened.file, join(folder, "link.db"));
    symlinkSync(folder, join(folder, "other"));
    for (const name of ["link.db", "other/test.db", "other/link.db"])
      expect(await refusal(`sqlite:${join(folder, name)}`)).toMatch(/in use by another process/);
  });

  test("a file with a hard link is refused under each name, with what to do", async () => {
    linkSync(opened.file, join(folder, "hard.db"));
    expect(await refusal(`sqlite:${join(folder, "hard.db")}`)).toMatch(
      /found one with 2 \(hard links\): delete the other/,
    );
    expect(await refusal(opened.url)).toMatch(/hard links/);
    rmSync(join(folder, "hard.db"));
    expect(await refusal(opened.url)).toMatch(/in use by another process/);
  });
});

test("a broken symbolic link creates no file elsewhere", async () => {
  symlinkSync(join(folder, "nothing"), join(folder, "link.db"));
  expect(await refusal(`sqlite:${join(folder, "link.db")}`)).toMatch(/a symbolic link to a file that is not there/);
  expect(existsSync(join(folder, "nothing"))).toBe(false);
});

test("a folder as the database is refused, and keeps its rights", async () => {
  mkdirSync(join(folder, "folder.db"), { mode: 0o755 });
  expect(await refusal(`sqlite:${join(folder, "folder.db")}`)).toMatch(/found a folder, or something else/);
  expect(statSync(join(folder, "folder.db")).mode & 0o777).toBe(0o755);
});

const modes = (of: string) =>
  Object.fromEntries(readdirSync(of).map((name) => [name, statSync(join(of, name)).mode & 0o777]));

test("only the owner can read new files and folders", async () => {
  const own = join(folder, "a", "b");
  const db = await openDatabase({ url: `sqlite:${join(own, "new.db")}` });
  await db.migrate();
  expect(Object.keys(modes(own))).toEqual(
    expect.arrayContaining(["new.db", "new.db-shm", "new.db-wal", "new.db.lock"]),
  );
  expect(new Set(Object.values(modes(own)))).toEqual(new Set([0o600]));
  expect([own, dirname(own)].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700]);
  await db.close();
});

test("existing files that others could read are set to 0600 at the start", async () => {
  await opened.db.close();
  rmSync(`${opened.file}.lock`);
  for (const path of [opened.file, `${opened.file}-wal`, `${opened.file}.lock`]) {
    writeFileSync(path, "", { flag: "a" });
    chmodSync(path, 0o664);
  }
  const db = await openDatabase({ url: opened.url });
  await ready(db.store, 1);
  expect(new Set(Object.values(modes(folder)))).toEqual(new Set([0o600]));
  await db.close();
});

describe("a file that is lost under a running node", () => {
  const copied = (file: string) => {
    copyFileSync(file, `${file}.copy`);
    renameSync(`${file}.copy`, file);
  };
  const cases: [string, (file: string) => void][] = [
    ["deleted", rmSync],
    ["moved", (file) => renameSync(file, `${file}.moved`)],
    ["replaced", copied],
    ["of which the log is deleted", (file) => rmSync(`${file}-wal`)],
    ["of which the lock is deleted", (file) => rmSync(`${file}.lock`)],
  ];

  test.each(cases)("%s: no write succeeds, and nothing is answered from then on", async (_name, lose) => {
    const { store, models } = opened.db;
    await ready(store, 1);
    lose(opened.file);
    const first = await ready(store, 1).catch((error) => error);
    expect(first).toBeInstanceOf(DatabaseUnavailable);
    expect(first).toMatchObject({ message: expect.not.stringContaining(folder), isOutcomeUnknown: true });
    await expect(store.list({ limit: 1 })).rejects.toBeInstanceOf(DatabaseUnavailable);
    await expect(models.Client.count()).rejects.toMatchObject({ parent: expect.any(DatabaseUnavailable) });
  });

  test("a transaction of the models that commits into it is refused", async () => {
    const { sequelize } = opened.db;
    // Sequelize logs the failure in its own words.
    jest.spyOn(console, "warn").mockImplementation(() => {});
    const done = sequelize.transaction(async (transaction) => {
      await sequelize.query("INSERT INTO batch_lock (name, token, expires_at) VALUES ('a', 'b', 1)", { transaction });
      rmSync(opened.file);
    });
    await expect(done).rejects.toMatchObject({ parent: expect.any(DatabaseUnavailable) });
  });

  test("an idle node notices the lost file, and logs once what to do", async () => {
    await opened.db.close();
    const errors: string[] = [];
    const logger = { info() {}, warn() {}, error: (message: string) => errors.push(message) };
    const db = await openDatabase({ url: opened.url, logger });
    renameSync(opened.file, join(folder, "moved.db"));
    await until(() => errors.length > 0);
    await expect(db.now()).rejects.toBeInstanceOf(DatabaseUnavailable);
    expect(errors).toEqual([expect.stringContaining(`${opened.file}. Every request is answered 503 until`)]);
    await db.close();
    expect(existsSync(opened.file)).toBe(false);
  });
});

describe("a database that was lost before the start", () => {
  const lost = (url: string) => refusal(url).then((message) => [message, existsSync(`${opened.file}-wal`)]);
  beforeEach(() => opened.db.close());

  test.each([
    ["empty", () => truncateSync(opened.file)],
    ["gone", () => rmSync(opened.file)],
  ])("a file that is %s beside its token ends the start instead of a new database", async (_name, lose) => {
    writeFileSync(`${opened.file}.admin-token`, "t".repeat(24), { mode: 0o600 });
    lose();
    const [message] = await lost(opened.url);
    expect(message).toMatch(
      /Expected the database to which test\.db\.admin-token beside it belongs; found no file, or an/,
    );
    expect(message).toMatch(/put the database back, or delete test\.db\.admin-token to begin with a new one/);
    rmSync(`${opened.file}.admin-token`);
    expect(await refusal(opened.url)).toBe("opened");
  });

  test("a missing file beside a -wal with commits ends the start too", async () => {
    writeFileSync(`${opened.file}-wal`, "commits");
    rmSync(opened.file);
    expect(await lost(opened.url)).toEqual([expect.stringMatching(/delete test\.db-wal to begin/), true]);
  });

  test("a token beside a database with data is no sign of a loss", async () => {
    writeFileSync(`${opened.file}.admin-token`, "t".repeat(24), { mode: 0o600 });
    expect(await refusal(opened.url)).toBe("opened");
  });
});
