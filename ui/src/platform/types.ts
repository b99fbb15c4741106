// The shapes that travel between the window and the program behind it, as Rust writes them down.
// Everything in the window imports them from here; `bindings.ts` is generated.

export type * from './bindings';
