/** What a workbench shows when a test fails. */
import { beforeEach } from "vitest";
import type { Workbench } from "./workbench.ts";

/** Called once, where a file's tests begin. Questions that a failed test has left open are given up. */
export function takeFailurePictures(suite: string, workbench: () => Workbench | undefined): void {
  beforeEach(({ onTestFailed }) => {
    onTestFailed(async ({ task }) => {
      const shown = workbench();
      if (!shown) return;
      await shown.screenshot(`${suite}-failed-${task.name.replaceAll(/\W+/g, "-").slice(0, 40)}`);
      for (let at = 0; at < 3; at += 1) await shown.page.keyboard.press("Escape");
    });
  });
}
