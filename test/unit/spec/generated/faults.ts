/** Configurations with one fault, made from ones that keep to the schemas. */
import type { SchemaNode } from "../../../../spec/schema-node.ts";
import { type Place, placesOf, pointerBelow, rangeOf, resolve } from "./schema.ts";

export interface Mutation {
  /** What was done. */
  what: string;
  /** Where the fault must be told of. */
  pointer: string;
  /** Makes the fault in the document. */
  apply: () => void;
}

/** Every way to spoil one place of a document, which is only changed by applying one. */
export const mutationsOf = (document: unknown): Mutation[] =>
  placesOf(document).flatMap((place) => {
    const { node, pointer, holder } = place;
    if (holder === undefined) return missing(place);
    return [
      ...missing(place),
      ...wrongValues(place).map(([what, value]) => ({
        what: `${pointer} is ${what}`,
        pointer,
        apply: () => {
          holder[place.key] = value;
        },
      })),
      ...(node.propertyNames ? [namelessMember(place)] : []),
    ];
  });

/** What does not belong there: `null` would be the same as nothing. */
const OTHER_TYPES: readonly (readonly [type: string, value: unknown])[] = [
  ["boolean", true],
  ["integer", 7],
  ["string", "text"],
  ["array", []],
  ["object", {}],
];

function wrongValues({ node, value, pointer }: Place): [what: string, value: unknown][] {
  const ofOtherTypes = OTHER_TYPES.filter(([type]) => type !== node.type).map(
    ([type, other]): [string, unknown] => [`of the type ${type}`, other],
  );
  return [...ofOtherTypes, ...outsideOf(node), ...unspeakable(pointer, value)];
}

function outsideOf(node: SchemaNode): [what: string, value: unknown][] {
  if (node.type === "integer") {
    const [least, most] = rangeOf(node);
    return [
      ["below its range", least - 1n],
      ["above its range", most + 1n],
      ["huge", 10n ** 30n],
      ["a fraction", 1.5],
    ];
  }
  const wrong: [string, unknown][] = [];
  if (node.enum) wrong.push(["an unknown word", "NO_SUCH_WORD"]);
  if (node.minLength || node.minItems) wrong.push(["empty", node.type === "array" ? [] : ""]);
  const { pattern } = node;
  if (pattern !== undefined) {
    const other = ["relative/path", "a\nb", "\n"].find((text) => !new RegExp(pattern).test(text));
    wrong.push([`not like ${pattern}`, other]);
  }
  return wrong;
}

/** Where strings go to the kernel. */
const SPOKEN = /^\/(root|mounts|process|hostname|domainname|hooks|linux)\b/;

const unspeakable = (pointer: string, value: unknown): [what: string, value: unknown][] =>
  typeof value === "string" && SPOKEN.test(pointer)
    ? [
        ["text with a NUL", `${value}\0`],
        ["text with half a character", `${value}\ud83d`],
      ]
    : [];

/** The members that a document must have, left out one at a time. */
function missing({ node, value, pointer }: Place): Mutation[] {
  const members = value as Record<string, unknown>;
  const needed = node.type === "object" && value ? requiredOf(node, members) : [];
  return needed.map((key) => ({
    what: `${pointer} has no ${key}`,
    pointer: pointerBelow(pointer, key),
    apply: () => {
      delete members[key];
    },
  }));
}

function requiredOf(node: SchemaNode, members: Record<string, unknown>): readonly string[] {
  const { required = [] } = node;
  const [condition] = Object.entries(node.if?.properties ?? {});
  if (condition === undefined) return required;
  const [key, { const: word }] = condition;
  // Without the member that the condition is about, the others' absence is no fault of its own.
  return members[key] === word ? required : [...required, ...(node.else?.required ?? [])];
}

const namelessMember = ({ pointer, value, node }: Place): Mutation => ({
  what: `${pointer} has a member without a name`,
  pointer: pointerBelow(pointer, ""),
  apply: () => {
    const example = resolve(node.additionalProperties as SchemaNode).type === "string" ? "" : {};
    (value as Record<string, unknown>)[""] = example;
  },
});
