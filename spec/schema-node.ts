/** The part of JSON Schema (draft 7) that the files in this folder use, and one annotation. */
export interface SchemaNode {
  $ref?: string;
  title?: string;
  description?: string;
  type?: "object" | "array" | "string" | "boolean" | "integer";
  /** Range of an integer; minimum and maximum may narrow it. */
  format?: "int32" | "int64" | "uint16" | "uint32" | "uint64";
  minimum?: number;
  maximum?: number;
  enum?: readonly string[];
  const?: string;
  pattern?: string;
  /** Our annotation: what a pattern means, in the words of the error message. */
  expected?: string;
  /** Our annotation: few documents have it, and its validator is loaded with the first that does. */
  rare?: true;
  minLength?: number;
  minItems?: number;
  items?: SchemaNode;
  required?: readonly string[];
  properties?: Readonly<Record<string, SchemaNode>>;
  additionalProperties?: SchemaNode | boolean;
  propertyNames?: SchemaNode;
  if?: SchemaNode;
  else?: SchemaNode;
}

/** One `*.schema.json` file. With a title it describes a document, without one only definitions. */
export interface SchemaFile extends SchemaNode {
  $schema?: string;
  $id: string;
  definitions?: Readonly<Record<string, SchemaNode>>;
}
