/** Cases of the suite, by file and group. */
interface Exceptions {
  reason: string;
  /** Groups whose schema is refused, with the pointer of the place. */
  refused?: Record<string, string[]>;
  /** Tests for which our verdict differs. */
  differs?: Record<string, Record<string, string[]>>;
}

/** The cases of the JSON Schema Test Suite for which our answer differs, and why. The test also fails if a listed case agrees. */
export const exceptions: Exceptions[] = [
  {
    reason: "Nothing is fetched: a schema may refer to itself only, and the meta-schema is another one.",
    refused: {
      "defs.json": ["validate definition against metaschema"],
      "dynamicRef.json": [
        "strict-tree schema, guards against misspelled properties",
        "tests for implementation dynamic anchor and reference link",
        "$ref and $dynamicAnchor are independent of order - $defs first",
        "$ref and $dynamicAnchor are independent of order - $ref first",
        "$ref to $dynamicRef finds detached $dynamicAnchor",
      ],
      "optional/cross-draft.json": ["refs to historic drafts are processed as historic drafts"],
      "ref.json": ["remote ref, containing refs itself"],
      "refRemote.json": [
        "remote ref",
        "fragment within remote ref",
        "anchor within remote ref",
        "ref within remote ref",
        "base URI change",
        "base URI change - change folder",
        "base URI change - change folder in subschema",
        "root ref in remote ref",
        "remote ref with ref to defs",
        "Location-independent identifier in remote ref",
        "retrieved nested refs resolve relative to their URI not $id",
        "remote HTTP ref with different $id",
        "remote HTTP ref with different URN $id",
        "remote HTTP ref with nested absolute ref",
        "$ref to $ref finds detached $anchor",
      ],
    },
  },
  {
    reason:
      "A $dynamicRef is taken where one schema only has its anchor. Where several have, the way there decides, and we do not follow that.",
    refused: {
      "dynamicRef.json": [
        "A $dynamicRef resolves to the first $dynamicAnchor still in scope that is encountered when the schema is evaluated",
        "A $dynamicRef with intermediate scopes that don't include a matching $dynamicAnchor does not affect dynamic scope resolution",
        "A $dynamicRef that initially resolves to a schema with a matching $dynamicAnchor resolves to the first $dynamicAnchor in the dynamic scope",
        "multiple dynamic paths to the $dynamicRef keyword",
        "after leaving a dynamic scope, it is not used by a $dynamicRef",
        "$dynamicRef skips over intermediate resources - direct reference",
        "$dynamicRef avoids the root of each schema, but scopes are still registered",
      ],
      "optional/dynamicRef.json": [
        "$dynamicRef skips over intermediate resources - pointer reference across resource boundary",
      ],
      "unevaluatedItems.json": ["unevaluatedItems with $dynamicRef"],
      "unevaluatedProperties.json": ["unevaluatedProperties with $dynamicRef"],
    },
  },
  {
    reason: "The only dialect is that of 2020-12, without vocabularies of one's own.",
    refused: {
      "optional/format-assertion.json": [
        "schema that uses custom metaschema with format-assertion: false",
        "schema that uses custom metaschema with format-assertion: true",
      ],
      "vocabulary.json": [
        "schema that uses custom metaschema with with no validation vocabulary",
        "ignore unrecognized optional vocabulary",
      ],
    },
  },
  {
    reason:
      "An unknown keyword is refused, as it is a typing error nearly always; `dependencies` is one since 2019-09.",
    refused: {
      "optional/dependencies-compatibility.json": [
        "single dependency",
        "empty dependents",
        "multiple dependents required",
        "dependencies with escaped characters",
        "single schema dependency",
        "boolean subschemas",
        "schema dependencies with escaped characters",
      ],
      "optional/refOfUnknownKeyword.json": [
        "reference of a root arbitrary keyword ",
        "reference of a root arbitrary keyword with encoded ref",
        "reference of an arbitrary keyword of a sub-schema",
        "reference internals of known non-applicator",
        "reference of an arbitrary keyword of a sub-schema with encoded ref",
      ],
      "optional/unknownKeyword.json": ["$id inside an unknown keyword is not a real identifier"],
    },
  },
  {
    reason: "Patterns have RE2's syntax: short names of Unicode's classes only (\\p{L}), and \\s is ASCII.",
    refused: {
      "optional/ecmascript-regex.json": [
        "patterns always use unicode semantics with pattern",
        "pattern with non-ASCII digits",
        "patterns always use unicode semantics with patternProperties",
        "patternProperties with non-ASCII digits",
      ],
      "pattern.json": ["pattern with Unicode property escape requires unicode mode"],
      "patternProperties.json": ["patternProperties with Unicode property escape"],
    },
    differs: {
      "optional/ecmascript-regex.json": {
        "ECMA 262 \\s matches whitespace": [
          "Line tabulation matches",
          "latin-1 non-breaking-space matches",
          "zero-width whitespace matches",
          "paragraph separator matches (line terminator)",
          "EM SPACE matches (Space_Separator)",
        ],
        "ECMA 262 \\S matches everything but whitespace": [
          "Line tabulation does not match",
          "latin-1 non-breaking-space does not match",
          "zero-width whitespace does not match",
          "paragraph separator does not match (line terminator)",
          "EM SPACE does not match (Space_Separator)",
        ],
      },
    },
  },
  {
    reason: "A text with the format `regex` must be a pattern that we would take ourselves.",
    differs: {
      "optional/format/ecmascript-regex.json": {
        "\\a is not an ECMA 262 control escape": ["when used as a pattern"],
        "Python-specific regular expression syntax is not valid ECMA 262": [
          "Python named group (?P<name>...) is not ECMA 262",
        ],
        "global inline flag groups are not valid ECMA 262": [
          "a single global inline flag (?i)",
          "multiple global inline flags (?ims)",
        ],
        "ECMA 262 lookbehind is valid, including variable width": ["a variable-width lookbehind (ES2018)"],
      },
    },
  },
  {
    reason: "`format` is checked, not only noted.",
    differs: {
      "format.json": {
        "email format": ["invalid email string is only an annotation by default"],
        "regex format": ["invalid regex string is only an annotation by default"],
        "ipv4 format": ["invalid ipv4 string is only an annotation by default"],
        "ipv6 format": ["invalid ipv6 string is only an annotation by default"],
        "hostname format": ["invalid hostname string is only an annotation by default"],
        "date format": ["invalid date string is only an annotation by default"],
        "date-time format": ["invalid date-time string is only an annotation by default"],
        "time format": ["invalid time string is only an annotation by default"],
        "json-pointer format": ["invalid json-pointer string is only an annotation by default"],
        "relative-json-pointer format": ["invalid relative-json-pointer string is only an annotation by default"],
        "uri format": ["invalid uri string is only an annotation by default"],
        "uri-reference format": ["invalid uri-reference string is only an annotation by default"],
        "uri-template format": ["invalid uri-template string is only an annotation by default"],
        "uuid format": ["invalid uuid string is only an annotation by default"],
        "duration format": ["invalid duration string is only an annotation by default"],
      },
    },
  },
  {
    reason: "A format that we do not know is refused, as an unknown keyword is.",
    refused: {
      "format.json": ["idn-email format", "idn-hostname format", "iri format", "iri-reference format"],
      "optional/format/idn-email.json": ["validation of an internationalized e-mail addresses"],
      "optional/format/idn-hostname.json": [
        "validation of internationalized host names",
        "validation of separators in internationalized host names",
      ],
      "optional/format/iri-reference.json": ["validation of IRI References"],
      "optional/format/iri.json": ["validation of IRIs"],
      "optional/format/unknown.json": ["unknown format"],
    },
  },
  {
    reason: "`default` fills an absent field, and what it fills in is checked.",
    differs: {
      "default.json": {
        "invalid type for default": ["still valid when the invalid default is used"],
        "invalid string value for default": ["still valid when the invalid default is used"],
        "the default keyword does not do anything if the property is missing": [
          "missing properties are not filled in with the default",
        ],
      },
    },
  },
  {
    reason:
      "ajv-formats takes a little more than the RFCs do, and for an e-mail address a little less: no quoted name, no address in brackets.",
    differs: {
      "optional/format/date-time.json": {
        "validation of date-time strings": [
          "a numeric offset without minutes is invalid",
          "hour 24 is invalid even with a leap second",
          "an invalid minute in date-time string, with a numeric offset",
        ],
      },
      "optional/format/duration.json": {
        "validation of duration strings": [
          "years and days cannot appear without months",
          "hours and seconds cannot appear without minutes",
        ],
      },
      "optional/format/email.json": {
        "validation of e-mail addresses": [
          "a quoted string with a space in the local part is valid",
          "a quoted string with a double dot in the local part is valid",
          "a quoted string with a @ in the local part is valid",
          "an IPv4-address-literal after the @ is valid",
          "an IPv6-address-literal after the @ is valid",
          "an empty quoted string in the local part is valid",
          "a quoted string containing only a space in the local part is valid",
          "a quoted string with no special characters in the local part is valid",
          "a quoted pair in the local part is valid",
          "an escaped double quote in the local part is valid",
          "an escaped backslash in the local part is valid",
          "a single-label domain is valid",
          "a lowercase IPv6 tag in an address literal is valid",
        ],
      },
      "optional/format/hostname.json": {
        "validation of host names": ["trailing dot"],
        "validation of A-label (punycode) host names": [
          "invalid Punycode",
          "contains illegal char U+302E Hangul single dot tone mark",
          "Begins with a Spacing Combining Mark",
          "Begins with a Nonspacing Mark",
          "Begins with an Enclosing Mark",
          "Exceptions that are DISALLOWED, right-to-left chars",
          "Exceptions that are DISALLOWED, left-to-right chars",
          "MIDDLE DOT with no preceding 'l'",
          "MIDDLE DOT with nothing preceding",
          "MIDDLE DOT with no following 'l'",
          "MIDDLE DOT with nothing following",
          "Greek KERAIA not followed by Greek",
          "Greek KERAIA not followed by anything",
          "Hebrew GERESH not preceded by Hebrew",
          "Hebrew GERESH not preceded by anything",
          "Hebrew GERSHAYIM not preceded by Hebrew",
          "Hebrew GERSHAYIM not preceded by anything",
          "KATAKANA MIDDLE DOT with no Hiragana, Katakana, or Han",
          "KATAKANA MIDDLE DOT with no other characters",
          "Arabic-Indic digits mixed with Extended Arabic-Indic digits",
          "ZERO WIDTH JOINER not preceded by Virama",
          "ZERO WIDTH JOINER not preceded by anything",
          'contains "--" in the 3rd and 4th position',
        ],
      },
      "optional/format/time.json": {
        "validation of time strings": [
          "a numeric time-offset requires the colon separator",
          "a numeric time-offset requires the minutes component",
          "hour 24 is invalid with a numeric time-offset",
          "minute 60 is invalid with a numeric time-offset",
          "a valid time string with a 15 digit second fraction",
        ],
      },
      "optional/format/uri-reference.json": {
        "validation of URI References": [
          "a double quote in a path",
          "square brackets outside an authority",
          "a non-numeric port in a network-path reference",
          "more than one at-sign in the authority",
          "a leading zero in the IPv4 part of an IPv6 literal",
          "a colon in the first segment of a relative-path reference",
        ],
      },
      "optional/format/uri-template.json": {
        "format: uri-template": [
          "a dotted variable name is valid",
          "a delete character in a literal is invalid",
          "an apostrophe in a literal is valid",
        ],
      },
      "optional/format/uri.json": {
        "validation of URIs": [
          "non-numeric port is invalid",
          "leading zero in an embedded IPv4 address is invalid",
          "square brackets are not allowed in a path segment",
        ],
      },
      "optional/format/uuid.json": { "uuid format": ["URN prefixed UUID is invalid"] },
    },
  },
];
