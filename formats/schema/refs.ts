import type { Fault } from "../../lib/errors.ts";
import { childSchemas, isObject, pointerStep, type SchemaNode } from "./walk.ts";

/** A schema within a schema, an object or a boolean, and where it is. */
export interface Place {
  schema: unknown;
  pointer: string;
}

export interface SchemaRefs {
  /** Every schema within the schema, itself first. */
  places: Place[];
  /** What each object with `$ref` or `$dynamicRef` refers to; two places where it has both. */
  targets: Map<SchemaNode, Place[]>;
  faults: Fault[];
}

/** The base of relative names in a schema without `$id`. Nobody can own a name below `.invalid`. */
const NAMELESS = "https://schema.invalid/";

/**
 * Follows every reference within the schema: by pointer, `$id` (relative, absolute, of an embedded resource), `$anchor`
 * and `$dynamicAnchor`. Nothing is fetched. A reference that leads nowhere is a fault, and so is a name given twice.
 */
export function schemaRefs(schema: SchemaNode): SchemaRefs {
  const names = new Names(schema);
  const targets = new Map<SchemaNode, Place[]>();
  for (const { schema: node, pointer, base } of names.places) {
    if (!isObject(node)) continue;
    const found = REFERENCES.flatMap((keyword) => {
      const ref = node[keyword];
      return typeof ref === "string" ? (names.follow(keyword, ref, base, pointer) ?? []) : [];
    });
    if (found.length > 0) targets.set(node, found);
  }
  return { places: names.places, targets, faults: names.faults };
}

const REFERENCES = ["$ref", "$dynamicRef"] as const;
type Reference = (typeof REFERENCES)[number];

interface Resource extends Place {
  /** The URI that relative references within it are relative to. */
  base: string;
}

/** The names by which the parts of a schema are referred to. */
class Names {
  readonly places: Resource[] = [];
  readonly faults: Fault[] = [];
  readonly #byPointer = new Map<string, Resource>();
  /** The resources by absolute URI, with the anchor as its fragment. */
  readonly #byUri = new Map<string, Resource>();
  /** How many schemas have a dynamic anchor of that name. */
  readonly #dynamic = new Map<string, number>();

  constructor(schema: SchemaNode) {
    this.#byUri.set(NAMELESS, { schema, pointer: "", base: NAMELESS });
    this.#collect(schema, "", NAMELESS);
  }

  #collect(schema: unknown, pointer: string, outer: string): void {
    if (!isObject(schema)) {
      if (typeof schema === "boolean") this.#add({ schema, pointer, base: outer });
      return;
    }
    const place = { schema, pointer, base: this.#baseOf(schema, pointer, outer) };
    this.#add(place);
    if (place.base !== outer) this.#name(place, "$id", place.base);
    for (const keyword of ["$anchor", "$dynamicAnchor"]) {
      const anchor = schema[keyword];
      if (typeof anchor === "string") this.#name(place, keyword, `${place.base}#${anchor}`);
    }
    if (typeof schema.$dynamicAnchor === "string") {
      this.#dynamic.set(schema.$dynamicAnchor, (this.#dynamic.get(schema.$dynamicAnchor) ?? 0) + 1);
    }
    for (const [step, child] of childSchemas(schema)) this.#collect(child, pointer + step, place.base);
  }

  #add(place: Resource): void {
    this.places.push(place);
    this.#byPointer.set(place.pointer, place);
  }

  #baseOf({ $id }: SchemaNode, pointer: string, outer: string): string {
    if (typeof $id !== "string") return outer;
    const url = parsed($id, outer);
    if (url === null) this.#fault(pointer, "$id", `expected a URI, or one that is relative to "${shown(outer)}"`);
    return url === null ? outer : withoutFragment(url);
  }

  #name(place: Resource, keyword: string, uri: string): void {
    const known = this.#byUri.get(uri);
    if (known === undefined || known.schema === place.schema) this.#byUri.set(uri, place);
    else this.#fault(place.pointer, keyword, `expected another name than that of "#${known.pointer}"`);
  }

  follow(keyword: Reference, ref: string, base: string, pointer: string): Place | null {
    const url = parsed(ref, base);
    const place = url === null ? undefined : this.#find(url);
    if (place === undefined) {
      const missing = url === null ? ref : shown(url.href);
      const detail = `expected a reference within this schema: no schema is at "${missing}", and nothing is fetched`;
      this.#fault(pointer, keyword, detail);
      return null;
    }
    if (keyword === "$dynamicRef" && this.#isDynamic(url as URL, place)) {
      this.#fault(
        pointer,
        keyword,
        "several schemas have this dynamic anchor: expected a $ref to the one that is meant",
      );
    }
    return place;
  }

  #find(url: URL): Resource | undefined {
    const resource = this.#byUri.get(withoutFragment(url));
    const fragment = decoded(url.hash.slice(1));
    if (resource === undefined || fragment === "") return resource;
    if (fragment.startsWith("/")) return this.#byPointer.get(resource.pointer + fragment);
    return this.#byUri.get(`${resource.base}#${fragment}`);
  }

  /** Whether the path to the reference decides which schema is meant. Ajv is wrong there, so such a schema is refused. */
  #isDynamic({ hash }: URL, { schema }: Place): boolean {
    const anchor = (schema as SchemaNode).$dynamicAnchor;
    return typeof anchor === "string" && hash === `#${anchor}` && (this.#dynamic.get(anchor) ?? 0) > 1;
  }

  #fault(pointer: string, keyword: string, detail: string): void {
    this.faults.push({ pointer: pointer + pointerStep(keyword), detail });
  }
}

const parsed = (uri: string, base: string): URL | null => URL.parse(uri, base);

function withoutFragment(url: URL): string {
  const copy = new URL(url);
  copy.hash = "";
  return copy.href;
}

/** The URI as the partner wrote it, without the base that we have added. */
const shown = (uri: string): string => (uri.startsWith(NAMELESS) ? uri.slice(NAMELESS.length) : uri);

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
