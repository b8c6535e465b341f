// Loaded into the program (`node --import`): compiled modules are those of another version of Node.
import { createRequire } from "node:module";

const { _extensions: loaders } = createRequire(import.meta.url)("node:module");
loaders[".node"] = (_module, file) => {
  const text = `The module '${file}'\nwas compiled against a different Node.js version using\nNODE_MODULE_VERSION 115.`;
  throw Object.assign(new Error(text), { code: "ERR_DLOPEN_FAILED" });
};
