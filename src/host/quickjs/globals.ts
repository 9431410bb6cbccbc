/** The few globals of other engines that the bundled code expects; evaluated before everything else. */
declare const nativeHost: {
  encode: (text: string) => ArrayBuffer;
  decode: (bytes: ArrayBuffer | ArrayBufferView) => string;
};

/** WHATWG Encoding for UTF-8; a lone surrogate throws, where the standard would write U+FFFD. */
class Utf8Encoder {
  encode(text = ""): Uint8Array {
    return new Uint8Array(nativeHost.encode(text));
  }
}

/** WHATWG Encoding for UTF-8, always fatal: malformed bytes throw. */
class Utf8Decoder {
  decode(bytes: ArrayBuffer | ArrayBufferView): string {
    return nativeHost.decode(bytes);
  }
}

Object.assign(globalThis, { TextEncoder: Utf8Encoder, TextDecoder: Utf8Decoder });
// commander calls this unconditionally; QuickJS fills `stack` by itself.
Object.assign(Error, { captureStackTrace: () => {} });
