/**
 * Corrections as merge patches: each becomes a whole record while the body comes, so that what is stored is a correction like any
 * other. After the commit nothing is left to do, and nothing can be lost.
 */
import { isKeptWhole, isNotRejected } from "../../formats/check/chunk-verdict.ts";
import { correctionLine, patchOf, type RecordPatch } from "../../formats/correction/merge.ts";
import { Problem } from "../../lib/errors.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { RecordErrors } from "../batch/batch.reads.domain.ts";
import type { Policy } from "../policy/policy.contract.ts";
import { asRead } from "./imports.look.ts";
import type { Intake } from "./imports.running.ts";

/** The most lines of a body. */
export const MOST_PATCHES = 10_000;
/** How many patches are looked up at once. Each of their records may be as long as `maxRecordBytes`. */
const PATCHES_AT_ONCE = 20;
/** What stands around the members of a patch. */
const LINE_ALLOWANCE = 1024;
const LF = 10;
const BLANK = /^[ \t\r]*$/;
const BOM = Buffer.from("\ufeff");

interface Patching {
  store: Pick<Intake["store"], "errorsOf">;
  /** The batch whose rejected records are corrected, and the policy that it was read by. */
  parent: BatchRow;
  pinned: Policy;
  /** What the correction is taken under. */
  limits: Pick<Policy, "maxBytes" | "maxRecordBytes">;
}

/**
 * The corrected records of a body with patches, as the NDJSON of a correction. Throws malformed-body, validation,
 * payload-too-large, too-many-records.
 */
export async function* patchedRecords(pieces: AsyncIterable<Buffer>, patching: Patching): AsyncGenerator<Buffer> {
  let few: RecordPatch[] = [];
  for await (const patch of patchesIn(pieces, patching.limits)) {
    few.push(patch);
    if (few.length < PATCHES_AT_ONCE) continue;
    yield await corrected(few, patching);
    few = [];
  }
  if (few.length > 0) yield await corrected(few, patching);
}

async function corrected(patches: RecordPatch[], { store, parent, pinned }: Patching): Promise<Buffer> {
  const found = await store.errorsOf(
    parent.id,
    patches.map(({ record }) => record),
  );
  const texts = new Map<number, string | null>();
  for (const one of found) texts.set(one.seq, isReadable(one) ? await asRead(pinned, parent, one.raw) : null);
  return Buffer.from(patches.map((patch) => correctionLine(patch, texts.get(patch.record) ?? null)).join(""));
}

/** Also a patch that corrected nothing is no record. */
const isReadable = (record: RecordErrors): boolean => isKeptWhole(record) && !isNotRejected(record.errors);

async function* patchesIn(
  pieces: AsyncIterable<Buffer>,
  { maxBytes, maxRecordBytes }: Patching["limits"],
): AsyncGenerator<RecordPatch> {
  let patches = 0;
  let line = 0;
  for await (const bytes of linesIn(pieces, maxBytes, maxRecordBytes + LINE_ALLOWANCE)) {
    line++;
    if (BLANK.test(bytes.toString("latin1"))) continue;
    if (++patches > MOST_PATCHES)
      throw new Problem("too-many-records", `The body has more than ${MOST_PATCHES} patches.`, { limit: MOST_PATCHES });
    yield patchOf(bytes, line);
  }
}

/** The lines without their ends, and without a byte order mark before the first. */
async function* linesIn(pieces: AsyncIterable<Buffer>, most: number, longest: number): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  let [bytes, length, lines] = [0, 0, 0];
  const taken = (last: Buffer): Buffer => {
    const whole = Buffer.concat([...rest, last]);
    [rest, length] = [[], 0];
    return lines++ === 0 && whole.indexOf(BOM) === 0 ? whole.subarray(BOM.length) : whole;
  };
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > most) throw new Problem("payload-too-large", `The body is larger than ${most} bytes.`, { limit: most });
    let from = 0;
    for (let end = piece.indexOf(LF); ; end = piece.indexOf(LF, from)) {
      const part = piece.subarray(from, end < 0 ? piece.length : end);
      length += part.length;
      if (length > longest)
        throw new Problem("payload-too-large", `Line ${lines + 1} is longer than ${longest} bytes.`, {
          limit: longest,
        });
      if (end < 0) {
        rest.push(part);
        break;
      }
      yield taken(part);
      from = end + 1;
    }
  }
  if (length > 0) yield taken(Buffer.alloc(0));
}
