/** The commands, as `ses-mail --help` lists them. One that is not asked for is not loaded. */
import type { AddCommand } from "./command.ts";

/** A command that is known without its file. */
export interface Listed {
  /** Its name and what is typed after it, as the help of the program shows it. */
  term: string;
  description: string;
  /** Loads what declares the rest of it. */
  load: () => Promise<AddCommand>;
  /** True: it reads the options of the others, so all are loaded with it. */
  readsOthers?: true;
}

/** The commands under their headings, in the order of the help. */
export const COMMANDS: readonly [heading: string, commands: readonly Listed[]][] = [
  [
    "Send:",
    [
      {
        term: "send [options] [recipients.csv]",
        description: "send a list its mail; without a list send all that is due. Run it again to resume",
        load: async () => (await import("./send.ts")).addSend,
      },
      {
        term: "import [options] <recipients.csv>",
        description: "add a list to its topic; send nothing yet",
        load: async () => (await import("./import.ts")).addImport,
      },
      {
        term: "schedule [options] [recipients.csv]",
        description:
          "add a list for later, or with --topic move what is pending; a ses-mail send at that time sends it",
        load: async () => (await import("./schedule.ts")).addSchedule,
      },
      {
        term: "cancel <topic>",
        description: "cancel what has not been handed to SES yet; running processes stop within a second",
        load: async () => (await import("./cancel.ts")).addCancel,
      },
      {
        term: "pause [options] <topic>",
        description: "send nothing of a topic for a while; running processes stop within a second",
        load: async () => (await import("./pause.ts")).addPause,
      },
      {
        term: "resume <topic>",
        description: "let a paused topic go on; the next send, or the gateway, continues with it",
        load: async () => (await import("./pause.ts")).addResume,
      },
      {
        term: "retry [options] <topic>",
        description: "put messages back to pending, and reopen a cancelled topic; the next send sends them",
        load: async () => (await import("./retry.ts")).addRetry,
      },
    ],
  ],
  [
    "Before you send:",
    [
      {
        term: "preview [options] <recipients.csv>",
        description: "show the mail that one recipient would get",
        load: async () => (await import("./preview.ts")).addPreview,
      },
      {
        term: "check [options] [recipients.csv]",
        description: "find what would keep mail from arriving: account, sender, DNS, content, every row; send nothing",
        load: async () => (await import("./check.ts")).addCheck,
      },
      {
        term: "sandbox [options]",
        description: "run a local SES, to develop and rehearse against; no AWS account needed",
        load: async () => (await import("./sandbox.ts")).addSandbox,
      },
    ],
  ],
  [
    "See what became of it:",
    [
      {
        term: "topics [options]",
        description: "list the topics and the states of their messages",
        load: async () => (await import("./topics.ts")).addTopics,
      },
      {
        term: "stats [options] [topic]",
        description: "count messages by state and by what SES reported, for one topic or for all",
        load: async () => (await import("./stats.ts")).addStats,
      },
      {
        term: "export [options] <topic>",
        description: "write one CSV row for each recipient: state, reason, times, and the columns of the list",
        load: async () => (await import("./export.ts")).addExport,
      },
      {
        term: "report [options] <topics...>",
        description:
          "write one self-contained HTML page: funnel, bounces, opens over time, domains, links; several topics side by side",
        load: async () => (await import("./report.ts")).addReport,
      },
      {
        term: "trace <what>",
        description: "tell all that is known of a mail or a person, in order, and where each fact comes from",
        load: async () => (await import("./trace.ts")).addTrace,
      },
    ],
  ],
  [
    "Bounces, complaints, unsubscriptions:",
    [
      {
        term: "ingest-events [options] [files...]",
        description:
          "take in what SES reports (bounces, complaints, opens) from SNS, SQS, EventBridge, Firehose, CloudWatch or Lambda dumps",
        load: async () => (await import("./ingest-events.ts")).addIngestEvents,
      },
      {
        term: "suppress",
        description: "list, add and remove addresses that are never written to",
        load: async () => (await import("./suppress.ts")).addSuppress,
      },
    ],
  ],
  [
    "For programs:",
    [
      {
        term: "serve [options]",
        description: "run the gateway: HTTP API, dashboard, SNS webhook, tracking; send what is due",
        load: async () => (await import("./serve.ts")).addServe,
      },
      {
        term: "work [options]",
        description:
          "keep sending what falls due, and take mail in from brokers, as serve does, without HTTP; several share one rate",
        load: async () => (await import("./work.ts")).addWork,
      },
      {
        term: "workers",
        description: "list the processes that send now, and the rate they share",
        load: async () => (await import("./workers.ts")).addWorkers,
      },
      {
        term: "dead",
        description: "what brokers brought and nobody can send: list it, read it, take it in again, drop it",
        load: async () => (await import("./dead.ts")).addDead,
      },
      {
        term: "template",
        description: "contents with variables, kept under names for mail that programs post",
        load: async () => (await import("./template.ts")).addTemplate,
      },
      {
        term: "key",
        description: "API keys of the gateway, and the key its links are signed with",
        load: async () => (await import("./key.ts")).addKey,
      },
    ],
  ],
  [
    "Other:",
    [
      {
        term: "forget [options] <address>",
        description: "remove all that is kept of a person; a hash stays, so that nobody writes to that address again",
        load: async () => (await import("./forget.ts")).addForget,
      },
      {
        term: "prune [options]",
        description: "remove the messages and events of topics that finished long ago; their totals stay",
        load: async () => (await import("./prune.ts")).addPrune,
      },
      {
        term: "backup <file>",
        description: "copy the job file as of one instant, even while others work on it",
        load: async () => (await import("./backup.ts")).addBackup,
      },
      {
        term: "copy [options] <from> [to]",
        description: "move a job to another place: from a job file to a database, or back; run it again to resume",
        load: async () => (await import("./copy.ts")).addCopy,
      },
      {
        term: "adopt [options] <database>",
        description: "take over what aws-ses-sender, aws-ses-sender-go or messages-api-gateway has in its database",
        load: async () => (await import("./adopt.ts")).addAdopt,
      },
      {
        term: "completion <shell>",
        description: "print a script that completes commands, options, topics and states in a shell",
        load: async () => (await import("./completion.ts")).addCompletion,
        readsOthers: true,
      },
    ],
  ],
];

/** The name of a command: what is typed to run it. */
export function nameOf({ term }: Pick<Listed, "term">): string {
  return term.split(" ", 1)[0] ?? "";
}
