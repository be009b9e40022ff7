/** The engine itself: who it is, its settings, its events. */
import { eventIterator } from "@orpc/contract";
import * as z from "zod";
import { EngineHello, EngineInfo, Settings } from "../engine-info.ts";
import { EngineEvent } from "../event.ts";
import { Finding } from "../finding.ts";
import { List, procedure } from "./procedure.ts";

export const engine = {
  hello: procedure("GET", "/v1/engine/hello", "system.view", "*", "Which engine answers").output(EngineHello),
  info: procedure("GET", "/v1/engine", "system.view", "*", "The engine, its host and its drivers").output(
    EngineInfo,
  ),
  examine: procedure(
    "GET",
    "/v1/engine/findings",
    "system.view",
    "/system",
    "Look the engine's host over: routes, tools, rights, leftover processes, errors in the log",
  ).output(List(Finding)),
  drain: procedure(
    "POST",
    "/v1/engine/drain",
    "system.config",
    "/system",
    "Finish what runs, accept no more, then leave",
  ).output(z.object({})),
  probe: procedure(
    "POST",
    "/v1/engine/probe",
    "system.config",
    "/system",
    "Look again for drivers and accelerators",
  ).output(EngineInfo),
};

export const settings = {
  get: procedure("GET", "/v1/settings", "system.view", "*", "All settings").output(Settings),
  set: procedure("PATCH", "/v1/settings", "system.config", "/system", "Change some settings")
    .input(Settings.partial())
    .output(Settings),
};

export const events = {
  subscribe: procedure("GET", "/v1/events", "system.view", "*", "Everything that becomes true, as it does")
    .input(z.object({ engine: z.uuid().optional(), since: z.coerce.number().int().optional() }))
    .output(eventIterator(EngineEvent)),
};
