/**
 * YAML for cloud-init, which reads 1.1: a name `no` would be false there, and a MAC address of decimal digits alone, as
 * one of eighty is, a number of seconds. What 1.1 takes for anything but text is quoted. Pure.
 */
import { stringify } from "yaml";

export function cloudYaml(value: unknown): string {
  return stringify(value, { version: "1.1", lineWidth: 0 });
}
