/**
 * Poly1305 (D. J. Bernstein, "The Poly1305-AES message-authentication code"), for Node has it only tied to ChaCha20. The
 * loop over blocks is WebAssembly, put together here from its few instructions: 64-bit products make it five times as
 * fast as the best JavaScript, which would take half of a backup's time. The tests hold it against `@noble/ciphers`.
 *
 * Numbers are five limbs of 26 bits; a product of limbs and the sum of five of them fit 64 bits.
 */
const LIMBS = [0, 1, 2, 3, 4];
const LIMB_MASK = 0x3ffffffn;

/** Where the module's memory keeps the multiplier, the sum so far and the message. */
const R_AT = 0;
const H_AT = 40;
const MESSAGE_AT = 128;
const PIECE_BYTES = 64 * 1024;

/** TypeScript knows it among what browsers have, and no further. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: Machine };
};
type Machine = { memory: { buffer: ArrayBuffer }; blocks: (at: number, end: number) => void };

const MODULUS = (1n << 130n) - 5n;
const TAG_MASK = (1n << 128n) - 1n;
/** The bits of the multiplier that the algorithm takes out. */
const CLAMP = 0x0ffffffc0ffffffc0ffffffc0fffffffn;

/** One for the thread; calls end before another begins. */
let machine:
  | { memory: Uint8Array; state: BigUint64Array; blocks: (at: number, end: number) => void }
  | undefined;

/** The tag of a message under a key that is used once: 16 bytes `r`, 16 bytes `s`. */
export function poly1305(message: Uint8Array, key: Uint8Array): Uint8Array {
  machine ??= start();
  const { memory, state, blocks } = machine;
  const r = littleEndian(key.subarray(0, 16)) & CLAMP;
  for (const limb of LIMBS) {
    state[R_AT / 8 + limb] = (r >> BigInt(26 * limb)) & LIMB_MASK;
    state[H_AT / 8 + limb] = 0n;
  }
  const whole = message.length - (message.length % 16);
  for (let at = 0; at < whole; at += PIECE_BYTES) {
    const length = Math.min(PIECE_BYTES, whole - at);
    memory.set(message.subarray(at, at + length), MESSAGE_AT);
    blocks(MESSAGE_AT, MESSAGE_AT + length);
  }
  let sum = LIMBS.reduce((h, limb) => h + ((state[H_AT / 8 + limb] ?? 0n) << BigInt(26 * limb)), 0n);
  if (whole < message.length) {
    const rest = message.subarray(whole);
    sum = (sum + littleEndian(rest) + (1n << BigInt(8 * rest.length))) * r;
  }
  return tagOf(((sum % MODULUS) + littleEndian(key.subarray(16, 32))) & TAG_MASK);
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

function tagOf(number: bigint): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, index) => Number((number >> BigInt(8 * index)) & 0xffn));
}

function start(): NonNullable<typeof machine> {
  const { memory, blocks } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes())).exports;
  const state = new BigUint64Array(memory.buffer, 0, (H_AT + 40) / 8);
  return { memory: new Uint8Array(memory.buffer), state, blocks };
}

/** `blocks(at, end)`: the two parameters, then a 64-bit local for each name. */
const NAMES = [
  "at",
  "end",
  ..."r0 r1 r2 r3 r4 s1 s2 s3 s4 h0 h1 h2 h3 h4 d0 d1 d2 d3 d4 low high".split(" "),
];
const get = (name: string) => [0x20, NAMES.indexOf(name)];
const set = (name: string) => [0x21, NAMES.indexOf(name)];
const tee = (name: string) => [0x22, NAMES.indexOf(name)];
const i32 = (value: number) => [0x41, ...signed(value)];
const i64 = (value: number) => [0x42, ...signed(value)];
const load = (offset: number) => [0x29, 0, offset];
const store = (offset: number) => [0x37, 0, offset];
const ADD = 0x7c;
const MUL = 0x7e;
const AND = 0x83;
const OR = 0x84;
const SHL = 0x86;
const SHR = 0x88;
const LOOP = [0x03, 0x40];
const REPEAT_IF_BELOW = [0x49, 0x0d, 0];
const I32_ADD = 0x6a;
const END = 0x0b;
const MASK = [...i64(0x3ffffff), AND];

function loopBody(): number[] {
  return [
    ...[...get("at"), ...load(0), ...set("low"), ...get("at"), ...load(8), ...set("high")],
    // h += block, a bit above its top set.
    ...[...get("h0"), ...get("low"), ...MASK, ADD, ...set("h0")],
    ...[...get("h1"), ...get("low"), ...i64(26), SHR, ...MASK, ADD, ...set("h1")],
    ...[...get("h2"), ...get("low"), ...i64(52), SHR, ...get("high"), ...i64(12), SHL, OR, ...MASK, ADD],
    ...[...set("h2"), ...get("h3"), ...get("high"), ...i64(14), SHR, ...MASK, ADD, ...set("h3")],
    ...[...get("h4"), ...get("high"), ...i64(40), SHR, ...i64(1 << 24), OR, ADD, ...set("h4")],
    // d = h × r; what lies above 2^130 comes back five times, by s = 5 × r.
    ...LIMBS.flatMap((d) => [...LIMBS.flatMap((h) => product(d, h)), ...set(`d${d}`)]),
    // h = d, its carries passed on.
    ...[...get("d0"), ...MASK, ...set("h0")],
    ...[1, 2, 3, 4].flatMap((d) => [
      ...[
        ...get(`d${d}`),
        ...get(`d${d - 1}`),
        ...i64(26),
        SHR,
        ADD,
        ...tee(`d${d}`),
        ...MASK,
        ...set(`h${d}`),
      ],
    ]),
    ...[
      ...get("h0"),
      ...get("d4"),
      ...i64(26),
      SHR,
      ...i64(5),
      MUL,
      ADD,
      ...tee("d0"),
      ...MASK,
      ...set("h0"),
    ],
    ...[...get("h1"), ...get("d0"), ...i64(26), SHR, ADD, ...set("h1")],
    ...[...get("at"), ...i32(16), I32_ADD, ...tee("at"), ...get("end"), ...REPEAT_IF_BELOW],
  ];
}

function product(d: number, h: number): number[] {
  return [...get(`h${h}`), ...get(h <= d ? `r${d - h}` : `s${5 + d - h}`), MUL, ...(h === 0 ? [] : [ADD])];
}

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const code = [
    ...LIMBS.flatMap((limb) => [...i32(0), ...load(R_AT + 8 * limb), ...set(`r${limb}`)]),
    ...[1, 2, 3, 4].flatMap((limb) => [...get(`r${limb}`), ...i64(5), MUL, ...set(`s${limb}`)]),
    ...LIMBS.flatMap((limb) => [...i32(0), ...load(H_AT + 8 * limb), ...set(`h${limb}`)]),
    ...[...LOOP, ...loopBody(), END],
    ...LIMBS.flatMap((limb) => [...i32(0), ...get(`h${limb}`), ...store(H_AT + 8 * limb)]),
    END,
  ];
  const locals = [1, NAMES.length - 2, 0x7e];
  const body = [...locals, ...code];
  const named = (name: string) => [name.length, ...Buffer.from(name)];
  return Uint8Array.from([
    ...[0, ...Buffer.from("asm"), 1, 0, 0, 0],
    ...section(1, [1, 0x60, 2, 0x7f, 0x7f, 0]), // One function of two 32-bit numbers.
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 2]), // Memory of two pages.
    ...section(7, [2, ...named("memory"), 2, 0, ...named("blocks"), 0, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ]);
}

function section(id: number, bytes: number[]): number[] {
  return [id, ...unsigned(bytes.length), ...bytes];
}

/** LEB128, as WebAssembly writes numbers. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}
