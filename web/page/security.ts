/** What the page may load and do. `make web-serve` sends it as a header, and every build has it as a meta tag. */
const RULES: Record<string, string> = {
  "default-src": "'none'",
  // WebAssembly may be compiled; eval() stays forbidden.
  "script-src": "'self' 'wasm-unsafe-eval'",
  // The FLAC and AAC encoders start their workers from Blobs.
  "worker-src": "'self' blob:",
  // The hash is that of the style sheet inside each waveform of wavesurfer.js.
  "style-src": "'self' 'sha256-fF0LBso7Nz75zaFRDBUefBDvPe19hjaiDnnc8lt+2Js='",
  "img-src": "'self'",
  // Models may be fetched from any address; a song is never sent.
  "connect-src": "'self' https:",
  "manifest-src": "'self'",
  "base-uri": "'none'",
  "form-action": "'none'",
};

export const CONTENT_SECURITY_POLICY = Object.entries(RULES)
  .map(([name, sources]) => `${name} ${sources}`)
  .join("; ");

/** Give the page threads: without them WebAssembly has no shared memory. */
export const ISOLATION_HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Headers of a server that does everything right. A meta tag cannot forbid framing. */
export const HEADERS = {
  ...ISOLATION_HEADERS,
  "Content-Security-Policy": `${CONTENT_SECURITY_POLICY}; frame-ancestors 'none'`,
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};
