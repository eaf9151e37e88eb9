/** The settings as operators see them: the value in force and where it comes from, without secrets. */
import { type Config, givenTo } from "./config.ts";
import { hostOf, maskUrl, type Secrecy, type Setting } from "./parse.ts";
import { settings } from "./settings.ts";

export interface ToldSetting {
  /** The variable's name. */
  name: string;
  /**
   * The value in the variable's notation. `set` stands for a secret; URLs have no credentials; a default that is not fixed is
   * told in words.
   */
  value: string;
  source: "default" | "environment";
  meaning: string;
}

const SHORTEST_TOKEN = 8;

/** The settings of this configuration, in the order of the docs. */
export function toldSettings(config: Config): ToldSetting[] {
  const given = givenTo(config);
  const token = config.adminToken ?? "";
  const withoutToken = (text: string) => (token.length < SHORTEST_TOKEN ? text : text.replaceAll(token, "***"));
  return Object.values<Setting<unknown>>(settings).map(({ name, secrecy, meaning, ...other }) => {
    const text = given[name];
    if (text === undefined) return { name, value: other.default ?? other.otherwise, source: "default", meaning };
    return { name, value: withoutToken(shownAs(text, secrecy)), source: "environment", meaning };
  });
}

function shownAs(text: string, secrecy: Secrecy): string {
  if (secrecy === "whole") return "set";
  return secrecy === "host" ? hostOf(text) : maskUrls(text);
}

/** Removes credentials and the query from each URL in a list of URLs or of `NAME=URL`. */
const maskUrls = (text: string): string =>
  text.includes("://")
    ? text
        .split(",")
        .map((one) => one.trim().replace(/^([\w.-]+=)?(.*)$/s, (_, name = "", url = "") => name + masked(url)))
        .join(", ")
    : text;

const masked = (url: string): string => (url.includes("://") ? maskUrl(url) : url);
