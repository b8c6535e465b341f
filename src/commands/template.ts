import type { Command } from "commander";
import type { TemplateAddFlags, TemplateListFlags, TemplatePreviewFlags } from "../work/template.ts";
import type { Act, AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";
import { addMailOptions, GROUPS } from "./options.ts";

/** Declares `template`. */
export const addTemplate: AddCommand = (template, act) => {
  addAdd(template, act);
  addList(template, act);
  template
    .command("show")
    .description("show a template as it was written")
    .argument("<template>")
    .action(
      act(async (context, _flags, [name]) => (await import("../work/template.ts")).showTemplate(context, name ?? "")),
    );
  addPreview(template, act);
  template
    .command("remove")
    .description("remove a template; mail that was accepted with it is still sent")
    .argument("<template>")
    .action(
      act(async (context, _flags, [name]) => (await import("../work/template.ts")).removeTemplate(context, name ?? "")),
    );
  addExamples(template, [
    [
      "ses-mail template add receipt receipt.html",
      "checks it and keeps it; run it again after a change for the next version",
    ],
    ["ses-mail template preview receipt --data order.json", "shows the mail that these data make"],
  ]);
};

function addAdd(template: Command, act: Act): void {
  const command = template
    .command("add")
    .description(
      "check a content and keep it, as the next version when the name is taken; mail accepted before keeps its version",
    )
    .argument("<name>", "1 to 100 characters without / or control characters")
    .argument("<file>", "content, .html or .md, with or without front matter");
  addMailOptions(command).action(
    act<TemplateAddFlags>(async (context, flags, [name, file]) => {
      const { addTemplate } = await import("../work/template.ts");
      return addTemplate(context, { name: name ?? "", file: file ?? "" }, flags);
    }),
  );
}

function addList(template: Command, act: Act): void {
  template
    .command("list")
    .description("show the templates, their versions and subjects")
    .option("--names", "only the names, one a line")
    .action(
      act<TemplateListFlags>(async (context, flags) => {
        const { listTemplates } = await import("../work/template.ts");
        return listTemplates(context, flags);
      }),
    );
}

function addPreview(template: Command, act: Act): void {
  template
    .command("preview")
    .description("show the mail that a template makes of data")
    .argument("<template>")
    .optionsGroup(GROUPS.first)
    .option("--data <file>", "JSON object with the variables, or - for stdin (default: none)")
    .option("--to <address>", "whose mail it is", "someone@example.com")
    .option("--output <dir>", "write mail.html, mail.txt and headers.txt into this folder")
    .option("--open", "open the HTML in the browser")
    .action(
      act<TemplatePreviewFlags>(async (context, flags, [name]) => {
        const { previewTemplate } = await import("../work/template.ts");
        return previewTemplate(context, name ?? "", flags);
      }),
    );
}
