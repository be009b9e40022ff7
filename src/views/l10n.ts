/**
 * Texts for people, in their language: vscode's translations for modules that do not import vscode, so that they can be
 * tested by themselves. Without vscode the texts are English. Every text is a literal at its call, where the build finds it.
 */
type Translate = (text: string, ...values: (string | number | boolean)[]) => string;

let translate: Translate = (text, ...values) =>
  text.replace(/\{(\d+)\}/g, (place, index) => String(values[Number(index)] ?? place));

export const l10n = {
  /** `{0}` and so on stand for the values. */
  t: (text: string, ...values: (string | number | boolean)[]): string => translate(text, ...values),
};

/** Before any other module of the views is loaded: some have texts in tables. */
export function useTranslations(from: Translate): void {
  translate = from;
}
