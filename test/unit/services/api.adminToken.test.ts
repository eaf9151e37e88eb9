import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServiceBroker } from "moleculer";
import { loadConfig, useConfig } from "../../../config/config.ts";
import { adminToken } from "../../../services/api/http/adminToken.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dataflow-test-"));
  file = join(folder, "x.db.admin-token");
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const TOKEN = "t".repeat(24);
const tokenOf = (env: Record<string, string> = {}) => {
  const broker = {} as ServiceBroker;
  useConfig(broker, loadConfig({ DATABASE_URL: `sqlite:${join(folder, "x.db")}`, ...env }));
  return adminToken(broker);
};
const printed = () => jest.spyOn(console, "log").mockImplementation(() => {});

test("the operators' token is the one from the settings", () => {
  expect(tokenOf({ ADMIN_TOKEN: TOKEN })).toBe(TOKEN);
});

test("without a setting the token is generated once, kept for the owner only, and printed once", () => {
  const print = printed();
  const DATABASE_URL = `sqlite:${join(folder, "data", "x.db")}`;
  const token = tokenOf({ DATABASE_URL });
  const kept = join(folder, "data", "x.db.admin-token");
  expect(Buffer.from(token, "base64url")).toHaveLength(32);
  expect(readFileSync(kept, "utf8")).toBe(`${token}\n`);
  expect(statSync(kept).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, "data")).mode & 0o777).toBe(0o700);
  expect(tokenOf({ DATABASE_URL })).toBe(token);
  expect(print).toHaveBeenCalledTimes(1);
  expect(print).toHaveBeenCalledWith(expect.stringContaining(token));
});

test("with a database in memory the token is printed and kept nowhere", () => {
  const print = printed();
  const before = readdirSync(".");
  const token = tokenOf({ DATABASE_URL: "sqlite::memory:" });
  expect(print).toHaveBeenCalledWith(expect.stringContaining(token));
  expect(readdirSync(".")).toEqual(before);
});

test.each([
  ["is empty", () => kept("\n"), /which holds none of at least 24/],
  ["holds what no header can carry", () => kept(`${TOKEN}\n${TOKEN}`), /which holds none of/],
  ["is a folder", () => mkdirSync(file), /which is no file$/],
  ["is a link to a file", linked, /which is a symbolic link: put the file itself there$/],
  ["is a link to nothing", () => symlinkSync(join(folder, "nothing"), file), /which is a symbolic link/],
])("the start ends, asking for a token, if the file %s", (_name, make, told) => {
  make();
  expect(() => tokenOf()).toThrow(/^ADMIN_TOKEN: expected a token, or a file .*; found .*x\.db\.admin-token, which/);
  expect(() => tokenOf()).toThrow(told);
});

test.each([0o666, 0o640, 0o604, 0o620])("a token file that others may read or write is refused (%o)", (mode) => {
  writeFileSync(file, TOKEN);
  chmodSync(file, mode);
  expect(() => tokenOf()).toThrow(/\(mode 6\d\d\): run chmod 600 on it, or set ADMIN_TOKEN$/);
  chmodSync(file, 0o600);
  expect(tokenOf()).toBe(TOKEN);
});

const kept = (text: string) => writeFileSync(file, text, { mode: 0o600 });

function linked(): void {
  writeFileSync(join(folder, "elsewhere"), TOKEN, { mode: 0o600 });
  symlinkSync(join(folder, "elsewhere"), file);
}
