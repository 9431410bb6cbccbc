/**
 * Compiled filters, kept for the next container with the same profile: `<root>/@seccomp/<hash>`. A filter is taken only
 * from a file and a folder that nobody else can have written, and only for exactly the key that it was compiled for,
 * which is in the file in full; so that its name may be a cheap hash. A cache that cannot be read or written is none.
 */
import {
  AT_FDCWD,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  S_IFMT,
  S_IFREG,
} from "#abi";
import { geteuid } from "../linux/credentials.ts";
import { Errno } from "../linux/errno.ts";
import {
  close,
  findAt,
  mkdirAt,
  openAt,
  readBytes,
  readDirectory,
  renameAt,
  type Status,
  stat,
  statAt,
  unlinkAt,
  using,
  writeAll,
} from "../linux/fs.ts";
import { getpid } from "../linux/process.ts";
import { decode, encode } from "../linux/text.ts";
import { type Filter, VOICES, type Voice } from "./filter.ts";

/** No id of a container has this character. */
export const CACHE_FOLDER = "@seccomp";
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** Hosts have a handful of profiles; more than these are not kept. */
const MAX_FILES = 64;
/** In bytes: a program has at most 32768, and few profiles so much text. */
const MAX_FILE_SIZE = 512 * 1024;

/** Raised with every change of the file, and of what is compiled for a profile. */
const FORMAT = 1;
const MAGIC = 0x6665_6374;

/** The words before the program and the key. */
const HEADER = {
  magic: 0,
  format: 1,
  flags: 2,
  programWords: 3,
  keyBytes: 4,
  checksum: 5,
  voice: 6,
} as const;
const HEADER_WORDS = 8;

/** The filter that is kept for a key. */
export function findFilter(root: string, key: string): Filter | undefined {
  return orNothing(() => {
    const folder = openFolder(root);
    if (folder === undefined) return undefined;
    const file = using(folder, () =>
      // O_NONBLOCK: not to wait at a FIFO.
      findAt(folder, nameOf(key), O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
    );
    return file === undefined ? undefined : using(file, () => readFilter(file, key));
  });
}

/** Keeps a filter, in the place of what there may be under its name. */
export function keepFilter(root: string, key: string, filter: Filter): void {
  const bytes = bytesOf(key, filter);
  if (bytes.length > MAX_FILE_SIZE) return;
  orNothing(() => {
    const folder = openFolder(root) ?? makeFolder(root);
    if (folder !== undefined) using(folder, () => writeFile(folder, nameOf(key), bytes));
  });
}

/** The step's value, or undefined where the kernel refuses it, or where a file is not what it should be. */
function orNothing<T>(step: () => T): T | undefined {
  try {
    return step();
  } catch (error) {
    if (error instanceof Errno || error instanceof RangeError || error instanceof TypeError)
      return undefined;
    throw error;
  }
}

const isOnlyOurs = (status: Status): boolean =>
  status.uid === geteuid() && (status.mode & 0o077) === 0;

/** Undefined if there is none that is ours alone. */
function openFolder(root: string): number | undefined {
  const path = `${root}/${CACHE_FOLDER}`;
  const folder = findAt(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (folder === undefined || isOnlyOurs(stat(folder))) return folder;
  close(folder);
  return undefined;
}

function makeFolder(root: string): number | undefined {
  mkdirAt(AT_FDCWD, `${root}/${CACHE_FOLDER}`, FOLDER_MODE);
  return openFolder(root);
}

/** How many characters of a key are looked at for the name. */
const SAMPLES = 64;

/** A hash of a sample, which tells the profiles of a host apart; those that it does not take turns in one file. */
function nameOf(key: string): string {
  const step = Math.max(1, Math.floor(key.length / SAMPLES));
  let hash = key.length;
  for (let i = 0; i < key.length; i += step) hash = (hash * 33 + key.charCodeAt(i)) | 0;
  return (hash >>> 0).toString(16).padStart(8, "0");
}

function bytesOf(key: string, { program, flags, voice }: Filter): Uint8Array {
  const text = encode(key);
  const start = HEADER_WORDS + program.length;
  const bytes = new Uint8Array(start * 4 + text.length);
  const words = new Uint32Array(bytes.buffer, 0, start);
  words[HEADER.magic] = MAGIC;
  words[HEADER.format] = FORMAT;
  words[HEADER.flags] = flags;
  words[HEADER.programWords] = program.length;
  words[HEADER.keyBytes] = text.length;
  words[HEADER.voice] = VOICES.indexOf(voice);
  words[HEADER.checksum] = checksum(program, flags, voice);
  words.set(program, HEADER_WORDS);
  bytes.set(text, start * 4);
  return bytes;
}

/** The largest prime below 2^32. */
const MODULUS = 4_294_967_291;

/** So many words can be added up twice before a double is no longer exact. */
const EXACT_WORDS = 1024;

/**
 * Adler's sums, of words: against what disks and cut-off writes do, for others cannot write here. Additions only, of
 * which the engine does a few million a second.
 */
function checksum(program: Uint32Array, flags: number, voice: Voice): number {
  let [sum, ofSums] = [flags, voice.length];
  for (let start = 0; start < program.length; start += EXACT_WORDS) {
    const end = Math.min(start + EXACT_WORDS, program.length);
    for (let i = start; i < end; i++) {
      sum += program[i] as number;
      ofSums += sum;
    }
    sum %= MODULUS;
    ofSums %= MODULUS;
  }
  return (sum ^ ofSums) >>> 0;
}

/** Undefined if the file is not one that `keepFilter` has written, whole, for this key. */
function readFilter(file: number, key: string): Filter | undefined {
  const status = stat(file);
  if ((status.mode & S_IFMT) !== S_IFREG || !isOnlyOurs(status)) return undefined;
  const bytes = readBytes(file, MAX_FILE_SIZE);
  if (bytes.length < HEADER_WORDS * 4) return undefined;
  const header = new Uint32Array(bytes.buffer, 0, HEADER_WORDS);
  const flags = header[HEADER.flags] as number;
  const programWords = header[HEADER.programWords] as number;
  const start = (HEADER_WORDS + programWords) * 4;
  if (
    header[HEADER.magic] !== MAGIC ||
    header[HEADER.format] !== FORMAT ||
    bytes.length !== start + (header[HEADER.keyBytes] as number) ||
    decode(bytes.subarray(start)) !== key
  )
    return undefined;
  const program = new Uint32Array(bytes.buffer, HEADER_WORDS * 4, programWords);
  const voice = VOICES[header[HEADER.voice] as number];
  return voice && checksum(program, flags, voice) === header[HEADER.checksum]
    ? { program, flags, voice }
    : undefined;
}

/** Whoever reads finds the old file or the new one, whole. */
function writeFile(folder: number, name: string, bytes: Uint8Array): void {
  removeOldest(folder);
  const staged = `${name}.${getpid()}`;
  const flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW;
  const file = openAt(folder, staged, flags, { mode: FILE_MODE });
  try {
    using(file, () => writeAll(file, bytes));
    renameAt(folder, staged, name);
  } catch (error) {
    unlinkAt(folder, staged);
    throw error;
  }
}

/** Makes room for one file more; what creators that were cut off have left goes as well, in its time. */
function removeOldest(folder: number): void {
  const entries = readDirectory(folder);
  if (entries.length < MAX_FILES) return;
  const byAge = entries
    .map(({ name }) => ({ name, modified: statAt(folder, name).modified }))
    .sort((a, b) => a.modified - b.modified);
  for (const { name } of byAge.slice(0, entries.length - MAX_FILES + 1)) unlinkAt(folder, name);
}
