/**
 * Restic cuts files by a polynomial over GF(2), of degree 53 and with no factors, that each repository has at random. We
 * cut at fixed places; but what restic does in a repository of ours needs one, and it refuses a repository without.
 */
import { randomBytes } from "node:crypto";

const DEGREE = 53;

/** In hex, as the config has it. */
export function randomPolynomial(): string {
  for (;;) {
    const random = BigInt(`0x${randomBytes(8).toString("hex")}`);
    const candidate = (random & ((1n << BigInt(DEGREE)) - 1n)) | (1n << BigInt(DEGREE)) | 1n;
    if (isIrreducible(candidate)) return candidate.toString(16);
  }
}

/** Ben-Or's test: no factor of degree i divides x^(2^i) − x. */
export function isIrreducible(polynomial: bigint): boolean {
  let power = 2n;
  for (let i = 1; i <= degree(polynomial) / 2; i++) {
    power = remainder(square(power), polynomial);
    if (greatestCommonDivisor(power ^ 2n, polynomial) !== 1n) return false;
  }
  return degree(polynomial) > 0;
}

function degree(polynomial: bigint): number {
  return polynomial === 0n ? -1 : polynomial.toString(2).length - 1;
}

/** Over GF(2) the bits only move apart. */
function square(polynomial: bigint): bigint {
  return BigInt(`0b${[...polynomial.toString(2)].join("0")}`);
}

function remainder(a: bigint, b: bigint): bigint {
  let rest = a;
  while (degree(rest) >= degree(b)) rest ^= b << BigInt(degree(rest) - degree(b));
  return rest;
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestCommonDivisor(b, remainder(a, b));
}
