/** The few globals of other engines that the bundled code expects. */
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

// The bundler imports these into every module that names them, so that they are there before it is evaluated.
export { Utf8Decoder as TextDecoder, Utf8Encoder as TextEncoder };

// commander calls this unconditionally; QuickJS fills `stack` by itself.
Object.assign(Error, { captureStackTrace: () => {} });
