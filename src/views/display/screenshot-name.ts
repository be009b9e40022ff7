/** `win-2026-11-24-193005.png`, by this computer's clock. Pure. */
export function screenshotName(instance: string, at: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join("");
  return `${instance}-${day}-${time}.png`;
}
