/** Lint rules of our own. .oxlintrc.json turns them on, and CONTRIBUTING.md explains them. */
import { isBuiltin } from "node:module";
import { join, posix, relative, sep } from "node:path";
import { LIBRARIES, PLACES } from "./rooms.js";

const SRC = join(import.meta.dirname, "../src");

/** @typedef {Parameters<import("oxlint/plugins-dev").RuleTester["run"]>[1]} Rule */
/** @typedef {Parameters<NonNullable<Rule["create"]>>[0]["sourceCode"]["ast"]["body"][number]} Statement */
/** @typedef {Extract<Statement, { type: "ExpressionStatement" }>["expression"]} Expression */

/**
 * Why `file` may not import `specifier`, in a sentence, or null where it may.
 *
 * @param {string} file from src/, as in "compose/mail/shape.ts"; a file outside begins with "../"
 * @param {string} specifier as it stands in the import
 * @returns {string | null}
 */
export function importProblem(file, specifier) {
  // Node reads import specifiers as URLs, in which these characters may hide where a path leads.
  if (/[%\\?]/.test(specifier)) return `${specifier} hides where it leads: write the plain path.`;
  if (!specifier.startsWith(".")) return libraryProblem(file, specifier);
  const target = built(posix.join(file, "..", specifier));
  const [from, to] = [placeOf(file) ?? file, placeOf(target) ?? target];
  if (to === from || PLACES[from]?.includes(to)) return null;
  return `${from} may not import ${to}: scripts/rooms.js.`;
}

/** @type {(file: string, specifier: string) => string | null} */
function libraryProblem(file, specifier) {
  const name = isBuiltin(specifier) ? `node:${specifier.replace(/^node:/, "")}` : specifier;
  const library = Object.keys(LIBRARIES).find((one) => isWithin(name, one));
  if (library === undefined) {
    return isBuiltin(specifier) ? null : `${specifier} has no row in scripts/rooms.js that says who may import it.`;
  }
  const places = LIBRARIES[library] ?? [];
  if (places.some((place) => isWithin(file, place))) return null;
  return `${places.length === 0 ? "Nobody" : `Only ${places.join(", ")}`} may import ${library}: scripts/rooms.js.`;
}

/**
 * The most exact place of a file, null where none fits.
 *
 * @param {string} file
 * @returns {string | null}
 */
export function placeOf(file) {
  const fitting = Object.keys(PLACES).filter((place) =>
    place.endsWith("/*") ? posix.dirname(file) === place.slice(0, -2) : isWithin(file, place),
  );
  return fitting.toSorted((a, b) => b.length - a.length)[0] ?? null;
}

/** @type {(path: string, place: string) => boolean} */
const isWithin = (path, place) => path === place || path.startsWith(`${place}/`);

/** bin/ imports from dist/ what was built from src/. @type {(path: string) => string} */
const built = (path) => (path.startsWith("../dist/") ? path.slice("../dist/".length).replace(/\.js$/, ".ts") : path);

/**
 * Holds every import to the table in scripts/rooms.js.
 *
 * @type {Rule}
 */
const imports = {
  create(context) {
    const file = relative(SRC, context.filename).replaceAll(sep, "/");
    if (placeOf(file) === null) {
      const message = `${file} belongs to no room: give the room a row in scripts/rooms.js.`;
      return { Program: (node) => context.report({ node, message }) };
    }

    /** @type {(source: Expression | null) => void} */
    const look = (source) => {
      if (source === null) return;
      const isText = source.type === "Literal" && typeof source.value === "string";
      const message = isText
        ? importProblem(file, source.value)
        : "A computed import cannot be held to scripts/rooms.js.";
      if (message !== null) context.report({ node: source, message });
    };

    return {
      ImportDeclaration: ({ source }) => look(source),
      ExportNamedDeclaration: ({ source }) => look(source),
      ExportAllDeclaration: ({ source }) => look(source),
      ImportExpression: ({ source }) => look(source),
      TSImportType: ({ source }) => look(source),
      TSExternalModuleReference: ({ expression }) => look(expression),
      CallExpression({ callee, arguments: [first] }) {
        const name = callee.type === "MemberExpression" ? callee.property : callee;
        if (name.type === "Identifier" && name.name === "require" && first?.type !== "SpreadElement")
          look(first ?? null);
      },
      Program() {
        for (const { value, loc } of context.sourceCode.getAllComments()) {
          for (const specifier of importedInComment(value, file)) {
            const message = importProblem(file, specifier);
            if (message !== null) context.report({ loc, message });
          }
        }
      },
    };
  },
};

/** What a comment imports: a reference with three slashes, or, in plain JavaScript, a type. @type {(text: string, file: string) => string[]} */
function importedInComment(text, file) {
  const reference = /^\/\s*<reference\s+(?:path|types)\s*=\s*["']([^"']+)["']/;
  const type = /\b(?:import|require)\s*\(\s*["'`]([^"'`]+)["'`]|@import\s[^"'`]*["'`]([^"'`]+)["'`]/g;
  const found = [text.match(reference), ...(/\.[cm]?jsx?$/.test(file) ? text.matchAll(type) : [])];
  return found.flatMap((match) => match?.[1] ?? match?.[2] ?? []);
}

/** Asks for a docstring right above each export. @type {Rule} */
const docstrings = {
  create(context) {
    const { sourceCode } = context;

    /** @type {(name: string, statement: Statement) => void} */
    const look = (name, statement) => {
      const comment = sourceCode.getCommentsBefore(statement).at(-1);
      if (comment?.type === "Block" && comment.value.startsWith("*")) return;
      context.report({ node: statement, message: `${name} is exported and promises nothing: give it a docstring.` });
    };

    return {
      ExportNamedDeclaration(node) {
        if (node.source !== null) return;
        if (node.declaration !== null) return look(namesOf(node.declaration).join(", "), node);
        for (const { local } of node.specifiers) {
          const name = local.type === "Identifier" ? local.name : "";
          const declaration = sourceCode.ast.body.find((statement) => namesOf(statement).includes(name));
          if (declaration) look(name, declaration);
        }
      },
    };
  },
};

/** The names that a statement declares. @type {(statement: Statement) => string[]} */
function namesOf(statement) {
  if (statement.type === "VariableDeclaration") {
    return statement.declarations.flatMap(({ id }) => (id.type === "Identifier" ? [id.name] : []));
  }
  return "id" in statement && statement.id?.type === "Identifier" ? [statement.id.name] : [];
}

/** oxlint reads a plugin from the default export. */
export default { meta: { name: "house" }, rules: { imports, docstrings } };
